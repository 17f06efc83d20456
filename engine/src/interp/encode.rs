//! The interpreter's sink: it writes the code of one function. The only
//! optimisations are those that look at the last instructions: operands from
//! accumulators, results straight into locals, and fused instructions.

use crate::error::Result;
use crate::module::{FuncIndex, ModuleInner, TagIndex};
use crate::runtime::vmctx::RED_ZONE_SLOTS;
use crate::translate::{
    ArrayBulk, AtomicOp, BinaryOp, BulkOp, BulkOperand, CallSite, CastTest, Clause, CompareOp,
    FieldLoad, FrameSlot, Layout, LoadOp, MemoryPlace, NewObject, RootMap, Sink, StoreOp, Summary,
    UnaryOp, VectorOp, WideOp,
};
use crate::types::rtt::Storage;
use crate::types::{AddressType, ValType};

use super::code::{Code, Parts};
use super::emit::{Address, Assembler, Class, Kind, Label, Val, distance, fits};
use super::ops::{AddressForm, Form, From, Opcode, PairOf, Plain};
use super::thread::thread;

/// Writes the code of one function.
pub(super) struct Encoder<'m> {
    pub(super) module: &'m ModuleInner,
    pub(super) asm: Assembler,
    pub(super) layout: Layout,
    /// The result of [`Sink::finish`].
    pub(super) code: Option<Code>,
}

