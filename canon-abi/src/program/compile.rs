//! From types to programs, each defined type once.
//!
//! A small part is inlined where it stands, so that copies merge across the
//! fields of nested records; a large one becomes an outlined program.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{At, FROM, Op, Program, Scalar, Sum, TO};
use crate::flatten::FlatTypes;
use crate::layout::{Layout, PointerSize, discriminant_size, flags_mask, flags_size};
use crate::trap::{Error, Result};
use crate::types::{FuncType, TypeDef, TypeId, TypeTable, ValType};

/// A value of more ops is outlined.
const INLINE_OPS_MAX: usize = 24;

/// Programs of one value by type and pointer sizes.
type Cache = BTreeMap<(ValType, [PointerSize; 2]), Arc<Program>>;

/// The programs of one type table, each compiled when first asked for.
#[derive(Debug, Default)]
pub struct Programs {
    cache: Cache,
}

impl Programs {
    /// No programs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The program of values read with one pointer size and written with
    /// another. Lifting to `Val` only reads and lowering only writes: give the
    /// same size twice.
    ///
    /// A cache serves one table: types of another give wrong programs.
    ///
    /// # Errors
    /// When the values together take more than 4 GiB.
    pub fn values(
        &mut self,
        types: &TypeTable,
        values: &[ValType],
        from: PointerSize,
        to: PointerSize,
    ) -> Result<Arc<Program>> {
        let mut compiler = Compiler {
            types,
            pointers: [from, to],
            cache: &mut self.cache,
        };
        compiler.values(values)
    }

    /// The program of a function's parameters.
    ///
    /// # Errors
    /// As [`Programs::values`].
    pub fn params(
        &mut self,
        types: &TypeTable,
        func: &FuncType,
        from: PointerSize,
        to: PointerSize,
    ) -> Result<Arc<Program>> {
        let params: Vec<ValType> = func.param_types().collect();
        self.values(types, &params, from, to)
    }

    /// The program of a function's result: of no value if it has none.
    ///
    /// # Errors
    /// As [`Programs::values`].
    pub fn result(
        &mut self,
        types: &TypeTable,
        func: &FuncType,
        from: PointerSize,
        to: PointerSize,
    ) -> Result<Arc<Program>> {
        self.values(types, func.result.as_slice(), from, to)
    }
}

struct Compiler<'t, 'c> {
    types: &'t TypeTable,
    pointers: [PointerSize; 2],
    cache: &'c mut Cache,
}

/// Gives fields their places.
struct Places {
    layout: [Layout; 2],
    slot: u32,
}

impl Compiler<'_, '_> {
    fn values(&mut self, values: &[ValType]) -> Result<Arc<Program>> {
        if let [ValType::Defined(id)] = values {
            return self.defined(*id);
        }
        if let [ty] = values
            && let Some(program) = self.cache.get(&(*ty, self.pointers))
        {
            return Ok(Arc::clone(program));
        }
        let mut ops = Vec::new();
        self.product(&mut ops, values)?;
        let mut places = Places::new();
        let mut flat = FlatTypes::EMPTY;
        let (mut plain, mut copyable, mut bytes) = (true, true, 0_u64);
        for ty in values {
            places.field(self, *ty)?;
            bytes += u64::from(self.types.layout(*ty, self.pointers[FROM]).size);
            flat.extend(&self.types.flat(*ty, self.pointers[FROM]));
            let facts = self.types.facts(*ty);
            plain &= !facts.has_pointer && !facts.has_handle;
            copyable &= facts.pod && facts.valid_any;
        }
        let layout = places.finish()?;
        // Padding between two values is not copied.
        copyable &= bytes == u64::from(layout[FROM].size);
        let program = Arc::new(Program {
            ops: merge_copies(ops).into(),
            values: values.len() as u32,
            pointers: self.pointers,
            layout,
            flat: flat.count(),
            plain,
            copyable,
        });
        if let [ty] = values {
            self.cache
                .insert((*ty, self.pointers), Arc::clone(&program));
        }
        Ok(program)
    }

    fn defined(&mut self, id: TypeId) -> Result<Arc<Program>> {
        let ty = ValType::Defined(id);
        if let Some(program) = self.cache.get(&(ty, self.pointers)) {
            return Ok(Arc::clone(program));
        }
        let facts = self.types.facts(ty);
        let mut ops = Vec::new();
        self.def(&mut ops, ty, self.types.def_arc(id))?;
        let program = Arc::new(Program {
            ops: merge_copies(ops).into(),
            values: 1,
            pointers: self.pointers,
            layout: self.pointers.map(|pointer| self.types.layout(ty, pointer)),
            flat: self.types.flat(ty, self.pointers[FROM]).count(),
            plain: !facts.has_pointer && !facts.has_handle,
            copyable: facts.pod && facts.valid_any,
        });
        self.cache.insert((ty, self.pointers), Arc::clone(&program));
        Ok(program)
    }

