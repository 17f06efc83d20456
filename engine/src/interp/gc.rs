//! Instructions on structures, arrays, 31-bit integers, and casts.
//!
//! A small structure is made right here: the cursor moves, the fields are
//! written. Where the hole is used up, a rare ending makes the object
//! through the runtime. Operands are read after that, since the runtime may
//! have moved what they refer to; so no instruction here takes a reference
//! from an accumulator.
//!
//! An object's address is computed anew each time from the 32 bits of its
//! reference, which cannot leave the heap.

use core::marker::PhantomData;

use super::bulk::charged;
use super::control::Stopped;
use super::dispatch::{Dispatch, Op, Regs};
use super::operand::{Value, read, write};
use super::shape::stop;
use crate::runtime::objects::{self, NO_OBJECT};
use crate::runtime::vmctx::{FuncDef, Slot};
use crate::trap::Trap;
use crate::types::TypeId;
use crate::types::rtt::{ARRAY_LENGTH_OFFSET, OBJECT_ALIGN_BYTES, Rtt, RttKind};

/// Where the elements of all arrays but those of vectors start.
const ELEMENTS: usize = 8;

/// The object that a reference leads to.
#[inline(always)]
unsafe fn object(r: &Regs, reference: u32) -> *mut u8 {
    // SAFETY: contexts live as long as the store.
    unsafe { (*r.cx).heap_base.get().wrapping_add(reference as usize) }
}

/// How a field is read and written.
pub(super) trait Access {
    type Raw: Copy;
    type T: Value;
    fn extend(raw: Self::Raw) -> Self::T;
    fn narrow(value: Self::T) -> Self::Raw;
}

macro_rules! accesses {
    ($($name:ident $raw:ident $ty:ident |$x:ident| $extend:expr, |$y:ident| $narrow:expr;)*) => {$(
        pub(super) struct $name;
        impl Access for $name {
            type Raw = $raw;
            type T = $ty;
            #[inline(always)]
            fn extend($x: $raw) -> $ty {
                $extend
            }
            #[inline(always)]
            fn narrow($y: $ty) -> $raw {
                $narrow
            }
        }
    )*};
}

accesses! {
    I8S i8 i32 |x| i32::from(x), |y| y as i8;
    I8U u8 u32 |x| u32::from(x), |y| y as u8;
    I16S i16 i32 |x| i32::from(x), |y| y as i16;
    I16U u16 u32 |x| u32::from(x), |y| y as u16;
    Word u32 u32 |x| x, |y| y;
    Long u64 u64 |x| x, |y| y;
    F32 u32 f32 |x| f32::from_bits(x), |y| y.to_bits();
    F64 u64 f64 |x| f64::from_bits(x), |y| y.to_bits();
}

/// `d = field` at the offset in word 2 of the structure `a`.
pub(super) struct StructGet<L>(PhantomData<L>);

impl<L: Access> Op for StructGet<L> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: validation has seen that the slot holds null or a
        // structure with such a field.
        unsafe {
            let reference: u32 = r.get(r.a());
            if reference == 0 {
                return stop::<D>(r, Trap::NullStructure);
            }
            let field = object(&r, reference).add(r.word(2) as usize);
            r.set(r.d(), L::extend(read(field)));
            r.next::<D>(3)
        }
    }
}

/// The field at the offset in word 2 of the structure `a` `= b`.
pub(super) struct StructSet<L>(PhantomData<L>);

impl<L: Access> Op for StructSet<L> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: as for `StructGet`.
        unsafe {
            let reference: u32 = r.get(r.a());
            if reference == 0 {
                return stop::<D>(r, Trap::NullStructure);
            }
            let field = object(&r, reference).add(r.word(2) as usize);
            write(field, L::narrow(r.get(r.b())));
            r.next::<D>(3)
        }
    }
}

/// What is wider than a slot, or another thing in a slot than in an object.
pub(super) trait Special {
    /// # Safety
    ///
    /// `place` is such a field, and slot `d` the home of such a value.
    unsafe fn load(r: &Regs, place: *const u8, d: usize);
    /// # Safety
    ///
    /// As for [`load`](Special::load).
    unsafe fn store(r: &Regs, place: *mut u8, b: usize);
    /// Bytes of an element.
    const SIZE: usize;
    /// Where elements start.
    const ELEMENTS: usize;
}

