//! Lists: `[T]` lowers, `Vec<T>` lifts to an owned list, and `&[T]` is the
//! marker of a list that is borrowed where it can be: bytes from guest memory,
//! other scalars from a copy that the call keeps.

use super::{Abi, ComponentType, Lift, Lower, value_type};
use crate::context::{LiftContext, LowerContext};
use crate::memory::{Guest, Handles};
use crate::trap::Result;
use crate::types::{TypeTable, ValType};

impl<T: ComponentType> ComponentType for [T] {
    const ABI: Abi = Abi::POINTER_PAIR;

    fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
        let element = value_type::<T>(types)?;
        types.list(element).map(Some)
    }
}

impl<T: ComponentType> ComponentType for Vec<T> {
    const ABI: Abi = Abi::POINTER_PAIR;

    fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
        <[T]>::describe(types)
    }
}

/// `store_list_into_range`
#[inline]
fn lower_list<T: Lower, G: Guest>(cx: &mut LowerContext<G>, list: &[T]) -> Result<u64> {
    let layout = T::ABI.layout(cx.pointer());
    let at = cx.allocate_list(list.len(), layout.size, layout.align)?;
    T::store_list(list, cx, at)?;
    Ok(at as u64)
}

/// `load_list_from_range`, up to the elements.
#[inline]
fn list_bytes<'a, T: ComponentType, H: Handles>(
    cx: &mut LiftContext<'a, H>,
    (pointer, count): (u64, u64),
) -> Result<&'a [u8]> {
    let layout = T::ABI.layout(cx.pointer());
    cx.list(pointer, count, layout.size, layout.align)
}

impl<T: Lower> Lower for [T] {
    #[inline]
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, slots: &mut [u64]) -> Result<()> {
        slots[0] = lower_list(cx, self)?;
        slots[1] = self.len() as u64;
        Ok(())
    }

    #[inline]
    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
        let pointer = lower_list(cx, self)?;
        cx.store_pair(at, pointer, self.len() as u64)
    }
}

impl<T: Lower> Lower for Vec<T> {
    #[inline]
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, slots: &mut [u64]) -> Result<()> {
        self.as_slice().lower_flat(cx, slots)
    }

    #[inline]
    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
        self.as_slice().store(cx, at)
    }
}

impl<T: Lift> Lift for Vec<T> {
    type Lifted<'a> = Vec<T::Lifted<'a>>;
    type Slice<'a> = Vec<Vec<T::Lifted<'a>>>;

    #[inline]
    fn lift_flat<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        slots: &[u64],
    ) -> Result<Self::Lifted<'a>> {
        let bytes = list_bytes::<T, H>(cx, cx.flat_pair(slots))?;
        T::load_list(cx, bytes)
    }

    #[inline]
    fn load<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Lifted<'a>> {
        let bytes = list_bytes::<T, H>(cx, cx.memory_pair(bytes))?;
        T::load_list(cx, bytes)
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Slice<'a>> {
        Self::load_list(cx, bytes)
    }
}

impl<T: Lift> Lift for &[T] {
    type Lifted<'a> = T::Slice<'a>;
    type Slice<'a> = Vec<T::Slice<'a>>;

    #[inline]
    fn lift_flat<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        slots: &[u64],
    ) -> Result<Self::Lifted<'a>> {
        let bytes = list_bytes::<T, H>(cx, cx.flat_pair(slots))?;
        T::load_slice(cx, bytes)
    }

    #[inline]
    fn load<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Lifted<'a>> {
        let bytes = list_bytes::<T, H>(cx, cx.memory_pair(bytes))?;
        T::load_slice(cx, bytes)
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Slice<'a>> {
        Self::load_list(cx, bytes)
    }
}
