//! Strings in the three encodings: lifting, and the nine ways of storing one
//! encoding as another with the specification's calls of `realloc`
//! (`load_string`, `store_string` and what they call).
//!
//! Between two calls of `realloc` the source may have changed, if both sides
//! share a memory. So every step validates what it writes, and none relies on
//! what an earlier step saw.

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
    lift_wide(source.encoding, bytes)
}

/// A string of the host, of one that is not UTF-8.
fn lift_wide(simple: Simple, bytes: &[u8]) -> Result<String> {
    let mut text = String::with_capacity(bytes.len() / simple.unit_bytes());
    each::<_, Error>(
        simple,
        bytes,
        0,
        &mut text,
        |text, run| {
            let mut piece = [0; 8 * BLOCK];
            for run in run.chunks(piece.len() * simple.unit_bytes()) {
                let ascii = &mut piece[..run.len() / simple.unit_bytes()];
                narrow(simple, run, ascii);
                text.push_str(utf8(ascii, 0)?);
            }
            Ok(())
        },
        |text, c| {
            text.push(c);
            Ok(())
        },
    )?;
    Ok(text)
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
    widen(source, window(memory, at, 2 * units)?);
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
    let mut out = Room::new(window(memory, at, worst)?, ascii);
    each::<_, Error>(
        simple,
        rest,
        ascii,
        &mut out,
        |out, run| {
            narrow(simple, run, out.take(run.len() / simple.unit_bytes())?);
            Ok(())
        },
        |out, c| {
            c.encode_utf8(out.take(c.len_utf8())?);
            Ok(())
        },
    )?;
    let bytes = out.used as u64;
    let at = shrink(m, at, worst, 1, bytes)?;
    Ok((at, bytes))
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

/// Strings of fewer bytes are checked as fast without wide registers.
const WIDE_BYTES_MIN: usize = 64;

/// `utf8` or the trap, for bytes that start at index `start` of their string.
#[inline(always)]
fn utf8(bytes: &[u8], start: usize) -> Result<&str> {
    if bytes.len() < WIDE_BYTES_MIN {
        return str::from_utf8(bytes).map_err(|_| invalid_utf8(bytes, start));
    }
    simdutf8::basic::from_utf8(bytes).map_err(|_| invalid_utf8(bytes, start))
}

/// The fast check only says that something is wrong; the slow one says where.
#[cold]
fn invalid_utf8(bytes: &[u8], start: usize) -> Error {
    let (index, incomplete) = match str::from_utf8(bytes) {
        Err(error) => (error.valid_up_to(), error.error_len().is_none()),
        Ok(_) => (bytes.len(), false),
    };
    Error::from(Trap::InvalidUtf8 {
        index: (start + index) as u64,
        incomplete,
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
            decode_utf16(bytes, 0, |_| Ok::<(), Error>(()))
        }
    }
}

fn utf16_units(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
}

/// The characters of UTF-16 whose first code unit is number `start`.
fn decode_utf16<E: From<Error>>(
    bytes: &[u8],
    start: usize,
    mut put: impl FnMut(char) -> Result<(), E>,
) -> Result<(), E> {
    let mut index = start as u64;
    for c in char::decode_utf16(utf16_units(bytes)) {
        let c = c.map_err(|_| Error::from(Trap::UnpairedSurrogate { index }))?;
        index += c.len_utf16() as u64;
        put(c)?;
    }
    Ok(())
}

/// How many bytes are checked for ASCII at once, and how many characters are
/// looked at before the next check.
const BLOCK: usize = 32;

/// Gives a string, whose first code unit is number `start`, to `run` where it is
/// ASCII, in code units of its encoding, and to `put` character by character
/// where it is not.
fn each<O, E: From<Error>>(
    simple: Simple,
    bytes: &[u8],
    start: usize,
    out: &mut O,
    mut run: impl FnMut(&mut O, &[u8]) -> Result<(), E>,
    mut put: impl FnMut(&mut O, char) -> Result<(), E>,
) -> Result<(), E> {
    let text = match simple {
        Simple::Utf8 => utf8(bytes, start)?,
        Simple::Utf16 | Simple::Latin1 => "",
    };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let ascii = ascii_bytes(simple, rest);
        if ascii > 0 {
            run(out, &rest[..ascii])?;
            at += ascii;
            continue;
        }
        let end = at + block_bytes(simple, rest);
        let mut put = |c| put(out, c);
        match simple {
            Simple::Utf8 => text[at..end].chars().try_for_each(put)?,
            Simple::Utf16 => decode_utf16(&bytes[at..end], start + at / 2, put)?,
            Simple::Latin1 => bytes[at..end]
                .iter()
                .try_for_each(|b| put(char::from(*b)))?,
        }
        at = end;
    }
    Ok(())
}