impl<'m> Encoder<'m> {
    pub(super) fn new(module: &'m ModuleInner) -> Encoder<'m> {
        Encoder {
            module,
            asm: Assembler::default(),
            layout: Layout::default(),
            code: None,
        }
    }

    /// Whether `slot` is an operand's home, which dies with its operand.
    pub(super) fn is_temporary(&self, slot: FrameSlot) -> bool {
        slot >= self.layout.operands
    }

    pub(super) fn plain(&mut self, op: Plain, d: FrameSlot) -> usize {
        self.asm.op(Opcode::plain(op), d)
    }

    /// Writes a constant to a slot.
    pub(super) fn constant_to(&mut self, ty: ValType, bits: u64, to: FrameSlot) {
        let at = match ty {
            ValType::F32 => self.plain(Plain::ConstF32, to),
            ValType::F64 => self.plain(Plain::ConstF64, to),
            ValType::I32 => self.plain(Plain::Const32, to),
            // Constant vectors are instructions, never operands.
            ValType::I64 | ValType::V128 | ValType::Ref(_) => {
                if !fits(ty, bits) {
                    let at = self.plain(Plain::ConstWide, to);
                    self.asm.wide(bits);
                    self.asm.defined(at, ty, to, Kind::Other);
                    return;
                }
                self.plain(Plain::ConstSigned, to)
            }
        };
        self.asm.immediate(ty, bits);
        self.asm.defined(at, ty, to, Kind::Other);
    }

    /// The slot of an operand; a constant is stored in `home` first.
    pub(super) fn slot_of(&mut self, ty: ValType, val: Val, home: FrameSlot) -> FrameSlot {
        match val {
            Val::Slot(slot) => slot,
            Val::Const(bits) => {
                self.constant_to(ty, bits, home);
                home
            }
        }
    }

    /// Copies a slot, together with the copy before it if there is one.
    fn copy(&mut self, ty: ValType, from: FrameSlot, to: FrameSlot) {
        if ty == ValType::V128 {
            return self.copy_vector(from, to);
        }
        if let Some(last) = self.asm.recent(0)
            && let Kind::Copy {
                from: first,
                to: first_to,
            } = last.kind
        {
            self.asm.pop();
            let at = self.plain(Plain::Copy2, first_to);
            self.asm.slots(first, from);
            self.asm.word(u32::from(to));
            self.asm.wrote(at, &[first_to, to], Kind::Other);
            return;
        }
        let at = if self.asm.in_acc(ty, from) {
            match Class::of(ty) {
                Class::Int => self.plain(Plain::CopyAcc, to),
                Class::Float | Class::Vector => self.plain(Plain::CopyFloatAcc, to),
            }
        } else {
            let at = self.plain(Plain::Copy, to);
            self.asm.slots(from, 0);
            at
        };
        self.asm.wrote(at, &[to], Kind::Copy { from, to });
    }

    /// The last instruction, if it wrote the temporary `val` and nobody else
    /// reads that.
    pub(super) fn producer(&self, val: Val) -> Option<super::emit::Recent> {
        let Val::Slot(slot) = val else {
            return None;
        };
        self.asm
            .recent(0)
            .filter(|last| last.dst == Some(slot) && self.is_temporary(slot))
    }

    /// Whether an operand is in an accumulator.
    pub(super) fn is_acc(&self, ty: ValType, val: Val) -> bool {
        matches!(val, Val::Slot(slot) if self.asm.in_acc(ty, slot))
    }

    /// Writes an instruction of two operands whose immediate, if any, fits.
    fn two_operands(&mut self, op: BinaryOp, a: Val, b: Val, dst: FrameSlot) -> usize {
        let ty = op.ty();
        let form = match (a, b) {
            (Val::Const(_), _) if self.is_acc(ty, b) => Form::ConstAcc,
            (Val::Const(_), _) => Form::ConstSlot,
            (_, Val::Const(_)) if self.is_acc(ty, a) => Form::AccConst,
            (_, Val::Const(_)) => Form::SlotConst,
            _ if self.is_acc(ty, a) => Form::AccSlot,
            _ if self.is_acc(ty, b) => Form::SlotAcc,
            _ => Form::SlotSlot,
        };
        let at = self.asm.op(Opcode::binary(op, form), dst);
        self.asm.slots(slot_or_zero(a), slot_or_zero(b));
        if let Val::Const(bits) = a {
            self.asm.immediate(ty, bits);
        } else if let Val::Const(bits) = b {
            self.asm.immediate(ty, bits);
        }
        at
    }

    /// One instruction for an operator and the one before it that made an
    /// operand, if there is such an instruction.
    fn pair(&mut self, op: BinaryOp, a: Val, b: Val, dst: FrameSlot) -> bool {
        let ty = op.ty();
        for (inner, other, second) in [(a, b, false), (b, a, true)] {
            let Some(last) = self.producer(inner).filter(|_| inner != other) else {
                continue;
            };
            let Kind::Binary {
                op: first,
                a: Val::Slot(mut x),
                b: mut y,
            } = last.kind
            else {
                continue;
            };
            let (inner_const, outer_const) = (is_const(y), is_const(other));
            let swapped = second && !op.is_commutative();
            let pair = PairOf {
                inner: first,
                outer: op,
                inner_const,
                outer_const,
                swapped,
            };
            if Opcode::pair(pair, false).is_none() || !is_immediate_or_slot(ty, other) {
                continue;
            }
            self.asm.pop();
            if let Val::Slot(slot) = y
                && first.is_commutative()
                && self.asm.in_acc(ty, slot)
            {
                (x, y) = (slot, Val::Slot(x));
            }
            let Some(opcode) = Opcode::pair(pair, self.asm.in_acc(ty, x)) else {
                return false;
            };
            let at = self.asm.op(opcode, dst);
            self.asm.slots(x, slot_or_zero(y));
            if let Val::Const(bits) = y {
                self.asm.immediate(ty, bits);
            }
            match other {
                Val::Slot(slot) => self.asm.word(u32::from(slot)),
                Val::Const(bits) => self.asm.immediate(ty, bits),
            }
            self.asm.defined(at, ty, dst, Kind::Other);
            return true;
        }
        false
    }

    /// One instruction for an operator and the load before it that made an
    /// operand, if there is such an instruction.
    fn load_then(&mut self, op: BinaryOp, a: Val, b: Val, dst: FrameSlot) -> bool {
        for (inner, other, second) in [(a, b, false), (b, a, true)] {
            let (Some(last), Val::Slot(other)) = (self.producer(inner), other) else {
                continue;
            };
            let Kind::Load { op: load, address } = last.kind else {
                continue;
            };
            let swapped = second && !op.is_commutative();
            let Some(opcode) = Opcode::load_then(load, address.form, op, swapped) else {
                continue;
            };
            if inner == Val::Slot(other) {
                continue;
            }
            let origin = self.asm.last_position();
            self.asm.pop();
            let at = self.asm.op(opcode, dst);
            // The forms that there are have one slot.
            self.asm.address(&Address {
                b: other,
                ..address
            });
            self.asm.position_from(at, origin);
            self.asm.defined(at, op.ty(), dst, Kind::Other);
            return true;
        }
        false
    }

    /// How the instruction says a place. A constant address may be stored in
    /// `home`.
    pub(super) fn address(&mut self, place: MemoryPlace, addr: Val, home: FrameSlot) -> Address {
        let narrow_offset = u32::try_from(place.offset).is_ok();
        match (place.memory, place.address, place.shared) {
            (0, AddressType::I32, false) => self.narrow_address(place.offset, addr),
            (0, AddressType::I64, false) if narrow_offset => {
                self.wide_address(place.offset, addr, home)
            }
            _ => self.any_address(place, addr, home),
        }
    }

    /// The same in a form that goes with every memory.
    pub(super) fn any_address(
        &mut self,
        place: MemoryPlace,
        addr: Val,
        home: FrameSlot,
    ) -> Address {
        Address {
            form: match (place.address, place.shared) {
                (AddressType::I32, false) => AddressForm::Other,
                (AddressType::I64, false) => AddressForm::AnyWide,
                (AddressType::I32, true) => AddressForm::AnyShared,
                (AddressType::I64, true) => AddressForm::AnySharedWide,
            },
            a: self.slot_of(place.address.val_type(), addr, home),
            // Validation allows at most 100 memories.
            b: place.memory as u16,
            offset: place.offset,
            constant: None,
        }
    }

    /// An address of 64 bits in memory 0.
    fn wide_address(&mut self, offset: u64, addr: Val, home: FrameSlot) -> Address {
        let address = |form, a, constant| Address {
            form,
            a,
            b: 0,
            offset,
            constant,
        };
        if let Some(last) = self.producer(addr)
            && let Kind::Binary {
                op: BinaryOp::I64Add,
                a: Val::Slot(a),
                b: Val::Const(k),
            } = last.kind
            && fits(ValType::I64, k)
        {
            self.asm.pop();
            return address(AddressForm::WidePlus, a, Some(k as u32));
        }
        let slot = self.slot_of(ValType::I64, addr, home);
        if self.asm.in_acc(ValType::I64, slot) {
            address(AddressForm::WideAcc, slot, None)
        } else {
            address(AddressForm::Wide, slot, None)
        }
    }

    /// An address of 32 bits in memory 0. An addition that made it becomes
    /// part of it.
    fn narrow_address(&mut self, offset: u64, addr: Val) -> Address {
        let address = |form, a, b, constant| Address {
            form,
            a,
            b,
            offset,
            constant,
        };
        let slot = match addr {
            Val::Const(bits) => return address(AddressForm::Const, 0, 0, Some(bits as u32)),
            Val::Slot(slot) => slot,
        };
        if let Some(last) = self.producer(addr)
            && let Kind::Binary {
                op: BinaryOp::I32Add,
                a: Val::Slot(a),
                b,
            } = last.kind
        {
            self.asm.pop();
            let acc = self.asm.in_acc(ValType::I32, a);
            return match b {
                Val::Const(k) if acc => address(AddressForm::AccPlus, a, 0, Some(k as u32)),
                Val::Const(k) => address(AddressForm::SlotPlus, a, 0, Some(k as u32)),
                Val::Slot(b) if acc => address(AddressForm::SlotAcc, b, a, None),
                Val::Slot(b) if self.asm.in_acc(ValType::I32, b) => {
                    address(AddressForm::SlotAcc, a, b, None)
                }
                Val::Slot(b) => address(AddressForm::TwoSlots, a, b, None),
            };
        }
        if self.asm.in_acc(ValType::I32, slot) {
            address(AddressForm::Acc, slot, 0, None)
        } else {
            address(AddressForm::Slot, slot, 0, None)
        }
    }

    fn three_slots(&mut self, op: Plain, operands: [BulkOperand<Val>; 3], names: (u32, u32)) {
        let mut slots = [0; 3];
        let mut narrow = 0;
        for (i, operand) in operands.iter().enumerate() {
            slots[i] = self.slot_of(operand.ty, operand.val, operand.home);
            narrow |= u32::from(operand.ty == ValType::I32) << i;
        }
        let at = self.plain(op, slots[0]);
        self.asm.slots(slots[1], slots[2]);
        self.asm.word(names.0);
        self.asm.word(names.1);
        self.asm.word(narrow);
        self.asm.position(at);
        self.asm.forget();
    }

    /// Notes that the instruction at `at` makes a value.
    pub(super) fn value(&mut self, at: usize, ty: ValType, dst: FrameSlot) -> Val {
        self.asm.defined(at, ty, dst, Kind::Other);
        Val::Slot(dst)
    }

    /// Instructions before the body: they stand behind it, so that a
    /// function that needs none starts with its body.
    fn prologue(&mut self, summary: &Summary<'_>) -> usize {
        let entry = self.asm.words.len();
        let big = summary.frame_slots as usize > RED_ZONE_SLOTS;
        if !big && summary.zeroed.is_empty() {
            return 0;
        }
        if big {
            let at = self.plain(Plain::EnterBig, 0);
            self.asm.word(summary.frame_slots);
            self.asm.position(at);
        }
        for (first, count) in summary.zeroed {
            self.plain(Plain::Zero, *first);
            self.asm.word(u32::from(*count));
        }
        let at = self.plain(Plain::Br, 0);
        self.asm.word(distance(at, 0));
        entry
    }
}

pub(super) fn slot_or_zero(val: Val) -> FrameSlot {
    match val {
        Val::Slot(slot) => slot,
        Val::Const(_) => 0,
    }
}

fn is_const(val: Val) -> bool {
    match val {
        Val::Slot(_) => false,
        Val::Const(_) => true,
    }
}

fn is_immediate_or_slot(ty: ValType, val: Val) -> bool {
    match val {
        Val::Slot(_) => true,
        Val::Const(bits) => fits(ty, bits),
    }
}

/// Whether an operator has a trap.
fn traps(op: BinaryOp) -> bool {
    use BinaryOp as B;
    matches!(
        op,
        B::I32DivS
            | B::I32DivU
            | B::I32RemS
            | B::I32RemU
            | B::I64DivS
            | B::I64DivU
            | B::I64RemS
            | B::I64RemU
    )
}

/// A subtraction of a constant is an addition.
fn simplify(op: BinaryOp, b: Val) -> (BinaryOp, Val) {
    match (op, b) {
        (BinaryOp::I32Sub, Val::Const(k)) => (
            BinaryOp::I32Add,
            Val::Const(u64::from((k as u32).wrapping_neg())),
        ),
        (BinaryOp::I64Sub, Val::Const(k)) => (BinaryOp::I64Add, Val::Const(k.wrapping_neg())),
        _ => (op, b),
    }
}

impl Sink for Encoder<'_> {
    type Val = Val;
    type Label = Label;
    type FuelPoint = usize;