/// A reference to a function.
pub(super) struct Function;

impl Special for Function {
    const SIZE: usize = 4;
    const ELEMENTS: usize = ELEMENTS;

    #[inline(always)]
    unsafe fn load(r: &Regs, place: *const u8, d: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let func = objects::numbered_func(r.cx, read(place));
            r.put(d, func.expose_provenance() as Slot);
        }
    }

    #[inline(always)]
    unsafe fn store(r: &Regs, place: *mut u8, b: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let func: *const FuncDef = core::ptr::with_exposed_provenance(r.get::<u64>(b) as usize);
            write(place, objects::func_number(r.cx, func));
        }
    }
}

/// A vector, in two slots.
pub(super) struct Vector;

impl Special for Vector {
    const SIZE: usize = 16;
    const ELEMENTS: usize = 16;

    #[inline(always)]
    unsafe fn load(r: &Regs, place: *const u8, d: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            r.put::<u64>(d, read(place));
            r.put::<u64>(d + 1, read(place.add(8)));
        }
    }

    #[inline(always)]
    unsafe fn store(r: &Regs, place: *mut u8, b: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            write(place, r.get::<u64>(b));
            write(place.add(8), r.get::<u64>(b + 1));
        }
    }
}

/// As [`StructGet`], without an accumulator.
pub(super) struct StructGetSpecial<K>(PhantomData<K>);

impl<K: Special> Op for StructGetSpecial<K> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: as for `StructGet`.
        unsafe {
            let reference: u32 = r.get(r.a());
            if reference == 0 {
                return stop::<D>(r, Trap::NullStructure);
            }
            let field = object(&r, reference).add(r.word(2) as usize);
            K::load(&r, field, r.d());
            r.next::<D>(3)
        }
    }
}

/// As [`StructSet`].
pub(super) struct StructSetSpecial<K>(PhantomData<K>);

impl<K: Special> Op for StructSetSpecial<K> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: as for `StructGet`.
        unsafe {
            let reference: u32 = r.get(r.a());
            if reference == 0 {
                return stop::<D>(r, Trap::NullStructure);
            }
            let field = object(&r, reference).add(r.word(2) as usize);
            K::store(&r, field, r.b());
            r.next::<D>(3)
        }
    }
}

/// The element at an index of the array in slot `a`.
#[inline(always)]
unsafe fn element(r: &Regs, index: u32, start: usize, size: usize) -> Result<*mut u8, Trap> {
    // SAFETY: validation has seen that the slot holds null or an array.
    unsafe {
        let reference: u32 = r.get(r.a());
        if reference == 0 {
            return Err(Trap::NullArray);
        }
        let array = object(r, reference);
        let length: u32 = read(array.add(ARRAY_LENGTH_OFFSET as usize));
        if index >= length {
            return Err(Trap::ArrayOutOfBounds);
        }
        Ok(array.add(start + index as usize * size))
    }
}

/// `d = element b` of the array `a`.
pub(super) struct ArrayGet<L>(PhantomData<L>);

impl<L: Access> Op for ArrayGet<L> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: `element` checks the bounds.
        unsafe {
            match element(&r, r.get(r.b()), ELEMENTS, size_of::<L::Raw>()) {
                Ok(place) => {
                    r.set(r.d(), L::extend(read(place)));
                    r.next::<D>(2)
                }
                Err(trap) => stop::<D>(r, trap),
            }
        }
    }
}

/// Element `b` of the array `a` `= d`.
pub(super) struct ArraySet<L>(PhantomData<L>);

impl<L: Access> Op for ArraySet<L> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: `element` checks the bounds.
        unsafe {
            match element(&r, r.get(r.b()), ELEMENTS, size_of::<L::Raw>()) {
                Ok(place) => {
                    write(place, L::narrow(r.get(r.d())));
                    r.next::<D>(2)
                }
                Err(trap) => stop::<D>(r, trap),
            }
        }
    }
}

/// As [`ArrayGet`], without an accumulator.
pub(super) struct ArrayGetSpecial<K>(PhantomData<K>);