    /// Appends the ops of one value.
    fn value(&mut self, ops: &mut Vec<Op>, ty: ValType, at: At) -> Result<()> {
        match (Scalar::of(ty), ty) {
            (Some(scalar), _) => ops.push(Op::Scalar { at, scalar }),
            (None, ValType::Defined(id)) => {
                let program = self.defined(id)?;
                if program.ops.len() > INLINE_OPS_MAX {
                    ops.push(Op::Outlined { at, program });
                } else {
                    inline(ops, &program, at);
                }
            }
            (None, _) => ops.push(Op::String { at }),
        }
        Ok(())
    }

    /// Appends the ops of a defined type at the start of its own program.
    fn def(&mut self, ops: &mut Vec<Op>, ty: ValType, def: &Arc<TypeDef>) -> Result<()> {
        let at = At::default();
        match &**def {
            TypeDef::List(elem) => {
                let elem = self.values(&[*elem])?;
                ops.push(Op::List { at, elem });
            }
            TypeDef::FixedLengthList(elem, count) => {
                let elem = self.values(&[*elem])?;
                let count = *count;
                ops.push(Op::FixedLengthList { at, elem, count });
            }
            TypeDef::Map(key, value) => {
                let entry = self.values(&[*key, *value])?;
                ops.push(Op::Map { at, entry });
            }
            TypeDef::Record(fields) => {
                let types: Vec<ValType> = fields.iter().map(|field| field.ty).collect();
                ops.push(Op::Record {
                    def: Arc::clone(def),
                    fields: types.len() as u32,
                });
                self.product(ops, &types)?;
            }
            TypeDef::Tuple(fields) => {
                ops.push(Op::Tuple {
                    fields: fields.len() as u32,
                });
                self.product(ops, fields)?;
            }
            TypeDef::Variant(cases) => {
                let cases: Vec<Option<ValType>> = cases.iter().map(|case| case.ty).collect();
                self.sum(ops, ty, Sum::Variant(Arc::clone(def)), &cases)?;
            }
            TypeDef::Option(some) => self.sum(ops, ty, Sum::Option, &[None, Some(*some)])?,
            TypeDef::Result { ok, err } => self.sum(ops, ty, Sum::Result, &[*ok, *err])?,
            TypeDef::Enum(names) => {
                let bytes = discriminant_size(names.len());
                ops.push(Op::Enum {
                    at,
                    bytes,
                    cases: names.len() as u32,
                });
            }
            TypeDef::Flags(names) => {
                let bytes = flags_size(names.len());
                ops.push(Op::Flags {
                    at,
                    bytes,
                    mask: flags_mask(names.len()),
                });
            }
            TypeDef::Own(resource) => ops.push(Op::Own {
                at,
                resource: *resource,
            }),
            TypeDef::Borrow(resource) => ops.push(Op::Borrow {
                at,
                resource: *resource,
            }),
            TypeDef::Stream(_) | TypeDef::Future(_) | TypeDef::ErrorContext => {
                return Err(Error::invalid_type(
                    "streams, futures and error contexts cannot be moved yet",
                ));
            }
        }
        Ok(())
    }

    /// Appends the fields of a record or tuple.
    fn product(&mut self, ops: &mut Vec<Op>, fields: &[ValType]) -> Result<()> {
        let mut places = Places::new();
        for ty in fields {
            let at = places.field(self, *ty)?;
            self.value(ops, *ty, at)?;
        }
        Ok(())
    }

    /// Appends a variant with its cases.
    fn sum(
        &mut self,
        ops: &mut Vec<Op>,
        ty: ValType,
        sum: Sum,
        cases: &[Option<ValType>],
    ) -> Result<()> {
        let mut payload = [Layout::EMPTY; 2];
        for ty in cases.iter().flatten() {
            for side in [FROM, TO] {
                payload[side] = payload[side].max(self.types.layout(*ty, self.pointers[side]));
            }
        }
        let mut at = At {
            bytes: [0; 2],
            slot: 1,
        };
        for side in [FROM, TO] {
            let (offset, _) = Layout::variant(cases.len(), payload[side]).ok_or_else(too_large)?;
            at.bytes[side] = offset;
        }
        let mut body = Vec::new();
        let mut ranges = Vec::with_capacity(cases.len());
        for case in cases {
            let start = body.len() as u32;
            ranges.push(match case {
                Some(ty) => {
                    let mut case = Vec::new();
                    self.value(&mut case, *ty, at)?;
                    body.append(&mut merge_copies(case));
                    Some(start..body.len() as u32)
                }
                None => None,
            });
        }
        ops.push(Op::Switch {
            at: At::default(),
            bytes: discriminant_size(cases.len()),
            sum,
            cases: ranges.into(),
            body: body.len() as u32,
            slots: self.types.flat(ty, self.pointers[FROM]).count() as u32,
        });
        ops.append(&mut body);
        Ok(())
    }
}

impl Places {
    const fn new() -> Self {
        Self {
            layout: [Layout::EMPTY; 2],
            slot: 0,
        }
    }

