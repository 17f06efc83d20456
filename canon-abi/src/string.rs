//! Strings in the three encodings: lifting, and the nine ways of storing one
//! encoding as another with the specification's calls of `realloc`
//! (`load_string`, `store_string` and what they call).
//!
//! Between two calls of `realloc` the source may have changed, if both sides
//! share a memory. So every step validates what it writes, and none relies on
//! what an earlier step saw.

use std::str;

use crate::context::{LiftContext, LowerContext, check_range, is_utf8, string_bytes};
use crate::memory::{Encoding, Guest, Handles, Options};
use crate::trap::{Content, Error, Result, Trap};

/// An encoding without a choice inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Simple {
    Utf8,
    Utf16,
    Latin1,
}

/// A string as its pointer and length describe it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) encoding: Simple,
    /// Code units, without the tag.
    pub(crate) units: u64,
    pub(crate) bytes: u64,
    align: u32,
}

impl Source {
    /// Reads a tagged length (the first half of `load_string_from_range`).
    #[inline]
    pub(crate) fn new(options: Options, tagged: u64) -> Result<Self> {
        let tag = options.pointer.utf16_tag();
        let (encoding, units, unit_bytes, align) = match options.encoding {
            Encoding::Utf8 => (Simple::Utf8, tagged, 1, 1),
            Encoding::Utf16 => (Simple::Utf16, tagged, 2, 2),
            Encoding::Latin1Utf16 if tagged & tag != 0 => (Simple::Utf16, tagged ^ tag, 2, 2),
            Encoding::Latin1Utf16 => (Simple::Latin1, tagged, 1, 2),
        };
        let bytes = string_bytes(units.saturating_mul(unit_bytes))?;
        Ok(Self {
            encoding,
            units,
            bytes,
            align,
        })
    }

    /// The position of the bytes, checked.
    #[inline]
    pub(crate) fn check(&self, pointer: u64, memory_bytes: usize) -> Result<usize> {
        check_range(
            Content::String,
            pointer,
            self.bytes,
            self.align,
            memory_bytes,
        )
    }
}

/// Lifts a string that is in the host's encoding ([`is_utf8`]), borrowed
/// (`load_string_from_range`).
// PERF: inlined, so that the result of the check is taken apart in registers: a copy of
// it from memory to memory waits for both halves to be stored.
#[inline(always)]
pub(crate) fn lift_utf8<'a, H: Handles>(
    cx: &mut LiftContext<'a, H>,
    pointer: u64,
    length: u64,
) -> Result<&'a str> {
    let bytes = string_bytes(length)?;
    let range = cx.range(Content::String, pointer, bytes, 1)?;
    cx.charge(bytes)?;
    utf8(range, 0)
}

/// Lifts a string in any encoding (`load_string_from_range`).
#[inline]
pub(crate) fn lift_string<H: Handles>(
    cx: &mut LiftContext<'_, H>,
    pointer: u64,
    tagged: u64,
) -> Result<String> {
    if is_utf8(cx.options()) {
        return lift_utf8(cx, pointer, tagged).map(str::to_owned);
    }
    decode_string(cx, pointer, tagged)
}

/// Lifts a string that is not in the host's encoding.
pub(crate) fn decode_string<H: Handles>(
    cx: &mut LiftContext<'_, H>,
    pointer: u64,
    tagged: u64,
) -> Result<String> {
    let source = Source::new(cx.options(), tagged)?;
    let bytes = cx.range(Content::String, pointer, source.bytes, source.align)?;
    cx.charge(source.bytes)?;
    decode(source.encoding, bytes, 0)?.collect()
}

/// Lowers a string of the host (`store_string_into_range`): pointer and tagged
/// length.
#[inline(always)]
pub(crate) fn lower_string<G: Guest>(cx: &mut LowerContext<G>, text: &str) -> Result<(u64, u64)> {
    let bytes = string_bytes(text.len() as u64)?;
    if is_utf8(cx.options()) {
        let at = cx.allocate(Content::String, 1, bytes)?;
        cx.bytes_at(at, text.len())?
            .copy_from_slice(text.as_bytes());
        return Ok((at as u64, bytes));
    }
    let to = cx.options();
    store_string(
        &mut HostString { text, cx },
        Encoding::Utf8,
        Simple::Utf8,
        bytes,
        to,
    )
}

