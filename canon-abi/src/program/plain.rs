//! Lists of plain elements moved from memory to memory within one borrow of
//! both: no element holds a pointer or handle, so nothing runs in between.
//!
//! Elements without variants move column by column, which decodes each op once
//! for many elements; others one by one.

use std::ops::Range;

use super::transfer::Fault;
use super::{FROM, Op, Program, Scalar, TO, check_case, read_bits, write_bits};
use crate::trap::{Error, Result};

/// Elements whose columns are walked together: what they take stays in cache.
const BLOCK_ELEMENTS: usize = 256;

/// A block of elements on both sides.
struct Rows<'a> {
    source: &'a [u8],
    target: &'a mut [u8],
    sizes: [usize; 2],
}

impl Rows<'_> {
    /// Copies `N` bytes of each element.
    #[inline]
    fn copy<const N: usize>(&mut self, from: usize, to: usize) {
        let source = self.source.chunks_exact(self.sizes[FROM]);
        let target = self.target.chunks_exact_mut(self.sizes[TO]);
        for (source, target) in source.zip(target) {
            target[to..to + N].copy_from_slice(&source[from..from + N]);
        }
    }

    /// Copies adjacent bytes of each element, as many as it can in one walk.
    fn copy_run(&mut self, at: [u32; 2], bytes: u32) {
        let [mut from, mut to] = at.map(|at| at as usize);
        let mut left = bytes as usize;
        while left > 0 {
            let size = match left {
                24.. => {
                    self.copy::<24>(from, to);
                    24
                }
                20..24 => {
                    self.copy::<20>(from, to);
                    20
                }
                16..20 => {
                    self.copy::<16>(from, to);
                    16
                }
                12..16 => {
                    self.copy::<12>(from, to);
                    12
                }
                8..12 => {
                    self.copy::<8>(from, to);
                    8
                }
                4..8 => {
                    self.copy::<4>(from, to);
                    4
                }
                2..4 => {
                    self.copy::<2>(from, to);
                    2
                }
                _ => {
                    self.copy::<1>(from, to);
                    1
                }
            };
            (from, to, left) = (from + size, to + size, left - size);
        }
    }

    /// Passes one value of each element through a check; an error comes with
    /// the element's number.
    #[inline]
    fn pass(
        &mut self,
        at: super::At,
        size: u32,
        check: impl Fn(u64) -> Result<u64>,
    ) -> Result<(), (Error, usize)> {
        let (from, to) = (at.byte(FROM), at.byte(TO));
        let source = self.source.chunks_exact(self.sizes[FROM]);
        let target = self.target.chunks_exact_mut(self.sizes[TO]);
        for (row, (source, target)) in source.zip(target).enumerate() {
            match check(read_bits(&source[from..], size)) {
                Ok(bits) => write_bits(&mut target[to..], size, bits),
                Err(error) => return Err((error, row)),
            }
        }
        Ok(())
    }
}

impl Program {
    /// Moves elements that this plain program describes.
    pub(super) fn move_plain_list(&self, source: &[u8], target: &mut [u8]) -> Result<()> {
        let sizes = self.layout.map(|layout| layout.size as usize);
        let nested = |op: &Op| {
            matches!(
                op,
                Op::Switch { .. } | Op::Outlined { .. } | Op::FixedLengthList { .. }
            )
        };
        if self.ops.iter().any(nested) {
            let elements = source
                .chunks_exact(sizes[FROM])
                .zip(target.chunks_exact_mut(sizes[TO]));
            for (i, (source, target)) in elements.enumerate() {
                self.plain(source, target)
                    .map_err(|error| error.within_index(i))?;
            }
            return Ok(());
        }
        let blocks = source
            .chunks(sizes[FROM] * BLOCK_ELEMENTS)
            .zip(target.chunks_mut(sizes[TO] * BLOCK_ELEMENTS));
        for (i, (source, target)) in blocks.enumerate() {
            self.columns(Rows {
                source,
                target,
                sizes,
            })
            .map_err(|(fault, row)| {
                self.locate(fault.error, fault.pc)
                    .within_index(i * BLOCK_ELEMENTS + row)
            })?;
        }
        Ok(())
    }