impl<K: Special> Op for ArrayGetSpecial<K> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: `element` checks the bounds.
        unsafe {
            match element(&r, r.get(r.b()), K::ELEMENTS, K::SIZE) {
                Ok(place) => {
                    K::load(&r, place, r.d());
                    r.next::<D>(2)
                }
                Err(trap) => stop::<D>(r, trap),
            }
        }
    }
}

/// As [`ArraySet`].
pub(super) struct ArraySetSpecial<K>(PhantomData<K>);

impl<K: Special> Op for ArraySetSpecial<K> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: `element` checks the bounds.
        unsafe {
            match element(&r, r.get(r.b()), K::ELEMENTS, K::SIZE) {
                Ok(place) => {
                    K::store(&r, place, r.d());
                    r.next::<D>(2)
                }
                Err(trap) => stop::<D>(r, trap),
            }
        }
    }
}

/// `d = length` of the array `a`.
pub(super) struct ArrayLen;

impl Op for ArrayLen {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: validation has seen that the slot holds null or an array.
        unsafe {
            let reference: u32 = r.get(r.a());
            if reference == 0 {
                return stop::<D>(r, Trap::NullArray);
            }
            let place = object(&r, reference).add(ARRAY_LENGTH_OFFSET as usize);
            r.set(r.d(), read::<u32>(place));
            r.next::<D>(2)
        }
    }
}

/// `d = the 31-bit integer a`.
pub(super) struct I31Get<const SIGNED: bool>;

impl<const SIGNED: bool> Op for I31Get<SIGNED> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            let reference: u32 = r.get(r.a());
            if reference == 0 {
                return stop::<D>(r, Trap::NullI31);
            }
            let value = if SIGNED {
                (reference.cast_signed() >> 1).cast_unsigned()
            } else {
                reference >> 1
            };
            r.set(r.d(), value);
            r.next::<D>(2)
        }
    }
}

/// Room for a small object, or none in this hole.
#[inline(always)]
unsafe fn bump(r: &Regs, size_bytes: u32) -> Option<u32> {
    // SAFETY: contexts live as long as the store.
    unsafe {
        let store = (*r.cx).store;
        let at = (*store).alloc.cursor;
        // The heap ends well below 2^32.
        let end = at + size_bytes;
        if end > (*store).alloc.end {
            return None;
        }
        (*store).alloc.cursor = end;
        Some(at)
    }
}

/// `d = structure` of `N` fields of 32 bits, of the type in word 1; the
/// fields' slots stand in pairs from word 2 on.
pub(super) struct SmallNew<const N: usize>;

impl<const N: usize> SmallNew<N> {
    const WORDS: usize = 2 + N.div_ceil(2);

    #[inline(always)]
    unsafe fn write<D: Dispatch>(mut r: Regs, at: u32) -> D::Next {
        // SAFETY: the encoder writes the words that this reads; the object
        // has 16 bytes.
        unsafe {
            let fields: *mut u32 = object(&r, at).cast();
            *fields = r.word(1);
            let slots: *const u16 = r.ip.add(2).cast();
            let mut i = 0;
            while i < N {
                *fields.add(1 + i) = r.get(usize::from(*slots.add(i)));
                i += 1;
            }
            r.set(r.d(), at);
            r.next::<D>(Self::WORDS)
        }
    }
}

impl<const N: usize> Op for SmallNew<N> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: passed on.
        unsafe {
            match bump(&r, OBJECT_ALIGN_BYTES) {
                Some(at) => Self::write::<D>(r, at),
                None => D::cold::<SmallNewSlow<N>>(r),
            }
        }
    }
}

/// Rare ending of [`SmallNew`]: the hole is used up.
pub(super) struct SmallNewSlow<const N: usize>;

impl<const N: usize> Op for SmallNewSlow<N> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the registers are those of the instruction.
        unsafe {
            r.save();
            match objects::allocate(r.cx, r.word(1), OBJECT_ALIGN_BYTES) {
                NO_OBJECT => D::cold::<Stopped>(r),
                at => SmallNew::<N>::write::<D>(r, at),
            }
        }
    }
}

/// `d = structure` of the type in word 1 and of as many bytes as word 2
/// says. Word 3 is the number of fields; then comes a pair of words for each:
/// its slot beside the logarithm of its size, and its offset.
pub(super) struct StructNew;

