//! Typed values: Rust types that know their shape and lift and lower
//! themselves, monomorphised.
//!
//! The methods are hidden: they are written by the macros of this crate
//! ([`record!`](crate::record), [`variant!`](crate::variant),
//! [`enumeration!`](crate::enumeration), [`flags!`](crate::flags)), by the
//! impls below, and for handles by the crate that owns them. Shapes are compared
//! once, at link; no type is looked at during a call.
//!
//! Contracts of the hidden methods: `slots` is exactly [`Abi::flat`] long;
//! `bytes` is exactly [`Abi::size`] long and its range was checked; `at` is
//! aligned and was allocated. Slots of 32-bit values are zero-extended when
//! written, and their upper half is ignored when read.

mod abi;
mod array;
mod flags;
mod list;
mod map;
mod same;
mod scalar;
mod sum;
mod text;
mod tuple;

pub use abi::{Abi, Cursor};
pub use tuple::Params;

pub(crate) use scalar::{canonicalize_nan32, canonicalize_nan64, convert_i32_to_char};

/// What the macros use.
pub(crate) mod hidden {
    pub use super::abi::{Abi, Cursor, take, take_mut};
    pub use super::flags::{debug_flags, read_flags, write_flags};
    pub use super::same::{Field, SameBytes};
    pub use super::sum::{
        case_bytes, case_slots, invalid_discriminant, lower_case, read_discriminant, store_case,
        write_case, write_discriminant,
    };
}

use crate::context::{LiftContext, LowerContext};
use crate::memory::{Guest, Handles};
use crate::trap::{Error, Result};
use crate::types::{TypeTable, ValType};
use same::SameBytes;

/// A Rust type that stands for a component type.
///
/// # Examples
/// ```
/// use linkspan_canon_abi::{TypeTable, value_type};
/// let mut types = TypeTable::new();
/// let ty = value_type::<Vec<(String, Option<u32>)>>(&mut types).unwrap();
/// assert_eq!(types.display(ty).to_string(), "list<tuple<string, option<u32>>>");
/// ```
pub trait ComponentType {
    /// Sizes, alignments and the number of flat values.
    #[doc(hidden)]
    const ABI: Abi;

    /// Builds the type in a table; `None` for `()`, which is no value.
    ///
    /// # Errors
    /// As [`TypeTable::intern`].
    fn describe(types: &mut TypeTable) -> Result<Option<ValType>>;
}

/// A type whose values can be taken out of a guest.
///
/// `Lifted` is `Self` for types that own their parts; a borrowing type such as
/// `&'static str` is a *marker*, and lifts to `&'a str` which borrows from guest
/// memory.
pub trait Lift: ComponentType {
    /// What lifting answers.
    type Lifted<'a>;

    /// What lifting a list of this type answers when it may borrow: derefs to
    /// a slice of [`Lift::Lifted`].
    #[doc(hidden)]
    type Slice<'a>;

    /// Whether a list of this type is lifted as one copy of its bytes.
    #[doc(hidden)]
    const SAME_BYTES: SameBytes<Self> = SameBytes::NO;

    /// `lift_flat`
    #[doc(hidden)]
    fn lift_flat<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        slots: &[u64],
    ) -> Result<Self::Lifted<'a>>;

    /// `load`
    #[doc(hidden)]
    fn load<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Lifted<'a>>;

    /// `load` for a type of which any bytes are a value ([`Abi::total`]); `None`
    /// for all others.
    #[doc(hidden)]
    #[inline]
    fn read<'a>(_: &'a [u8]) -> Option<Self::Lifted<'a>> {
        None
    }

    /// `load_list_from_valid_range`: `bytes` holds whole elements and is paid.
    #[doc(hidden)]
    #[inline]
    fn load_list<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Vec<Self::Lifted<'a>>> {
        let size = Self::ABI.size(cx.pointer());
        let count = bytes.len() / size;
        cx.charge((count * size_of::<Self::Lifted<'a>>()) as u64)?;
        if let Some(list) = Self::SAME_BYTES.copy(bytes) {
            return Ok(list);
        }
        if const { Self::ABI.total } {
            // PERF: without a way to fail the loop needs no check for room
            // (2.7 times faster for records).
            let read = |bytes| Self::read(bytes).expect("a total type reads any bytes");
            return Ok(bytes.chunks_exact(size).map(read).collect());
        }
        let mut list = Vec::with_capacity(count);
        for element in bytes.chunks_exact(size) {
            match Self::load(cx, element) {
                Ok(element) => list.push(element),
                Err(error) => return Err(error.within_index(list.len())),
            }
        }
        Ok(list)
    }

    /// As `load_list`, borrowed where that is possible.
    #[doc(hidden)]
    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Slice<'a>>;
}

/// A type that lifts to itself: what a result of a guest can be.
pub trait LiftOwned: for<'a> Lift<Lifted<'a> = Self> + 'static {}

impl<T: for<'a> Lift<Lifted<'a> = T> + 'static> LiftOwned for T {}

/// A type whose values can be put into a guest.
pub trait Lower: ComponentType {
    /// `lower_flat`
    #[doc(hidden)]
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, slots: &mut [u64]) -> Result<()>;

    /// `store`
    #[doc(hidden)]
    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()>;

    /// `store` for a type without pointers and handles ([`Abi::plain`]); never
    /// called for others.
    #[doc(hidden)]
    #[inline]
    fn write(&self, bytes: &mut [u8]) {
        debug_assert!(
            bytes.is_empty(),
            "only plain types are written without a guest"
        );
    }

    /// `store_list_into_valid_range`
    #[doc(hidden)]
    #[inline]
    fn store_list<G: Guest>(list: &[Self], cx: &mut LowerContext<G>, at: usize) -> Result<()>
    where
        Self: Sized,
    {
        let size = Self::ABI.size(cx.pointer());
        if const { Self::ABI.plain } {
            let bytes = cx.bytes_at(at, list.len() * size)?;
            for (element, bytes) in list.iter().zip(bytes.chunks_exact_mut(size)) {
                element.write(bytes);
            }
            return Ok(());
        }
        for (i, element) in list.iter().enumerate() {
            crate::__within!(element.store(cx, at + i * size), within_index(i));
        }
        Ok(())
    }
}

/// The value type for which a Rust type stands.
///
/// # Errors
/// As [`ComponentType::describe`], and for `()`, which is no value.
pub fn value_type<T: ComponentType + ?Sized>(types: &mut TypeTable) -> Result<ValType> {
    match T::describe(types) {
        Ok(Some(ty)) => Ok(ty),
        Ok(None) => Err(no_value()),
        Err(error) => Err(error),
    }
}

#[cold]
fn no_value() -> Error {
    Error::invalid_type("`()` stands for no value, only for no result")
}
