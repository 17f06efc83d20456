//! The shape of Rust types as constants: sizes and alignments for both pointer
//! sizes, the number of flat values, and whether bytes alone make a value.
//!
//! The arithmetic panics on overflow, which is a compile error: it runs in
//! constants.

use crate::layout::{Layout, PointerSize};

/// Sizes, alignments and the flat length of a Rust type.
#[derive(Clone, Copy, Debug)]
pub struct Abi {
    layout: [Layout; 2],
    /// How many core values carry it flat.
    pub flat: usize,
    /// No pointers and no handles inside: bytes alone make the value.
    pub plain: bool,
    /// Plain, and any bytes make a value: nothing to check.
    pub total: bool,
}

impl Abi {
    /// Nothing: `()`.
    pub const UNIT: Self = Self {
        layout: [Layout::EMPTY; 2],
        flat: 0,
        plain: true,
        total: true,
    };

    /// A number of `size` bytes.
    pub const fn scalar(size: u32) -> Self {
        Self {
            layout: [Layout::scalar(size); 2],
            flat: 1,
            plain: true,
            total: true,
        }
    }

    /// The same, for a type of which some bytes are no value.
    pub const fn checked(self) -> Self {
        Self {
            total: false,
            ..self
        }
    }

    /// A string or list.
    pub const POINTER_PAIR: Self = Self {
        layout: [
            Layout::pointer_pair(PointerSize::P32),
            Layout::pointer_pair(PointerSize::P64),
        ],
        flat: 2,
        plain: false,
        total: false,
    };

    /// An own or borrow.
    pub const HANDLE: Self = Self {
        layout: [Layout::scalar(4); 2],
        flat: 1,
        plain: false,
        total: false,
    };

    /// Flags with this many labels.
    pub const fn flags(count: usize) -> Self {
        assert!(count <= crate::MAX_FLAGS, "flags have at most 32 labels");
        Self::scalar(crate::layout::flags_size(count))
    }

    /// A record or tuple.
    pub const fn record(fields: &[Self]) -> Self {
        let mut whole = Self::UNIT;
        let mut i = 0;
        while i < fields.len() {
            let field = fields[i];
            let mut p = 0;
            while p < 2 {
                let Some((_, layout)) = whole.layout[p].append(field.layout[p]) else {
                    panic!("a record takes less than 4 GiB");
                };
                whole.layout[p] = layout;
                p += 1;
            }
            whole.flat += field.flat;
            whole.plain &= field.plain;
            whole.total &= field.total;
            i += 1;
        }
        let mut p = 0;
        while p < 2 {
            let Some(layout) = whole.layout[p].pad() else {
                panic!("a record takes less than 4 GiB");
            };
            whole.layout[p] = layout;
            p += 1;
        }
        whole
    }

    /// A list of fixed length.
    pub const fn fixed_length_list(elem: Self, count: usize) -> Self {
        assert!(
            0 < count && count <= crate::MAX_VALUE_BYTES as usize,
            "a list of fixed length has 1 to 2^28 - 1 elements"
        );
        let mut whole = elem;
        let mut p = 0;
        while p < 2 {
            let Some(layout) = elem.layout[p].repeat(count as u32) else {
                panic!("a list of fixed length takes less than 4 GiB");
            };
            whole.layout[p] = layout;
            p += 1;
        }
        whole.flat *= count;
        whole
    }

    /// A variant with these payloads, [`Abi::UNIT`] for a case without.
    pub const fn variant(cases: &[Self]) -> Self {
        let mut whole = Self::payload(cases);
        let mut p = 0;
        while p < 2 {
            let Some((_, layout)) = Layout::variant(cases.len(), whole.layout[p]) else {
                panic!("a variant takes less than 4 GiB");
            };
            whole.layout[p] = layout;
            p += 1;
        }
        whole.flat += 1;
        whole.total = false;
        whole
    }

    /// The join of the payloads of a variant.
    const fn payload(cases: &[Self]) -> Self {
        let mut payload = Self::UNIT;
        let mut i = 0;
        while i < cases.len() {
            let case = cases[i];
            payload.layout[0] = payload.layout[0].max(case.layout[0]);
            payload.layout[1] = payload.layout[1].max(case.layout[1]);
            if case.flat > payload.flat {
                payload.flat = case.flat;
            }
            payload.plain &= case.plain;
            i += 1;
        }
        payload
    }

