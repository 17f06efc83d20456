//! The one walk over a function body. It keeps operand types, homes, block
//! types and reachability, and tells a [`Sink`] what is left: operations on
//! frame slots. No code is made here; every tier is a sink.
//!
//! The body is valid, or a [`Check`] sees each operator first. Nothing here
//! recurses with the nesting of blocks. Operators of proposals that the
//! engine does not have are an error that names them.

mod atomic;
mod control;
mod exception;
mod fuel;
mod gc;
mod memory;
mod numeric;
mod print;
mod reference;
mod roots;
mod simd;
mod sink;
mod stack;
mod table;
mod variable;
mod wide;

#[cfg(test)]
mod tests;

use wasmparser::{BinaryReader, FunctionBody, Operator, ValType as ParsedType};

use crate::error::{Error, ErrorKind, Result};
use crate::module::{FuncIndex, ModuleInner, TagIndex};
use crate::types::ValType;

pub(crate) use atomic::{AtomicKind, AtomicOp, AtomicWidth};
pub(crate) use gc::{ArrayBulk, CastTarget, CastTest, FieldLoad, NewObject};
pub(crate) use numeric::{
    BinaryOp, CompareOp, LoadOp, StoreOp, UnaryOp, for_each_binary, for_each_compare,
    for_each_load, for_each_store, for_each_unary,
};
pub use print::print_ir;
pub(crate) use roots::{RootMaps, Safepoint};
pub(crate) use simd::{
    ExtractLane, LaneWidth, ReplaceLane, Splat, VectorBinary, VectorLoad, VectorOp, VectorShift,
    VectorTernary, VectorTest, VectorUnary, for_each_vector_binary, for_each_vector_extract,
    for_each_vector_load, for_each_vector_replace, for_each_vector_shift, for_each_vector_splat,
    for_each_vector_ternary, for_each_vector_test, for_each_vector_unary,
};
pub(crate) use sink::{
    BulkOp, BulkOperand, CallSite, Callee, Check, Clause, FrameSlot, Layout, MemoryPlace, RootMap,
    Seen, Sink, Summary, Trusted,
};
pub(crate) use wide::WideOp;

use crate::runtime::vmctx::header;
use control::Frame;
use fuel::Meter;
use numeric::Numeric;
use stack::Stack;

/// A walk over one body.
struct Walk<'m, C, S: Sink> {
    module: &'m ModuleInner,
    check: &'m mut C,
    sink: &'m mut S,
    stack: Stack<S::Val>,
    frames: Vec<Frame<'m, S::Label>>,
    /// Where exceptions go that a clause makes results of the function.
    catch_return: Option<S::Label>,
    layout: Layout,
    fuel: Meter<S::FuelPoint>,
    normalize_nans: bool,
    /// Whether collections are tried before calls.
    zeal_at_calls: bool,
    /// In dead code: how many blocks were opened in it.
    skip: Option<u32>,
}

/// Walks the body of `func`, which the module defines.
pub(crate) fn translate<C: Check, S: Sink>(
    module: &ModuleInner,
    func: FuncIndex,
    check: &mut C,
    sink: &mut S,
) -> Result<()> {
    let Some(body) = module.body(func) else {
        return Err(Error::usage(format!(
            "function {} is imported: it has no body",
            func.0
        )));
    };
    let reader = BinaryReader::new(module.slice(&body.range), u64::from(body.range.start));
    let config = module.engine.config();
    let mut walk = Walk {
        module,
        check,
        sink,
        stack: Stack::new(),
        frames: Vec::new(),
        catch_return: None,
        layout: Layout::default(),
        fuel: Meter::new(config.fuel),
        normalize_nans: config.canonicalize_nans,
        zeal_at_calls: config.gc_zeal.calls > 0,
        skip: None,
    };
    walk.body(func, &FunctionBody::new(reader))
}