    fn begin(&mut self, layout: Layout) {
        self.layout = layout;
    }

    fn at(&mut self, offset: u32) -> Result<()> {
        self.asm.at(offset)
    }

    fn finish(&mut self, summary: &Summary<'_>) -> Result<()> {
        let entry = self.prologue(summary);
        let tries = core::mem::take(&mut self.asm.tries);
        let handlers = tries.finish(|label| self.asm.position_of(label))?;
        thread(&mut self.asm);
        self.code = Some(Code::new(Parts {
            handlers,
            words: &self.asm.words,
            entry: u32::try_from(entry).unwrap_or(u32::MAX),
            header_slot: self.layout.header,
            positions: &self.asm.positions,
            roots: &summary.roots,
        }));
        Ok(())
    }

    fn fuel(&mut self) -> usize {
        let at = self.plain(Plain::Fuel, 0);
        self.asm.word(0);
        self.asm.position(at);
        self.asm.forget();
        at + 1
    }

    fn set_fuel(&mut self, point: usize, operators: u32) {
        self.asm.words[point] = operators;
    }

    fn constant(&mut self, _: ValType, bits: u64) -> Val {
        Val::Const(bits)
    }

    fn slot(&mut self, _: ValType, slot: FrameSlot) -> Val {
        Val::Slot(slot)
    }

