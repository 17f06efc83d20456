//! The encoder's part for comparisons, branches, calls and returns, with
//! their fusions.

use crate::module::FuncIndex;
use crate::translate::{BinaryOp, CallSite, Callee, CastTest, CompareOp, FrameSlot};
use crate::types::{AddressType, ValType};

use super::call::{CALL_WORDS, Site};
use super::emit::{Class, Kind, Label, Recent, Val, fits};
use super::encode::{Encoder, slot_or_zero};
use super::ops::{Form, LatchForm, Opcode, Plain};
use super::thread::Table;

/// A comparison in the form that an instruction has: a constant second, an
/// accumulator first.
struct Arranged {
    op: CompareOp,
    form: Form,
    a: Val,
    b: Val,
}

impl Encoder<'_> {
    /// `scratch` is the home of the first operand; the second's follows.
    fn arrange(&mut self, op: CompareOp, a: Val, b: Val, scratch: FrameSlot) -> Arranged {
        let ty = op.ty();
        let (mut op, mut a, mut b) = (op, a, b);
        if matches!((a, b), (Val::Const(_), Val::Const(_))) {
            a = Val::Slot(self.slot_of(ty, a, scratch));
        }
        if matches!(a, Val::Const(_)) || (!self.is_acc(ty, a) && self.is_acc(ty, b)) {
            (op, a, b) = (op.swapped(), b, a);
        }
        if let Val::Const(bits) = b
            && !fits(ty, bits)
        {
            // One of the two homes may hold the other operand.
            let free = if a == Val::Slot(scratch) {
                scratch + 1
            } else {
                scratch
            };
            b = Val::Slot(self.slot_of(ty, b, free));
        }
        if !self.is_acc(ty, a) && self.is_acc(ty, b) {
            (op, a, b) = (op.swapped(), b, a);
        }
        let form = match b {
            Val::Const(_) if self.is_acc(ty, a) => Form::AccConst,
            Val::Const(_) => Form::SlotConst,
            Val::Slot(_) if self.is_acc(ty, a) => Form::AccSlot,
            Val::Slot(_) => Form::SlotSlot,
        };
        Arranged { op, form, a, b }
    }

    fn write_operands(&mut self, compare: &Arranged) {
        self.asm
            .slots(slot_or_zero(compare.a), slot_or_zero(compare.b));
        if let Val::Const(bits) = compare.b {
            self.asm.immediate(compare.op.ty(), bits);
        }
    }

    pub(super) fn compare_value(&mut self, op: CompareOp, a: Val, b: Val, dst: FrameSlot) -> Val {
        if op == CompareOp::I32Eq
            && b == Val::Const(0)
            && let Some(last) = self.producer(a)
            && let Kind::Compare { op: inner, a, b } = last.kind
            && let Some(inverse) = inner.inverse()
        {
            self.asm.pop();
            return self.compare_value(inverse, a, b, dst);
        }
        let arranged = self.arrange(op, a, b, dst);
        let at = self
            .asm
            .op(Opcode::compare(arranged.op, arranged.form), dst);
        self.write_operands(&arranged);
        let kind = Kind::Compare {
            op: arranged.op,
            a: arranged.a,
            b: arranged.b,
        };
        self.asm.defined(at, ValType::I32, dst, kind);
        Val::Slot(dst)
    }

    pub(super) fn select_value(
        &mut self,
        ty: ValType,
        cond: Val,
        a: Val,
        b: Val,
        dst: FrameSlot,
    ) -> Val {
        if let Val::Const(bits) = cond {
            use crate::translate::Sink as _;
            self.put(ty, if bits as u32 == 0 { b } else { a }, dst);
            return Val::Slot(dst);
        }
        if ty == ValType::V128 {
            let cond = slot_or_zero(cond);
            let acc = self.asm.in_acc(ValType::I32, cond);
            let op = if acc {
                Plain::SelectVectorAcc
            } else {
                Plain::SelectVector
            };
            let at = self.plain(op, dst);
            self.asm.slots(slot_or_zero(a), slot_or_zero(b));
            if !acc {
                self.asm.word(u32::from(cond));
            }
            return self.vector_value(at, dst);
        }
        let float = Class::of(ty) == Class::Float;
        if let Some(last) = self.producer(cond)
            && let Kind::Compare {
                op,
                a: Val::Slot(x),
                b: y,
            } = last.kind
            && !float
            && Class::of(op.ty()) == Class::Int
        {
            self.asm.pop();
            let a = self.slot_of(ty, a, dst);
            let b = self.slot_of(ty, b, dst + 1);
            let constant = matches!(y, Val::Const(_));
            let at = self.asm.op(Opcode::select(op, constant), dst);
            self.asm.slots(a, b);
            self.asm
                .word(u32::from(x) | u32::from(slot_or_zero(y)) << 16);
            if let Val::Const(bits) = y {
                self.asm.immediate(op.ty(), bits);
            }
            return self.value(at, ty, dst);
        }
        let a = self.slot_of(ty, a, dst);
        let b = self.slot_of(ty, b, dst + 1);
        let cond = slot_or_zero(cond);
        let acc = self.asm.in_acc(ValType::I32, cond);
        let op = match (float, acc) {
            (false, false) => Plain::Select,
            (false, true) => Plain::SelectAcc,
            (true, false) => Plain::SelectFloat,
            (true, true) => Plain::SelectFloatAcc,
        };
        let at = self.plain(op, dst);
        self.asm.slots(a, b);
        if !acc {
            self.asm.word(u32::from(cond));
        }
        self.value(at, ty, dst)
    }

    pub(super) fn write_jump(&mut self, label: Label) {
        let back = self.asm.is_back(label);
        let at;
        if back
            && let Some(last) = self.asm.recent(0)
            && let Kind::Copy { from, to } = last.kind
        {
            self.asm.pop();
            if let Some((op, ty, counter, step)) = self.increment() {
                self.asm.pop();
                at = self.plain(op, to);
                self.asm.slots(from, counter);
                self.asm.immediate(ty, step);
            } else {
                at = self.plain(Plain::CopyBrBack, to);
                self.asm.slots(from, 0);
            }
        } else {
            at = self.plain(if back { Plain::BrBack } else { Plain::Br }, 0);
        }
        self.asm.target(at, label);
        if back {
            self.asm.position(at);
        } else {
            self.asm.jumps.push(at);
        }
        self.asm.forget();
    }

    /// The form of a branch back that does what the last instruction does, if
    /// that adds a constant to a slot.
    fn increment(&self) -> Option<(Plain, ValType, FrameSlot, u64)> {
        let last = self.asm.recent(0)?;
        let Kind::Binary {
            op,
            a: Val::Slot(a),
            b: Val::Const(step),
        } = last.kind
        else {
            return None;
        };
        let (form, ty) = match op {
            BinaryOp::I32Add => (Plain::Increment32CopyBrBack, ValType::I32),
            BinaryOp::I64Add => (Plain::Increment64CopyBrBack, ValType::I64),
            _ => return None,
        };
        (last.dst == Some(a) && fits(ty, step)).then_some((form, ty, a, step))
    }

    pub(super) fn write_branch(&mut self, cond: Val, when: bool, label: Label) {
        let (mut cond, mut when) = (cond, when);
        if let Val::Const(bits) = cond {
            if (bits as u32 != 0) == when {
                self.write_jump(label);
            }
            return;
        }
        // `eqz` of a comparison without inverse.
        while let Some(last) = self.producer(cond)
            && let Kind::Compare {
                op: CompareOp::I32Eq,
                a: Val::Slot(a),
                b: Val::Const(0),
            } = last.kind
            && self.is_temporary(a)
            && let Some(inner) = self.asm.recent(1)
            && inner.dst == Some(a)
            && matches!(inner.kind, Kind::Compare { .. })
        {
            self.asm.pop();
            (cond, when) = (Val::Slot(a), !when);
        }
        if self.asm.is_back(label) && self.write_latch(cond, when, label) {
            return;
        }
        if let Some(last) = self.producer(cond)
            && let Kind::Compare { op, a, b } = last.kind
        {
            self.asm.pop();
            self.write_compare_branch(op, a, b, slot_or_zero(cond), when, label);
        } else if let Some(last) = self.producer(cond)
            && let Kind::Test { test, a } = last.kind
        {
            self.asm.pop();
            self.write_test_branch(test, a, when, label);
        } else {
            let slot = slot_or_zero(cond);
            self.write_compare_branch(CompareOp::I32Ne, cond, Val::Const(0), slot, when, label);
        }
    }

    fn write_test_branch(&mut self, test: CastTest, a: FrameSlot, when: bool, label: Label) {
        let back = self.asm.is_back(label);
        let ops = if back {
            [
                Plain::BrExactBack,
                Plain::BrOpenBack,
                Plain::BrFuncBack,
                Plain::BrKindBack,
            ]
        } else {
            [Plain::BrExact, Plain::BrOpen, Plain::BrFunc, Plain::BrKind]
        };
        let negated = test.negated == when;
        let at = self.write_test(ops, CastTest { negated, ..test }, a, 0);
        self.asm.target(at, label);
        if back {
            self.asm.position(at);
        }
        self.asm.forget();
    }

    fn write_compare_branch(
        &mut self,
        op: CompareOp,
        a: Val,
        b: Val,
        scratch: FrameSlot,
        when: bool,
        label: Label,
    ) {
        let (op, when) = match op.inverse() {
            Some(inverse) if !when => (inverse, true),
            Some(_) | None => (op, when),
        };
        let back = self.asm.is_back(label);
        let arranged = self.arrange(op, a, b, scratch);
        let opcode = Opcode::branch(arranged.op, arranged.form, when, back);
        let at = self.asm.op(opcode, 0);
        self.write_operands(&arranged);
        self.asm.target(at, label);
        if back {
            self.asm.position(at);
        }
        self.asm.forget();
    }

    /// What a latch is made of: the sum, how it is compared and with what,
    /// and how many of the last instructions these were.
    fn latch_parts(
        &self,
        last: Recent,
        cond: FrameSlot,
    ) -> Option<(Recent, CompareOp, Val, usize)> {
        match last.kind {
            // The sum itself is the condition.
            Kind::Binary {
                op: BinaryOp::I32Add,
                ..
            } if last.dst == Some(cond) => Some((last, CompareOp::I32Ne, Val::Const(0), 1)),
            Kind::Compare { op, a, b } if self.producer(Val::Slot(cond)).is_some() => {
                let sum = self.asm.recent(1)?;
                match sum.dst.map(Val::Slot) {
                    Some(x) if x == a && x != b => Some((sum, op, b, 2)),
                    Some(x) if x == b && x != a => Some((sum, op.swapped(), a, 2)),
                    _ => None,
                }
            }
            Kind::Test { .. }
            | Kind::Binary { .. }
            | Kind::Compare { .. }
            | Kind::Load { .. }
            | Kind::Copy { .. }
            | Kind::Vector
            | Kind::Other => None,
        }
    }

    /// An addition, a comparison of the sum, and a branch back, in one.
    fn write_latch(&mut self, cond: Val, when: bool, label: Label) -> bool {
        let (Some(last), Val::Slot(cond)) = (self.asm.recent(0), cond) else {
            return false;
        };
        let Some((sum, op, bound, pops)) = self.latch_parts(last, cond) else {
            return false;
        };
        let ty = op.ty();
        let (
            Kind::Binary {
                op: add,
                a: Val::Slot(a),
                b,
            },
            Some(dst),
        ) = (sum.kind, sum.dst)
        else {
            return false;
        };
        if !matches!(
            (add, ty),
            (BinaryOp::I32Add, ValType::I32) | (BinaryOp::I64Add, ValType::I64)
        ) {
            return false;
        }
        let (form, second) = match (b, bound) {
            (Val::Const(_), Val::Const(_)) => (LatchForm::ConstConst, 0),
            (Val::Const(_), Val::Slot(bound)) => (LatchForm::ConstSlot, bound),
            (Val::Slot(b), Val::Const(_)) => (LatchForm::SlotConst, b),
            (Val::Slot(_), Val::Slot(_)) => return false,
        };
        let op = match op.inverse() {
            Some(inverse) if !when => inverse,
            Some(_) | None => op,
        };
        for _ in 0..pops {
            self.asm.pop();
        }
        let at = self.asm.op(Opcode::latch(op, form), dst);
        self.asm.slots(a, second);
        for val in [b, bound] {
            if let Val::Const(bits) = val {
                self.asm.immediate(ty, bits);
            }
        }
        self.asm.target(at, label);
        self.asm.position(at);
        // The accumulator no longer holds what it held before the sum.
        self.asm.barrier();
        true
    }

    pub(super) fn write_table(&mut self, index: Val, labels: &[Label]) {
        let last = labels.len() - 1;
        let slot = match index {
            Val::Const(bits) => {
                return self.write_jump(labels[last.min(bits as u32 as usize)]);
            }
            Val::Slot(slot) => slot,
        };
        let acc = self.asm.in_acc(ValType::I32, slot);
        let op = if acc {
            Plain::BrTableAcc
        } else {
            Plain::BrTable
        };
        let at = self.plain(op, slot);
        self.asm.position(at);
        // A body has fewer operators than 2^32.
        self.asm.word(last as u32);
        self.asm.tables.push(Table {
            at,
            first: self.asm.words.len(),
            count: labels.len(),
        });
        for label in labels {
            self.asm.target(at, *label);
        }
        self.asm.forget();
    }

    /// A direct call; more words may follow.
    fn write_direct(&mut self, func: FuncIndex, site: &CallSite<Val>, ops: [Plain; 2]) {
        let odd = self.asm.words.len() % 2 == 1;
        let at = self.plain(ops[usize::from(odd)], site.window);
        self.asm.words.resize(at + CALL_WORDS, 0);
        let (header, pointer) = if odd {
            (Site::<true>::HEADER, Site::<true>::POINTER)
        } else {
            (Site::<false>::HEADER, Site::<false>::POINTER)
        };
        let code = match self.module.body(func).and_then(|body| body.code.get()) {
            Some(code) => code.ip(),
            None => super::lazy_ip(),
        };
        let mut bytes = [0; 8];
        let code = code.expose_provenance();
        bytes[..size_of::<usize>()].copy_from_slice(&code.to_ne_bytes());
        for (half, chunk) in bytes.chunks_exact(4).enumerate() {
            let word = [chunk[0], chunk[1], chunk[2], chunk[3]];
            self.asm.words[at + pointer + half] = u32::from_ne_bytes(word);
        }
        self.asm.words[at + header] = u32::from(site.header - site.window);
        self.asm.words[at + Site::<true>::FUNC] = func.0;
        self.asm.position(at);
    }

    /// The start of a call through a reference: what the target reads.
    /// `indirect` is for indices of 32 and of 64 bits.
    fn write_target(&mut self, site: &CallSite<Val>, ops: &Targets) {
        match site.callee {
            Callee::Defined(func) | Callee::Imported(func) => {
                let at = self.plain(ops.import, 0);
                self.asm.word(func.0);
                self.asm.position(at);
            }
            Callee::Indirect { table, ty, index } => {
                let home = site.window + site.param_slots;
                let address = self.module.tables[table.index()].address;
                let index = self.slot_of(address.val_type(), index, home);
                let ty = self.module.type_at(ty);
                let [narrow, wide] = if ty.definition().is_final {
                    ops.indirect
                } else {
                    ops.indirect_open
                };
                let op = match address {
                    AddressType::I32 => narrow,
                    AddressType::I64 => wide,
                };
                let at = self.plain(op, 0);
                self.asm.slots(index, u16::from(ty.rtt().depth));
                self.asm.word(table.0);
                self.asm.word(ty.id().0);
                self.asm.position(at);
            }
            Callee::Reference { func, .. } => {
                let home = site.window + site.param_slots;
                let func = self.slot_of(ValType::FUNCREF, func, home);
                let at = self.plain(ops.reference, 0);
                self.asm.slots(func, 0);
                self.asm.position(at);
            }
        }
    }

    pub(super) fn write_call(&mut self, site: &CallSite<Val>) {
        self.try_collector();
        match site.callee {
            Callee::Defined(func) => {
                self.write_direct(func, site, [Plain::CallEven, Plain::CallOdd]);
            }
            Callee::Imported(_) | Callee::Indirect { .. } | Callee::Reference { .. } => {
                self.write_target(site, &Targets::CALL);
                self.asm.word(window(site));
            }
        }
        self.asm.barrier();
    }

    pub(super) fn write_return_call(&mut self, site: &CallSite<Val>) {
        let own = u32::from(self.layout.header);
        match site.callee {
            Callee::Defined(func) => {
                self.write_direct(func, site, [Plain::ReturnCallEven, Plain::ReturnCallOdd]);
                self.asm.word(own);
                self.asm.word(u32::from(site.param_slots));
            }
            Callee::Imported(_) | Callee::Indirect { .. } | Callee::Reference { .. } => {
                let inside = self.asm.tries.enter_leaving(self.asm.words.len());
                self.write_target(site, &Targets::RETURN_CALL);
                self.asm.word(own);
                self.asm.word(u32::from(site.param_slots));
                self.asm.word(window(site));
                // A host function comes back here.
                if site.result_slots > 0 {
                    self.plain(Plain::CopyRun, 0);
                    self.asm.slots(site.window, site.result_slots);
                }
                self.plain(Plain::Return, self.layout.header);
                if inside {
                    self.asm.tries.leave(self.asm.words.len());
                }
            }
        }
        self.asm.barrier();
    }

    pub(super) fn write_return(&mut self, ty: ValType, val: Val) {
        let header = self.layout.header;
        match (val, ty) {
            (Val::Const(bits), ValType::I32 | ValType::F32) => {
                self.plain(Plain::ReturnConst, header);
                self.asm.word(bits as u32);
            }
            (Val::Const(bits), ValType::I64) if fits(ty, bits) => {
                self.plain(Plain::ReturnConstSigned, header);
                self.asm.word(bits as u32);
            }
            (Val::Const(bits), _) => {
                self.constant_to(ty, bits, 0);
                self.plain(Plain::Return, header);
            }
            (Val::Slot(slot), _) => {
                if self.producer(val).is_some() {
                    self.asm.retarget(0);
                    self.plain(Plain::Return, header);
                } else if self.asm.in_acc(ty, slot) {
                    let op = match Class::of(ty) {
                        Class::Int => Plain::ReturnAcc,
                        Class::Float | Class::Vector => Plain::ReturnFloatAcc,
                    };
                    self.plain(op, header);
                } else {
                    self.plain(Plain::ReturnSlot, header);
                    self.asm.slots(slot, 0);
                }
            }
        }
        self.asm.forget();
    }
}

/// The instructions of a call that is none of a defined function.
struct Targets {
    import: Plain,
    reference: Plain,
    /// By the table's addresses, for types without subtypes.
    indirect: [Plain; 2],
    /// The same for types that may have subtypes.
    indirect_open: [Plain; 2],
}

impl Targets {
    const CALL: Targets = Targets {
        import: Plain::CallImport,
        reference: Plain::CallReference,
        indirect: [Plain::CallIndirect, Plain::CallIndirectWide],
        indirect_open: [Plain::CallIndirectOpen, Plain::CallIndirectOpenWide],
    };
    const RETURN_CALL: Targets = Targets {
        import: Plain::ReturnCallImport,
        reference: Plain::ReturnCallReference,
        indirect: [Plain::ReturnCallIndirect, Plain::ReturnCallIndirectWide],
        indirect_open: [
            Plain::ReturnCallIndirectOpen,
            Plain::ReturnCallIndirectOpenWide,
        ],
    };
}

/// The last word of a call through a reference: where its window and the
/// callee's header in it are.
fn window(site: &CallSite<Val>) -> u32 {
    u32::from(site.window) << 16 | u32::from(site.header - site.window)
}
