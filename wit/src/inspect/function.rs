//! Views of functions.

use std::fmt;

use wit_parser as wp;

use super::{Stability, Type, TypeDef};
use crate::error::Location;
use crate::print;
use crate::set::PackageSet;

/// A function of an interface or a world.
#[derive(Clone, Copy)]
pub struct Function<'a> {
    set: &'a PackageSet,
    function: &'a wp::Function,
}

/// What a [`Function`] belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind<'a> {
    /// No resource.
    Freestanding,
    /// A resource; the first parameter is `self: borrow<resource>`.
    Method(TypeDef<'a>),
    /// A resource, without a `self`.
    Static(TypeDef<'a>),
    /// A resource, which it makes.
    Constructor(TypeDef<'a>),
}

/// Whether a [`Function`] reads or writes a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Accessor {
    /// `name: get() -> …`
    Getter,
    /// `name: set(…)`
    Setter,
}

/// A parameter of a [`Function`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its label.
    pub name: &'a str,
    /// Its type.
    pub ty: Type<'a>,
}

impl<'a> Function<'a> {
    pub(crate) fn new(set: &'a PackageSet, function: &'a wp::Function) -> Self {
        Self { set, function }
    }

    /// Its label: `send` of `[method]conn.send`; `constructor` of a constructor.
    #[must_use]
    pub fn name(self) -> &'a str {
        let name = self.full_name();
        match self.function.kind {
            wp::FunctionKind::Constructor(_) => "constructor",
            _ => name.rsplit(['.', ']']).next().unwrap_or(name),
        }
    }

    /// Its name in a component: `[method]conn.send`.
    #[must_use]
    pub fn full_name(self) -> &'a str {
        &self.function.name
    }

    /// What it belongs to.
    #[must_use]
    pub fn kind(self) -> FunctionKind<'a> {
        let view = |id| TypeDef::new(self.set, id);
        match self.function.kind {
            wp::FunctionKind::Freestanding
            | wp::FunctionKind::AsyncFreestanding
            | wp::FunctionKind::Getter
            | wp::FunctionKind::Setter => FunctionKind::Freestanding,
            wp::FunctionKind::Method(id)
            | wp::FunctionKind::AsyncMethod(id)
            | wp::FunctionKind::MethodGetter(id)
            | wp::FunctionKind::MethodSetter(id) => FunctionKind::Method(view(id)),
            wp::FunctionKind::Static(id)
            | wp::FunctionKind::AsyncStatic(id)
            | wp::FunctionKind::StaticGetter(id)
            | wp::FunctionKind::StaticSetter(id) => FunctionKind::Static(view(id)),
            wp::FunctionKind::Constructor(id) => FunctionKind::Constructor(view(id)),
        }
    }

    /// The resource that it belongs to.
    #[must_use]
    pub fn resource(self) -> Option<TypeDef<'a>> {
        match self.kind() {
            FunctionKind::Freestanding => None,
            FunctionKind::Method(r) | FunctionKind::Static(r) | FunctionKind::Constructor(r) => {
                Some(r)
            }
        }
    }

    /// Whether it reads or writes a property.
    #[must_use]
    pub fn accessor(self) -> Option<Accessor> {
        match self.function.kind.accessor()? {
            wp::AccessorKind::Getter => Some(Accessor::Getter),
            wp::AccessorKind::Setter => Some(Accessor::Setter),
        }
    }

    /// Whether it is declared `async`.
    #[must_use]
    pub fn is_async(self) -> bool {
        self.function.kind.is_async()
    }

    /// Its parameters; a method's first is `self`.
    pub fn params(self) -> impl Iterator<Item = Param<'a>> {
        self.function.params.iter().map(move |p| Param {
            name: &p.name,
            ty: Type::new(self.set, p.ty),
        })
    }

    /// Its result.
    #[must_use]
    pub fn result(self) -> Option<Type<'a>> {
        self.function.result.map(|ty| Type::new(self.set, ty))
    }

    /// Its documentation.
    #[must_use]
    pub fn docs(self) -> Option<&'a str> {
        self.function.docs.contents.as_deref()
    }

    /// Its gate.
    #[must_use]
    pub fn stability(self) -> Stability {
        (&self.function.stability).into()
    }

    /// The text of `@external-id`.
    #[must_use]
    pub fn external_id(self) -> Option<&'a str> {
        self.function.external_id.as_deref()
    }

    /// Where it is declared; `None` if it comes from a binary.
    #[must_use]
    pub fn location(self) -> Option<Location> {
        self.set.location(self.function.span)
    }
}

impl PartialEq for Function<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.function, other.function)
    }
}

impl Eq for Function<'_> {}

impl fmt::Display for Function<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::function(self.set.resolve(), self.function))
    }
}

impl fmt::Debug for Function<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function(`{self}`)")
    }
}
