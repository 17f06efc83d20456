//! Values of any type, and their form in a slot.

use core::ptr::NonNull;

use super::func::Func;
use super::reference::{self, AnyRef, ArrayRef, ExnRef, ExternRef, Reference, Sealed, StructRef};
use super::store::{StoreCore, StoreId};
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
    /// The bits of a vector, lane 0 lowest.
    V128(u128),
    /// A function, or null.
    FuncRef(Option<Func>),
    /// A structure, an array or a 31-bit integer, or null.
    AnyRef(Option<AnyRef>),
    /// A value of the host, or null.
    ExternRef(Option<ExternRef>),
    /// An exception, or null.
    ExnRef(Option<ExnRef>),
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
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::AnyRef(_) => ValType::ANYREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
            Val::ExnRef(_) => ValType::EXNREF,
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
            ValType::V128 => Val::V128(0),
            ValType::Ref(ty) => match ty.heap.hierarchy() {
                Hierarchy::Func => Val::FuncRef(None),
                Hierarchy::Any => Val::AnyRef(None),
                Hierarchy::Extern => Val::ExternRef(None),
                Hierarchy::Exn => Val::ExnRef(None),
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

    /// The bits of the value as a `v128`, if it is one.
    #[must_use]
    pub fn v128(&self) -> Option<u128> {
        if let Val::V128(bits) = self {
            Some(*bits)
        } else {
            None
        }
    }

    /// Writes the value to its slots from `at` on, if it has type `ty` and
    /// belongs to this store.
    ///
    /// # Safety
    ///
    /// There must be as many slots at `at` as the type takes.
    pub(crate) unsafe fn store(self, at: *mut Slot, ty: ValType, core: &StoreCore) -> Result<()> {
        let slot = self.to_slot(ty, core)?;
        // SAFETY: passed on to the caller; the value has type `ty`.
        unsafe {
            match self {
                Val::V128(bits) => write_vector(at, bits),
                _ => at.write(slot),
            }
        }
        Ok(())
    }

    /// The value of type `ty` in the slots from `at` on.
    ///
    /// # Safety
    ///
    /// The slots must hold a value of that type in that store.
    pub(crate) unsafe fn load(at: *const Slot, ty: ValType, core: &StoreCore) -> Val {
        // SAFETY: passed on to the caller.
        unsafe {
            match ty {
                ValType::V128 => Val::V128(read_vector(at)),
                _ => Val::from_slot(at.read(), ty, core),
            }
        }
    }

    /// Whether the value has type `ty`.
    fn has_type(self, ty: ValType, core: &StoreCore) -> Result<bool> {
        let ValType::Ref(ty) = ty else {
            return Ok(self.ty() == ty);
        };
        let is_null = |hierarchy| ty.nullable && ty.heap.hierarchy() == hierarchy;
        let matches = |reference: u32, hierarchy| {
            ty.heap.hierarchy() == hierarchy && reference::matches(core, reference, ty.heap)
        };
        Ok(match self {
            Val::FuncRef(None) => is_null(Hierarchy::Func),
            Val::FuncRef(Some(func)) => {
                // SAFETY: the definition belongs to this store, which its
                // caller has borrowed; its type lives as long.
                let rtt = unsafe { &*func.def_in(core.id)?.as_ref().rtt };
                HeapType::ConcreteFunc(rtt.id).matches(ty.heap, |_, sup| rtt.inherits(sup))
            }
            Val::AnyRef(None) => is_null(Hierarchy::Any),
            Val::AnyRef(Some(any)) => matches(any.handle().get(core)?, Hierarchy::Any),
            Val::ExternRef(None) => is_null(Hierarchy::Extern),
            Val::ExternRef(Some(value)) => matches(value.handle().get(core)?, Hierarchy::Extern),
            Val::ExnRef(None) => is_null(Hierarchy::Exn),
            Val::ExnRef(Some(exception)) => matches(exception.handle().get(core)?, Hierarchy::Exn),
            Val::I32(_) | Val::I64(_) | Val::F32(_) | Val::F64(_) | Val::V128(_) => false,
        })
    }

    /// The value's slot, the first of a vector, if it has type `ty` and belongs to this store.
    pub(crate) fn to_slot(self, ty: ValType, core: &StoreCore) -> Result<Slot> {
        if !self.has_type(ty, core)? {
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
            Val::V128(bits) => halves(bits)[0],
            Val::FuncRef(func) => func_to_slot(func, core.id)?,
            Val::AnyRef(any) => ref_to_slot(any, core)?,
            Val::ExternRef(value) => ref_to_slot(value, core)?,
            Val::ExnRef(exception) => ref_to_slot(exception, core)?,
        })
    }

    /// The value of type `ty` in a slot of a store; see
    /// [`load`](Val::load) for types of two slots.
    ///
    /// # Safety
    ///
    /// The slot must hold a value of that type in that store.
    pub(crate) unsafe fn from_slot(slot: Slot, ty: ValType, core: &StoreCore) -> Val {
        match ty {
            ValType::I32 => Val::I32(low(slot).cast_signed()),
            ValType::I64 => Val::I64(slot.cast_signed()),
            ValType::F32 => Val::F32(low(slot)),
            ValType::F64 => Val::F64(slot),
            ValType::V128 => Val::V128(slot.into()),
            ValType::Ref(ty) => match ty.heap.hierarchy() {
                // SAFETY: the slot holds a reference of this store by the
                // caller's promise.
                Hierarchy::Func => Val::FuncRef(unsafe { func_from_slot(slot, core.id) }),
                Hierarchy::Any => Val::AnyRef(ref_from_slot(slot, core)),
                Hierarchy::Extern => Val::ExternRef(ref_from_slot(slot, core)),
                Hierarchy::Exn => Val::ExnRef(ref_from_slot(slot, core)),
            },
        }
    }
}

