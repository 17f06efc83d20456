//! Dynamic values that come from other components: one resource type has a
//! number in each plan, so handles are renumbered before they are lowered.
//! What a handle really is, its token says when it is used.

use std::borrow::Cow;

use linkspan_canon_abi::value::{Handle, List};
use linkspan_canon_abi::{FuncType, TypeDef, TypeTable, Val, ValType};

use crate::error::{Error, Result};
use crate::store::ComponentState;

/// The parameters of a call of an instance's function, with the resource
/// numbers of its type. Values and handles are checked before anything of the
/// guest runs, so that a mistake of the host traps nobody.
pub(super) fn params_for<'v>(
    state: &ComponentState,
    instance: u32,
    types: &TypeTable,
    ty: &FuncType,
    params: &'v [Val],
) -> Result<Cow<'v, [Val]>> {
    let check = |error: Error, name: &str| error.within(format!("parameter {name:?}"));
    let mut out = Cow::Borrowed(params);
    let mut used = Used::default();
    for (i, param) in ty.params.iter().enumerate() {
        if types.facts(param.ty).has_handle {
            check_handles(state, instance, types, param.ty, &params[i], &mut used)
                .map_err(|error| check(error, &param.name))?;
            out.to_mut()[i] = renumber(types, param.ty, &params[i]);
        }
        out[i]
            .check(types, param.ty)
            .map_err(|error| check(error.into(), &param.name))?;
    }
    used.check()?;
    Ok(out)
}

/// The handles in the parameters of a call.
#[derive(Default)]
struct Used {
    /// Those that are passed on.
    own: Vec<u64>,
    /// Those that are lent.
    lent: Vec<u64>,
}

impl Used {
    /// What is passed on can be used nowhere else in the call.
    fn check(mut self) -> Result<()> {
        self.own.sort_unstable();
        let twice = self.own.windows(2).any(|pair| pair[0] == pair[1]);
        let own = &self.own;
        if twice
            || self
                .lent
                .iter()
                .any(|token| own.binary_search(token).is_ok())
        {
            return Err(Error::resource(
                "a handle that owns its resource is passed on and used a second time in one call",
            ));
        }
        Ok(())
    }
}

/// The result of a host function, with the resource numbers of its type.
pub(super) fn result_for(types: &TypeTable, ty: ValType, result: Val) -> Val {
    if types.facts(ty).has_handle {
        renumber(types, ty, &result)
    } else {
        result
    }
}

/// A value that the host provides for an import, with the resource numbers of
/// its type.
pub(crate) fn value_for<'v>(types: &TypeTable, ty: ValType, value: &'v Val) -> Cow<'v, Val> {
    if types.facts(ty).has_handle {
        Cow::Owned(renumber(types, ty, value))
    } else {
        Cow::Borrowed(value)
    }
}

/// Checks that the handles in a value are alive and of the right type.
pub(crate) fn check_value_handles(
    state: &ComponentState,
    instance: u32,
    types: &TypeTable,
    ty: ValType,
    value: &Val,
) -> Result<()> {
    let mut used = Used::default();
    check_handles(state, instance, types, ty, value, &mut used)?;
    used.check()
}

/// Checks that the handles in a value are alive and of the right type, and
/// owned where they are passed on.
fn check_handles(
    state: &ComponentState,
    instance: u32,
    types: &TypeTable,
    ty: ValType,
    val: &Val,
    used: &mut Used,
) -> Result<()> {
    let mut open = vec![(ty, val)];
    while let Some((ty, val)) = open.pop() {
        let ValType::Defined(id) = ty else {
            continue;
        };
        if !types.facts(ty).has_handle {
            continue;
        }
        match (types.def(id), val) {
            (TypeDef::Own(resource), Val::Own(handle)) => {
                let resource = state.plan_resource(instance, *resource)?;
                state.any.check(handle.rep, resource, true)?;
                used.own.push(handle.rep);
            }
            (TypeDef::Borrow(resource), Val::Own(handle) | Val::Borrow(handle)) => {
                let resource = state.plan_resource(instance, *resource)?;
                state.any.check(handle.rep, resource, false)?;
                used.lent.push(handle.rep);
            }
            (
                TypeDef::List(elem) | TypeDef::FixedLengthList(elem, _),
                Val::List(List::Values(values)),
            ) => {
                open.extend(values.iter().map(|val| (*elem, val)));
            }
            // Keys hold no handles.
            (TypeDef::Map(_, value), Val::Map(entries)) => {
                open.extend(entries.iter().map(|(_, val)| (*value, val)));
            }
            (TypeDef::Record(fields), Val::Record(values)) => {
                open.extend(fields.iter().map(|f| f.ty).zip(values));
            }
            (TypeDef::Tuple(fields), Val::Tuple(values)) => {
                open.extend(fields.iter().copied().zip(values));
            }
            (TypeDef::Variant(cases), Val::Variant(case, Some(payload))) => {
                let ty = cases.get(*case as usize).and_then(|case| case.ty);
                open.extend(ty.map(|ty| (ty, &**payload)));
            }
            (TypeDef::Option(some), Val::Option(Some(payload))) => open.push((*some, payload)),
            (TypeDef::Result { ok: Some(ty), .. }, Val::Result(Ok(Some(payload))))
            | (TypeDef::Result { err: Some(ty), .. }, Val::Result(Err(Some(payload)))) => {
                open.push((*ty, payload));
            }
            // Without handles, or not of the type: that is found elsewhere.
            (
                TypeDef::Own(_)
                | TypeDef::Borrow(_)
                | TypeDef::List(_)
                | TypeDef::FixedLengthList(..)
                | TypeDef::Map(..)
                | TypeDef::Record(_)
                | TypeDef::Tuple(_)
                | TypeDef::Variant(_)
                | TypeDef::Enum(_)
                | TypeDef::Option(_)
                | TypeDef::Result { .. }
                | TypeDef::Flags(_)
                | TypeDef::Stream(_)
                | TypeDef::Future(_)
                | TypeDef::ErrorContext,
                _,
            ) => {}
        }
    }
    Ok(())
}

