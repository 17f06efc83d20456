//! The sink that prints what it receives, one line a call: for snapshots and
//! for people who work on the translator. It makes no decisions of its own,
//! so its text shows exactly what every tier is told.

use core::fmt::Write as _;

use crate::error::Result;
use crate::module::{FuncIndex, Module, TagIndex};
use crate::types::ValType;
use crate::types::rtt::Storage;

use super::atomic::AtomicOp;
use super::gc::{ArrayBulk, CastTarget, CastTest, FieldLoad, NewObject};
use super::numeric::{BinaryOp, CompareOp, LoadOp, StoreOp, UnaryOp};
use super::simd::VectorOp;
use super::sink::{
    BulkOp, BulkOperand, CallSite, Callee, Clause, FrameSlot, Layout, MemoryPlace, RootMap, Sink,
    Summary, Trusted,
};
use super::wide::WideOp;

/// Prints how a function of `module` is translated: operations on frame
/// slots, labels, and the root map of each call site. For tests and people;
/// the text is not stable.
///
/// # Errors
///
/// If `func` is imported or does not exist, or if its body cannot be
/// translated.
#[doc(hidden)]
pub fn print_ir(module: &Module, func: u32) -> Result<String> {
    let inner = module.inner();
    let func = FuncIndex(func);
    if func.index() >= inner.funcs.len() {
        return Err(crate::error::Error::usage(format!(
            "expected a function below {}, found {}",
            inner.funcs.len(),
            func.0
        )));
    }
    let mut sink = Printer::default();
    let _ = writeln!(sink.text, "func {} {}", func.0, inner.func_type(func).ty());
    super::translate(inner, func, &mut Trusted, &mut sink)?;
    Ok(sink.text)
}

/// Writes lines of text.
#[derive(Default)]
pub(super) struct Printer {
    text: String,
    labels: u32,
    /// Amounts of fuel by point, written into the text at the end.
    fuel: Vec<u32>,
}

/// What an operand looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Val {
    Slot(FrameSlot),
    Constant(ValType, u64),
}

impl core::fmt::Display for Val {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Val::Slot(slot) => write!(f, "s{slot}"),
            // The low half is the whole value of a 32-bit type.
            Val::Constant(ValType::I32, bits) => write!(f, "{}", bits as u32 as i32),
            Val::Constant(ValType::I64, bits) => write!(f, "{}", bits.cast_signed()),
            Val::Constant(ValType::F32, bits) => write!(f, "{:?}", f32::from_bits(bits as u32)),
            Val::Constant(ValType::F64, bits) => write!(f, "{:?}", f64::from_bits(bits)),
            Val::Constant(ValType::V128, bits) => write!(f, "{bits}"),
            Val::Constant(ValType::Ref(_), _) => f.write_str("null"),
        }
    }
}

/// Operands, each behind a space.
fn list(operands: &[Val]) -> String {
    let mut text = String::new();
    for operand in operands {
        let _ = write!(text, " {operand}");
    }
    text
}

impl Printer {
    /// What was printed so far.
    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn line(&mut self, args: core::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "  {args}");
    }

    fn def(&mut self, dst: FrameSlot, args: core::fmt::Arguments<'_>) -> Val {
        let _ = writeln!(self.text, "  s{dst} = {args}");
        Val::Slot(dst)
    }

    fn call_line(&mut self, word: &str, site: &CallSite<Val>, roots: &dyn RootMap) {
        let callee = match site.callee {
            Callee::Defined(func) => format!("func {}", func.0),
            Callee::Imported(func) => format!("import {}", func.0),
            Callee::Indirect { table, ty, index } => {
                format!("table {} type {} at {index}", table.0, ty.0)
            }
            Callee::Reference { ty, func } => format!("type {} ref {func}", ty.0),
        };
        self.line(format_args!(
            "{word} {callee} window s{} ({} in, {} out) {}",
            site.window,
            site.param_slots,
            site.result_slots,
            root_list(roots)
        ));
    }
}

