//! Stand-ins for imports that nobody has defined: for trying a component out,
//! for tests, and for programs that never call what they import.

use std::fmt;
use std::sync::Arc;

use linkspan_canon_abi::value::List;
use linkspan_canon_abi::{FuncType, PointerSize, TypeDef, TypeTable, Val, ValType};
use linkspan_engine as core;

use super::resolve::look_up;
use super::{Definition, Linker, Names};
use crate::component::Component;
use crate::error::{Error, ErrorKind, Result};
use crate::func::host::{DynamicFunc, FuncCheck, FuncMismatch, HostFunction, LoweredImport};
use crate::plan::ImportKind;
use crate::resource::{HostDtor, ResourceType};
use crate::store::StoreContextMut;
use crate::types::Type;

/// Bytes in a guest's memory that a made-up result may take: a component says
/// how long its fixed-length lists are.
const DEFAULT_BYTES_MAX: u32 = 1 << 20;

/// Values that a made-up result may consist of: deep types have many for a byte.
const DEFAULT_VALUES_MAX: u64 = 2 << 20;

/// A function that a component imports and nobody has defined, as the closure
/// of [`Linker::define_unknown_imports`] sees it.
#[derive(Clone, Copy)]
pub struct UnknownFunc<'a> {
    path: &'a str,
    types: &'a TypeTable,
    ty: &'a FuncType,
}

impl<'a> UnknownFunc<'a> {
    /// The names of its interface and of itself, in quotes and with an arrow
    /// between them, as errors print it.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// Names and types of the parameters.
    pub fn params(&self) -> impl ExactSizeIterator<Item = (&'a str, Type<'a>)> + use<'a> {
        let types = self.types;
        let params = self.ty.params.iter();
        params.map(move |param| (&*param.name, Type::new(types, param.ty)))
    }

    /// The type of the result.
    #[must_use]
    pub fn result(&self) -> Option<Type<'a>> {
        Some(Type::new(self.types, self.ty.result?))
    }

    /// The zero or empty value of the result's type; `None` without a result.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Type`] for a type without such a value: a handle, or what
    /// holds one in every value; [`ErrorKind::Limit`] if the value would take
    /// more than a megabyte or two million values.
    pub fn default_result(&self) -> Result<Option<Val>> {
        let default = |ty| {
            let size = self.types.layout(ty, PointerSize::P32).size;
            if size > DEFAULT_BYTES_MAX {
                return Err(Error::limit(format!(
                    "a default value of {size} bytes is larger than {DEFAULT_BYTES_MAX}, which is \
                     the limit: define this func"
                )));
            }
            if pay_default(self.types, ty, DEFAULT_VALUES_MAX).is_none() {
                return Err(Error::limit(format!(
                    "a default value of more than {DEFAULT_VALUES_MAX} parts, which is the limit: \
                     define this func"
                )));
            }
            default_value(self.types, ty).ok_or_else(|| {
                Error::ty(format!(
                    "no value of {} is a default: define this func",
                    self.types.display(ty)
                ))
            })
        };
        self.ty.result.map(default).transpose()
    }
}

impl fmt::Display for UnknownFunc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.types.display_func(self.ty).fmt(f)
    }
}

impl fmt::Debug for UnknownFunc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.path)
    }
}