    /// Where the payload of a variant starts, for both pointer sizes.
    pub const fn payload_offsets(cases: &[Self]) -> [usize; 2] {
        let payload = Self::payload(cases);
        let mut offsets = [0; 2];
        let mut p = 0;
        while p < 2 {
            let Some((offset, _)) = Layout::variant(cases.len(), payload.layout[p]) else {
                panic!("a variant takes less than 4 GiB");
            };
            offsets[p] = offset as usize;
            p += 1;
        }
        offsets
    }

    /// The layout for one pointer size.
    ///
    /// A constant where the pointer size makes no difference.
    #[inline(always)]
    pub const fn layout(self, pointer: PointerSize) -> Layout {
        let [a, b] = self.layout;
        if a.size == b.size && a.align == b.align {
            a
        } else {
            self.layout[pointer.index()]
        }
    }

    /// The size in bytes.
    #[inline(always)]
    pub const fn size(self, pointer: PointerSize) -> usize {
        self.layout(pointer).size as usize
    }
}

/// Walks the fields of a record in memory; all of it folds to constants.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    at: usize,
    pointer: PointerSize,
}

impl Cursor {
    /// A walk that starts at `at`, which is aligned for the record.
    #[inline(always)]
    pub const fn new(at: usize, pointer: PointerSize) -> Self {
        Self { at, pointer }
    }

    /// The position of the next field.
    #[inline(always)]
    pub const fn field(&mut self, field: Abi) -> usize {
        let layout = field.layout(self.pointer);
        let align = layout.align as usize;
        let at = (self.at + align - 1) & !(align - 1);
        self.at = at + layout.size as usize;
        at
    }

    /// The bytes of the next field.
    #[inline(always)]
    pub fn read<'a>(&mut self, bytes: &'a [u8], field: Abi) -> &'a [u8] {
        let at = self.field(field);
        &bytes[at..self.at]
    }

    /// The bytes of the next field, to write.
    #[inline(always)]
    pub fn write<'a>(&mut self, bytes: &'a mut [u8], field: Abi) -> &'a mut [u8] {
        let at = self.field(field);
        &mut bytes[at..self.at]
    }
}

/// Walks the fields of a record in flat slots.
#[inline(always)]
pub fn take<'s>(slots: &mut &'s [u64], abi: Abi) -> &'s [u64] {
    let (head, tail) = slots.split_at(abi.flat);
    *slots = tail;
    head
}

/// As [`take`], to write.
#[inline(always)]
pub fn take_mut<'s>(slots: &mut &'s mut [u64], abi: Abi) -> &'s mut [u64] {
    let (head, tail) = std::mem::take(slots).split_at_mut(abi.flat);
    *slots = tail;
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_variants() {
        let record = Abi::record(&[Abi::scalar(1), Abi::POINTER_PAIR, Abi::scalar(2)]);
        assert_eq!(
            record.layout(PointerSize::P32),
            Layout { size: 16, align: 4 }
        );
        assert_eq!(
            record.layout(PointerSize::P64),
            Layout { size: 32, align: 8 }
        );
        assert_eq!((record.flat, record.plain), (4, false));
        let variant = Abi::variant(&[Abi::UNIT, record, Abi::scalar(8)]);
        assert_eq!(
            variant.layout(PointerSize::P32),
            Layout { size: 24, align: 8 }
        );
        assert_eq!((variant.flat, variant.plain), (5, false));
        assert_eq!(
            Abi::payload_offsets(&[Abi::UNIT, Abi::POINTER_PAIR]),
            [4, 8]
        );
    }

    #[test]
    fn cursors_walk_fields() {
        let mut cursor = Cursor::new(16, PointerSize::P64);
        let at: Vec<usize> = [Abi::scalar(1), Abi::POINTER_PAIR, Abi::scalar(2)]
            .map(|f| cursor.field(f))
            .to_vec();
        assert_eq!(at, [16, 24, 40]);
    }
}
