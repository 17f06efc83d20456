//! `()`, tuples up to sixteen, and what passes through: references and `Box`.

use super::abi::{take, take_mut};
use super::{Abi, ComponentType, Cursor, Lift, Lower, value_type};
use crate::context::{LiftContext, LowerContext};
use crate::memory::{Guest, Handles};
use crate::trap::Result;
use crate::types::{TypeTable, ValType};

/// The parameters of a function: a tuple, `()` for none.
pub trait Params: ComponentType {
    /// The types of the parameters.
    ///
    /// # Errors
    /// As [`ComponentType::describe`].
    fn describe_params(types: &mut TypeTable) -> Result<Vec<ValType>>;
}

impl Params for () {
    fn describe_params(_: &mut TypeTable) -> Result<Vec<ValType>> {
        Ok(Vec::new())
    }
}

impl ComponentType for () {
    const ABI: Abi = Abi::UNIT;

    fn describe(_: &mut TypeTable) -> Result<Option<ValType>> {
        Ok(None)
    }
}

impl Lower for () {
    #[inline(always)]
    fn lower_flat<G: Guest>(&self, _: &mut LowerContext<G>, _: &mut [u64]) -> Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn store<G: Guest>(&self, _: &mut LowerContext<G>, _: usize) -> Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn write(&self, _: &mut [u8]) {}
}

impl Lift for () {
    type Lifted<'a> = ();
    type Slice<'a> = Vec<()>;

    #[inline(always)]
    fn lift_flat<'a, H: Handles>(_: &mut LiftContext<'a, H>, _: &[u64]) -> Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn load<'a, H: Handles>(_: &mut LiftContext<'a, H>, _: &'a [u8]) -> Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn read(_: &[u8]) -> Option<()> {
        Some(())
    }

    fn load_slice<'a, H: Handles>(_: &mut LiftContext<'a, H>, _: &'a [u8]) -> Result<Vec<()>> {
        Ok(Vec::new())
    }
}

macro_rules! tuple {
    ($($T:ident $i:tt),+) => {
        impl<$($T: ComponentType),+> Params for ($($T,)+) {
            fn describe_params(types: &mut TypeTable) -> Result<Vec<ValType>> {
                Ok(vec![$(value_type::<$T>(types)?),+])
            }
        }

        impl<$($T: ComponentType),+> ComponentType for ($($T,)+) {
            const ABI: Abi = Abi::record(&[$($T::ABI),+]);

            fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
                let fields = Self::describe_params(types)?;
                types.tuple(fields).map(Some)
            }
        }

        impl<$($T: Lower),+> Lower for ($($T,)+) {
            #[inline(always)]
            fn lower_flat<G: Guest>(
                &self,
                cx: &mut LowerContext<G>,
                mut slots: &mut [u64],
            ) -> Result<()> {
                $(crate::__within!(
                    self.$i.lower_flat(cx, take_mut(&mut slots, $T::ABI)),
                    within_position($i)
                );)+
                Ok(())
            }

            #[inline]
            fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
                if const { Self::ABI.plain } {
                    self.write(cx.bytes_at(at, Self::ABI.size(cx.pointer()))?);
                    return Ok(());
                }
                let mut cursor = Cursor::new(at, cx.pointer());
                $(crate::__within!(
                    self.$i.store(cx, cursor.field($T::ABI)),
                    within_position($i)
                );)+
                Ok(())
            }

            #[inline]
            fn write(&self, bytes: &mut [u8]) {
                let mut cursor = Cursor::new(0, crate::PointerSize::P32);
                $(self.$i.write(cursor.write(bytes, $T::ABI));)+
            }
        }

        impl<$($T: Lift),+> Lift for ($($T,)+) {
            type Lifted<'a> = ($($T::Lifted<'a>,)+);
            type Slice<'a> = Vec<Self::Lifted<'a>>;

            #[inline(always)]
            fn lift_flat<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                mut slots: &[u64],
            ) -> Result<Self::Lifted<'a>> {
                Ok(($(crate::__within!(
                    $T::lift_flat(cx, take(&mut slots, $T::ABI)),
                    within_position($i)
                ),)+))
            }

            #[inline]
            fn load<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> Result<Self::Lifted<'a>> {
                let mut cursor = Cursor::new(0, cx.pointer());
                Ok(($(crate::__within!(
                    $T::load(cx, cursor.read(bytes, $T::ABI)),
                    within_position($i)
                ),)+))
            }

            #[inline(always)]
            fn read<'a>(bytes: &'a [u8]) -> Option<Self::Lifted<'a>> {
                let mut cursor = Cursor::new(0, crate::PointerSize::P32);
                Some(($($T::read(cursor.read(bytes, $T::ABI))?,)+))
            }

            fn load_slice<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> Result<Self::Slice<'a>> {
                Self::load_list(cx, bytes)
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7, K 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7, K 8, L 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7, K 8, L 9, M 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7, K 8, L 9, M 10, N 11);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7, K 8, L 9, M 10, N 11, O 12);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7, K 8, L 9, M 10, N 11, O 12, P 13);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7, K 8, L 9, M 10, N 11, O 12, P 13, Q 14);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7, K 8, L 9, M 10, N 11, O 12, P 13, Q 14, R 15);

/// `ComponentType` and `Lower` of something that derefs to a value.
macro_rules! passes_through {
    ($ty:ty) => {
        impl<T: ComponentType + ?Sized> ComponentType for $ty {
            const ABI: Abi = T::ABI;

            fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
                T::describe(types)
            }
        }

        impl<T: Lower + ?Sized> Lower for $ty {
            #[inline(always)]
            fn lower_flat<G: Guest>(
                &self,
                cx: &mut LowerContext<G>,
                slots: &mut [u64],
            ) -> Result<()> {
                (**self).lower_flat(cx, slots)
            }

            #[inline(always)]
            fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
                (**self).store(cx, at)
            }

            #[inline(always)]
            fn write(&self, bytes: &mut [u8]) {
                (**self).write(bytes);
            }
        }
    };
}

passes_through!(&T);
passes_through!(Box<T>);

impl<T: Lift> Lift for Box<T> {
    type Lifted<'a> = Box<T::Lifted<'a>>;
    type Slice<'a> = Vec<Self::Lifted<'a>>;

    #[inline]
    fn lift_flat<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        slots: &[u64],
    ) -> Result<Self::Lifted<'a>> {
        T::lift_flat(cx, slots).map(Box::new)
    }

    #[inline]
    fn load<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Lifted<'a>> {
        T::load(cx, bytes).map(Box::new)
    }

    #[inline]
    fn read<'a>(bytes: &'a [u8]) -> Option<Self::Lifted<'a>> {
        T::read(bytes).map(Box::new)
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Slice<'a>> {
        Self::load_list(cx, bytes)
    }
}
