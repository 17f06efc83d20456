//! Parameters beyond the sixteen that plain tuples take, up to thirty-two.
//!
//! A tuple of another crate cannot be given the traits of the canonical ABI
//! here; a wrapper around it can.

use linkspan_canon_abi as abi;
use linkspan_canon_abi::hidden::{Abi, Cursor, take, take_mut};
use linkspan_canon_abi::{
    ComponentType, Guest, Handles, Lift, LiftContext, Lower, LowerContext, Params, PointerSize,
    TypeTable, ValType, value_type,
};

use super::host::{HostParam, HostParams, Slot};
use crate::error::Result;
use crate::resource::ResourceTable;

/// A tuple of 17 to 32 parameters.
#[derive(Clone, Copy, Debug)]
pub struct Wide<T>(pub T);

macro_rules! wide {
    ($($P:ident $i:tt),+) => {
        impl<$($P: ComponentType),+> Params for Wide<($($P,)+)> {
            fn describe_params(types: &mut TypeTable) -> abi::Result<Vec<ValType>> {
                // A slice's copy is compiled once, an array's for each length.
                let params: &[ValType] = &[$(value_type::<$P>(types)?),+];
                Ok(params.to_vec())
            }
        }

        impl<$($P: ComponentType),+> ComponentType for Wide<($($P,)+)> {
            const ABI: Abi = Abi::record(&[$($P::ABI),+]);

            fn describe(types: &mut TypeTable) -> abi::Result<Option<ValType>> {
                let fields = Self::describe_params(types)?;
                types.tuple(fields).map(Some)
            }
        }

        impl<$($P: Lower),+> Lower for Wide<($($P,)+)> {
            fn lower_flat<G: Guest>(
                &self,
                cx: &mut LowerContext<G>,
                mut slots: &mut [u64],
            ) -> abi::Result<()> {
                $(self.0.$i
                    .lower_flat(cx, take_mut(&mut slots, $P::ABI))
                    .map_err(|error| error.within_position($i))?;)+
                Ok(())
            }

            fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> abi::Result<()> {
                let mut cursor = Cursor::new(at, cx.pointer());
                $(self.0.$i
                    .store(cx, cursor.field($P::ABI))
                    .map_err(|error| error.within_position($i))?;)+
                Ok(())
            }

            fn write(&self, bytes: &mut [u8]) {
                let mut cursor = Cursor::new(0, PointerSize::P32);
                $(self.0.$i.write(cursor.write(bytes, $P::ABI));)+
            }
        }

        impl<$($P: Lift),+> Lift for Wide<($($P,)+)> {
            type Lifted<'a> = Wide<($($P::Lifted<'a>,)+)>;
            type Slice<'a> = Vec<Self::Lifted<'a>>;

            fn lift_flat<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                mut slots: &[u64],
            ) -> abi::Result<Self::Lifted<'a>> {
                Ok(Wide(($($P::lift_flat(cx, take(&mut slots, $P::ABI))
                    .map_err(|error| error.within_position($i))?,)+)))
            }

            fn load<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> abi::Result<Self::Lifted<'a>> {
                let mut cursor = Cursor::new(0, cx.pointer());
                Ok(Wide(($($P::load(cx, cursor.read(bytes, $P::ABI))
                    .map_err(|error| error.within_position($i))?,)+)))
            }

            fn read<'a>(bytes: &'a [u8]) -> Option<Self::Lifted<'a>> {
                let mut cursor = Cursor::new(0, PointerSize::P32);
                Some(Wide(($($P::read(cursor.read(bytes, $P::ABI))?,)+)))
            }

            fn load_slice<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> abi::Result<Self::Slice<'a>> {
                Self::load_list(cx, bytes)
            }
        }

        impl<$($P: HostParam),+> HostParams for Wide<($($P,)+)> {
            type Raw = Wide<($($P::Raw,)+)>;
            type Taken = Wide<($(Slot<$P>,)+)>;
            type Args<'a> = Wide<($($P::Arg<'a>,)+)>;

            fn untaken() -> Self::Taken {
                Wide(($(Slot::<$P>::default(),)+))
            }

            fn take(
                raw: &<Self::Raw as Lift>::Lifted<'_>,
                taken: &mut Self::Taken,
                table: &mut ResourceTable,
            ) -> Result<()> {
                $(taken.0.$i.take(&raw.0.$i, table)?;)+
                Ok(())
            }

            fn args<'a>(
                raw: <Self::Raw as Lift>::Lifted<'a>,
                taken: &'a mut Self::Taken,
                table: &'a ResourceTable,
            ) -> Result<Self::Args<'a>> {
                Ok(Wide(($(taken.0.$i.arg(raw.0.$i, table)?,)+)))
            }

            fn put_back(taken: Self::Taken, table: &mut ResourceTable) {
                $(taken.0.$i.put_back(table);)+
            }
        }
    };
}

/// One `wide!` for the first parameters and one for each that follows.
macro_rules! each {
    ([$($P:ident $i:tt),+]) => {
        wide!($($P $i),+);
    };
    ([$($P:ident $i:tt),+], $Next:ident $n:tt $(, $Rest:ident $r:tt)*) => {
        wide!($($P $i),+);
        each!([$($P $i,)+ $Next $n] $(, $Rest $r)*);
    };
}

each!(
    [
        A 0, B 1, C 2, D 3, E 4, F 5, I 6, J 7, K 8,
        L 9, M 10, N 11, O 12, P 13, Q 14, R 15, S 16
    ],
    T 17, U 18, V 19, W 20, X 21, Y 22, Z 23, A2 24,
    B2 25, C2 26, D2 27, E2 28, F2 29, I2 30, J2 31
);