fn root_list(roots: &dyn RootMap) -> String {
    let mut list = "roots{".to_owned();
    roots.for_each(&mut |slot| {
        let _ = write!(list, " s{slot}");
    });
    list.push_str(" }");
    list
}

fn spaced(operands: &[BulkOperand<Val>]) -> String {
    let mut text = String::new();
    for operand in operands {
        let _ = write!(text, " {}", operand.val);
    }
    text
}

/// A test without the numbers of types, which depend on what else the engine
/// has loaded.
fn cast(test: CastTest) -> String {
    let mut text = if test.negated { "not " } else { "" }.to_owned();
    if test.nullable {
        text.push_str("null or ");
    }
    match test.target {
        CastTarget::Object { depth, .. } => {
            let _ = write!(text, "object of depth {depth}");
        }
        CastTarget::Func { depth, .. } => {
            let _ = write!(text, "function of depth {depth}");
        }
        other => {
            let _ = write!(text, "{other:?}");
        }
    }
    text
}

impl Sink for Printer {
    type Val = Val;
    type Label = u32;
    type FuelPoint = usize;

    fn begin(&mut self, layout: Layout) {
        self.line(format_args!(
            "frame: header s{}, locals s{}, operands s{}",
            layout.header, layout.locals, layout.operands
        ));
    }

