//! The assembler under the encoder: words, labels, which slots the
//! accumulators hold, and the instructions written last, which the encoder
//! may still change.
//!
//! Invariants: every instruction is either noted in `recent` or clears it,
//! so the noted ones stand at the end of the code, in order; nobody branches
//! to a place behind the first of them.

use crate::error::{Error, Result};
use crate::translate::{BinaryOp, CastTest, CompareOp, FrameSlot, LoadOp};
use crate::types::ValType;

use super::exception;
use super::ops::{AddressForm, Opcode};
use super::thread::Table;

/// Words that the code of one function may have.
const WORDS_MAX: usize = 1 << 24;

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Val {
    Slot(FrameSlot),
    Const(u64),
}

/// The two classes of accumulators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Int,
    Float,
    /// Two slots, and no accumulator.
    Vector,
}

impl Class {
    pub(super) fn of(ty: ValType) -> Class {
        match ty {
            ValType::F32 | ValType::F64 => Class::Float,
            ValType::I32 | ValType::I64 | ValType::Ref(_) => Class::Int,
            ValType::V128 => Class::Vector,
        }
    }
}

/// The slots whose values the accumulators hold too.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Accs {
    int: Option<FrameSlot>,
    float: Option<FrameSlot>,
}

impl Accs {
    pub(super) fn holds(self, class: Class, slot: FrameSlot) -> bool {
        match class {
            Class::Int => self.int == Some(slot),
            Class::Float => self.float == Some(slot),
            Class::Vector => false,
        }
    }

    /// A slot was overwritten.
    pub(super) fn lose(&mut self, slot: FrameSlot) {
        if self.int == Some(slot) {
            self.int = None;
        }
        if self.float == Some(slot) {
            self.float = None;
        }
    }

    /// What was written to one slot is written to another instead.
    fn rename(&mut self, old: FrameSlot, new: FrameSlot) {
        for acc in [&mut self.int, &mut self.float] {
            if *acc == Some(old) {
                *acc = Some(new);
            }
        }
    }

    /// A slot and an accumulator were written.
    fn gain(&mut self, class: Class, slot: FrameSlot) {
        self.lose(slot);
        match class {
            Class::Int => self.int = Some(slot),
            Class::Float => self.float = Some(slot),
            Class::Vector => self.lose(slot + 1),
        }
    }
}

/// Where a load or store goes, as its instruction says it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) form: AddressForm,
    pub(super) a: FrameSlot,
    /// A second slot or, in forms that name a memory, its index.
    pub(super) b: u16,
    pub(super) offset: u64,
    pub(super) constant: Option<u32>,
}

/// What an instruction does, as far as it can be fused with a later one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Binary {
        op: BinaryOp,
        a: Val,
        b: Val,
    },
    Compare {
        op: CompareOp,
        a: Val,
        b: Val,
    },
    Load {
        op: LoadOp,
        address: Address,
    },
    Copy {
        from: FrameSlot,
        to: FrameSlot,
    },
    /// A test of the reference in a slot.
    Test {
        test: CastTest,
        a: FrameSlot,
    },
    /// It makes a vector.
    Vector,
    Other,
}

/// An instruction at the end of the code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    /// Its first word.
    pub(super) at: usize,
    /// The slot that its field `d` says it writes.
    pub(super) dst: Option<FrameSlot>,
    pub(super) kind: Kind,
    /// The accumulators before it.
    accs: Accs,
}

/// A place to branch to: bound, or with a list of branches that wait for it.
#[derive(Clone, Copy, Debug)]
struct LabelState {
    bound: Option<usize>,
    /// The last one that waits, as its position in `Assembler::waiting`.
    waiting: Option<u32>,
}

/// A branch whose label is not bound.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// Its instruction.
    at: usize,
    /// The word for the offset.
    word: usize,
    /// The next of the same label.
    next: Option<u32>,
}

/// A label of the function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(u32);