    fn put(&mut self, ty: ValType, val: Val, to: FrameSlot) {
        match val {
            Val::Const(bits) => self.constant_to(ty, bits, to),
            Val::Slot(from) if from == to => {}
            Val::Slot(from) => {
                if self.producer(val).is_some() {
                    self.asm.retarget(to);
                } else {
                    self.copy(ty, from, to);
                }
            }
        }
    }

    fn put_run(&mut self, from: FrameSlot, to: FrameSlot, slots: u16) {
        self.plain(Plain::CopyRun, to);
        self.asm.slots(from, slots);
        self.asm.barrier();
    }

    fn spill(&mut self, ty: ValType, val: Val, home: FrameSlot) {
        if let (Val::Slot(local), Some(last)) = (val, self.asm.recent(0))
            && ty != ValType::V128
            && let Kind::Binary { op, a, b } = last.kind
            && !traps(op)
            && a != Val::Slot(home)
            && b != Val::Slot(home)
            && last.dst.is_some_and(|dst| dst != local && dst != home)
        {
            self.asm
                .insert_copy(Opcode::plain(Plain::Copy), local, home);
        } else {
            self.put(ty, val, home);
        }
    }

    fn recast(&mut self, _: ValType, to: ValType, val: Val) -> Val {
        match (val, to) {
            (Val::Const(bits), ValType::I32 | ValType::F32) => Val::Const(bits & 0xffff_ffff),
            _ => val,
        }
    }

