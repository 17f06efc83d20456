//! Typed positions in WebAssembly index spaces, so that a function index
//! cannot be used to look up a table. `XIndex` names a position in an index
//! space of one module; `XId` names something of ours and implies no order.

macro_rules! define_index {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub(crate) struct $name(pub(crate) u32);

        impl $name {
            /// The position as a slice index.
            pub(crate) fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

define_index! {
    /// A position in a module's function index space, imports first.
    FuncIndex,
    /// A position in a module's type index space.
    TypeIndex,
    /// A position in a module's table index space, imports first.
    TableIndex,
    /// A position in a module's memory index space, imports first.
    MemoryIndex,
    /// A position in a module's global index space, imports first.
    GlobalIndex,
    /// A position in a module's tag index space, imports first.
    TagIndex,
    /// A position in a module's element segments.
    ElemIndex,
    /// A position in a module's data segments.
    DataIndex,
}

/// A type that modules of one engine define: equal ids are equal types.
///
/// An id means its type for as long as a module, store or type of the engine
/// that names it lives. Afterwards, and in another engine, it may mean
/// another type or none; every use is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct TypeId(pub(crate) u32);