/// Words of [`StructNew`] before those of its fields.
pub(super) const STRUCT_NEW_WORDS: usize = 4;

impl StructNew {
    #[inline(always)]
    unsafe fn write<D: Dispatch>(mut r: Regs, at: u32) -> D::Next {
        // SAFETY: the encoder writes the words that this reads; fields lie
        // inside the object.
        unsafe {
            let base = object(&r, at);
            base.cast::<u32>().write(r.word(1));
            let mut field = r.ip.add(STRUCT_NEW_WORDS);
            let end = field.add(2 * r.word(3) as usize);
            while field < end {
                let slots: *const u16 = field.cast();
                let value: u64 = r.get(usize::from(*slots));
                let place = base.add(*field.add(1) as usize);
                match *slots.add(1) {
                    0 => write(place, value as u8),
                    1 => write(place, value as u16),
                    2 => write(place, value as u32),
                    _ => write(place, value),
                }
                field = field.add(2);
            }
            r.set(r.d(), at);
            r.ip = end;
            D::next(r)
        }
    }
}

impl Op for StructNew {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: passed on.
        unsafe {
            match bump(&r, r.word(2)) {
                Some(at) => Self::write::<D>(r, at),
                None => D::cold::<StructNewSlow>(r),
            }
        }
    }
}

/// Rare ending of [`StructNew`]: the hole is used up.
pub(super) struct StructNewSlow;

impl Op for StructNewSlow {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the registers are those of the instruction.
        unsafe {
            r.save();
            match objects::allocate(r.cx, r.word(1), r.word(2)) {
                NO_OBJECT => D::cold::<Stopped>(r),
                at => StructNew::write::<D>(r, at),
            }
        }
    }
}

/// `d = structure` of the type in word 1, through the runtime; word 2 is the
/// number of fields whose slots follow, or zero for a structure of zeros.
pub(super) struct AnyNew;

impl Op for AnyNew {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            r.save();
            let count = r.word(2) as usize;
            let fields = if count == 0 {
                core::ptr::null()
            } else {
                r.ip.add(3)
            };
            match objects::struct_new(r.cx, r.word(1), r.sp, fields) {
                NO_OBJECT => D::cold::<Stopped>(r),
                at => {
                    r.set(r.d(), at);
                    r.next::<D>(3 + count)
                }
            }
        }
    }
}

/// How an array is made. Words 2 and 3 are its type and the bytes of an
/// element.
pub(super) trait Make {
    const WORDS: usize;
    /// The new array, and its length.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`].
    unsafe fn make(r: &Regs) -> (u32, u32);
}

macro_rules! makes {
    ($($(#[$doc:meta])* $name:ident $words:literal |$r:ident| $length:expr, $call:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;
        impl Make for $name {
            const WORDS: usize = $words;
            #[inline(always)]
            unsafe fn make($r: &Regs) -> (u32, u32) {
                // SAFETY: the caller's promise.
                unsafe { ($call, $length) }
            }
        }
    )*};
}

makes! {
    /// `b` elements that are `a`.
    Equal 4 |r| r.get(r.b()), objects::array_new(r.cx, r.word(2), r.sp.add(r.a()), r.get(r.b()));
    /// `b` zeros.
    Zeros 4 |r| r.get(r.b()), objects::array_new(r.cx, r.word(2), core::ptr::null(), r.get(r.b()));
    /// As many slots as word 4 says, from `a` on.
    Fixed 5 |r| r.word(4), objects::array_new_fixed(r.cx, r.word(2), r.sp.add(r.a()), r.word(4));
    /// `b` elements from `a` on of the data segment in word 4.
    Data 5 |r| r.get(r.b()), objects::array_new_data(r.cx, r.word(2), r.word(4), r.get(r.a()), r.get(r.b()));
    /// `b` elements from `a` on of the element segment in word 4.
    Elem 5 |r| r.get(r.b()), objects::array_new_elem(r.cx, r.word(2), r.word(4), r.get(r.a()), r.get(r.b()));
}

/// `d = array`.
pub(super) struct ArrayNew<K>(PhantomData<K>);

impl<K: Make> Op for ArrayNew<K> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            r.save();
            let (at, length) = K::make(&r);
            if at == NO_OBJECT {
                return D::cold::<Stopped>(r);
            }
            let bytes = u64::from(length) * u64::from(r.word(3));
            r.set(r.d(), at);
            charged::<D>(r, bytes, K::WORDS)
        }
    }
}