impl Label {
    /// Tells it from the function's other labels.
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

const RECENT_MAX: usize = 3;

#[derive(Default)]
pub(super) struct Assembler {
    pub(super) words: Vec<u32>,
    /// Instructions that may trap or call, with offsets of operators.
    pub(super) positions: Vec<(u32, u32)>,
    pub(super) accs: Accs,
    /// The parts of the code inside `try_table`s.
    pub(super) tries: exception::Builder,
    /// Branches forward without condition, in ascending order.
    pub(super) jumps: Vec<usize>,
    pub(super) tables: Vec<Table>,
    offset: u32,
    recent: [Option<Recent>; RECENT_MAX],
    labels: Vec<LabelState>,
    waiting: Vec<Waiting>,
}

/// Two 16-bit fields, the first at the lower address.
pub(super) fn pair(first: u16, second: u16) -> u32 {
    let ([a, b], [c, d]) = (first.to_ne_bytes(), second.to_ne_bytes());
    u32::from_ne_bytes([a, b, c, d])
}

impl Assembler {
    /// The operator at `offset` starts.
    pub(super) fn at(&mut self, offset: u32) -> Result<()> {
        self.offset = offset;
        if self.words.len() > WORDS_MAX {
            return Err(Error::limit(format!(
                "function too large: code of {} words, at most {WORDS_MAX}",
                self.words.len()
            )));
        }
        Ok(())
    }

    /// Starts an instruction.
    pub(super) fn op(&mut self, op: Opcode, d: FrameSlot) -> usize {
        let at = self.words.len();
        self.words.push(pair(op.0, d));
        at
    }

    /// Writes word 1.
    pub(super) fn slots(&mut self, a: FrameSlot, b: FrameSlot) {
        self.words.push(pair(a, b));
    }

    pub(super) fn word(&mut self, word: u32) {
        self.words.push(word);
    }

    /// Writes the words of an address behind word 0.
    pub(super) fn address(&mut self, address: &Address) {
        self.slots(address.a, address.b);
        if address.form.has_wide_offset() {
            self.wide(address.offset);
        } else {
            // The encoder chooses other forms for larger offsets.
            self.word(address.offset as u32);
        }
        if let Some(constant) = address.constant {
            self.word(constant);
        }
    }

    /// Writes an immediate of a type whose [`immediate`](fits) form exists.
    pub(super) fn immediate(&mut self, ty: ValType, bits: u64) {
        self.words.push(bits as u32);
        if ty == ValType::F64 {
            let [a, b, c, d, e, f, g, h] = bits.to_ne_bytes();
            let at = self.words.len() - 1;
            self.words[at] = u32::from_ne_bytes([a, b, c, d]);
            self.words.push(u32::from_ne_bytes([e, f, g, h]));
        }
    }

    /// Writes 64 bits.
    pub(super) fn wide(&mut self, bits: u64) {
        self.immediate(ValType::F64, bits);
    }

    /// The instruction that starts at `at` may trap or call.
    pub(super) fn position(&mut self, at: usize) {
        self.positions
            .push((u32::try_from(at).unwrap_or(u32::MAX), self.offset));
    }

    /// The offset of the operator that the last position belongs to.
    pub(super) fn last_position(&self) -> u32 {
        self.positions
            .last()
            .map_or(self.offset, |(_, offset)| *offset)
    }

    /// The instruction that starts at `at` may trap on behalf of an earlier
    /// operator.
    pub(super) fn position_from(&mut self, at: usize, offset: u32) {
        self.positions
            .push((u32::try_from(at).unwrap_or(u32::MAX), offset));
    }

    /// Whether `slot` is also in the accumulator of its class.
    pub(super) fn in_acc(&self, ty: ValType, slot: FrameSlot) -> bool {
        self.accs.holds(Class::of(ty), slot)
    }

    /// The instruction at `at` writes `dst` and the accumulator of `ty`.
    pub(super) fn defined(&mut self, at: usize, ty: ValType, dst: FrameSlot, kind: Kind) {
        self.note(Recent {
            at,
            dst: Some(dst),
            kind,
            accs: self.accs,
        });
        self.accs.gain(Class::of(ty), dst);
    }

    /// The instruction at `at` writes `slots` and no accumulator, and cannot
    /// write others instead.
    pub(super) fn wrote(&mut self, at: usize, slots: &[FrameSlot], kind: Kind) {
        self.note(Recent {
            at,
            dst: None,
            kind,
            accs: self.accs,
        });
        for slot in slots {
            self.accs.lose(*slot);
        }
    }

    fn note(&mut self, recent: Recent) {
        self.recent.rotate_right(1);
        self.recent[0] = Some(recent);
    }

    /// The instructions so far cannot be changed any more.
    pub(super) fn forget(&mut self) {
        self.recent = [None; RECENT_MAX];
    }

