//! WIT types as Rust types, where they are used.
//!
//! The same WIT type is written in several ways: a `string` is a `String` in a field, a `&str` as
//! a parameter; an `own` of a host resource is the host's value in a trait, and a marker in the
//! glue behind it. [`Position`] says where a type stands. Definitions of types are in `types`.
//!
//! Invariant: a type is spelled so that no type of the module around it shadows a part of it.

use wit_parser::{Handle, Type, TypeDef, TypeDefKind, TypeId};

use super::options::Borrow;
use super::plan::{Facts, Plan, Side};
use super::writer::tuple_expr;

/// Where a type stands, which decides who owns its parts and what a handle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position<'t> {
    /// In a field, a list, or the result of a guest function: everything is owned.
    Owned,
    /// A parameter of a guest function: what can be borrowed is.
    Param,
    /// The same parameter as the type that is lowered.
    ParamMarker,
    /// A parameter of a host function, in its trait; the host type is called this.
    Arg(&'t str),
    /// The same parameter in the glue, as the marker that lifts to it.
    ArgMarker(&'t str),
    /// Inside of a parameter of a host function.
    ArgPart,
    /// The result of a host function, in its trait.
    Ret(&'t str),
    /// The same result in the glue, as the type that is lowered.
    RetMarker,
}

/// Spells types for one module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refs<'p> {
    pub(super) plan: &'p Plan<'p>,
    pub(super) module: usize,
    pub(super) side: Side,
    /// Whether the traits of other modules bound the host, too, so that its associated types need
    /// the name of their trait.
    pub(super) many_traits: bool,
}

impl<'p> Refs<'p> {
    /// For the types of `module`.
    pub(super) fn new(plan: &'p Plan<'p>, module: usize) -> Self {
        let side = plan.modules[module].side;
        Self {
            plan,
            module,
            side,
            many_traits: !plan.supertraits(module).is_empty(),
        }
    }

    /// A name of the prelude, with its path if this module has a type of that name.
    pub(super) fn prelude(&self, name: &str) -> String {
        if !self.plan.modules[self.module].scope.is_taken(name) {
            return name.to_owned();
        }
        let path = match name {
            "Vec" => "::std::vec",
            "String" => "::std::string",
            "Option" => "::std::option",
            "Result" => "::std::result",
            "Sized" | "Send" => "::std::marker",
            _ => "::std",
        };
        format!("{path}::{name}")
    }

    /// The Rust type of `ty` at `position`.
    pub(super) fn ty(&self, ty: &Type, position: Position<'_>) -> String {
        let text = match ty {
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "i8",
            Type::S16 => "i16",
            Type::S32 => "i32",
            Type::S64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String if self.borrows(position) => "&str",
            // A plan holds no error contexts.
            Type::String | Type::ErrorContext => return self.prelude("String"),
            Type::Id(id) => return self.defined(*id, position),
        };
        text.to_owned()
    }

    /// Whether strings and lists are borrowed at this position.
    fn borrows(&self, position: Position<'_>) -> bool {
        let borrows = match position {
            Position::Param
            | Position::ParamMarker
            | Position::Arg(_)
            | Position::ArgMarker(_)
            | Position::ArgPart => true,
            Position::Owned | Position::Ret(_) | Position::RetMarker => false,
        };
        borrows && self.plan.borrow == Borrow::Params
    }

    /// The Rust type of an optional part: `()` stands for none.
    pub(super) fn optional(&self, ty: Option<&Type>, position: Position<'_>) -> String {
        ty.map_or_else(|| "()".to_owned(), |ty| self.ty(ty, position))
    }

    fn defined(&self, id: TypeId, position: Position<'_>) -> String {
        let plan = self.plan;
        let def = &plan.resolve.types[id];
        if plan.foreign(id) {
            return self.nominal(id, position);
        }
        if def.name.is_some() {
            let nominal = plan.definition(id);
            if is_nominal(&plan.resolve.types[nominal]) {
                return self.nominal(id, position);
            }
            if self.keeps_alias(id, position) {
                return self.named(id);
            }
        }
        let structural = self.structural(&def.kind, position);
        structural.unwrap_or_else(|| self.named(id))
    }

    /// A type that is written by its structure; `None` for one that has only a name.
    fn structural(&self, kind: &TypeDefKind, position: Position<'_>) -> Option<String> {
        let part = self.part(position);
        Some(match kind {
            TypeDefKind::Type(target) => self.ty(target, position),
            TypeDefKind::List(element) => self.list(element, position),
            TypeDefKind::Option(some) => {
                format!("{}<{}>", self.prelude("Option"), self.ty(some, part))
            }
            TypeDefKind::Result(result) => format!(
                "{}<{}, {}>",
                self.prelude("Result"),
                self.optional(result.ok.as_ref(), part),
                self.optional(result.err.as_ref(), part)
            ),
            TypeDefKind::Tuple(tuple) => {
                let types: Vec<String> = tuple.types.iter().map(|t| self.ty(t, part)).collect();
                tuple_expr(&types)
            }
            TypeDefKind::FixedLengthList(element, length) => {
                format!("[{}; {length}]", self.ty(element, part))
            }
            TypeDefKind::Map(key, value) => self.map(key, value, position),
            TypeDefKind::Handle(handle) => self.handle(*handle, position),
            // Named, or without a place in a plan.
            TypeDefKind::Record(_)
            | TypeDefKind::Resource
            | TypeDefKind::Flags(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Future(_)
            | TypeDefKind::Stream(_)
            | TypeDefKind::Unknown => return None,
        })
    }

    /// Whether an alias can be used by its name at `position`.
    fn keeps_alias(&self, id: TypeId, position: Position<'_>) -> bool {
        let facts = self.plan.facts(&Type::Id(id));
        match position {
            Position::Owned => true,
            Position::Ret(_) | Position::RetMarker => !facts.handle(),
            Position::Param
            | Position::ParamMarker
            | Position::Arg(_)
            | Position::ArgMarker(_)
            | Position::ArgPart => !facts.owns,
        }
    }

    /// The position of the parts of an option, result, tuple or fixed-length list.
    fn part<'t>(&self, position: Position<'t>) -> Position<'t> {
        match position {
            Position::Arg(_) | Position::ArgMarker(_) => Position::ArgPart,
            Position::Owned
            | Position::Param
            | Position::ParamMarker
            | Position::ArgPart
            | Position::Ret(_)
            | Position::RetMarker => position,
        }
    }

    /// A record, variant, enum or flags.
    fn nominal(&self, id: TypeId, position: Position<'_>) -> String {
        let facts = self.plan.facts(&Type::Id(id));
        let name = self.named(id);
        let param = matches!(position, Position::Param | Position::ParamMarker);
        if param && self.plan.borrow == Borrow::Params && facts.owns && !facts.own_handle {
            format!("&{name}")
        } else {
            name
        }
    }

    /// The path of a named type.
    fn named(&self, id: TypeId) -> String {
        let module = self.plan.module_of(self.side, self.module, id);
        self.plan
            .path(self.module, module, self.plan.type_name(module, id))
    }

    /// A map owns its entries; a guest's parameter is a borrow of the whole.
    fn map(&self, key: &Type, value: &Type, position: Position<'_>) -> String {
        let [key, value] = [key, value].map(|ty| self.ty(ty, Position::Owned));
        let borrow = match position {
            Position::Param | Position::ParamMarker if self.borrows(position) => "&",
            Position::Param | Position::ParamMarker => "",
            Position::Arg(_)
            | Position::ArgMarker(_)
            | Position::ArgPart
            | Position::Owned
            | Position::Ret(_)
            | Position::RetMarker => "",
        };
        format!("{borrow}::std::collections::BTreeMap<{key}, {value}>")
    }

    /// Whether a list of `element`s is a slice: always, if handles are lent in it.
    fn borrows_list(&self, element: &Type, facts: Facts, position: Position<'_>) -> bool {
        let lent = matches!(position, Position::Param) && self.lent(element).is_some();
        !facts.own_handle && (lent || self.borrows(position))
    }

    fn list(&self, element: &Type, position: Position<'_>) -> String {
        let facts = self.plan.facts(element);
        let owned = |element: String| format!("{}<{element}>", self.prelude("Vec"));
        if let (Position::ParamMarker, Some(lent)) = (position, self.lent(element)) {
            return format!("::linkspan::LendAll<'_, {lent}>");
        }
        match position {
            Position::Param | Position::ParamMarker | Position::Arg(_) | Position::ArgMarker(_)
                if self.borrows_list(element, facts, position) =>
            {
                format!("&[{}]", self.element(element, position))
            }
            Position::Param
            | Position::ParamMarker
            | Position::Arg(_)
            | Position::ArgMarker(_)
            | Position::ArgPart
            | Position::Owned => owned(self.ty(element, Position::Owned)),
            Position::Ret(_) | Position::RetMarker => owned(self.ty(element, position)),
        }
    }

    /// The element of a borrowed list: only strings and lent handles are borrowed in turn.
    fn element(&self, element: &Type, position: Position<'_>) -> String {
        let lent = position == Position::Param && self.lent(element).is_some();
        if lent || self.is_string(element) {
            self.ty(element, position)
        } else {
            self.ty(element, Position::Owned)
        }
    }

    /// The handle type that a `borrow` lends; `None` for other types.
    pub(super) fn lent(&self, ty: &Type) -> Option<String> {
        let Some(TypeDefKind::Handle(Handle::Borrow(id))) = self.structure(ty) else {
            return None;
        };
        Some(self.handle(Handle::Own(*id), Position::Owned))
    }

    /// Whether `id` stands for a resource itself, perhaps under another name.
    pub(super) fn is_resource(&self, id: TypeId) -> bool {
        let definition = &self.plan.resolve.types[self.plan.definition(id)];
        matches!(definition.kind, TypeDefKind::Resource)
    }

    /// What the name of a type stands for that is none of its own.
    pub(super) fn alias(&self, id: TypeId) -> String {
        match &self.plan.resolve.types[id].kind {
            TypeDefKind::Type(Type::Id(id)) if self.is_resource(*id) => self.resource_path(*id),
            TypeDefKind::Type(ty) => self.ty(ty, Position::Owned),
            kind => self.structural(kind, Position::Owned).unwrap_or_default(),
        }
    }

    /// The path of the tag or handle type of a resource.
    pub(super) fn resource_path(&self, id: TypeId) -> String {
        self.named(self.plan.definition(id))
    }

    /// Whether `ty` is a string, perhaps under another name.
    fn is_string(&self, ty: &Type) -> bool {
        match self.structure(ty) {
            Some(TypeDefKind::Type(target)) => *target == Type::String,
            Some(_) => false,
            None => *ty == Type::String,
        }
    }

    /// The user's type that a definition in this module stands for.
    pub(super) fn foreign(&self, id: TypeId) -> Option<String> {
        let depth = self.plan.modules[self.module].path.len();
        self.plan.external.ty(id, depth)
    }

    /// What stands behind the names of a type; `None` for a scalar, a string, or a type of the
    /// user.
    pub(super) fn structure(&self, ty: &Type) -> Option<&'p TypeDefKind> {
        match ty {
            Type::Id(id) if self.plan.foreign(*id) => None,
            Type::Id(id) => Some(&self.plan.resolve.types[self.plan.definition(*id)].kind),
            _ => None,
        }
    }

    fn handle(&self, handle: Handle, position: Position<'_>) -> String {
        let plan = self.plan;
        let (Handle::Own(id) | Handle::Borrow(id)) = handle;
        let owned = matches!(handle, Handle::Own(_));
        let resource = plan.definition(id);
        let module = plan.module_of(self.side, self.module, resource);
        // The name under which this module knows it: an alias, if it is used from elsewhere.
        let path = self.named(id);
        let host = plan.modules[module].side == Side::Import;
        let handle = if host {
            format!("::linkspan::Resource<{path}>")
        } else {
            path.clone()
        };
        let value = |this: &str| self.host_value(this, module, resource);
        match position {
            Position::Arg(this) | Position::Ret(this) if host && owned => value(this),
            Position::Arg(this) | Position::Ret(this) if host => format!("&{}", value(this)),
            Position::ArgMarker(this) if host && owned => {
                format!("::linkspan::Own<{path}, {}>", value(this))
            }
            Position::ArgMarker(this) if host => {
                format!("::linkspan::Ref<{path}, {}>", value(this))
            }
            Position::Param if !owned => format!("&{handle}"),
            Position::ParamMarker if !owned => format!("::linkspan::Lend<'_, {handle}>"),
            Position::Owned
            | Position::Param
            | Position::ParamMarker
            | Position::Arg(_)
            | Position::ArgMarker(_)
            | Position::ArgPart
            | Position::Ret(_)
            | Position::RetMarker => {
                if owned {
                    handle
                } else {
                    // Inside of a structure: who lends it is not known to the type.
                    format!("::linkspan::Borrow<{handle}>")
                }
            }
        }
    }

    /// The host's Rust type behind a host resource: an associated type of its `Host` trait.
    pub(super) fn host_value(&self, this: &str, module: usize, resource: TypeId) -> String {
        let plan = self.plan;
        let depth = plan.modules[self.module].path.len();
        if let Some(value) = plan.external.resource(resource, depth) {
            return value;
        }
        let name = plan.type_name(module, resource);
        if module == self.module && !self.many_traits {
            return format!("{this}::{name}");
        }
        // Another trait may have an associated type of the same name.
        let host = plan.path(self.module, module, &plan.host_trait(module));
        format!("<{this} as {host}>::{name}")
    }
}

/// Whether a definition becomes a Rust type of its own.
pub(super) fn is_nominal(def: &TypeDef) -> bool {
    match def.kind {
        TypeDefKind::Record(_)
        | TypeDefKind::Variant(_)
        | TypeDefKind::Enum(_)
        | TypeDefKind::Flags(_) => true,
        TypeDefKind::Resource
        | TypeDefKind::Handle(_)
        | TypeDefKind::Tuple(_)
        | TypeDefKind::Option(_)
        | TypeDefKind::Result(_)
        | TypeDefKind::List(_)
        | TypeDefKind::Map(..)
        | TypeDefKind::FixedLengthList(..)
        | TypeDefKind::Future(_)
        | TypeDefKind::Stream(_)
        | TypeDefKind::Type(_)
        | TypeDefKind::Unknown => false,
    }
}