/// What is done to elements. Word 3 is what they are in memory, with their
/// size in the second byte.
pub(super) trait Elements {
    const WORDS: usize;
    /// A status, and how many elements there are.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`].
    unsafe fn run(r: &Regs) -> (u32, u32);
}

/// Slot `index` of the pair in word 2.
#[inline(always)]
unsafe fn third(r: &Regs, index: usize) -> usize {
    // SAFETY: the caller names a pair that the encoder has written.
    unsafe { usize::from(*r.ip.add(2).cast::<u16>().add(index)) }
}

/// The storage in word 3.
#[inline(always)]
unsafe fn storage(r: &Regs) -> u32 {
    // SAFETY: the encoder writes the word.
    unsafe { r.word(3) & 0xff }
}

macro_rules! elements {
    ($($(#[$doc:meta])* $name:ident $words:literal |$r:ident| $count:expr, $call:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;
        impl Elements for $name {
            const WORDS: usize = $words;
            #[inline(always)]
            unsafe fn run($r: &Regs) -> (u32, u32) {
                // SAFETY: the caller's promise.
                unsafe { ($call, $count) }
            }
        }
    )*};
}

elements! {
    /// Array `a` from `b` on, value and count in word 2.
    Fill 4 |r| r.get(third(r, 1)), objects::array_fill(
        r.cx, storage(r), r.get(r.a()), r.get(r.b()), r.sp.add(third(r, 0)), r.get(third(r, 1)),
    );
    /// Array `a` from `b` on, array and start in word 2, count in `d`.
    CopyElements 4 |r| r.get(r.d()), objects::array_copy(
        r.cx, storage(r), r.get(r.a()), r.get(r.b()), r.get(third(r, 0)), r.get(third(r, 1)),
        r.get(r.d()),
    );
    /// Array `a` from `b` on, start and count in word 2, segment in word 4.
    InitData 5 |r| r.get(third(r, 1)), objects::array_init_data(
        r.cx, storage(r), r.word(4), r.get(r.a()), r.get(r.b()), r.get(third(r, 0)),
        r.get(third(r, 1)),
    );
    /// The same for element segments.
    InitElem 5 |r| r.get(third(r, 1)), objects::array_init_elem(
        r.cx, storage(r), r.word(4), r.get(r.a()), r.get(r.b()), r.get(third(r, 0)),
        r.get(third(r, 1)),
    );
}

/// An operation on elements.
pub(super) struct ArrayBulk<K>(PhantomData<K>);

impl<K: Elements> Op for ArrayBulk<K> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            let (status, count) = K::run(&r);
            if status != 0 {
                return D::cold::<Stopped>(r);
            }
            let bytes = u64::from(count) * u64::from(r.word(3) >> 8);
            charged::<D>(r, bytes, K::WORDS)
        }
    }
}

/// What a reference is asked to be. Word 2 is the id of a type or the number
/// of a kind, word 3 the type's depth.
pub(super) trait Wanted {
    /// Whether a reference that is not null is it.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`]; the reference is one of the right hierarchy.
    unsafe fn has(r: &Regs, reference: u64) -> bool;
}

/// The run-time type of an object.
#[inline(always)]
unsafe fn rtt(r: &Regs, reference: u32) -> *const Rtt {
    // SAFETY: references lead to objects, whose types the store has learnt.
    unsafe {
        let id: u32 = read(object(r, reference));
        *(*(*r.cx).store).rtts.add(id as usize)
    }
}

/// Exactly the type.
pub(super) struct Exact;

impl Wanted for Exact {
    #[inline(always)]
    unsafe fn has(r: &Regs, reference: u64) -> bool {
        let reference = reference as u32;
        // SAFETY: an even reference leads to an object.
        unsafe { reference & 1 == 0 && read::<u32>(object(r, reference)) == r.word(2) }
    }
}

/// The type or a subtype.
pub(super) struct Open;

