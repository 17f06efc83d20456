//! Lists of a fixed length: `[T; N]`, which lies in place as a record of `N`
//! fields would.

use std::array;

use super::abi::{take, take_mut};
use super::same::SameBytes;
use super::{Abi, ComponentType, Lift, Lower, value_type};
use crate::context::{LiftContext, LowerContext};
use crate::memory::{Guest, Handles};
use crate::trap::{Error, Result};
use crate::types::{TypeTable, ValType};

impl<T: ComponentType, const N: usize> ComponentType for [T; N] {
    const ABI: Abi = Abi::fixed_length_list(T::ABI, N);

    fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
        let element = value_type::<T>(types)?;
        let count = u32::try_from(N)
            .map_err(|_| Error::invalid_type("a list of fixed length is too long"))?;
        types.fixed_length_list(element, count).map(Some)
    }
}

impl<T: Lower, const N: usize> Lower for [T; N] {
    #[inline]
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, mut slots: &mut [u64]) -> Result<()> {
        for (i, element) in self.iter().enumerate() {
            element
                .lower_flat(cx, take_mut(&mut slots, T::ABI))
                .map_err(|error| error.within_index(i))?;
        }
        Ok(())
    }

    #[inline]
    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
        T::store_list(self, cx, at)
    }

    #[inline]
    fn write(&self, bytes: &mut [u8]) {
        // Plain elements have one size for all pointers.
        let size = T::ABI.size(crate::PointerSize::P32);
        for (element, bytes) in self.iter().zip(bytes.chunks_exact_mut(size)) {
            element.write(bytes);
        }
    }
}

/// An array of what `lift` answers for each position.
#[inline]
fn lift_each<T, const N: usize>(mut lift: impl FnMut(usize) -> Result<T>) -> Result<[T; N]> {
    let mut lifted = [const { None }; N];
    for (i, place) in lifted.iter_mut().enumerate() {
        *place = Some(lift(i).map_err(|error| error.within_index(i))?);
    }
    Ok(lifted.map(|element| element.expect("each place was filled")))
}

impl<T: Lift, const N: usize> Lift for [T; N] {
    type Lifted<'a> = [T::Lifted<'a>; N];
    type Slice<'a> = Vec<Self::Lifted<'a>>;

    const SAME_BYTES: SameBytes<Self> = SameBytes::<[T; N]>::ARRAY;

    #[inline]
    fn lift_flat<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        mut slots: &[u64],
    ) -> Result<Self::Lifted<'a>> {
        lift_each(|_| T::lift_flat(cx, take(&mut slots, T::ABI)))
    }

    #[inline]
    fn load<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Lifted<'a>> {
        if const { T::ABI.total } {
            return Ok(Self::read(bytes).expect("a total type reads any bytes"));
        }
        let size = T::ABI.size(cx.pointer());
        lift_each(|i| T::load(cx, &bytes[i * size..][..size]))
    }

    #[inline]
    fn read<'a>(bytes: &'a [u8]) -> Option<Self::Lifted<'a>> {
        if const { !T::ABI.total } {
            return None;
        }
        let size = T::ABI.size(crate::PointerSize::P32);
        let read = |i| T::read(&bytes[i * size..][..size]).expect("a total type reads any bytes");
        Some(array::from_fn(read))
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Slice<'a>> {
        Self::load_list(cx, bytes)
    }
}