impl<'m, C: Check, S: Sink> Walk<'m, C, S> {
    fn body(&mut self, func: FuncIndex, body: &FunctionBody<'_>) -> Result<()> {
        let ty = self.module.func_type(func);
        self.declare_locals(func, body)?;
        self.sink.begin(self.layout);
        self.open_function(ty);
        let mut operators = body.get_operators_reader().map_err(|e| malformed(&e))?;
        while !operators.eof() {
            let offset = module_offset(operators.original_position());
            let op = operators.read().map_err(|e| malformed(&e))?;
            self.check.see(offset, Seen::Operator(&op))?;
            if self.skip.is_some() && self.skips(&op) {
                continue;
            }
            self.stack.at(offset);
            self.sink.at(offset)?;
            self.operator(offset, &op)?;
        }
        let (zeroed, roots) = (self.stack.zeroed(), self.stack.root_maps());
        self.sink.finish(&Summary {
            frame_slots: self.stack.frame_slots(),
            zeroed: &zeroed,
            roots,
        })
    }

    /// Our type for a type of the binary.
    fn value_type(&self, ty: ParsedType) -> Result<ValType> {
        let known = self.module.val_type(ty);
        known.ok_or_else(|| unsupported_type(ty))
    }

    /// Gives parameters and locals their slots.
    fn declare_locals(&mut self, func: FuncIndex, body: &FunctionBody<'_>) -> Result<()> {
        let ty = self.module.func_type(func);
        let mut slot = 0;
        for param in ty.params() {
            self.stack.declare(*param, slot, true)?;
            slot += slots_of(*param);
        }
        let header = u32::try_from(ty.header_slot()).unwrap_or(u32::MAX);
        slot = header + u32::try_from(header::SLOTS).unwrap_or(0);
        let locals = slot;
        let mut reader = body.get_locals_reader().map_err(|e| malformed(&e))?;
        for _ in 0..reader.get_count() {
            let offset = module_offset(reader.original_position());
            let (count, parsed) = reader.read().map_err(|e| malformed(&e))?;
            self.check.see(offset, Seen::Locals { count, ty: parsed })?;
            let ty = self.value_type(parsed)?;
            for _ in 0..count {
                self.stack.declare(ty, slot, false)?;
                slot += slots_of(ty);
            }
        }
        self.layout = Layout {
            header: stack::frame_slot(header)?,
            locals: stack::frame_slot(locals)?,
            operands: stack::frame_slot(slot)?,
            result_slots: ty.result_slots(),
        };
        self.stack.start(self.layout);
        Ok(())
    }

