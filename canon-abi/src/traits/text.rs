//! Strings: `str` lowers, `String` lifts to an owned copy, and `&str` is the
//! marker of a string that is borrowed from guest memory.

use super::{Abi, ComponentType, Lift, Lower};
use crate::context::{LiftContext, LowerContext, is_utf8};
use crate::memory::{Guest, Handles};
use crate::string::{decode_string, lift_string, lift_utf8, lower_string};
use crate::trap::Result;
use crate::types::{TypeTable, ValType};

impl ComponentType for str {
    const ABI: Abi = Abi::POINTER_PAIR;

    fn describe(_: &mut TypeTable) -> Result<Option<ValType>> {
        Ok(Some(ValType::String))
    }
}

impl ComponentType for String {
    const ABI: Abi = Abi::POINTER_PAIR;

    fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
        str::describe(types)
    }
}

impl Lower for str {
    #[inline]
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, slots: &mut [u64]) -> Result<()> {
        let (pointer, length) = lower_string(cx, self)?;
        slots[0] = pointer;
        slots[1] = length;
        Ok(())
    }

    #[inline]
    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
        let (pointer, length) = lower_string(cx, self)?;
        cx.store_pair(at, pointer, length)
    }
}

impl Lower for String {
    #[inline]
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, slots: &mut [u64]) -> Result<()> {
        self.as_str().lower_flat(cx, slots)
    }

    #[inline]
    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
        self.as_str().store(cx, at)
    }
}

/// What is not in the host's encoding is kept by the context.
#[inline(always)]
fn lift_borrowed<'a, H: Handles>(
    cx: &mut LiftContext<'a, H>,
    (pointer, length): (u64, u64),
) -> Result<&'a str> {
    if is_utf8(cx.options()) {
        return lift_utf8(cx, pointer, length);
    }
    let text = decode_string(cx, pointer, length)?;
    Ok(cx.keep(text)?)
}

impl Lift for &str {
    type Lifted<'a> = &'a str;
    type Slice<'a> = Vec<&'a str>;

    #[inline(always)]
    fn lift_flat<'a, H: Handles>(cx: &mut LiftContext<'a, H>, slots: &[u64]) -> Result<&'a str> {
        lift_borrowed(cx, cx.flat_pair(slots))
    }

    #[inline(always)]
    fn load<'a, H: Handles>(cx: &mut LiftContext<'a, H>, bytes: &'a [u8]) -> Result<&'a str> {
        lift_borrowed(cx, cx.memory_pair(bytes))
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Vec<&'a str>> {
        Self::load_list(cx, bytes)
    }
}

impl Lift for String {
    type Lifted<'a> = Self;
    type Slice<'a> = Vec<Self>;

    #[inline]
    fn lift_flat<'a, H: Handles>(cx: &mut LiftContext<'a, H>, slots: &[u64]) -> Result<Self> {
        let (pointer, length) = cx.flat_pair(slots);
        lift_string(cx, pointer, length)
    }

    #[inline]
    fn load<'a, H: Handles>(cx: &mut LiftContext<'a, H>, bytes: &'a [u8]) -> Result<Self> {
        let (pointer, length) = cx.memory_pair(bytes);
        lift_string(cx, pointer, length)
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Vec<Self>> {
        Self::load_list(cx, bytes)
    }
}