    fn unary(&mut self, op: UnaryOp, a: Val, dst: FrameSlot) -> Val {
        let (from, to) = op.types();
        let a = self.slot_of(from, a, dst);
        let opcode = Opcode::unary(op, self.asm.in_acc(from, a));
        let at = self.asm.op(opcode, dst);
        self.asm.slots(a, 0);
        self.asm.position(at);
        self.value(at, to, dst)
    }

    fn binary(&mut self, op: BinaryOp, a: Val, b: Val, dst: FrameSlot) -> Val {
        let ty = op.ty();
        let (mut a, b) = match (a, b) {
            (Val::Const(_), Val::Slot(_)) if op.is_commutative() => (b, a),
            (_, Val::Slot(b_slot)) if op.is_commutative() && self.asm.in_acc(ty, b_slot) => (b, a),
            _ => (a, b),
        };
        let (op, mut b) = simplify(op, b);
        if let (Val::Const(bits), Val::Const(_)) = (a, b) {
            self.constant_to(ty, bits, dst);
            a = Val::Slot(dst);
        }
        if let Val::Const(bits) = a
            && !fits(ty, bits)
        {
            self.constant_to(ty, bits, dst);
            a = Val::Slot(dst);
        }
        if self.pair(op, a, b, dst) || self.load_then(op, a, b, dst) {
            return Val::Slot(dst);
        }
        let at = match b {
            Val::Const(bits) if !fits(ty, bits) => {
                let a = slot_or_zero(a);
                let at = self.asm.op(Opcode::wide(op, self.asm.in_acc(ty, a)), dst);
                self.asm.slots(a, 0);
                self.asm.wide(bits);
                // Nothing fuses with an immediate that it cannot hold.
                b = Val::Slot(dst);
                at
            }
            _ => self.two_operands(op, a, b, dst),
        };
        if traps(op) {
            self.asm.position(at);
        }
        let kind = if b == Val::Slot(dst) {
            Kind::Other
        } else {
            Kind::Binary { op, a, b }
        };
        self.asm.defined(at, ty, dst, kind);
        Val::Slot(dst)
    }