    /// Whether dead code goes on with `op`.
    fn skips(&mut self, op: &Operator<'_>) -> bool {
        let depth = self.skip.get_or_insert(0);
        match op {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                *depth += 1;
                true
            }
            Operator::Else => *depth > 0,
            Operator::End if *depth > 0 => {
                *depth -= 1;
                true
            }
            Operator::End => false,
            _ => true,
        }
    }

    fn operator(&mut self, offset: u32, op: &Operator<'_>) -> Result<()> {
        use Operator as O;
        match op {
            O::Nop => Ok(()),
            O::Block { blockty } => self.block(*blockty),
            O::Loop { blockty } => self.loop_(*blockty, offset),
            O::TryTable { try_table } => self.try_table(try_table),
            O::Else => self.else_(),
            O::End => self.end(),
            _ => {
                self.fuel.operator(self.sink);
                match numeric::classify(op) {
                    Some(numeric) => self.numeric(numeric),
                    None => self.other(offset, op),
                }
            }
        }
    }

    fn numeric(&mut self, op: Numeric<'_>) -> Result<()> {
        match op {
            Numeric::Unary(op) => {
                let a = self.stack.pop();
                let val = self.sink.unary(op, a.val, a.home);
                let (_, to) = op.types();
                let val = if is_arithmetic(op) {
                    self.normalize(to, val, a.home)
                } else {
                    val
                };
                self.stack.push(to, val)
            }
            Numeric::Binary(op) => {
                let b = self.stack.pop();
                let a = self.stack.pop();
                let val = self.sink.binary(op, a.val, b.val, a.home);
                let val = match op {
                    BinaryOp::F32Copysign | BinaryOp::F64Copysign => val,
                    _ => self.normalize(op.ty(), val, a.home),
                };
                self.stack.push(op.ty(), val)
            }
            Numeric::Compare(op) => {
                let b = self.stack.pop();
                let a = self.stack.pop();
                let val = self.sink.compare(op, a.val, b.val, a.home);
                self.stack.push(ValType::I32, val)
            }
            Numeric::Load(op, memarg) => self.load(op, memarg),
            Numeric::Store(op, memarg) => self.store(op, memarg),
        }
    }

    /// Replaces a NaN that arithmetic made, if the engine is told to.
    fn normalize(&mut self, ty: ValType, val: S::Val, home: FrameSlot) -> S::Val {
        match ty {
            ValType::F32 if self.normalize_nans => {
                self.sink.unary(UnaryOp::F32NormalizeNan, val, home)
            }
            ValType::F64 if self.normalize_nans => {
                self.sink.unary(UnaryOp::F64NormalizeNan, val, home)
            }
            ValType::F32
            | ValType::F64
            | ValType::I32
            | ValType::I64
            | ValType::V128
            | ValType::Ref(_) => val,
        }
    }

    fn eqz(&mut self, op: CompareOp) -> Result<()> {
        let a = self.stack.pop();
        let zero = self.sink.constant(op.ty(), 0);
        let val = self.sink.compare(op, a.val, zero, a.home);
        self.stack.push(ValType::I32, val)
    }

    #[expect(clippy::too_many_lines, reason = "one arm an operator")]
    fn other(&mut self, offset: u32, op: &Operator<'_>) -> Result<()> {
        use Operator as O;
        match op {
            O::If { blockty } => return self.if_(*blockty),
            O::Br { relative_depth } => return self.br(*relative_depth),
            O::BrIf { relative_depth } => return self.br_if(*relative_depth),
            O::BrTable { targets } => return self.br_table(targets),
            O::Return => return self.return_(),
            O::Unreachable => self.unreachable(),
            O::Throw { tag_index } => return self.throw(TagIndex(*tag_index)),
            O::ThrowRef => self.throw_ref(),
            O::Call { function_index } => return self.call(self.direct(*function_index)),
            O::CallIndirect {
                type_index,
                table_index,
            } => {
                let callee = self.indirect(*type_index, *table_index);
                return self.call(callee);
            }
            O::ReturnCall { function_index } => {
                return self.return_call(self.direct(*function_index));
            }
            O::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                let callee = self.indirect(*type_index, *table_index);
                return self.return_call(callee);
            }
            O::I32Const { value } => {
                return self.constant(ValType::I32, u64::from(value.cast_unsigned()));
            }
            O::I64Const { value } => return self.constant(ValType::I64, value.cast_unsigned()),
            O::F32Const { value } => {
                return self.constant(ValType::F32, u64::from(value.bits()));
            }
            O::F64Const { value } => return self.constant(ValType::F64, value.bits()),
            O::RefNull { hty } => {
                let parsed = wasmparser::RefType::new(true, *hty).map(ParsedType::Ref);
                let parsed = parsed.ok_or_else(|| unsupported(offset, op))?;
                return self.constant(self.value_type(parsed)?, 0);
            }
            O::I32Eqz => return self.eqz(CompareOp::I32Eq),
            O::I64Eqz => return self.eqz(CompareOp::I64Eq),
            O::I32WrapI64 | O::I32ReinterpretF32 => self.recast(ValType::I32),
            O::I64ReinterpretF64 => self.recast(ValType::I64),
            O::F32ReinterpretI32 => self.recast(ValType::F32),
            O::F64ReinterpretI64 => self.recast(ValType::F64),
            O::Drop => {
                self.stack.pop();
            }
            O::Select | O::TypedSelect { .. } => return self.select(),
            O::LocalGet { local_index } => return self.local_get(*local_index),
            O::LocalSet { local_index } => self.local_set(*local_index),
            O::LocalTee { local_index } => return self.local_tee(*local_index),
            O::GlobalGet { global_index } => return self.global_get(*global_index),
            O::GlobalSet { global_index } => self.global_set(*global_index),
            O::MemorySize { mem } => return self.memory_size(*mem),
            O::MemoryGrow { mem } => return self.memory_grow(*mem),
            O::MemoryInit { data_index, mem } => {
                self.bulk(BulkOp::MemoryInit {
                    memory: *mem,
                    data: *data_index,
                });
            }
            O::MemoryCopy { dst_mem, src_mem } => {
                self.bulk(BulkOp::MemoryCopy {
                    dst: *dst_mem,
                    src: *src_mem,
                });
            }
            O::MemoryFill { mem } => self.bulk(BulkOp::MemoryFill { memory: *mem }),
            O::TableInit { elem_index, table } => {
                self.bulk(BulkOp::TableInit {
                    table: *table,
                    elem: *elem_index,
                });
            }
            O::TableCopy {
                dst_table,
                src_table,
            } => {
                self.bulk(BulkOp::TableCopy {
                    dst: *dst_table,
                    src: *src_table,
                });
            }
            O::TableFill { table } => self.bulk(BulkOp::TableFill { table: *table }),
            O::DataDrop { data_index } => self.sink.data_drop(*data_index),
            O::ElemDrop { elem_index } => self.sink.elem_drop(*elem_index),
            O::TableGet { table } => return self.table_get(*table),
            O::TableSet { table } => self.table_set(*table),
            O::TableSize { table } => return self.table_size(*table),
            O::TableGrow { table } => return self.table_grow(*table),
            O::RefFunc { function_index } => return self.ref_func(*function_index),
            O::RefIsNull => return self.ref_is_null(),
            O::RefAsNonNull => return self.ref_as_non_null(),
            O::BrOnNull { relative_depth } => return self.br_on_null(*relative_depth),
            O::BrOnNonNull { relative_depth } => return self.br_on_non_null(*relative_depth),
            O::CallRef { type_index } => {
                let callee = self.referenced(*type_index);
                return self.call(callee);
            }
            O::ReturnCallRef { type_index } => {
                let callee = self.referenced(*type_index);
                return self.return_call(callee);
            }
            _ if self.atomic(op)? => {}
            O::I64Add128 => return self.wide(WideOp::I64Add128),
            O::I64Sub128 => return self.wide(WideOp::I64Sub128),
            O::I64MulWideS => return self.wide(WideOp::I64MulWideS),
            O::I64MulWideU => return self.wide(WideOp::I64MulWideU),
            _ => return self.gc(offset, op),
        }
        Ok(())
    }
}

/// Whether `op` computes with floats, so that its result may be a new NaN.
fn is_arithmetic(op: UnaryOp) -> bool {
    !matches!(
        op,
        UnaryOp::F32Abs | UnaryOp::F32Neg | UnaryOp::F64Abs | UnaryOp::F64Neg
    )
}

fn slots_of(ty: ValType) -> u32 {
    u32::try_from(ty.slots()).unwrap_or(1)
}

/// An offset in the binary, which has at most 1 GiB.
fn module_offset(offset: u64) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cold]
fn malformed(error: &wasmparser::BinaryReaderError) -> Error {
    Error::new(ErrorKind::Malformed, error.message()).with_offset(error.offset())
}

#[cold]
fn unsupported(offset: u32, op: &Operator<'_>) -> Error {
    // The operator's name without its immediates.
    let text = format!("{op:?}");
    let name = text.split([' ', '{', '(']).next().unwrap_or_default();
    Error::new(
        ErrorKind::Unsupported,
        format!("the operator {name} is not supported by this version"),
    )
    .with_offset(u64::from(offset))
}

#[cold]
fn unsupported_type(ty: ParsedType) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("values of type {ty} are not supported by this version"),
    )
}
