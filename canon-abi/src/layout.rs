//! Alignment and element size of value types (`alignment`, `elem_size` in
//! `definitions.py`), as `const` arithmetic that type tables and Rust types
//! share.
//!
//! Sizes stay below 2^32: [`TypeTable`](crate::TypeTable) refuses larger types,
//! and Rust types that large do not compile.

/// The address type of a linear memory: the width of its pointers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PointerSize {
    /// 32-bit memory.
    #[default]
    P32,
    /// 64-bit memory (memory64).
    P64,
}

impl PointerSize {
    /// Both sizes, in the order of [`PointerSize::index`].
    pub const ALL: [Self; 2] = [Self::P32, Self::P64];

    /// Bytes of a pointer (`ptr_size`).
    #[inline]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::P32 => 4,
            Self::P64 => 8,
        }
    }

    /// The place of this size in pairs such as `[Layout; 2]`.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The bit of a `latin1+utf16` length that says UTF-16 (`utf16_tag`).
    #[inline]
    pub const fn utf16_tag(self) -> u64 {
        1 << (self.bytes() * 8 - 1)
    }
}

/// Size and alignment of a type in linear memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The size, a multiple of the alignment (`elem_size`).
    pub size: u32,
    /// The alignment: 1, 2, 4 or 8 (`alignment`).
    pub align: u32,
}

impl Layout {
    /// No bytes: the layout of an empty parameter list.
    pub const EMPTY: Self = Self { size: 0, align: 1 };

    /// A scalar of `size` bytes, aligned to its size.
    pub const fn scalar(size: u32) -> Self {
        Self { size, align: size }
    }

    /// Pointer and length of a string or list.
    pub const fn pointer_pair(pointer: PointerSize) -> Self {
        Self {
            size: 2 * pointer.bytes(),
            align: pointer.bytes(),
        }
    }

    /// Flags with `count` labels (`elem_size_flags`).
    pub const fn flags(count: usize) -> Self {
        Self::scalar(flags_size(count))
    }

    /// Appends a field: answers its offset and the unpadded record so far.
    ///
    /// Answers `None` when the size leaves 32 bits.
    pub const fn append(self, field: Self) -> Option<(u32, Self)> {
        let Some(offset) = self.size.checked_next_multiple_of(field.align) else {
            return None;
        };
        let Some(size) = offset.checked_add(field.size) else {
            return None;
        };
        let align = if field.align > self.align {
            field.align
        } else {
            self.align
        };
        Some((offset, Self { size, align }))
    }

    /// `count` of these in a row (`elem_size_list` of a fixed length).
    ///
    /// Answers `None` when the size leaves 32 bits.
    pub const fn repeat(self, count: u32) -> Option<Self> {
        match self.size.checked_mul(count) {
            Some(size) => Some(Self {
                size,
                align: self.align,
            }),
            None => None,
        }
    }

    /// Rounds the size up to the alignment (the last line of `elem_size_record`).
    pub const fn pad(self) -> Option<Self> {
        match self.size.checked_next_multiple_of(self.align) {
            Some(size) => Some(Self {
                size,
                align: self.align,
            }),
            None => None,
        }
    }

    /// A variant whose payloads join to `payload` (the maximum of sizes and of
    /// alignments): answers the payload's offset and the whole
    /// (`elem_size_variant`).
    pub const fn variant(cases: usize, payload: Self) -> Option<(u32, Self)> {
        let discriminant = Self::scalar(discriminant_size(cases));
        let Some((offset, unpadded)) = discriminant.append(payload) else {
            return None;
        };
        match unpadded.pad() {
            Some(layout) => Some((offset, layout)),
            None => None,
        }
    }

    /// The maximum of sizes and of alignments.
    pub const fn max(self, other: Self) -> Self {
        Self {
            size: if other.size > self.size {
                other.size
            } else {
                self.size
            },
            align: if other.align > self.align {
                other.align
            } else {
                self.align
            },
        }
    }
}

/// Bytes of the discriminant of a variant with `cases` cases (`discriminant_type`).
pub const fn discriminant_size(cases: usize) -> u32 {
    if cases <= 1 << 8 {
        1
    } else if cases <= 1 << 16 {
        2
    } else {
        4
    }
}

/// Bytes of flags with `count` labels, of which there are at most 32.
pub const fn flags_size(count: usize) -> u32 {
    if count <= 8 {
        1
    } else if count <= 16 {
        2
    } else {
        4
    }
}

/// The bits of flags that mean something (`unpack_flags_from_int` drops the rest).
pub const fn flags_mask(count: usize) -> u32 {
    if count >= 32 {
        u32::MAX
    } else {
        (1 << count) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_grow_with_cases() {
        assert_eq!([1, 2, 256].map(discriminant_size), [1; 3]);
        assert_eq!([257, 65_536].map(discriminant_size), [2; 2]);
        assert_eq!(discriminant_size(65_537), 4);
        assert_eq!([1, 8, 9, 16, 17, 32].map(flags_size), [1, 1, 2, 2, 4, 4]);
        assert_eq!([1, 9, 32].map(flags_mask), [1, 0x1ff, u32::MAX]);
    }

    #[test]
    fn records_pad_and_overflow_is_seen() {
        let (at, record) = Layout::scalar(1).append(Layout::scalar(8)).unwrap();
        assert_eq!((at, record), (8, Layout { size: 16, align: 8 }));
        let (at, record) = record.append(Layout::scalar(2)).unwrap();
        assert_eq!(
            (at, record.pad()),
            (16, Some(Layout { size: 24, align: 8 }))
        );
        assert_eq!(
            Layout {
                size: u32::MAX,
                align: 1
            }
            .append(Layout::scalar(1)),
            None
        );
        assert_eq!(
            Layout {
                size: u32::MAX,
                align: 8
            }
            .pad(),
            None
        );
    }
}