/// A string on its way: its bytes, and the memory that it goes to.
pub(crate) trait StringMove {
    /// The source's bytes and the destination's memory.
    fn views(&mut self) -> Result<(&[u8], &mut [u8])>;

    /// Allocates in the destination and checks what it answers.
    fn reallocate(&mut self, old: usize, old_bytes: u64, align: u32, bytes: u64) -> Result<usize>;
}

struct HostString<'t, 'c, G> {
    text: &'t str,
    cx: &'c mut LowerContext<G>,
}

impl<G: Guest> StringMove for HostString<'_, '_, G> {
    fn views(&mut self) -> Result<(&[u8], &mut [u8])> {
        Ok((self.text.as_bytes(), self.cx.guest().bytes_mut()))
    }

    fn reallocate(&mut self, old: usize, old_bytes: u64, align: u32, bytes: u64) -> Result<usize> {
        self.cx
            .reallocate(Content::String, old as u64, old_bytes, align, bytes)
    }
}

/// Stores a string in the destination's encoding (`store_string_into_range`).
pub(crate) fn store_string<M: StringMove>(
    m: &mut M,
    from: Encoding,
    simple: Simple,
    units: u64,
    to: Options,
) -> Result<(u64, u64)> {
    let (at, tagged) = match (to.encoding, simple) {
        (Encoding::Utf8, Simple::Utf8) => store_copy(m, simple, units, 1, 1)?,
        (Encoding::Utf8, Simple::Utf16) => store_to_utf8(m, simple, units, 3 * units)?,
        (Encoding::Utf8, Simple::Latin1) => store_to_utf8(m, simple, units, 2 * units)?,
        (Encoding::Utf16, Simple::Utf8) => store_utf8_to_utf16(m, units)?,
        (Encoding::Utf16, Simple::Utf16) => store_copy(m, simple, units, 2, 2)?,
        (Encoding::Utf16, Simple::Latin1) => store_latin1_to_utf16(m, units)?,
        (Encoding::Latin1Utf16, Simple::Latin1) => store_copy(m, simple, units, 1, 2)?,
        (Encoding::Latin1Utf16, Simple::Utf8 | Simple::Utf16) => {
            let tag = to.pointer.utf16_tag();
            if matches!((from, simple), (Encoding::Latin1Utf16, Simple::Utf16)) {
                store_probably_utf16(m, units, tag)?
            } else {
                store_to_latin1_or_utf16(m, simple, units, tag)?
            }
        }
    };
    Ok((at as u64, tagged))
}

/// The same encoding on both sides (`store_string_copy`).
fn store_copy<M: StringMove>(
    m: &mut M,
    simple: Simple,
    units: u64,
    unit_bytes: u64,
    align: u32,
) -> Result<(usize, u64)> {
    let bytes = units * unit_bytes;
    let at = m.reallocate(0, 0, align, bytes)?;
    let (source, memory) = m.views()?;
    let written = window(memory, at, bytes)?;
    copy(written, source)?;
    validate(simple, written)?;
    Ok((at, units))
}

/// `store_string_copy` from Latin-1 to UTF-16: each byte becomes two.
fn store_latin1_to_utf16<M: StringMove>(m: &mut M, units: u64) -> Result<(usize, u64)> {
    let at = m.reallocate(0, 0, 2, 2 * units)?;
    let (source, memory) = m.views()?;
    for (unit, byte) in window(memory, at, 2 * units)?
        .chunks_exact_mut(2)
        .zip(source)
    {
        unit.copy_from_slice(&[*byte, 0]);
    }
    Ok((at, units))
}

/// `store_string_to_utf8`: hopes for ASCII, then makes room for the worst.
fn store_to_utf8<M: StringMove>(
    m: &mut M,
    simple: Simple,
    units: u64,
    worst: u64,
) -> Result<(usize, u64)> {
    let at = m.reallocate(0, 0, 1, units)?;
    let (source, memory) = m.views()?;
    let ascii = copy_ascii(simple, source, window(memory, at, units)?);
    if ascii as u64 == units {
        return Ok((at, units));
    }
    let at = m.reallocate(at, units, 1, worst)?;
    let (source, memory) = m.views()?;
    let rest = source
        .get(ascii * simple.unit_bytes()..)
        .unwrap_or_default();
    let mut bytes = ascii;
    let written = window(memory, at, worst)?;
    for c in decode(simple, rest, ascii)? {
        let c = c?;
        let room = written
            .get_mut(bytes..bytes + c.len_utf8())
            .ok_or_else(changed)?;
        bytes += c.encode_utf8(room).len();
    }
    let at = shrink(m, at, worst, 1, bytes as u64)?;
    Ok((at, bytes as u64))
}