impl Wanted for Open {
    #[inline(always)]
    unsafe fn has(r: &Regs, reference: u64) -> bool {
        let reference = reference as u32;
        // SAFETY: an even reference leads to an object, whose type the store
        // has learnt.
        unsafe {
            reference & 1 == 0
                && (*rtt(r, reference)).is_subtype(TypeId(r.word(2)), r.word(3) as u8)
        }
    }
}

/// A function of the type or a subtype.
pub(super) struct OfFunc;

impl Wanted for OfFunc {
    #[inline(always)]
    unsafe fn has(r: &Regs, reference: u64) -> bool {
        // SAFETY: a reference to a function is the address of its
        // definition, whose type lives as long.
        unsafe {
            let def: *const FuncDef = core::ptr::with_exposed_provenance(reference as usize);
            (*(*def).rtt).is_subtype(TypeId(r.word(2)), r.word(3) as u8)
        }
    }
}

/// A kind, or all, or nothing.
pub(super) struct OfKind;

/// The kinds, as word 2 has them.
pub(super) mod kind {
    pub(crate) const TOP: u32 = 0;
    pub(crate) const BOTTOM: u32 = 1;
    pub(crate) const EQ: u32 = 2;
    pub(crate) const I31: u32 = 3;
    pub(crate) const STRUCT: u32 = 4;
    pub(crate) const ARRAY: u32 = 5;
}

impl Wanted for OfKind {
    #[inline(always)]
    unsafe fn has(r: &Regs, reference: u64) -> bool {
        // SAFETY: as for `Open`.
        unsafe {
            let wanted = r.word(2);
            if wanted <= kind::BOTTOM {
                return wanted == kind::TOP;
            }
            let reference = reference as u32;
            if reference & 1 == 1 {
                return wanted == kind::EQ || wanted == kind::I31;
            }
            match (*rtt(r, reference)).kind {
                RttKind::Struct => wanted == kind::EQ || wanted == kind::STRUCT,
                RttKind::Array => wanted == kind::EQ || wanted == kind::ARRAY,
                RttKind::Host | RttKind::Func => false,
            }
        }
    }
}

/// In field `b` of a test: null passes.
pub(super) const NULLABLE: u16 = 1;
/// In field `b` of a test: the answer is turned around.
pub(super) const NEGATED: u16 = 2;

/// Whether the reference in slot `a` passes.
#[inline(always)]
unsafe fn passes<W: Wanted>(r: &Regs) -> bool {
    // SAFETY: the encoder writes the words that this reads.
    unsafe {
        let reference: u64 = r.get(r.a());
        let flags = r.b() as u16;
        let answer = if reference == 0 {
            flags & NULLABLE != 0
        } else {
            W::has(r, reference)
        };
        answer != (flags & NEGATED != 0)
    }
}

/// `d = whether a passes`.
pub(super) struct RefTest<W>(PhantomData<W>);

impl<W: Wanted> Op for RefTest<W> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: passed on.
        unsafe {
            let answer = passes::<W>(&r);
            r.set(r.d(), u32::from(answer));
            r.next::<D>(4)
        }
    }
}

/// Traps unless `a` passes.
pub(super) struct RefCast<W>(PhantomData<W>);

impl<W: Wanted> Op for RefCast<W> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: passed on.
        unsafe {
            if !passes::<W>(&r) {
                return stop::<D>(r, Trap::CastFailure);
            }
            r.next::<D>(4)
        }
    }
}

/// Goes to the offset in word 4 if `a` passes.
pub(super) struct BrTest<W, const BACK: bool>(PhantomData<W>);

impl<W: Wanted, const BACK: bool> Op for BrTest<W, BACK> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: passed on; the encoder writes the offset.
        unsafe {
            if !passes::<W>(&r) {
                return r.next::<D>(5);
            }
            if BACK {
                r.tick -= 1;
                if r.tick < 0 {
                    return D::cold::<super::control::Slice>(r);
                }
            }
            r.jump::<D>(4)
        }
    }
}

/// Before a call, where collections are tried.
pub(super) struct TryCollector;

impl Op for TryCollector {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the call follows, and its arguments are in its window.
        unsafe {
            r.save();
            objects::try_collector(r.cx);
            r.next::<D>(1)
        }
    }
}
