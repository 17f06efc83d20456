//! Lists whose elements look in Rust's memory as they do in the guest's: they
//! are lifted as one copy. This is the only file of the crate with `unsafe`
//! code.
//!
//! The copy is *sound* if any bytes are a value of the Rust type. Numbers are
//! such types, and so is what consists of nothing else. `bool`, `char` and enums
//! are not, whatever owns memory or is a handle is not.
//!
//! It is *right* if every field lies where the canonical ABI puts it. Rust may
//! order the fields of a struct as it likes, so the compiler is asked for each
//! type where they are; `#[repr(C)]` makes sure that they stay in order. On a
//! big-endian host nothing is the same.
//!
//! What a guest wrote between fields lands between the fields of the host, where
//! nobody reads it. The other direction has no such copy: bytes between the
//! fields of the host never reach a guest.
//!
//! A NaN keeps its bits, where a value that is lifted alone is canonicalised
//! (`canonicalize_nan64`). A component value has only one NaN, so both are it.

#![expect(unsafe_code, reason = "lists of plain data are lifted as one copy")]

use std::marker::PhantomData;

use super::{Abi, Cursor, Lift};
use crate::layout::PointerSize;

/// Whether a list of `T` can be lifted as one copy of its bytes.
///
/// If so, any bytes are a value of `T::Lifted`, as large as `T` is in a guest. Only
/// the unsafe code of this file can say so for a type.
#[derive(Debug)]
pub struct SameBytes<T: ?Sized> {
    holds: bool,
    of: PhantomData<fn(&T) -> &T>,
}

impl<T: ?Sized> SameBytes<T> {
    /// Elements are lifted one by one.
    pub const NO: Self = Self {
        holds: false,
        of: PhantomData,
    };

    /// Takes the caller's word for it, but on hosts where it cannot be true.
    ///
    /// # Safety
    /// If `holds`, any bytes are a value of `T::Lifted`.
    const unsafe fn promise(holds: bool) -> Self {
        Self {
            holds: holds && cfg!(target_endian = "little"),
            of: PhantomData,
        }
    }

    /// What [`same_bytes!`](crate::__same_bytes) expands to: looks whether the
    /// fields of a struct lie as those of the record.
    ///
    /// # Safety
    /// These are all fields of `T`.
    pub const unsafe fn record(fields: &[Field]) -> Self
    where
        T: for<'a> Lift<Lifted<'a> = T> + Sized,
    {
        let mut cursor = Cursor::new(0, PointerSize::P32);
        let mut holds = true;
        let mut i = 0;
        while i < fields.len() {
            holds &= fields[i].same && cursor.field(fields[i].abi) == fields[i].offset;
            i += 1;
        }
        holds &= T::ABI.size(PointerSize::P32) == size_of::<T>();
        // SAFETY: the caller promises that a `T` consists of these fields, and of each any
        // bytes are a value.
        unsafe { Self::promise(holds) }
    }

    /// The list whose elements are these bytes, if it can be copied.
    #[inline]
    pub(super) fn copy<'a>(self, bytes: &[u8]) -> Option<Vec<T::Lifted<'a>>>
    where
        T: Lift,
    {
        let size = size_of::<T::Lifted<'a>>();
        if !self.holds || size == 0 {
            return None;
        }
        let count = bytes.len() / size;
        let mut list = Vec::<T::Lifted<'a>>::with_capacity(count);
        let to = list.as_mut_ptr().cast::<u8>();
        // SAFETY: the list has room for `count` elements of `size` bytes, and there are as
        // many bytes; memory that was just allocated overlaps nothing. Any bytes are values
        // (`SameBytes`), so `count` elements are initialised.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count * size);
            list.set_len(count);
        }
        Some(list)
    }
}

/// A field of a struct, and whether its bytes are the same.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    offset: usize,
    abi: Abi,
    same: bool,
}