    fn at(&mut self, _: u32) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, summary: &Summary<'_>) -> Result<()> {
        for (first, count) in summary.zeroed {
            self.line(format_args!("entry: zero s{first} for {count}"));
        }
        self.line(format_args!("slots {}", summary.frame_slots));
        for (point, count) in self.fuel.iter().enumerate() {
            let text = format!("fuel #{point}\n");
            self.text = self.text.replacen(&text, &format!("fuel {count}\n"), 1);
        }
        Ok(())
    }

    fn fuel(&mut self) -> usize {
        let point = self.fuel.len();
        self.fuel.push(0);
        self.line(format_args!("fuel #{point}"));
        point
    }

    fn set_fuel(&mut self, point: usize, operators: u32) {
        self.fuel[point] = operators;
    }

    fn constant(&mut self, ty: ValType, bits: u64) -> Val {
        Val::Constant(ty, bits)
    }

    fn slot(&mut self, _: ValType, slot: FrameSlot) -> Val {
        Val::Slot(slot)
    }

    fn put(&mut self, _: ValType, val: Val, to: FrameSlot) {
        self.def(to, format_args!("{val}"));
    }

    fn put_run(&mut self, from: FrameSlot, to: FrameSlot, slots: u16) {
        self.line(format_args!("s{to}.. = s{from}.. for {slots}"));
    }

    fn spill(&mut self, _: ValType, val: Val, home: FrameSlot) {
        self.def(home, format_args!("spill {val}"));
    }

    fn recast(&mut self, _: ValType, to: ValType, val: Val) -> Val {
        match val {
            Val::Constant(_, bits) => Val::Constant(to, bits),
            Val::Slot(_) => val,
        }
    }

    fn unary(&mut self, op: UnaryOp, a: Val, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("{} {a}", op.text()))
    }

    fn binary(&mut self, op: BinaryOp, a: Val, b: Val, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("{} {a} {b}", op.text()))
    }

    fn compare(&mut self, op: CompareOp, a: Val, b: Val, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("{} {a} {b}", op.text()))
    }

    fn select(&mut self, _: ValType, cond: Val, a: Val, b: Val, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("select {cond} ? {a} : {b}"))
    }

    fn load(&mut self, op: LoadOp, place: MemoryPlace, addr: Val, dst: FrameSlot) -> Val {
        let (memory, offset) = (place.memory, place.offset);
        self.def(
            dst,
            format_args!("{} m{memory}[{addr} + {offset}]", op.text()),
        )
    }

    fn store(&mut self, op: StoreOp, place: MemoryPlace, addr: Val, val: Val, _: FrameSlot) {
        let (memory, offset) = (place.memory, place.offset);
        self.line(format_args!(
            "{} m{memory}[{addr} + {offset}] = {val}",
            op.text()
        ));
    }

    fn vector(&mut self, op: VectorOp, operands: &[Val], home: FrameSlot) -> Val {
        let text = format!("{op:?}{}", list(operands));
        if op.result().is_some() {
            self.def(home, format_args!("{text}"))
        } else {
            self.line(format_args!("{text}"));
            Val::Slot(home)
        }
    }

    fn wide(&mut self, op: WideOp, operands: &[Val], home: FrameSlot) -> [Val; 2] {
        let high = home + 1;
        self.line(format_args!("s{home}, s{high} = {op:?}{}", list(operands)));
        [Val::Slot(home), Val::Slot(high)]
    }

    fn memory_size(&mut self, memory: u32, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("memory.size m{memory}"))
    }

    fn memory_grow(&mut self, memory: u32, delta: Val, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("memory.grow m{memory} by {delta}"))
    }

    fn bulk(&mut self, op: BulkOp, [a, b, c]: [BulkOperand<Val>; 3]) {
        self.line(format_args!("{op:?} {} {} {}", a.val, b.val, c.val));
    }

    fn data_drop(&mut self, data: u32) {
        self.line(format_args!("data.drop {data}"));
    }

    fn elem_drop(&mut self, elem: u32) {
        self.line(format_args!("elem.drop {elem}"));
    }

    fn atomic(&mut self, op: AtomicOp, place: MemoryPlace, operands: &[BulkOperand<Val>]) -> Val {
        let mut text = String::new();
        for operand in &operands[1..] {
            let _ = write!(text, " {}", operand.val);
        }
        let (memory, offset) = (place.memory, place.offset);
        let (addr, dst) = (operands[0].val, operands[0].home);
        self.def(dst, format_args!("{op} m{memory}[{addr} + {offset}]{text}"))
    }

    fn atomic_fence(&mut self) {
        self.line(format_args!("atomic.fence"));
    }

    fn global_get(&mut self, _: ValType, global: u32, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("global {global}"))
    }

    fn global_set(&mut self, _: ValType, global: u32, val: Val, _: FrameSlot) {
        self.line(format_args!("global {global} = {val}"));
    }

    fn table_get(&mut self, table: u32, index: Val, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("t{table}[{index}]"))
    }

    fn table_set(&mut self, table: u32, index: Val, val: Val, _: FrameSlot) {
        self.line(format_args!("t{table}[{index}] = {val}"));
    }

    fn table_size(&mut self, table: u32, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("table.size t{table}"))
    }

    fn table_grow(&mut self, table: u32, init: Val, delta: Val, dst: FrameSlot) -> Val {
        self.def(
            dst,
            format_args!("table.grow t{table} by {delta} of {init}"),
        )
    }

    fn ref_func(&mut self, func: FuncIndex, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("ref.func {}", func.0))
    }

    fn non_null(&mut self, _: ValType, val: Val, _: FrameSlot) {
        self.line(format_args!("non-null {val}"));
    }

    fn new_object(
        &mut self,
        object: NewObject<'_>,
        operands: &[BulkOperand<Val>],
        dst: FrameSlot,
    ) -> Val {
        let what = match object {
            NewObject::Struct(_) => "struct.new".to_owned(),
            NewObject::StructDefault(_) => "struct.new_default".to_owned(),
            NewObject::Array(_) => "array.new".to_owned(),
            NewObject::ArrayDefault(_) => "array.new_default".to_owned(),
            NewObject::ArrayFixed(_, first, count) => {
                format!("array.new_fixed s{first}.. for {count}")
            }
            NewObject::ArrayData(_, data) => format!("array.new_data {data}"),
            NewObject::ArrayElem(_, elem) => format!("array.new_elem {elem}"),
        };
        let text = spaced(operands);
        self.def(dst, format_args!("{what}{text}"))
    }

    fn field_get(&mut self, load: FieldLoad, offset: u32, object: Val, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("{load:?} {object}.{offset}"))
    }

    fn field_set(
        &mut self,
        storage: Storage,
        offset: u32,
        object: BulkOperand<Val>,
        value: BulkOperand<Val>,
    ) {
        let (object, value) = (object.val, value.val);
        self.line(format_args!("{storage:?} {object}.{offset} = {value}"));
    }

    fn array_get(
        &mut self,
        load: FieldLoad,
        array: BulkOperand<Val>,
        index: BulkOperand<Val>,
    ) -> Val {
        self.def(
            array.home,
            format_args!("{load:?} {}[{}]", array.val, index.val),
        )
    }

    fn array_set(&mut self, storage: Storage, [array, index, value]: [BulkOperand<Val>; 3]) {
        self.line(format_args!(
            "{storage:?} {}[{}] = {}",
            array.val, index.val, value.val
        ));
    }

    fn array_len(&mut self, array: Val, dst: FrameSlot) -> Val {
        self.def(dst, format_args!("array.len {array}"))
    }

    fn array_bulk(&mut self, op: ArrayBulk, operands: &[BulkOperand<Val>]) {
        let text = spaced(operands);
        self.line(format_args!("array {op:?}{text}"));
    }

    fn i31_get(&mut self, signed: bool, reference: Val, dst: FrameSlot) -> Val {
        let sign = if signed { "s" } else { "u" };
        self.def(dst, format_args!("i31.get_{sign} {reference}"))
    }

    fn ref_test(&mut self, test: CastTest, reference: BulkOperand<Val>, dst: FrameSlot) -> Val {
        let text = cast(test);
        self.def(dst, format_args!("ref.test {text} {}", reference.val))
    }

    fn ref_cast(&mut self, test: CastTest, reference: BulkOperand<Val>) {
        let text = cast(test);
        self.line(format_args!("ref.cast {text} {}", reference.val));
    }

    fn label(&mut self) -> u32 {
        self.labels += 1;
        self.labels
    }

    fn bind(&mut self, label: u32) {
        let _ = writeln!(self.text, " L{label}:");
    }

    fn loop_header(&mut self, offset: u32) -> u32 {
        self.labels += 1;
        let _ = writeln!(self.text, " L{}: loop at 0x{offset:x}", self.labels);
        self.labels
    }

    fn jump(&mut self, label: u32) {
        self.line(format_args!("jump L{label}"));
    }

    fn branch_if(&mut self, cond: Val, when: bool, label: u32) {
        let not = if when { "" } else { "not " };
        self.line(format_args!("if {not}{cond} jump L{label}"));
    }

    fn branch_table(&mut self, index: Val, labels: &[u32]) {
        let mut text = String::new();
        for label in labels {
            let _ = write!(text, " L{label}");
        }
        self.line(format_args!("table {index}:{text}"));
    }

    fn unreachable(&mut self) {
        self.line(format_args!("unreachable"));
    }

    fn try_table(&mut self, clauses: &[Clause<u32>]) {
        let mut text = String::new();
        for clause in clauses {
            let _ = match clause.tag {
                Some(tag) => write!(text, " tag {}", tag.0),
                None => write!(text, " all"),
            };
            let with_ref = if clause.with_ref { " with ref" } else { "" };
            let (label, payload) = (clause.label, clause.payload);
            let _ = write!(text, "{with_ref} to L{label} at s{payload};");
        }
        self.line(format_args!("try {{{text} }}"));
    }

    fn end_try(&mut self) {
        self.line(format_args!("end try"));
    }

    fn throw(&mut self, tag: TagIndex, payload: FrameSlot, roots: &dyn RootMap) {
        let roots = root_list(roots);
        self.line(format_args!("throw tag {} from s{payload} {roots}", tag.0));
    }

    fn throw_ref(&mut self, exception: Val, _: FrameSlot, roots: &dyn RootMap) {
        let roots = root_list(roots);
        self.line(format_args!("throw_ref {exception} {roots}"));
    }

    fn call(&mut self, site: CallSite<Val>, roots: &dyn RootMap) {
        self.call_line("call", &site, roots);
    }

    fn return_call(&mut self, site: CallSite<Val>, roots: &dyn RootMap) {
        self.call_line("return_call", &site, roots);
    }

    fn return_(&mut self) {
        self.line(format_args!("return"));
    }

    fn return_value(&mut self, _: ValType, val: Val) {
        self.line(format_args!("return {val}"));
    }
}