    fn field(&mut self, compiler: &Compiler<'_, '_>, ty: ValType) -> Result<At> {
        let mut at = At {
            bytes: [0; 2],
            slot: self.slot,
        };
        for side in [FROM, TO] {
            let field = compiler.types.layout(ty, compiler.pointers[side]);
            let (offset, layout) = self.layout[side].append(field).ok_or_else(too_large)?;
            at.bytes[side] = offset;
            self.layout[side] = layout;
        }
        let flat = compiler.types.flat(ty, compiler.pointers[FROM]);
        self.slot += flat.count() as u32;
        Ok(at)
    }

    fn finish(self) -> Result<[Layout; 2]> {
        let [from, to] = self.layout.map(Layout::pad);
        match (from, to) {
            (Some(from), Some(to)) => Ok([from, to]),
            (None, _) | (_, None) => Err(too_large()),
        }
    }
}

#[cold]
fn too_large() -> Error {
    Error::invalid_type("the values of one call take more than 4 GiB")
}

/// Appends a program's ops at another place, without the copies that are merged
/// anew with their neighbours.
fn inline(ops: &mut Vec<Op>, program: &Program, base: At) {
    let mut pc = 0;
    while pc < program.ops.len() {
        let op = &program.ops[pc];
        let end = pc + op.width();
        if !matches!(op, Op::Copy { .. }) {
            ops.extend(
                program.ops[pc..end]
                    .iter()
                    .map(|op| relocate(op.clone(), base)),
            );
        }
        pc = end;
    }
}

fn relocate(mut op: Op, base: At) -> Op {
    match &mut op {
        Op::Copy { at, .. } => {
            for (at, base) in at.iter_mut().zip(base.bytes) {
                *at += base;
            }
        }
        Op::Scalar { at, .. }
        | Op::String { at }
        | Op::List { at, .. }
        | Op::FixedLengthList { at, .. }
        | Op::Map { at, .. }
        | Op::Flags { at, .. }
        | Op::Enum { at, .. }
        | Op::Switch { at, .. }
        | Op::Own { at, .. }
        | Op::Borrow { at, .. }
        | Op::Outlined { at, .. } => *at = at.plus(base),
        Op::Record { .. } | Op::Tuple { .. } => {}
    }
    op
}

/// Puts a [`Op::Copy`] before each run of adjacent plain data.
fn merge_copies(ops: Vec<Op>) -> Vec<Op> {
    let mut merged = Vec::with_capacity(ops.len() + 1);
    let mut pc = 0;
    while pc < ops.len() {
        if let Some((at, first)) = plain_bytes(&ops[pc]) {
            let (bytes, end, count) = run(&ops, pc, at, first);
            if count > 1 {
                let skip = (end - pc) as u32;
                merged.push(Op::Copy {
                    at: at.bytes,
                    bytes,
                    skip,
                });
            }
            merged.extend_from_slice(&ops[pc..end]);
            pc = end;
        } else {
            let end = pc + ops[pc].width();
            merged.extend_from_slice(&ops[pc..end]);
            pc = end;
        }
    }
    merged
}

/// The adjacent plain data that starts at `pc`: bytes, the op behind it, and of
/// how many ops it consists.
fn run(ops: &[Op], pc: usize, at: At, first: u32) -> (u32, usize, u32) {
    let (mut bytes, mut end, mut count) = (first, pc + 1, 1);
    let mut next = end;
    while let Some(op) = ops.get(next) {
        match plain_bytes(op) {
            Some((place, size))
                if place.bytes == [at.bytes[FROM] + bytes, at.bytes[TO] + bytes] =>
            {
                bytes += size;
                count += 1;
                end = next + 1;
            }
            Some(_) => break,
            None if matches!(op, Op::Record { .. } | Op::Tuple { .. }) => {}
            None => break,
        }
        next += 1;
    }
    (bytes, end, count)
}

/// The place and size of data that may be copied unseen.
fn plain_bytes(op: &Op) -> Option<(At, u32)> {
    match op {
        Op::Scalar { at, scalar } if scalar.valid_any() => Some((*at, scalar.size())),
        Op::Flags { at, bytes, mask } if mask.count_ones() == bytes * 8 => Some((*at, *bytes)),
        Op::Outlined { at, program } if program.copyable => Some((*at, program.layout[FROM].size)),
        Op::FixedLengthList { at, elem, count } if elem.copyable => {
            Some((*at, elem.layout[FROM].size * count))
        }
        Op::Copy { .. }
        | Op::Scalar { .. }
        | Op::String { .. }
        | Op::List { .. }
        | Op::FixedLengthList { .. }
        | Op::Map { .. }
        | Op::Record { .. }
        | Op::Tuple { .. }
        | Op::Flags { .. }
        | Op::Enum { .. }
        | Op::Switch { .. }
        | Op::Own { .. }
        | Op::Borrow { .. }
        | Op::Outlined { .. } => None,
    }
}