    fn compare(&mut self, op: CompareOp, a: Val, b: Val, dst: FrameSlot) -> Val {
        self.compare_value(op, a, b, dst)
    }

    fn select(&mut self, ty: ValType, cond: Val, a: Val, b: Val, dst: FrameSlot) -> Val {
        self.select_value(ty, cond, a, b, dst)
    }

    fn load(&mut self, op: LoadOp, place: MemoryPlace, addr: Val, dst: FrameSlot) -> Val {
        let address = self.address(place, addr, dst);
        let at = self.asm.op(Opcode::load(op, address.form), dst);
        self.asm.address(&address);
        self.asm.position(at);
        self.asm
            .defined(at, op.ty(), dst, Kind::Load { op, address });
        Val::Slot(dst)
    }

    fn store(&mut self, op: StoreOp, place: MemoryPlace, addr: Val, val: Val, home: FrameSlot) {
        let ty = op.ty();
        let val = match val {
            Val::Const(bits) if !fits(ty, bits) => {
                // The value's home follows the address's.
                Val::Slot(self.slot_of(ty, val, home + 1))
            }
            Val::Const(_) | Val::Slot(_) => val,
        };
        let address = self.address(place, addr, home);
        let (from, d) = match val {
            Val::Const(_) if address.form.has_immediates() => (From::Const, 0),
            Val::Const(_) => (From::Slot, self.slot_of(ty, val, home + 1)),
            Val::Slot(slot) if address.form.has_immediates() && self.asm.in_acc(ty, slot) => {
                (From::Acc, slot)
            }
            Val::Slot(slot) => (From::Slot, slot),
        };
        let at = self.asm.op(Opcode::store(op, address.form, from), d);
        self.asm.address(&address);
        if let (Val::Const(bits), From::Const) = (val, from) {
            self.asm.immediate(ty, bits);
        }
        self.asm.position(at);
        self.asm.forget();
    }

    fn vector(&mut self, op: VectorOp, operands: &[Val], home: FrameSlot) -> Val {
        self.write_vector(op, operands, home)
    }

    fn wide(&mut self, op: WideOp, operands: &[Val], home: FrameSlot) -> [Val; 2] {
        self.write_wide(op, operands, home)
    }

    fn memory_size(&mut self, memory: u32, dst: FrameSlot) -> Val {
        let ty = self.module.memories[memory as usize];
        let at = self.plain(Plain::MemorySize, dst);
        self.asm.word(memory);
        self.asm.word(ty.page_size_bytes.trailing_zeros());
        self.value(at, ty.address.val_type(), dst)
    }

    fn memory_grow(&mut self, memory: u32, delta: Val, dst: FrameSlot) -> Val {
        let address = self.module.memories[memory as usize].address;
        let delta = self.slot_of(address.val_type(), delta, dst);
        let op = match address {
            AddressType::I32 => Plain::MemoryGrow,
            AddressType::I64 => Plain::MemoryGrowWide,
        };
        let at = self.plain(op, dst);
        self.asm.slots(delta, 0);
        self.asm.word(memory);
        self.value(at, address.val_type(), dst)
    }

    fn bulk(&mut self, op: BulkOp, operands: [BulkOperand<Val>; 3]) {
        let (plain, names) = match op {
            BulkOp::MemoryCopy { dst, src } => (Plain::MemoryCopy, (dst, src)),
            BulkOp::MemoryFill { memory } => (Plain::MemoryFill, (memory, 0)),
            BulkOp::MemoryInit { memory, data } => (Plain::MemoryInit, (memory, data)),
            BulkOp::TableCopy { dst, src } => (Plain::TableCopy, (dst, src)),
            BulkOp::TableFill { table } => (Plain::TableFill, (table, 0)),
            BulkOp::TableInit { table, elem } => (Plain::TableInit, (table, elem)),
        };
        self.three_slots(plain, operands, names);
    }