impl Field {
    /// A field of `S` that is lifted as a `T`.
    ///
    /// `place` only proves that the field has this type: a pointer, unlike a
    /// reference, does not become one to something inside.
    /// ```
    /// use linkspan_canon_abi::hidden::Field;
    /// struct Boxed { number: Box<u64> }
    /// Field::of::<Boxed, Box<u64>>(0, |value| &raw const value.number);
    /// ```
    /// ```compile_fail
    /// use linkspan_canon_abi::hidden::Field;
    /// struct Boxed { number: Box<u64> }
    /// Field::of::<Boxed, u64>(0, |value| &raw const value.number);
    /// ```
    pub const fn of<S, T: Lift>(offset: usize, place: fn(&S) -> *const T::Lifted<'static>) -> Self {
        let _ = place;
        Self {
            offset,
            abi: T::ABI,
            same: T::SAME_BYTES.holds,
        }
    }
}

/// Says for each scalar whether any bytes are one.
macro_rules! scalars {
    ($($ty:ty = $holds:literal),+) => {
        $(impl SameBytes<$ty> {
            /// As the bytes of a scalar are.
            // SAFETY: any bytes are a number, and numbers lift to themselves.
            pub(super) const SCALAR: Self = unsafe { Self::promise($holds) };
        })+
    };
}

scalars!(u8 = true, u16 = true, u32 = true, u64 = true);
scalars!(i8 = true, i16 = true, i32 = true, i64 = true);
scalars!(f32 = true, f64 = true);
// Any byte but zero is `true` in a guest.
scalars!(bool = false);

impl<T: Lift, const N: usize> SameBytes<[T; N]> {
    /// As the bytes of the elements are, which follow each other on both sides.
    // SAFETY: an array lifts to an array; any bytes are its elements if any are one of them.
    pub(super) const ARRAY: Self = unsafe { Self::promise(T::SAME_BYTES.holds) };
}

/// In an implementation of [`Lift`](crate::Lift) for a struct: the constant that says
/// whether a list of it is lifted as one copy.
#[doc(hidden)]
#[macro_export]
macro_rules! __same_bytes {
    ($($field:ident : $fty:ty),+) => {
        const SAME_BYTES: $crate::hidden::SameBytes<Self> = {
            // A pattern without `..` names all fields, or the build fails.
            let _: fn(&Self) = |Self { $($field: _),+ }| ();
            let fields = [$($crate::hidden::Field::of::<Self, $fty>(
                $crate::hidden::offset_of!(Self, $field),
                |value| &raw const value.$field,
            )),+];
            // SAFETY: the pattern above has proved that these are all fields.
            unsafe { $crate::hidden::SameBytes::record(&fields) }
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    struct Ordered {
        a: u8,
        b: [f64; 2],
    }

    crate::record!(Ordered { "a" => a: u8, "b" => b: [f64; 2] });

    #[repr(C)]
    struct Swapped {
        b: u32,
        a: u32,
    }

    crate::record!(Swapped { "a" => a: u32, "b" => b: u32 });

    #[repr(C)]
    struct Checked {
        a: u32,
        b: bool,
    }

    crate::record!(Checked { "a" => a: u32, "b" => b: bool });

    fn holds<T: Lift>() -> bool {
        T::SAME_BYTES.holds
    }

    #[test]
    fn only_plain_data_in_order_is_the_same() {
        let little = cfg!(target_endian = "little");
        for same in [holds::<u8>(), holds::<f64>(), holds::<[i16; 3]>()] {
            assert_eq!(same, little);
        }
        // A host may align numbers less than the canonical ABI does.
        let aligned = little && align_of::<f64>() == 8;
        assert_eq!(holds::<Ordered>(), aligned);
        assert_eq!(holds::<[Ordered; 2]>(), aligned);
        for same in [holds::<bool>(), holds::<char>(), holds::<[bool; 2]>()] {
            assert!(!same);
        }
        for same in [holds::<Swapped>(), holds::<Checked>(), holds::<()>()] {
            assert!(!same);
        }
        for same in [holds::<String>(), holds::<&str>(), holds::<Vec<u8>>()] {
            assert!(!same);
        }
        assert!(!holds::<Box<u64>>() && !holds::<Option<u8>>());
    }
}