/// `store_utf8_to_utf16`: makes room for the worst, then shrinks.
fn store_utf8_to_utf16<M: StringMove>(m: &mut M, units: u64) -> Result<(usize, u64)> {
    let worst = 2 * units;
    let at = m.reallocate(0, 0, 2, worst)?;
    let (source, memory) = m.views()?;
    let bytes = encode_utf16(Simple::Utf8, source, window(memory, at, worst)?)?;
    let at = shrink(m, at, worst, 2, bytes)?;
    Ok((at, bytes / 2))
}

/// `store_string_to_latin1_or_utf16`: hopes for Latin-1, then makes room for
/// the worst and starts again in UTF-16.
fn store_to_latin1_or_utf16<M: StringMove>(
    m: &mut M,
    simple: Simple,
    units: u64,
    tag: u64,
) -> Result<(usize, u64)> {
    let at = m.reallocate(0, 0, 2, units)?;
    let (source, memory) = m.views()?;
    if let Some(bytes) = encode_latin1(simple, source, window(memory, at, units)?)? {
        let at = shrink(m, at, units, 2, bytes)?;
        return Ok((at, bytes));
    }
    let worst = 2 * units;
    let at = m.reallocate(at, units, 2, worst)?;
    let (source, memory) = m.views()?;
    let bytes = encode_utf16(simple, source, window(memory, at, worst)?)?;
    let at = shrink(m, at, worst, 2, bytes)?;
    Ok((at, (bytes / 2) | tag))
}

/// `store_probably_utf16_to_latin1_or_utf16`: copies, and narrows in place if
/// every character is Latin-1.
fn store_probably_utf16<M: StringMove>(m: &mut M, units: u64, tag: u64) -> Result<(usize, u64)> {
    let bytes = 2 * units;
    let at = m.reallocate(0, 0, 2, bytes)?;
    let (source, memory) = m.views()?;
    let written = window(memory, at, bytes)?;
    copy(written, source)?;
    validate(Simple::Utf16, written)?;
    if written.chunks_exact(2).any(|unit| unit[1] != 0) {
        return Ok((at, units | tag));
    }
    for i in 0..units as usize {
        written[i] = written[2 * i];
    }
    let at = m.reallocate(at, bytes, 1, units)?;
    Ok((at, units))
}

/// Gives back what the worst case did not need.
fn shrink<M: StringMove>(
    m: &mut M,
    at: usize,
    worst: u64,
    align: u32,
    bytes: u64,
) -> Result<usize> {
    if bytes < worst {
        m.reallocate(at, worst, align, bytes)
    } else {
        Ok(at)
    }
}

impl Simple {
    const fn unit_bytes(self) -> usize {
        match self {
            Self::Utf8 | Self::Latin1 => 1,
            Self::Utf16 => 2,
        }
    }
}

/// The memory that was just allocated.
fn window(memory: &mut [u8], at: usize, bytes: u64) -> Result<&mut [u8]> {
    memory.get_mut(at..at + bytes as usize).ok_or_else(changed)
}

fn copy(written: &mut [u8], source: &[u8]) -> Result<()> {
    let source = source.get(..written.len()).ok_or_else(changed)?;
    written.copy_from_slice(source);
    Ok(())
}

/// A guest's `realloc` pulled the rug from under a string.
#[cold]
fn changed() -> Error {
    Error::guest("a string changed its length while it was stored: realloc wrote to it")
}

/// Strings of fewer bytes are checked as fast without vectors.
const VECTOR_BYTES_MIN: usize = 64;

/// `utf8` or the trap, for bytes that start at index `start` of their string.
#[inline(always)]
fn utf8(bytes: &[u8], start: usize) -> Result<&str> {
    if bytes.len() >= VECTOR_BYTES_MIN {
        return long_utf8(bytes, start);
    }
    str::from_utf8(bytes).map_err(|error| invalid_utf8(error, start))
}