/// A copy of a value with the resource numbers of a type. What is not of the
/// type stays as it is, for the check to find.
#[expect(clippy::too_many_lines, reason = "one row for each kind of type")]
fn renumber(types: &TypeTable, ty: ValType, val: &Val) -> Val {
    let ValType::Defined(id) = ty else {
        return val.clone();
    };
    if !types.facts(ty).has_handle {
        return val.clone();
    }
    let boxed = |ty: Option<ValType>, val: &Option<Box<Val>>| match (ty, val) {
        (Some(ty), Some(val)) => Some(Box::new(renumber(types, ty, val))),
        (None, val) | (Some(_), val @ None) => val.clone(),
    };
    match (types.def(id), val) {
        (TypeDef::Own(resource), Val::Own(handle)) => Val::Own(Handle {
            resource: *resource,
            ..*handle
        }),
        (TypeDef::Borrow(resource), Val::Own(handle) | Val::Borrow(handle)) => {
            // An owned handle may be lent.
            Val::Borrow(Handle {
                resource: *resource,
                ..*handle
            })
        }
        (
            TypeDef::List(elem) | TypeDef::FixedLengthList(elem, _),
            Val::List(List::Values(values)),
        ) => Val::List(List::Values(
            values.iter().map(|v| renumber(types, *elem, v)).collect(),
        )),
        (TypeDef::Map(_, ty), Val::Map(entries)) => {
            let entries = entries.iter();
            Val::Map(
                entries
                    .map(|(key, v)| (key.clone(), renumber(types, *ty, v)))
                    .collect(),
            )
        }
        (TypeDef::Record(fields), Val::Record(values)) if fields.len() == values.len() => {
            let fields = fields.iter().zip(values);
            Val::Record(fields.map(|(f, v)| renumber(types, f.ty, v)).collect())
        }
        (TypeDef::Tuple(fields), Val::Tuple(values)) if fields.len() == values.len() => {
            let fields = fields.iter().zip(values);
            Val::Tuple(fields.map(|(ty, v)| renumber(types, *ty, v)).collect())
        }
        (TypeDef::Variant(cases), Val::Variant(case, payload)) => {
            let ty = cases.get(*case as usize).and_then(|case| case.ty);
            Val::Variant(*case, boxed(ty, payload))
        }
        (TypeDef::Option(some), Val::Option(payload)) => Val::Option(boxed(Some(*some), payload)),
        (TypeDef::Result { ok, .. }, Val::Result(Ok(payload))) => {
            Val::Result(Ok(boxed(*ok, payload)))
        }
        (TypeDef::Result { err, .. }, Val::Result(Err(payload))) => {
            Val::Result(Err(boxed(*err, payload)))
        }
        (
            TypeDef::Own(_)
            | TypeDef::Borrow(_)
            | TypeDef::List(_)
            | TypeDef::FixedLengthList(..)
            | TypeDef::Map(..)
            | TypeDef::Record(_)
            | TypeDef::Tuple(_)
            | TypeDef::Variant(_)
            | TypeDef::Enum(_)
            | TypeDef::Option(_)
            | TypeDef::Result { .. }
            | TypeDef::Flags(_)
            | TypeDef::Stream(_)
            | TypeDef::Future(_)
            | TypeDef::ErrorContext,
            val,
        ) => val.clone(),
    }
}
