//! Maps: `BTreeMap` and `HashMap`. Underneath a map is a list of pairs in which
//! a key may come twice: the last one counts. A `BTreeMap` is lowered in the
//! order of its keys, a `HashMap` in no order that a guest could rely on.
//!
//! Only a [`Val`](crate::Val) keeps the order of the guest and keys that come
//! twice.

#![expect(
    clippy::disallowed_types,
    reason = "hosts have hash maps; lowering one says that its order is none"
)]

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use super::{Abi, ComponentType, Cursor, Lift, Lower, value_type};
use crate::context::{LiftContext, LowerContext};
use crate::memory::{Guest, Handles};
use crate::trap::Result;
use crate::types::{TypeTable, ValType};

/// The shape of one pair.
const fn entry<K: ComponentType, V: ComponentType>() -> Abi {
    Abi::record(&[K::ABI, V::ABI])
}

fn describe<K: ComponentType, V: ComponentType>(types: &mut TypeTable) -> Result<Option<ValType>> {
    let key = value_type::<K>(types)?;
    let value = value_type::<V>(types)?;
    types.map(key, value).map(Some)
}

/// Stores the pairs of a map: answers where (`store_list_into_range`).
fn lower_entries<'m, K: Lower + 'm, V: Lower + 'm, G: Guest>(
    cx: &mut LowerContext<G>,
    entries: impl ExactSizeIterator<Item = (&'m K, &'m V)>,
) -> Result<u64> {
    let layout = entry::<K, V>().layout(cx.pointer());
    let start = cx.allocate_list(entries.len(), layout.size, layout.align)?;
    for (i, (key, value)) in entries.enumerate() {
        let mut cursor = Cursor::new(start + i * layout.size as usize, cx.pointer());
        key.store(cx, cursor.field(K::ABI))
            .map_err(|error| error.within_position(0).within_index(i))?;
        value
            .store(cx, cursor.field(V::ABI))
            .map_err(|error| error.within_position(1).within_index(i))?;
    }
    Ok(start as u64)
}

/// Loads the pairs of a map in their order (`load_list_from_range`).
fn lift_entries<'a, K: Lift, V: Lift, M: Extend<(K::Lifted<'a>, V::Lifted<'a>)>, H: Handles>(
    cx: &mut LiftContext<'a, H>,
    (pointer, count): (u64, u64),
    map: &mut M,
) -> Result<()> {
    let layout = entry::<K, V>().layout(cx.pointer());
    let bytes = cx.list(pointer, count, layout.size, layout.align)?;
    // A table keeps up to as much room free as it has taken.
    let pair_bytes = size_of::<(K::Lifted<'a>, V::Lifted<'a>)>() as u64;
    cx.charge(count * 2 * pair_bytes)?;
    for (i, bytes) in bytes.chunks_exact(layout.size as usize).enumerate() {
        let mut cursor = Cursor::new(0, cx.pointer());
        let key = K::load(cx, cursor.read(bytes, K::ABI))
            .map_err(|error| error.within_position(0).within_index(i))?;
        let value = V::load(cx, cursor.read(bytes, V::ABI))
            .map_err(|error| error.within_position(1).within_index(i))?;
        map.extend([(key, value)]);
    }
    Ok(())
}

macro_rules! map {
    ($ty:ty, $lifted:ty, ($($generic:tt)*), ($($lower:tt)*), ($($lift:tt)*), ($($bound:tt)*)) => {
        impl<K: ComponentType, V: ComponentType $($generic)*> ComponentType for $ty {
            const ABI: Abi = Abi::POINTER_PAIR;

            fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
                describe::<K, V>(types)
            }
        }

        impl<K: Lower, V: Lower $($lower)*> Lower for $ty {
            fn lower_flat<G: Guest>(
                &self,
                cx: &mut LowerContext<G>,
                slots: &mut [u64],
            ) -> Result<()> {
                slots[0] = lower_entries(cx, self.iter())?;
                slots[1] = self.len() as u64;
                Ok(())
            }

            fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
                let pointer = lower_entries(cx, self.iter())?;
                cx.store_pair(at, pointer, self.len() as u64)
            }
        }

        impl<K: Lift, V: Lift $($lift)*> Lift for $ty
        where
            $($bound)*
        {
            type Lifted<'a> = $lifted;
            type Slice<'a> = Vec<Self::Lifted<'a>>;

            fn lift_flat<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                slots: &[u64],
            ) -> Result<Self::Lifted<'a>> {
                let mut map = Self::Lifted::default();
                lift_entries::<K, V, _, H>(cx, cx.flat_pair(slots), &mut map)?;
                Ok(map)
            }

            fn load<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> Result<Self::Lifted<'a>> {
                let mut map = Self::Lifted::default();
                lift_entries::<K, V, _, H>(cx, cx.memory_pair(bytes), &mut map)?;
                Ok(map)
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

map! {
    BTreeMap<K, V>,
    BTreeMap<K::Lifted<'a>, V::Lifted<'a>>,
    (), (), (),
    (for<'a> K::Lifted<'a>: Ord)
}
map! {
    HashMap<K, V, S>,
    HashMap<K::Lifted<'a>, V::Lifted<'a>, S>,
    (, S), (, S), (, S: BuildHasher + Default),
    (for<'a> K::Lifted<'a>: Eq + Hash)
}