impl<T: 'static> Linker<T> {
    /// Defines what the component imports and this linker has not: each
    /// function as one that traps when it is called, each resource as a type
    /// of its own. Core modules and components are not made up; linking still
    /// reports those.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if a name on the way to an import stands for
    /// something else than an instance.
    pub fn define_unknown_imports_as_traps(&mut self, component: &Component) -> Result<()> {
        self.define_unknown_imports(component, |_, func, _, _| {
            Err(Error::new(
                ErrorKind::Trap,
                format!("called {func}, which nobody has defined: a trap stands in for it"),
            ))
        })
    }

    /// As [`Linker::define_unknown_imports_as_traps`], with functions that
    /// answer the zero or empty value of their result's type: `false`, `0`,
    /// an empty string or list, `none`, `ok`, the first case. A function whose
    /// result has no such value, because it is a handle, traps.
    ///
    /// # Errors
    ///
    /// As [`Linker::define_unknown_imports_as_traps`].
    pub fn define_unknown_imports_as_default_values(
        &mut self,
        component: &Component,
    ) -> Result<()> {
        self.define_unknown_imports(component, |_, func, _, results| {
            if let (Some(place), Some(value)) = (results.first_mut(), func.default_result()?) {
                *place = value;
            }
            Ok(())
        })
    }

    /// As [`Linker::define_unknown_imports_as_traps`], with functions that
    /// call `func`: it gets the function that was called, the parameters, and
    /// the place for the result, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Linker::define_unknown_imports_as_traps`].
    pub fn define_unknown_imports(
        &mut self,
        component: &Component,
        func: impl Fn(StoreContextMut<'_, T>, UnknownFunc<'_>, &[Val], &mut [Val]) -> Result<()>
        + Send
        + Sync
        + 'static,
    ) -> Result<()> {
        let stub: Arc<dyn HostFunction<T>> = Arc::new(Stub(Arc::new(func)));
        for import in &component.code().imports {
            let definition = match &import.kind {
                ImportKind::Func(_) => Definition::Host(Arc::clone(&stub)),
                ImportKind::Resource(_) => {
                    let nothing = |_: StoreContextMut<'_, T>, _: u32| Ok(());
                    let dtor = HostDtor::Call(Arc::new(nothing));
                    Definition::Resource(ResourceType::unique(), Some(dtor))
                }
                ImportKind::Module(_) | ImportKind::Component | ImportKind::Value(_) => continue,
            };
            let Err(missing) = look_up(&self.names, import) else {
                continue;
            };
            // What is defined of an interface in a compatible version is
            // completed, not hidden behind a second instance.
            let mut path = missing.prefix;
            path.extend(import.path.names()[missing.position..].iter().cloned());
            define_at(&mut self.names, &path, definition)
                .map_err(|error| error.within(format!("import {}", import.path)))?;
        }
        Ok(())
    }
}

/// Defines a path, and the instances on the way to it.
fn define_at<T>(names: &mut Names<T>, path: &[String], definition: Definition<T>) -> Result<()> {
    let mut level = names;
    let Some((last, outer)) = path.split_last() else {
        return Err(Error::inconsistent("an import without a name"));
    };
    for name in outer {
        if level.get_exact(name).is_none() {
            level.insert(name, Definition::Instance(Names::default()));
        }
        level = match level.get_exact_mut(name) {
            Some(Definition::Instance(inner)) => inner,
            Some(other) => {
                return Err(Error::link(format!(
                    "expected an instance called {name:?}, found a {}",
                    other.kind()
                )));
            }
            None => return Err(Error::inconsistent("a name that was just defined")),
        };
    }
    level.insert(last, definition);
    Ok(())
}

/// A function of whatever type it is imported with.
struct Stub<F>(Arc<F>);

impl<T, F> HostFunction<T> for Stub<F>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, UnknownFunc<'_>, &[Val], &mut [Val]) -> Result<()>
        + Send
        + Sync
        + 'static,
{
    fn check(&self, _with: FuncCheck<'_>) -> Result<(), FuncMismatch> {
        Ok(())
    }

    fn is_stub(&self) -> bool {
        true
    }

    fn bind(
        self: Arc<Self>,
        store: StoreContextMut<'_, T>,
        import: LoweredImport,
    ) -> Result<core::Func> {
        let LoweredImport {
            code,
            signature,
            path,
            ..
        } = import.clone();
        let func = Arc::clone(&self.0);
        let call = move |store: StoreContextMut<'_, T>, params: &[Val], results: &mut [Val]| {
            let unknown = UnknownFunc {
                path: &path,
                types: &code.types,
                ty: &signature.ty,
            };
            func(store, unknown, params, results)
        };
        Arc::new(DynamicFunc::new(call)).bind(store, import)
    }
}

/// What is left of so many values when the default of a type is made; `None` if
/// they do not do.
fn pay_default(types: &TypeTable, ty: ValType, left: u64) -> Option<u64> {
    let left = left.checked_sub(1)?;
    let ValType::Defined(id) = ty else {
        return Some(left);
    };
    let payload = |ty: Option<ValType>| match ty {
        Some(ty) => pay_default(types, ty, left),
        None => Some(left),
    };
    match types.def(id) {
        TypeDef::FixedLengthList(elem, count) => {
            let each = left - pay_default(types, *elem, left)?;
            left.checked_sub(each.checked_mul(u64::from(*count))?)
        }
        TypeDef::Record(fields) => fields
            .iter()
            .try_fold(left, |left, field| pay_default(types, field.ty, left)),
        TypeDef::Tuple(fields) => fields
            .iter()
            .try_fold(left, |left, ty| pay_default(types, *ty, left)),
        TypeDef::Variant(cases) => payload(cases.first().and_then(|case| case.ty)),
        TypeDef::Result { ok, .. } => payload(*ok),
        TypeDef::List(_)
        | TypeDef::Map(..)
        | TypeDef::Enum(_)
        | TypeDef::Option(_)
        | TypeDef::Flags(_)
        | TypeDef::Own(_)
        | TypeDef::Borrow(_)
        | TypeDef::Stream(_)
        | TypeDef::Future(_)
        | TypeDef::ErrorContext => Some(left),
    }
}

