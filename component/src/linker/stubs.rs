//! Stand-ins for imports that nobody has defined: for trying a component out,
//! for tests, and for programs that never call what they import.

use std::fmt;
use std::marker::PhantomData;
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
use crate::store::{AnyStore, StoreContextMut};
use crate::types::Type;

/// Bytes in a guest's memory that a made-up result may take: a component says
/// how long its fixed-length lists are.
const DEFAULT_BYTES_MAX: u32 = 1 << 20;

/// Values of the host that a made-up result may consist of: a list of one
/// element in a list takes no byte more in the guest's memory, but one here.
const DEFAULT_VALUES_MAX: usize = DEFAULT_BYTES_MAX as usize / size_of::<Val>();

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
    /// more than a megabyte, in the guest's memory or in the host's.
    pub fn default_result(&self) -> Result<Option<Val>> {
        let default = |ty| {
            let size = self.types.layout(ty, PointerSize::P32).size;
            if size > DEFAULT_BYTES_MAX {
                return Err(Error::limit(format!(
                    "a default value of {size} bytes is larger than {DEFAULT_BYTES_MAX}, which is \
                     the limit: define this func"
                )));
            }
            let mut values_left = DEFAULT_VALUES_MAX;
            default_value(self.types, ty, &mut values_left).map_err(|none| match none {
                NoDefault::Handle => Error::ty(format!(
                    "no value of {} is a default: define this func",
                    self.types.display(ty)
                )),
                NoDefault::TooLarge => Error::limit(format!(
                    "a default value of more than {DEFAULT_VALUES_MAX} values is larger than \
                     {DEFAULT_BYTES_MAX} bytes, which is the limit: define this func"
                )),
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
        let stub: Arc<dyn HostFunction> = Arc::new(Stub(Arc::new(func), PhantomData));
        for import in &component.code().imports {
            let definition = match &import.kind {
                ImportKind::Func(_) => Definition::Host(Arc::clone(&stub)),
                ImportKind::Resource(_) => {
                    let nothing = |_: StoreContextMut<'_, T>, _: u32| Ok(());
                    let dtor = HostDtor::call(nothing);
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
fn define_at(names: &mut Names, path: &[String], definition: Definition) -> Result<()> {
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
struct Stub<T, F>(Arc<F>, PhantomData<fn(T)>);

impl<T, F> HostFunction for Stub<T, F>
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
        store: &mut AnyStore<'_>,
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

/// Why a type has no zero or empty value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoDefault {
    /// Nobody can make up a handle.
    Handle,
    /// It consists of too many values.
    TooLarge,
}

/// The zero or empty value of a type, which may consist of `values_left`
/// values.
fn default_value(
    types: &TypeTable,
    ty: ValType,
    values_left: &mut usize,
) -> Result<Val, NoDefault> {
    *values_left = values_left.checked_sub(1).ok_or(NoDefault::TooLarge)?;
    let mut default = |ty| default_value(types, ty, values_left);
    Ok(match ty {
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
                let before = *values_left;
                let value = default_value(types, *elem, values_left)?;
                // The first element is paid for.
                let others =
                    (before - *values_left).saturating_mul((*count as usize).saturating_sub(1));
                *values_left = values_left.checked_sub(others).ok_or(NoDefault::TooLarge)?;
                Val::List(List::Values(vec![value; *count as usize]))
            }
            TypeDef::Map(..) => Val::Map(Box::default()),
            TypeDef::Record(fields) => {
                let values = fields.iter().map(|field| default(field.ty));
                Val::Record(values.collect::<Result<_, _>>()?)
            }
            TypeDef::Tuple(fields) => {
                let values = fields.iter().map(|ty| default(*ty));
                Val::Tuple(values.collect::<Result<_, _>>()?)
            }
            TypeDef::Variant(cases) => {
                let payload = cases.first().and_then(|case| case.ty).map(default);
                Val::Variant(0, payload.transpose()?.map(Box::new))
            }
            TypeDef::Enum(_) => Val::Enum(0),
            TypeDef::Option(_) => Val::Option(None),
            TypeDef::Result { ok, .. } => {
                Val::Result(Ok(ok.map(default).transpose()?.map(Box::new)))
            }
            TypeDef::Flags(_) => Val::Flags(0),
            TypeDef::Own(_)
            | TypeDef::Borrow(_)
            | TypeDef::Stream(_)
            | TypeDef::Future(_)
            | TypeDef::ErrorContext => return Err(NoDefault::Handle),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let value = default_value(&types, tuple, &mut { DEFAULT_VALUES_MAX }).unwrap();
        value.check(&types, tuple).unwrap();
        let default = |types: &TypeTable, ty| default_value(types, ty, &mut { DEFAULT_VALUES_MAX });
        let own = types.own(linkspan_canon_abi::ResourceTypeId(0)).unwrap();
        assert_eq!(default(&types, own), Err(NoDefault::Handle));
        let list = types.list(own).unwrap();
        assert!(default(&types, list).is_ok());
        let pair = types.tuple([ValType::U8, own]).unwrap();
        assert_eq!(default(&types, pair), Err(NoDefault::Handle));
    }

    #[test]
    fn lists_in_lists_are_counted() {
        let mut types = TypeTable::new();
        let mut ty = ValType::U8;
        for _ in 0..3 {
            ty = types.intern(TypeDef::FixedLengthList(ty, 1)).unwrap();
        }
        let ty = types.intern(TypeDef::FixedLengthList(ty, 100)).unwrap();
        // The list, and in each element three lists and a byte.
        let mut values_left = 401;
        let value = default_value(&types, ty, &mut values_left).unwrap();
        value.check(&types, ty).unwrap();
        assert_eq!(values_left, 0);
        let none = default_value(&types, ty, &mut { 400 });
        assert_eq!(none, Err(NoDefault::TooLarge));
    }
}