    fn columns(&self, mut rows: Rows<'_>) -> Result<(), (Fault, usize)> {
        let mut pc = 0;
        while let Some(op) = self.ops.get(pc) {
            let fault = |(error, row)| (Fault { error, pc }, row);
            match op {
                Op::Copy { at, bytes, skip } => {
                    rows.copy_run(*at, *bytes);
                    pc += *skip as usize;
                }
                Op::Record { .. } | Op::Tuple { .. } => {}
                Op::Scalar {
                    at,
                    scalar: Scalar::Bool,
                } => {
                    rows.pass(*at, 1, |bits| Ok(u64::from(bits != 0)))
                        .map_err(fault)?;
                }
                Op::Scalar {
                    at,
                    scalar: Scalar::Char,
                } => {
                    rows.pass(*at, 4, |bits| Scalar::Char.pass(bits))
                        .map_err(fault)?;
                }
                Op::Scalar { at, scalar } => rows.copy_run(at.bytes, scalar.size()),
                Op::Flags { at, bytes, mask } => {
                    let pass = |bits| Ok(bits & u64::from(*mask));
                    rows.pass(*at, *bytes, pass).map_err(fault)?;
                }
                Op::Enum { at, bytes, cases } => {
                    let pass = |bits| check_case(bits as u32, *cases as usize).map(|_| bits);
                    rows.pass(*at, *bytes, pass).map_err(fault)?;
                }
                Op::Switch { .. }
                | Op::Outlined { .. }
                | Op::FixedLengthList { .. }
                | Op::String { .. }
                | Op::List { .. }
                | Op::Map { .. }
                | Op::Own { .. }
                | Op::Borrow { .. } => return Err(fault((not_plain(), 0))),
            }
            pc += op.width();
        }
        Ok(())
    }

    /// Moves one element without pointers and handles.
    fn plain(&self, source: &[u8], target: &mut [u8]) -> Result<()> {
        self.run_plain(0..self.ops.len(), source, target)
            .map_err(|fault| self.locate(fault.error, fault.pc))
    }

    fn run_plain(&self, ops: Range<usize>, source: &[u8], target: &mut [u8]) -> Result<(), Fault> {
        let mut pc = ops.start;
        while pc < ops.end {
            let op = &self.ops[pc];
            let fault = |error| Fault { error, pc };
            let mut put = |at: super::At, bytes, bits| {
                write_bits(&mut target[at.byte(TO)..], bytes, bits);
            };
            let get = |at: super::At, bytes| read_bits(&source[at.byte(FROM)..], bytes);
            match op {
                Op::Copy { at, bytes, skip } => {
                    let ([from, to], bytes) = (at.map(|at| at as usize), *bytes as usize);
                    target[to..to + bytes].copy_from_slice(&source[from..from + bytes]);
                    pc += *skip as usize;
                }
                Op::Record { .. } | Op::Tuple { .. } => {}
                Op::Scalar { at, scalar } => {
                    let bits = scalar.pass(get(*at, scalar.size())).map_err(fault)?;
                    put(*at, scalar.size(), bits);
                }
                Op::Flags { at, bytes, mask } => {
                    put(*at, *bytes, get(*at, *bytes) & u64::from(*mask));
                }
                Op::Enum { at, bytes, cases } => {
                    let case = get(*at, *bytes);
                    check_case(case as u32, *cases as usize).map_err(fault)?;
                    put(*at, *bytes, case);
                }
                Op::Switch {
                    at, bytes, cases, ..
                } => {
                    let case = get(*at, *bytes);
                    let body = check_case(case as u32, cases.len()).map_err(fault)?;
                    put(*at, *bytes, case);
                    if let Some(body) = &cases[body] {
                        let body = pc + 1 + body.start as usize..pc + 1 + body.end as usize;
                        self.run_plain(body, source, target)?;
                    }
                }
                Op::Outlined { at, program } => program
                    .plain(&source[at.byte(FROM)..], &mut target[at.byte(TO)..])
                    .map_err(fault)?,
                Op::FixedLengthList { at, elem, count } => {
                    let [from, to] = elem.layout.map(|layout| (layout.size * count) as usize);
                    let source = &source[at.byte(FROM)..][..from];
                    let target = &mut target[at.byte(TO)..][..to];
                    elem.move_plain_list(source, target).map_err(fault)?;
                }
                Op::String { .. }
                | Op::List { .. }
                | Op::Map { .. }
                | Op::Own { .. }
                | Op::Borrow { .. } => return Err(fault(not_plain())),
            }
            pc += op.width();
        }
        Ok(())
    }
}

/// The compiler says which programs are plain.
#[cold]
fn not_plain() -> Error {
    Error::invalid_type("plain data holds no pointers")
}