    fn data_drop(&mut self, data: u32) {
        self.plain(Plain::DataDrop, 0);
        self.asm.word(data);
        self.asm.forget();
    }

    fn elem_drop(&mut self, elem: u32) {
        self.plain(Plain::ElemDrop, 0);
        self.asm.word(elem);
        self.asm.forget();
    }

    fn atomic(&mut self, op: AtomicOp, place: MemoryPlace, operands: &[BulkOperand<Val>]) -> Val {
        self.write_atomic(op, place, operands)
    }

    fn atomic_fence(&mut self) {
        self.plain(Plain::Fence, 0);
        self.asm.forget();
    }

    fn global_get(&mut self, ty: ValType, global: u32, dst: FrameSlot) -> Val {
        let at = match Class::of(ty) {
            Class::Int => self.plain(Plain::GlobalGet, dst),
            Class::Float => self.plain(Plain::GlobalGetFloat, dst),
            Class::Vector => {
                let at = self.plain(Plain::GlobalGetVector, dst);
                self.asm.word(global);
                return self.vector_value(at, dst);
            }
        };
        self.asm.word(global);
        self.value(at, ty, dst)
    }

    fn global_set(&mut self, ty: ValType, global: u32, val: Val, home: FrameSlot) {
        let slot = self.slot_of(ty, val, home);
        let op = match Class::of(ty) {
            Class::Int if self.asm.in_acc(ty, slot) => Plain::GlobalSetAcc,
            Class::Float if self.asm.in_acc(ty, slot) => Plain::GlobalSetFloatAcc,
            Class::Int | Class::Float => Plain::GlobalSet,
            Class::Vector => Plain::GlobalSetVector,
        };
        self.plain(op, slot);
        self.asm.word(global);
        self.asm.forget();
    }

    fn table_get(&mut self, table: u32, index: Val, dst: FrameSlot) -> Val {
        let address = self.module.tables[table as usize].address;
        let index = self.slot_of(address.val_type(), index, dst);
        let op = match address {
            AddressType::I32 => Plain::TableGet,
            AddressType::I64 => Plain::TableGetWide,
        };
        let at = self.plain(op, dst);
        self.asm.slots(index, 0);
        self.asm.word(table);
        self.asm.position(at);
        self.value(at, ValType::I64, dst)
    }

    fn table_set(&mut self, table: u32, index: Val, val: Val, home: FrameSlot) {
        let address = self.module.tables[table as usize].address;
        let index = self.slot_of(address.val_type(), index, home);
        let val = self.slot_of(ValType::I64, val, home + 1);
        let op = match address {
            AddressType::I32 => Plain::TableSet,
            AddressType::I64 => Plain::TableSetWide,
        };
        let at = self.plain(op, 0);
        self.asm.slots(index, val);
        self.asm.word(table);
        self.asm.position(at);
        self.asm.forget();
    }

    fn table_size(&mut self, table: u32, dst: FrameSlot) -> Val {
        let ty = self.module.tables[table as usize].address.val_type();
        let at = self.plain(Plain::TableSize, dst);
        self.asm.word(table);
        self.value(at, ty, dst)
    }

    fn table_grow(&mut self, table: u32, init: Val, delta: Val, dst: FrameSlot) -> Val {
        let address = self.module.tables[table as usize].address;
        let init = self.slot_of(ValType::I64, init, dst);
        let delta = self.slot_of(address.val_type(), delta, dst + 1);
        let op = match address {
            AddressType::I32 => Plain::TableGrow,
            AddressType::I64 => Plain::TableGrowWide,
        };
        let at = self.plain(op, dst);
        self.asm.slots(init, delta);
        self.asm.word(table);
        self.value(at, address.val_type(), dst)
    }

    fn ref_func(&mut self, func: FuncIndex, dst: FrameSlot) -> Val {
        let at = self.plain(Plain::RefFunc, dst);
        self.asm.word(func.0);
        self.value(at, ValType::I64, dst)
    }