    /// Control comes here from elsewhere, or anything may have happened.
    pub(super) fn barrier(&mut self) {
        self.forget();
        self.accs = Accs::default();
    }

    /// The last instruction but `back`.
    pub(super) fn recent(&self, back: usize) -> Option<Recent> {
        self.recent[back]
    }

    /// Takes the last instruction away.
    pub(super) fn pop(&mut self) {
        if let Some(last) = self.recent[0].take() {
            self.recent.rotate_left(1);
            self.words.truncate(last.at);
            self.tries.cut(last.at);
            self.accs = last.accs;
            while self
                .positions
                .last()
                .is_some_and(|(at, _)| *at as usize >= last.at)
            {
                self.positions.pop();
            }
        }
    }

    /// Makes the last instruction write `to` instead of its slot.
    pub(super) fn retarget(&mut self, to: FrameSlot) {
        if let Some(last) = &mut self.recent[0] {
            let op = self.words[last.at].to_ne_bytes();
            self.words[last.at] = pair(u16::from_ne_bytes([op[0], op[1]]), to);
            if let Some(old) = last.dst.replace(to) {
                // Which class it is, the instruction knows better than the
                // type of a value that was made of its bits.
                self.accs.lose(to);
                if matches!(last.kind, Kind::Vector) {
                    self.accs.lose(to + 1);
                }
                self.accs.rename(old, to);
            }
        }
    }

    /// Writes a copy in front of the last instruction, which must not touch
    /// either slot in a way that the copy would notice.
    pub(super) fn insert_copy(&mut self, op: Opcode, from: FrameSlot, to: FrameSlot) {
        let Some(last) = self.recent[0] else {
            return;
        };
        let words = self.words[last.at..].to_vec();
        let accs = self.accs;
        self.pop();
        let at = self.op(op, to);
        self.slots(from, 0);
        self.wrote(at, &[to], Kind::Copy { from, to });
        let moved = Recent {
            at: self.words.len(),
            accs: self.accs,
            ..last
        };
        self.words.extend(words);
        self.note(moved);
        self.accs = accs;
        self.accs.lose(to);
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(LabelState {
            bound: None,
            waiting: None,
        });
        Label(u32::try_from(self.labels.len() - 1).unwrap_or(u32::MAX))
    }

    /// Where the label of this number is; all labels are bound in the end.
    pub(super) fn position_of(&self, label: u32) -> Option<usize> {
        self.labels.get(label as usize)?.bound
    }

    /// Whether branches to `label` go back.
    pub(super) fn is_back(&self, label: Label) -> bool {
        self.labels[label.0 as usize].bound.is_some()
    }

    pub(super) fn bind(&mut self, label: Label) {
        self.barrier();
        let here = self.words.len();
        let state = &mut self.labels[label.0 as usize];
        state.bound = Some(here);
        let mut list = state.waiting.take();
        while let Some(first) = list {
            let waiting = self.waiting[first as usize];
            self.words[waiting.word] = distance(waiting.at, here);
            list = waiting.next;
        }
    }

    /// Writes the offset of the branch instruction at `at`, relative to it.
    pub(super) fn target(&mut self, at: usize, label: Label) {
        let state = &mut self.labels[label.0 as usize];
        let word = match state.bound {
            Some(bound) => distance(at, bound),
            None => {
                let position = u32::try_from(self.waiting.len()).ok();
                let next = core::mem::replace(&mut state.waiting, position);
                self.waiting.push(Waiting {
                    at,
                    word: self.words.len(),
                    next,
                });
                0
            }
        };
        self.words.push(word);
    }
}

/// Bytes between two positions in words; code is far smaller than 2^31 bytes.
pub(super) fn distance(from: usize, to: usize) -> u32 {
    ((to as i64 - from as i64) * size_of::<u32>() as i64) as i32 as u32
}

/// Whether `bits` of type `ty` can be an immediate of an instruction: 64-bit
/// integers are sign-extended from one word.
pub(super) fn fits(ty: ValType, bits: u64) -> bool {
    match ty {
        ValType::I32 | ValType::F32 | ValType::F64 => true,
        ValType::V128 => false,
        ValType::I64 | ValType::Ref(_) => i64::from(bits as u32 as i32).cast_unsigned() == bits,
    }
}
