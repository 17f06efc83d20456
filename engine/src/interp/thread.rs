//! What is known at the end of a function and not when a branch was written:
//! whether it leads to another branch. If so, it goes to the end at once.
//!
//! Each branch on the way is a load that the next instruction's address waits
//! for, and in a loop around a `switch` those loads are the longest chain of
//! all: the processor can foresee where a branch goes, but not the value of
//! the register that says so.

use super::emit::{Assembler, distance, pair};
use super::ops::{Opcode, Plain};

/// The offsets of a `br_table`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// Its instruction.
    pub(super) at: usize,
    /// The word of the first one.
    pub(super) first: usize,
    pub(super) count: usize,
}

/// The ends of loops, how far behind each its offset is, and the branch that
/// does the same from afar.
const LOOP_ENDS: [(Plain, usize, Plain); 4] = [
    (Plain::BrBack, 1, Plain::BrVia),
    (Plain::CopyBrBack, 2, Plain::CopyBrVia),
    (Plain::Increment32CopyBrBack, 3, Plain::Increment32CopyBrVia),
    (Plain::Increment64CopyBrBack, 3, Plain::Increment64CopyBrVia),
];

/// Threads all branches of a function whose labels are bound and whose
/// instructions do not change any more.
pub(super) fn thread(asm: &mut Assembler) {
    // Branches forward lead to later ones, which have been threaded already.
    for at in core::mem::take(&mut asm.jumps).into_iter().rev() {
        thread_jump(&mut asm.words, at);
    }
    for table in core::mem::take(&mut asm.tables) {
        for word in table.first..table.first + table.count {
            let next = target(&asm.words, table.at, word);
            if opcode(&asm.words, next) == Opcode::plain(Plain::Br) {
                asm.words[word] = distance(table.at, target(&asm.words, next, next + 1));
            }
        }
    }
}

/// Threads the branch forward at `at`.
fn thread_jump(words: &mut [u32], at: usize) {
    let mut next = target(words, at, at + 1);
    let mut op = opcode(words, next);
    if op == Opcode::plain(Plain::Br) {
        words[at + 1] = distance(at, target(words, next, next + 1));
        return;
    }
    if LOOP_ENDS.iter().any(|(.., via)| op == Opcode::plain(*via)) {
        next += away(words, next);
        op = opcode(words, next);
    }
    for (end, offset, via) in LOOP_ENDS {
        if op == Opcode::plain(end)
            && let Ok(away) = u16::try_from(next - at)
        {
            words[at] = pair(Opcode::plain(via).0, away);
            words[at + 1] = distance(at, target(words, next, next + offset));
        }
    }
}

/// Where the offset in `word` of the instruction at `at` leads.
fn target(words: &[u32], at: usize, word: usize) -> usize {
    let offset = words[word].cast_signed() / size_of::<u32>() as i32;
    at.wrapping_add_signed(offset as isize)
}

/// The words between a branch and the end of the loop that it acts as.
fn away(words: &[u32], at: usize) -> usize {
    let [_, _, a, b] = words[at].to_ne_bytes();
    usize::from(u16::from_ne_bytes([a, b]))
}

/// The instruction that starts at `at`.
fn opcode(words: &[u32], at: usize) -> Opcode {
    let [a, b, _, _] = words[at].to_ne_bytes();
    Opcode(u16::from_ne_bytes([a, b]))
}