/// How many bytes at the start are ASCII, counted in whole blocks.
fn ascii_bytes(simple: Simple, bytes: &[u8]) -> usize {
    match simple {
        Simple::Utf8 | Simple::Latin1 => bytes
            .chunks(BLOCK)
            .take_while(|block| block.is_ascii())
            .map(<[u8]>::len)
            .sum(),
        Simple::Utf16 => bytes
            .chunks(2 * BLOCK)
            .take_while(|block| utf16_units(block).fold(0, |all, unit| all | unit) < 0x80)
            .map(<[u8]>::len)
            .sum(),
    }
}

/// About a block of a string, without a part of a character at its end.
fn block_bytes(simple: Simple, bytes: &[u8]) -> usize {
    let unit = simple.unit_bytes();
    let mut end = (BLOCK * unit).min(bytes.len());
    let whole = |end: usize| match simple {
        // The string is valid, so a byte that starts no character goes on with one.
        Simple::Utf8 => bytes.get(end).is_none_or(|byte| byte & 0xc0 != 0x80),
        Simple::Utf16 => {
            end == bytes.len() || utf16_units(&bytes[end - 2..end]).all(|u| u & 0xfc00 != 0xd800)
        }
        Simple::Latin1 => true,
    };
    // At most three steps in UTF-8. Of two leading surrogates in UTF-16 the first
    // is an error, wherever the block ends.
    while end > unit && !whole(end) {
        end -= unit;
    }
    end
}

/// ASCII or Latin-1 in UTF-8, Latin-1 or UTF-16 as one byte each.
fn narrow(simple: Simple, run: &[u8], written: &mut [u8]) {
    match simple {
        Simple::Utf8 | Simple::Latin1 => {
            for (byte, from) in written.iter_mut().zip(run) {
                *byte = *from;
            }
        }
        Simple::Utf16 => {
            for (byte, unit) in written.iter_mut().zip(run.as_chunks::<2>().0) {
                *byte = unit[0];
            }
        }
    }
}

/// Latin-1 as UTF-16.
fn widen(run: &[u8], written: &mut [u8]) {
    for (unit, byte) in written.as_chunks_mut::<2>().0.iter_mut().zip(run) {
        *unit = u16::from(*byte).to_le_bytes();
    }
}

/// Memory that is filled from its start.
struct Room<'m> {
    memory: &'m mut [u8],
    used: usize,
}

impl<'m> Room<'m> {
    fn new(memory: &'m mut [u8], used: usize) -> Self {
        Self { memory, used }
    }

    /// The next bytes. There is room for the worst, unless the string has changed
    /// since it was measured.
    fn take(&mut self, bytes: usize) -> Result<&mut [u8]> {
        let end = self.used.checked_add(bytes).ok_or_else(changed)?;
        let taken = self.memory.get_mut(self.used..end).ok_or_else(changed)?;
        self.used = end;
        Ok(taken)
    }
}

/// Copies leading ASCII as bytes: how many code units it was.
fn copy_ascii(simple: Simple, source: &[u8], written: &mut [u8]) -> usize {
    let mut count = ascii_bytes(simple, source) / simple.unit_bytes();
    count = count.min(written.len());
    narrow(
        simple,
        &source[..count * simple.unit_bytes()],
        &mut written[..count],
    );
    let rest = source[count * simple.unit_bytes()..].chunks_exact(simple.unit_bytes());
    for (unit, byte) in rest.zip(&mut written[count..]) {
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
    let mut out = Room::new(written, 0);
    each::<_, Error>(
        simple,
        source,
        0,
        &mut out,
        |out, run| {
            widen(run, out.take(2 * run.len())?);
            Ok(())
        },
        |out, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.take(2)?.copy_from_slice(&unit.to_le_bytes());
            }
            Ok(())
        },
    )?;
    Ok(out.used as u64)
}

/// Writes Latin-1: how many bytes, or `None` at the first character that is not.
fn encode_latin1(simple: Simple, source: &[u8], written: &mut [u8]) -> Result<Option<u64>> {
    let mut out = Room::new(written, 0);
    let result = each::<_, Unfit>(
        simple,
        source,
        0,
        &mut out,
        |out, run| {
            narrow(simple, run, out.take(run.len() / simple.unit_bytes())?);
            Ok(())
        },
        |out, c| {
            out.take(1)?[0] = u8::try_from(c).map_err(|_| Unfit::Wide)?;
            Ok(())
        },
    );
    match result {
        Ok(()) => Ok(Some(out.used as u64)),
        Err(Unfit::Wide) => Ok(None),
        Err(Unfit::Invalid(error)) => Err(error),
    }
}

/// Why a string does not become Latin-1.
enum Unfit {
    /// A character is not Latin-1.
    Wide,
    /// It is no string.
    Invalid(Error),
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self::Invalid(error)
    }
}