/// The zero or empty value of a type; `None` if there is none.
fn default_value(types: &TypeTable, ty: ValType) -> Option<Val> {
    let all = |types_of: &mut dyn Iterator<Item = ValType>| -> Option<Box<[Val]>> {
        types_of.map(|ty| default_value(types, ty)).collect()
    };
    let payload = |ty: Option<ValType>| -> Option<Option<Box<Val>>> {
        ty.map(|ty| default_value(types, ty).map(Box::new))
            .map_or(Some(None), |val| val.map(Some))
    };
    Some(match ty {
        ValType::Bool => Val::Bool(false),
        ValType::S8 => Val::S8(0),
        ValType::U8 => Val::U8(0),
        ValType::S16 => Val::S16(0),
        ValType::U16 => Val::U16(0),
        ValType::S32 => Val::S32(0),
        ValType::U32 => Val::U32(0),
        ValType::S64 => Val::S64(0),
        ValType::U64 => Val::U64(0),
        ValType::F32 => Val::F32(0.0),
        ValType::F64 => Val::F64(0.0),
        ValType::Char => Val::Char('\0'),
        ValType::String => Val::String(Box::default()),
        ValType::Defined(id) => match types.def(id) {
            TypeDef::List(_) => Val::List(List::Values(Vec::new())),
            TypeDef::FixedLengthList(elem, count) => {
                let elem = default_value(types, *elem)?;
                Val::List(List::Values(vec![elem; *count as usize]))
            }
            TypeDef::Map(..) => Val::Map(Box::default()),
            TypeDef::Record(fields) => Val::Record(all(&mut fields.iter().map(|field| field.ty))?),
            TypeDef::Tuple(fields) => Val::Tuple(all(&mut fields.iter().copied())?),
            TypeDef::Variant(cases) => Val::Variant(0, payload(cases.first()?.ty)?),
            TypeDef::Enum(_) => Val::Enum(0),
            TypeDef::Option(_) => Val::Option(None),
            TypeDef::Result { ok, .. } => Val::Result(Ok(payload(*ok)?)),
            TypeDef::Flags(_) => Val::Flags(0),
            TypeDef::Own(_)
            | TypeDef::Borrow(_)
            | TypeDef::Stream(_)
            | TypeDef::Future(_)
            | TypeDef::ErrorContext => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_default_are_counted() {
        let mut types = TypeTable::new();
        let mut deep = ValType::U8;
        for _ in 0..9 {
            deep = types.tuple([deep]).unwrap();
        }
        assert_eq!(pay_default(&types, deep, 10), Some(0));
        assert_eq!(pay_default(&types, deep, 9), None);
        let many = types.intern(TypeDef::FixedLengthList(deep, 7)).unwrap();
        assert_eq!(pay_default(&types, many, 71), Some(0));
        assert_eq!(pay_default(&types, many, 70), None);
    }

    #[test]
    fn every_default_is_of_its_type() {
        let mut types = TypeTable::new();
        let color = types.enumeration(["red", "green"]).unwrap();
        let list = types.list(ValType::String).unwrap();
        let shape = types
            .variant([("dot", Some(ValType::Char)), ("none", None)])
            .unwrap();
        let flags = types.flags(["a", "b"]).unwrap();
        let option = types.option(list).unwrap();
        let result = types.result(Some(shape), Some(color)).unwrap();
        let empty = types.result(None, Some(color)).unwrap();
        let record = types
            .record([("c", color), ("o", option), ("f", flags)])
            .unwrap();
        let fixed = types.intern(TypeDef::FixedLengthList(color, 3)).unwrap();
        let map = types.intern(TypeDef::Map(ValType::String, color)).unwrap();
        let tuple = types
            .tuple([record, result, empty, fixed, map, ValType::F64])
            .unwrap();
        let value = default_value(&types, tuple).unwrap();
        value.check(&types, tuple).unwrap();
        let own = types.own(linkspan_canon_abi::ResourceTypeId(0)).unwrap();
        assert!(default_value(&types, own).is_none());
        let list = types.list(own).unwrap();
        assert!(default_value(&types, list).is_some());
        let pair = types.tuple([ValType::U8, own]).unwrap();
        assert!(default_value(&types, pair).is_none());
    }
}