/// The slot of a reference into the heap.
pub(crate) fn ref_to_slot<R: Reference>(reference: Option<R>, core: &StoreCore) -> Result<Slot> {
    match reference {
        None => Ok(0),
        Some(reference) => Ok(Slot::from(reference.handle().get(core)?)),
    }
}

/// A handle for the reference in a slot.
pub(crate) fn ref_from_slot<R: Reference>(slot: Slot, core: &StoreCore) -> Option<R> {
    let reference = low(slot);
    (reference != 0).then(|| reference::new(core, reference))
}

/// The slots of a vector.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a vector is cut into its halves"
)]
pub(crate) fn halves(bits: u128) -> [Slot; 2] {
    [bits as u64, (bits >> 64) as u64]
}

/// Writes a vector.
///
/// # Safety
///
/// There must be two slots at `at`.
#[inline]
pub(crate) unsafe fn write_vector(at: *mut Slot, bits: u128) {
    let [low, high] = halves(bits);
    // SAFETY: passed on to the caller.
    unsafe {
        at.write(low);
        at.add(1).write(high);
    }
}

/// Reads a vector.
///
/// # Safety
///
/// There must be two slots at `at`.
#[inline]
pub(crate) unsafe fn read_vector(at: *const Slot) -> u128 {
    // SAFETY: passed on to the caller.
    let (low, high) = unsafe { (at.read(), at.add(1).read()) };
    u128::from(low) | u128::from(high) << 64
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

impl From<u128> for Val {
    fn from(bits: u128) -> Val {
        Val::V128(bits)
    }
}

impl From<AnyRef> for Val {
    fn from(reference: AnyRef) -> Val {
        Val::AnyRef(Some(reference))
    }
}

impl From<StructRef> for Val {
    fn from(reference: StructRef) -> Val {
        Val::AnyRef(Some(reference.into()))
    }
}

impl From<ArrayRef> for Val {
    fn from(reference: ArrayRef) -> Val {
        Val::AnyRef(Some(reference.into()))
    }
}

impl From<ExternRef> for Val {
    fn from(reference: ExternRef) -> Val {
        Val::ExternRef(Some(reference))
    }
}

impl From<ExnRef> for Val {
    fn from(reference: ExnRef) -> Val {
        Val::ExnRef(Some(reference))
    }
}

impl From<Func> for Val {
    fn from(func: Func) -> Val {
        Val::FuncRef(Some(func))
    }
}