    fn non_null(&mut self, ty: ValType, val: Val, home: FrameSlot) {
        let slot = self.slot_of(ty, val, home);
        let at = self.plain(Plain::NonNull, slot);
        self.asm.position(at);
        self.asm.forget();
    }

    fn new_object(
        &mut self,
        object: NewObject<'_>,
        operands: &[BulkOperand<Val>],
        dst: FrameSlot,
    ) -> Val {
        self.write_new(object, operands, dst)
    }

    fn field_get(&mut self, load: FieldLoad, offset: u32, object: Val, dst: FrameSlot) -> Val {
        self.write_field_get(load, offset, object, dst)
    }

    fn field_set(
        &mut self,
        storage: Storage,
        offset: u32,
        object: BulkOperand<Val>,
        value: BulkOperand<Val>,
    ) {
        self.write_field_set(storage, offset, object, value);
    }

    fn array_get(
        &mut self,
        load: FieldLoad,
        array: BulkOperand<Val>,
        index: BulkOperand<Val>,
    ) -> Val {
        self.write_array_get(load, array, index)
    }

    fn array_set(&mut self, storage: Storage, operands: [BulkOperand<Val>; 3]) {
        self.write_array_set(storage, operands);
    }

    fn array_len(&mut self, array: Val, dst: FrameSlot) -> Val {
        self.write_array_len(array, dst)
    }

    fn array_bulk(&mut self, op: ArrayBulk, operands: &[BulkOperand<Val>]) {
        self.write_array_bulk(op, operands);
    }

    fn i31_get(&mut self, signed: bool, reference: Val, dst: FrameSlot) -> Val {
        self.write_i31_get(signed, reference, dst)
    }

    fn ref_test(&mut self, test: CastTest, reference: BulkOperand<Val>, dst: FrameSlot) -> Val {
        self.write_ref_test(test, reference, dst)
    }

    fn ref_cast(&mut self, test: CastTest, reference: BulkOperand<Val>) {
        self.write_ref_cast(test, reference);
    }

    fn label(&mut self) -> Label {
        self.asm.label()
    }

    fn bind(&mut self, label: Label) {
        self.asm.bind(label);
    }

    fn loop_header(&mut self, _: u32) -> Label {
        let label = self.asm.label();
        self.asm.bind(label);
        label
    }

    fn jump(&mut self, label: Label) {
        self.write_jump(label);
    }

    fn branch_if(&mut self, cond: Val, when: bool, label: Label) {
        self.write_branch(cond, when, label);
    }

    fn branch_table(&mut self, index: Val, labels: &[Label]) {
        self.write_table(index, labels);
    }

    fn unreachable(&mut self) {
        let at = self.plain(Plain::Unreachable, 0);
        self.asm.position(at);
        self.asm.forget();
    }

    fn try_table(&mut self, clauses: &[Clause<Label>]) {
        self.asm.tries.enter(self.asm.words.len(), clauses);
    }

    fn end_try(&mut self) {
        self.asm.tries.leave(self.asm.words.len());
    }

    fn throw(&mut self, tag: TagIndex, payload: FrameSlot, _: &dyn RootMap) {
        let at = self.plain(Plain::Throw, payload);
        self.asm.word(tag.0);
        self.asm.position(at);
        self.asm.forget();
    }

    fn throw_ref(&mut self, exception: Val, home: FrameSlot, _: &dyn RootMap) {
        let slot = self.slot_of(ValType::EXNREF, exception, home);
        let at = self.plain(Plain::ThrowRef, slot);
        self.asm.position(at);
        self.asm.forget();
    }

    fn call(&mut self, site: CallSite<Val>, _: &dyn RootMap) {
        self.write_call(&site);
    }

    fn return_call(&mut self, site: CallSite<Val>, _: &dyn RootMap) {
        self.write_return_call(&site);
    }

    fn return_(&mut self) {
        self.plain(Plain::Return, self.layout.header);
        self.asm.forget();
    }

    fn return_value(&mut self, ty: ValType, val: Val) {
        self.write_return(ty, val);
    }
}