/// As [`utf8`], with vectors; they do not say where an error is.
fn long_utf8(bytes: &[u8], start: usize) -> Result<&str> {
    simdutf8::basic::from_utf8(bytes)
        .or_else(|_| str::from_utf8(bytes))
        .map_err(|error| invalid_utf8(error, start))
}

#[cold]
fn invalid_utf8(error: str::Utf8Error, start: usize) -> Error {
    Error::from(Trap::InvalidUtf8 {
        index: (start + error.valid_up_to()) as u64,
        incomplete: error.error_len().is_none(),
    })
}

fn validate(simple: Simple, bytes: &[u8]) -> Result<()> {
    match simple {
        Simple::Utf8 => utf8(bytes, 0).map(|_| ()),
        Simple::Latin1 => Ok(()),
        Simple::Utf16 => {
            // A first look without branches: most strings hold no surrogates.
            let surrogate = |unit: u16| u16::from(unit & 0xf800 == 0xd800);
            if utf16_units(bytes).fold(0, |found, unit| found | surrogate(unit)) == 0 {
                return Ok(());
            }
            decode(simple, bytes, 0)?.try_for_each(|c| c.map(|_| ()))
        }
    }
}

fn utf16_units(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
}

/// The characters of a string from code unit `start` on; the iterator ends with
/// the first error.
fn decode(
    simple: Simple,
    bytes: &[u8],
    start: usize,
) -> Result<impl Iterator<Item = Result<char>> + '_> {
    let (text, units, latin1): (&str, &[u8], &[u8]) = match simple {
        Simple::Utf8 => (utf8(bytes, start)?, &[], &[]),
        Simple::Utf16 => ("", bytes, &[]),
        Simple::Latin1 => ("", &[], bytes),
    };
    let mut index = start as u64;
    let units = units
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let wide = char::decode_utf16(units).map(move |c| match c {
        Ok(c) => {
            index += c.len_utf16() as u64;
            Ok(c)
        }
        Err(_) => Err(Trap::UnpairedSurrogate { index }.into()),
    });
    Ok(text
        .chars()
        .map(Ok)
        .chain(wide)
        .chain(latin1.iter().map(|byte| Ok(char::from(*byte)))))
}

/// Copies leading ASCII as bytes: how many code units it was.
fn copy_ascii(simple: Simple, source: &[u8], written: &mut [u8]) -> usize {
    let mut count = 0;
    for (unit, byte) in source.chunks_exact(simple.unit_bytes()).zip(written) {
        if !unit[0].is_ascii() || unit.get(1).is_some_and(|high| *high != 0) {
            break;
        }
        *byte = unit[0];
        count += 1;
    }
    count
}

/// Writes UTF-16: how many bytes. There is room for the worst.
fn encode_utf16(simple: Simple, source: &[u8], written: &mut [u8]) -> Result<u64> {
    if simple == Simple::Utf16 {
        copy(written, source)?;
        validate(simple, written)?;
        return Ok(source.len() as u64);
    }
    let mut units = 0;
    let mut rest = source;
    let mut room = written.chunks_exact_mut(2);
    // Blocks of ASCII widen without a look at each character.
    while simple == Simple::Utf8
        && let Some((block, next)) = rest.split_at_checked(ASCII_BLOCK)
        && block.is_ascii()
    {
        for (byte, unit) in block.iter().zip(&mut room) {
            unit.copy_from_slice(&[*byte, 0]);
        }
        units += ASCII_BLOCK;
        rest = next;
    }
    for c in decode(simple, rest, units)? {
        for (unit, room) in c?.encode_utf16(&mut [0; 2]).iter().zip(&mut room) {
            room.copy_from_slice(&unit.to_le_bytes());
            units += 1;
        }
    }
    Ok(2 * units as u64)
}

/// How many bytes are checked for ASCII at once.
const ASCII_BLOCK: usize = 16;

/// Writes Latin-1: how many bytes, or `None` at the first character that is not.
fn encode_latin1(simple: Simple, source: &[u8], written: &mut [u8]) -> Result<Option<u64>> {
    let mut bytes = 0;
    for c in decode(simple, source, 0)? {
        let Ok(byte) = u8::try_from(c?) else {
            return Ok(None);
        };
        *written.get_mut(bytes).ok_or_else(changed)? = byte;
        bytes += 1;
    }
    Ok(Some(bytes as u64))
}
