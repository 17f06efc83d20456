//! The encoder's part for vectors.

use crate::translate::{FrameSlot, Splat, VectorOp};
use crate::types::ValType;

use super::super::emit::{Address, Kind, Val};
use super::super::encode::Encoder;
use super::super::ops::{Opcode, Plain};

impl Encoder<'_> {
    /// Notes that the instruction at `at` makes a vector.
    pub(in super::super) fn vector_value(&mut self, at: usize, dst: FrameSlot) -> Val {
        self.asm.defined(at, ValType::V128, dst, Kind::Vector);
        Val::Slot(dst)
    }

    pub(in super::super) fn copy_vector(&mut self, from: FrameSlot, to: FrameSlot) {
        let at = self.plain(Plain::CopyVector, to);
        self.asm.slots(from, 0);
        self.asm.wrote(at, &[to, to + 1], Kind::Other);
    }

    #[expect(clippy::too_many_lines, reason = "one arm a shape of operators")]
    pub(in super::super) fn write_vector(
        &mut self,
        op: VectorOp,
        operands: &[Val],
        home: FrameSlot,
    ) -> Val {
        match (op, operands) {
            (VectorOp::Const(bits), _) => self.vector_constant(bits, home),
            (VectorOp::VectorUnary(op), [a]) => {
                self.vector_op(Opcode::vector_unary(op), *a, None, home)
            }
            (VectorOp::VectorBinary(op), [a, b]) => {
                self.vector_op(Opcode::vector_binary(op), *a, Some(*b), home)
            }
            (VectorOp::VectorTernary(op), [a, b, c]) => {
                let at = self.asm.op(Opcode::vector_ternary(op), home);
                self.asm.slots(slot(*a), slot(*b));
                self.asm.word(u32::from(slot(*c)));
                self.vector_value(at, home)
            }
            (VectorOp::VectorShift(op), [a, Val::Const(bits)]) => {
                let at = self.asm.op(Opcode::vector_shift(op, true), home);
                // No lane has more bits than a byte can count.
                self.asm.slots(slot(*a), u16::from(*bits as u8));
                self.vector_value(at, home)
            }
            (VectorOp::VectorShift(op), [a, b]) => {
                self.vector_op(Opcode::vector_shift(op, false), *a, Some(*b), home)
            }
            (VectorOp::VectorTest(op), [a]) => {
                let at = self.asm.op(Opcode::vector_test(op), home);
                self.asm.slots(slot(*a), 0);
                self.value(at, ValType::I32, home)
            }
            (VectorOp::Splat(op), [Val::Const(bits)]) => {
                self.vector_constant(repeat(op, *bits), home)
            }
            (VectorOp::Splat(op), [a]) => self.vector_op(Opcode::splat(op), *a, None, home),
            (VectorOp::ExtractLane(op, lane), [a]) => {
                let at = self.asm.op(Opcode::extract_lane(op), home);
                self.asm.slots(slot(*a), u16::from(lane));
                self.value(at, op.lane(), home)
            }
            (VectorOp::ReplaceLane(op, lane), [a, b]) => {
                // The home of the number follows the two slots of the vector.
                let b = self.slot_of(op.lane(), *b, home + 2);
                let at = self.asm.op(Opcode::replace_lane(op), home);
                self.asm.slots(slot(*a), b);
                self.asm.word(u32::from(lane));
                self.vector_value(at, home)
            }
            (VectorOp::Shuffle(lanes), [a, b]) => self.shuffle(lanes, *a, *b, home),
            (VectorOp::Load(op, place), [addr]) => {
                let address = self.address(place, *addr, home);
                let op = Opcode::vector_load(op, address.form);
                let at = self.access(op, &address, home, None);
                self.vector_value(at, home)
            }
            (VectorOp::Store(place), [addr, val]) => {
                let address = self.address(place, *addr, home);
                let op = Opcode::vector_store(address.form);
                self.access(op, &address, slot(*val), None);
                self.asm.forget();
                Val::Slot(home)
            }
            (VectorOp::LoadLane(width, place, lane), [addr, val]) => {
                let address = self.any_address(place, *addr, home);
                let op = Opcode::load_lane(width, address.form);
                let lane = u32::from(slot(*val)) | u32::from(lane) << 16;
                let at = self.access(op, &address, home, Some(lane));
                self.vector_value(at, home)
            }
            (VectorOp::StoreLane(width, place, lane), [addr, val]) => {
                let address = self.any_address(place, *addr, home);
                let op = Opcode::store_lane(width, address.form);
                self.access(op, &address, slot(*val), Some(lane.into()));
                self.asm.forget();
                Val::Slot(home)
            }
            // The walk brings as many operands as the operator has.
            _ => Val::Slot(home),
        }
    }

    fn vector_constant(&mut self, bits: u128, dst: FrameSlot) -> Val {
        let at = self.plain(Plain::ConstVector, dst);
        self.asm.wide(bits as u64);
        self.asm.wide((bits >> 64) as u64);
        self.vector_value(at, dst)
    }

    /// An instruction of two words.
    fn vector_op(&mut self, op: Opcode, a: Val, b: Option<Val>, dst: FrameSlot) -> Val {
        let at = self.asm.op(op, dst);
        self.asm.slots(slot(a), b.map_or(0, slot));
        self.vector_value(at, dst)
    }

    /// A load or store, of a lane if there is a last word.
    fn access(&mut self, op: Opcode, address: &Address, d: FrameSlot, lane: Option<u32>) -> usize {
        let at = self.asm.op(op, d);
        self.asm.address(address);
        if let Some(lane) = lane {
            self.asm.word(lane);
        }
        self.asm.position(at);
        at
    }

    /// A shuffle, of the widest lanes that it keeps whole.
    fn shuffle(&mut self, lanes: [u8; 16], a: Val, b: Val, dst: FrameSlot) -> Val {
        let (op, size) = if is_whole(lanes, 4) {
            (Plain::Shuffle32, 4)
        } else if is_whole(lanes, 2) {
            (Plain::Shuffle16, 2)
        } else {
            (Plain::Shuffle8, 1)
        };
        let at = self.plain(op, dst);
        self.asm.slots(slot(a), slot(b));
        for four in lanes.chunks_exact(4 * size) {
            let lane = |i: usize| four[i * size] / size as u8;
            self.asm
                .word(u32::from_ne_bytes([lane(0), lane(1), lane(2), lane(3)]));
        }
        self.vector_value(at, dst)
    }
}

/// Whether a shuffle of bytes is one of lanes of `size` bytes.
fn is_whole(lanes: [u8; 16], size: u8) -> bool {
    lanes.chunks_exact(usize::from(size)).all(|lane| {
        let is_next = |(i, byte): (u8, &u8)| *byte == lane[0] + i;
        lane[0] % size == 0 && (0..size).zip(lane).all(is_next)
    })
}

/// The slot of a vector, which is never a constant.
fn slot(val: Val) -> FrameSlot {
    super::super::encode::slot_or_zero(val)
}

/// The vector of a number in all lanes.
fn repeat(op: Splat, bits: u64) -> u128 {
    let (width, lanes) = match op {
        Splat::I8x16Splat => (8, 16),
        Splat::I16x8Splat => (16, 8),
        Splat::I32x4Splat | Splat::F32x4Splat => (32, 4),
        Splat::I64x2Splat | Splat::F64x2Splat => (64, 2),
    };
    let lane = u128::from(bits) & ((1 << width) - 1);
    (0..lanes).fold(0, |all, i| all | lane << (i * width))
}
