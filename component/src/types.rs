//! What a component imports and exports, for programs that look at it: names,
//! kinds and types, printed in the manner of WIT.
//!
//! Views borrow from the component and cost nothing until they are asked.
//! The canonical ABI's own type tables stay reachable through
//! [`Type::table`] and [`Type::val_type`].

use std::fmt;

use linkspan_canon_abi::{FuncType, TypeDef, TypeTable, ValType};

use crate::plan::{self, FuncItem, FuncTypeId, InstanceId, Plan, TypeItem};

/// The imports or exports of a component or of an instance.
#[derive(Clone, Copy)]
pub struct Items<'a> {
    plan: &'a Plan,
    items: &'a plan::Items,
}

impl<'a> Items<'a> {
    pub(crate) fn new(plan: &'a Plan, items: &'a plan::Items) -> Items<'a> {
        Items { plan, items }
    }

    /// Names and items in order of declaration.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, Item<'a>)> + use<'a> {
        let plan = self.plan;
        self.items
            .iter()
            .map(move |(name, item)| (&**name, Item::new(plan, item)))
    }

    /// The item of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Item<'a>> {
        Some(Item::new(self.plan, self.items.get(name)?))
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.iter().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// One import or export.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Item<'a> {
    /// A function.
    Func(Func<'a>),
    /// An instance: a set of items, as a rule an interface of WIT.
    Instance(Items<'a>),
    /// A value type.
    Type(Type<'a>),
    /// A resource type.
    Resource(Resource<'a>),
    /// A core module.
    Module,
    /// A component.
    Component,
    /// A type of functions, instances or components.
    OtherType,
    /// A value of this type.
    Value(Type<'a>),
    /// A value type of the component model that is not built yet; the text
    /// says which.
    Unsupported(&'a str),
}

impl<'a> Item<'a> {
    fn new(plan: &'a Plan, item: plan::Item) -> Item<'a> {
        match item {
            plan::Item::Func(FuncItem { ty, .. }) => Item::Func(Func { plan, ty }),
            plan::Item::Instance(id) => Item::Instance(instance(plan, id)),
            plan::Item::Type(TypeItem::Value(ty)) => Item::Type(Type {
                table: &plan.types,
                ty,
            }),
            plan::Item::Type(TypeItem::Resource(id)) => Item::Resource(Resource {
                table: &plan.types,
                id,
            }),
            plan::Item::Type(TypeItem::Unusable(reason)) => {
                Item::Unsupported(plan.reasons.get(reason.index()).map_or("", |r| r))
            }
            plan::Item::Type(
                TypeItem::Func(_) | TypeItem::Instance(_) | TypeItem::Component(_),
            ) => Item::OtherType,
            plan::Item::Module(_) => Item::Module,
            plan::Item::Component(_) => Item::Component,
            plan::Item::Value(value) => match plan.values.get(value.index()).map(|v| v.ty) {
                Some(Ok(ty)) => Item::Value(Type {
                    table: &plan.types,
                    ty,
                }),
                Some(Err(reason)) => {
                    Item::Unsupported(plan.reasons.get(reason.index()).map_or("", |r| r))
                }
                None => Item::Unsupported(""),
            },
        }
    }
}

fn instance(plan: &Plan, id: InstanceId) -> Items<'_> {
    static NONE: std::sync::LazyLock<plan::Items> = std::sync::LazyLock::new(Default::default);
    Items {
        plan,
        items: plan.instances.get(id.index()).unwrap_or(&NONE),
    }
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Func(func) => func.fmt(f),
            Item::Instance(_) => f.write_str("instance"),
            Item::Type(ty) => ty.fmt(f),
            Item::Resource(_) => f.write_str("resource"),
            Item::Module => f.write_str("core module"),
            Item::Component => f.write_str("component"),
            Item::OtherType => f.write_str("type"),
            Item::Value(ty) => write!(f, "value {ty}"),
            Item::Unsupported(what) => write!(f, "type ({what} not supported yet)"),
        }
    }
}

/// The type of a component function.
#[derive(Clone, Copy)]
pub struct Func<'a> {
    plan: &'a Plan,
    ty: FuncTypeId,
}

impl<'a> Func<'a> {
    pub(crate) fn new(plan: &'a Plan, ty: FuncTypeId) -> Func<'a> {
        Func { plan, ty }
    }

    /// Names and types of the parameters; empty for a function whose type is
    /// not built yet.
    pub fn params(&self) -> impl ExactSizeIterator<Item = (&'a str, Type<'a>)> + use<'a> {
        let table = &self.plan.types;
        self.func_type()
            .map_or(&[][..], |ty| &ty.params[..])
            .iter()
            .map(move |param| {
                (
                    &*param.name,
                    Type {
                        table,
                        ty: param.ty,
                    },
                )
            })
    }

    /// The type of the result.
    #[must_use]
    pub fn result(&self) -> Option<Type<'a>> {
        let ty = self.func_type()?.result?;
        Some(Type {
            table: &self.plan.types,
            ty,
        })
    }

    /// Whether the function can be called: it is not asynchronous, and its
    /// types are built.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        self.func_type()
            .is_some_and(|ty| !ty.needs_async(&self.plan.types))
    }

    /// Whether the function is declared `async`.
    #[must_use]
    pub fn is_async(&self) -> bool {
        self.func_type().is_some_and(|ty| ty.is_async)
    }

    /// The type as the canonical ABI sees it.
    #[must_use]
    pub fn func_type(&self) -> Option<&'a FuncType> {
        self.plan.func_types.get(self.ty.index())?.as_ref().ok()
    }

    /// The table that [`Func::func_type`] refers to.
    #[must_use]
    pub fn table(&self) -> &'a TypeTable {
        &self.plan.types
    }
}

impl fmt::Display for Func<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.func(self.ty).fmt(f)
    }
}

impl fmt::Debug for Func<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value type.
#[derive(Clone, Copy)]
pub struct Type<'a> {
    table: &'a TypeTable,
    ty: ValType,
}

impl<'a> Type<'a> {
    /// A view of a type in a table.
    #[must_use]
    pub fn new(table: &'a TypeTable, ty: ValType) -> Type<'a> {
        Type { table, ty }
    }

    /// The table that holds the type.
    #[must_use]
    pub fn table(&self) -> &'a TypeTable {
        self.table
    }

    /// The type as the canonical ABI sees it.
    #[must_use]
    pub fn val_type(&self) -> ValType {
        self.ty
    }

    /// The structure of a type that is not a primitive.
    #[must_use]
    pub fn def(&self) -> Option<&'a TypeDef> {
        match self.ty {
            ValType::Defined(id) => Some(self.table.def(id)),
            ValType::Bool
            | ValType::S8
            | ValType::U8
            | ValType::S16
            | ValType::U16
            | ValType::S32
            | ValType::U32
            | ValType::S64
            | ValType::U64
            | ValType::F32
            | ValType::F64
            | ValType::Char
            | ValType::String => None,
        }
    }
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.display(self.ty).fmt(f)
    }
}

impl fmt::Debug for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A resource type of a component.
#[derive(Clone, Copy)]
pub struct Resource<'a> {
    table: &'a TypeTable,
    id: linkspan_canon_abi::ResourceTypeId,
}

impl<'a> Resource<'a> {
    /// The name under which the component first imports or exports it.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.table.resource_name(self.id)
    }

    /// The slot that stands for it in the component's types.
    #[must_use]
    pub fn id(&self) -> linkspan_canon_abi::ResourceTypeId {
        self.id
    }
}

impl fmt::Debug for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource {}", self.name().unwrap_or("?"))
    }
}
