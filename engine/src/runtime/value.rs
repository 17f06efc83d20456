//! Values of any type, and their form in a slot.

use core::fmt;
use core::num::NonZeroU64;
use core::ptr::NonNull;

use super::func::Func;
use super::store::StoreId;
use super::vmctx::{FuncDef, Slot};
use crate::error::{Error, Result};
use crate::types::{HeapType, Hierarchy, ValType};

/// A value of WebAssembly. Floating-point numbers are bits, so that NaNs
/// keep theirs and values can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// A function, or null.
    FuncRef(Option<Func>),
    /// A value of the host, or null.
    ExternRef(Option<ExternRef>),
}

/// A reference to something of the host: a key that guests can keep and hand
/// back, but not make. The engine does not own what the key stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternRef(NonZeroU64);

impl ExternRef {
    /// A reference with the given key; `None` for [`u64::MAX`], the one key
    /// that is not available.
    #[must_use]
    pub fn new(key: u64) -> Option<ExternRef> {
        Some(ExternRef(NonZeroU64::MIN.checked_add(key)?))
    }

    /// The key.
    #[must_use]
    pub fn key(self) -> u64 {
        self.0.get() - 1
    }

    pub(crate) fn to_slot(this: Option<ExternRef>) -> Slot {
        this.map_or(0, |reference| reference.0.get())
    }

    pub(crate) fn from_slot(slot: Slot) -> Option<ExternRef> {
        NonZeroU64::new(slot).map(ExternRef)
    }
}

impl From<u32> for ExternRef {
    fn from(key: u32) -> ExternRef {
        ExternRef(NonZeroU64::MIN.saturating_add(u64::from(key)))
    }
}

impl fmt::Debug for ExternRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternRef({})", self.key())
    }
}

impl Val {
    /// The value's type.
    #[must_use]
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
        }
    }

    /// Zero, or null.
    #[must_use]
    pub fn default_for(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::I64(0),
            ValType::Ref(ty) => match ty.heap.hierarchy() {
                Hierarchy::Func => Val::FuncRef(None),
                Hierarchy::Extern | Hierarchy::Any | Hierarchy::Exn => Val::ExternRef(None),
            },
        }
    }

    /// The value as an `i32`, if it is one.
    #[must_use]
    pub fn i32(&self) -> Option<i32> {
        if let Val::I32(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The value as an `i64`, if it is one.
    #[must_use]
    pub fn i64(&self) -> Option<i64> {
        if let Val::I64(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The value as an `f32`, if it is one.
    #[must_use]
    pub fn f32(&self) -> Option<f32> {
        if let Val::F32(bits) = self {
            Some(f32::from_bits(*bits))
        } else {
            None
        }
    }

    /// The value as an `f64`, if it is one.
    #[must_use]
    pub fn f64(&self) -> Option<f64> {
        if let Val::F64(bits) = self {
            Some(f64::from_bits(*bits))
        } else {
            None
        }
    }

    /// Whether the value has type `ty`, in the store `id`.
    fn has_type(self, ty: ValType, id: StoreId) -> Result<bool> {
        let ValType::Ref(ty) = ty else {
            return Ok(self.ty() == ty);
        };
        Ok(match self {
            Val::FuncRef(None) => ty.nullable && ty.heap.hierarchy() == Hierarchy::Func,
            Val::FuncRef(Some(func)) => {
                // SAFETY: the definition belongs to this store, which its
                // caller has borrowed; its type lives as long.
                let rtt = unsafe { &*func.def_in(id)?.as_ref().rtt };
                HeapType::ConcreteFunc(rtt.id).matches(ty.heap, |_, sup| rtt.inherits(sup))
            }
            Val::ExternRef(None) => ty.nullable && ty.heap.hierarchy() == Hierarchy::Extern,
            Val::ExternRef(Some(_)) => ty.heap == HeapType::Extern,
            Val::I32(_) | Val::I64(_) | Val::F32(_) | Val::F64(_) => false,
        })
    }

    /// The value's slot, if it has type `ty` and belongs to this store.
    pub(crate) fn to_slot(self, ty: ValType, id: StoreId) -> Result<Slot> {
        if !self.has_type(ty, id)? {
            return Err(Error::usage(format!(
                "expected a value of type {ty}, found one of type {}",
                self.ty()
            )));
        }
        Ok(match self {
            Val::I32(value) => Slot::from(value.cast_unsigned()),
            Val::I64(value) => value.cast_unsigned(),
            Val::F32(bits) => Slot::from(bits),
            Val::F64(bits) => bits,
            Val::FuncRef(func) => func_to_slot(func, id)?,
            Val::ExternRef(reference) => ExternRef::to_slot(reference),
        })
    }

    /// The value of type `ty` in a slot of the store `id`.
    ///
    /// # Safety
    ///
    /// The slot must hold a value of that type in that store.
    pub(crate) unsafe fn from_slot(slot: Slot, ty: ValType, id: StoreId) -> Val {
        match ty {
            ValType::I32 => Val::I32(low(slot).cast_signed()),
            ValType::I64 => Val::I64(slot.cast_signed()),
            ValType::F32 => Val::F32(low(slot)),
            ValType::F64 => Val::F64(slot),
            ValType::V128 => Val::I64(slot.cast_signed()),
            ValType::Ref(ty) => match ty.heap.hierarchy() {
                // SAFETY: the slot holds a reference of this store by the
                // caller's promise.
                Hierarchy::Func => Val::FuncRef(unsafe { func_from_slot(slot, id) }),
                Hierarchy::Extern | Hierarchy::Any | Hierarchy::Exn => {
                    Val::ExternRef(ExternRef::from_slot(slot))
                }
            },
        }
    }
}

/// The lower half of a slot: all that 32-bit values use.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the upper half is ignored by definition"
)]
pub(crate) fn low(slot: Slot) -> u32 {
    slot as u32
}

/// The slot of a function reference.
pub(crate) fn func_to_slot(func: Option<Func>, id: StoreId) -> Result<Slot> {
    match func {
        None => Ok(0),
        Some(func) => Ok(func.def_in(id)?.as_ptr().expose_provenance() as Slot),
    }
}

/// The function reference in a slot.
///
/// # Safety
///
/// The slot must be null or the address of a live definition of store `id`.
pub(crate) unsafe fn func_from_slot(slot: Slot, id: StoreId) -> Option<Func> {
    let def = def_from_slot(slot)?;
    // SAFETY: passed on to the caller.
    Some(unsafe { Func::from_def(id, def) })
}

/// The definition that a function reference in a slot points to.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the slot was made from an address"
)]
pub(crate) fn def_from_slot(slot: Slot) -> Option<NonNull<FuncDef>> {
    NonNull::new(core::ptr::with_exposed_provenance_mut(slot as usize))
}

impl From<i32> for Val {
    fn from(value: i32) -> Val {
        Val::I32(value)
    }
}

impl From<i64> for Val {
    fn from(value: i64) -> Val {
        Val::I64(value)
    }
}

impl From<f32> for Val {
    fn from(value: f32) -> Val {
        Val::F32(value.to_bits())
    }
}

impl From<f64> for Val {
    fn from(value: f64) -> Val {
        Val::F64(value.to_bits())
    }
}

impl From<Func> for Val {
    fn from(func: Func) -> Val {
        Val::FuncRef(Some(func))
    }
}
