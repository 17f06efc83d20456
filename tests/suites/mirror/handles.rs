//! The body of a mirrored function: arguments go out, the result comes back, and
//! each handle on the way is exchanged for that of the other side.
//!
//! - `own` of an exported resource in a parameter: the twin in it is taken out.
//! - `own` of an exported resource in a result: a resource is made of the twin.
//! - `borrow` of an exported resource: the canonical ABI gives the twin itself.
//! - `borrow` of an imported resource: dropped before the function returns.
//! - `own` of an imported resource is passed on.

use std::collections::BTreeMap;

use wasm_encoder::{BlockType, Function, Instruction, MemArg, MemArgTarget, ValType};
use wit_parser::abi::{FlatTypes, WasmSignature, WasmType};
use wit_parser::{Handle, Int, Resolve, SizeAlign, Type, TypeDefKind, TypeId};

use super::component::{KEEP, values};

/// The functions with which a guest handles one resource.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Intrinsics {
    /// Drops a handle of the imported resource.
    pub(super) drop_twin: Option<u32>,
    /// The same resource as it is exported.
    pub(super) exported: Option<Exported>,
}

/// The functions with which a guest handles a resource of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exported {
    pub(super) make: u32,
    pub(super) rep: u32,
    pub(super) drop: u32,
}

/// What is done with the handles on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    /// Before the call: `own` handles of exported resources become their twins.
    Take,
    /// After the call: borrows of imported resources are dropped.
    Drop,
    /// On the way back: exported resources are made of twins.
    Make,
}

/// A case of a variant-like type: its number and its payload.
type Cases<'a> = Vec<Option<&'a Type>>;

/// A function being written.
pub(super) struct Body<'a> {
    resolve: &'a Resolve,
    sizes: &'a SizeAlign,
    resources: &'a BTreeMap<TypeId, Intrinsics>,
    /// Whether the function stands in an exported interface, so that resources
    /// are the guest's where it exports them.
    exported: bool,
    params: usize,
    /// The types of the locals after the parameters; the first is `handle`.
    locals: Vec<ValType>,
    /// A local for the handle at hand.
    handle: u32,
    code: Vec<Instruction<'static>>,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        resolve: &'a Resolve,
        sizes: &'a SizeAlign,
        resources: &'a BTreeMap<TypeId, Intrinsics>,
        exported: bool,
        params: usize,
    ) -> Self {
        Self {
            resolve,
            sizes,
            resources,
            exported,
            params,
            locals: vec![ValType::I32],
            handle: index(params),
            code: Vec::new(),
        }
    }

    /// Writes the mirror of `func`, whose exported form has the signature
    /// `outer`; `realloc` is the allocator.
    pub(super) fn mirror(
        mut self,
        func: &'a wit_parser::Function,
        outer: &WasmSignature,
        twin: u32,
        realloc: u32,
    ) -> Function {
        self.params(func, outer, Exchange::Take);
        for local in 0..outer.params.len() {
            self.code.push(Instruction::LocalGet(index(local)));
        }
        let result = func.result.as_ref();
        match result {
            Some(ty) if outer.retptr => {
                let at = self.room(ty, realloc);
                self.code
                    .extend([Instruction::LocalGet(at), Instruction::Call(twin)]);
                self.params(func, outer, Exchange::Drop);
                self.memory(ty, at, 0, Exchange::Make);
                self.code.push(Instruction::LocalGet(at));
            }
            Some(ty) => {
                self.code.push(Instruction::Call(twin));
                let types = values(&outer.results);
                let locals: Vec<_> = types.iter().map(|ty| (self.local(*ty), *ty)).collect();
                for (local, _) in locals.iter().rev() {
                    self.code.push(Instruction::LocalSet(*local));
                }
                self.params(func, outer, Exchange::Drop);
                self.flat(ty, &locals, Exchange::Make);
                for (local, _) in &locals {
                    self.code.push(Instruction::LocalGet(*local));
                }
            }
            None => {
                self.code.push(Instruction::Call(twin));
                self.params(func, outer, Exchange::Drop);
            }
        }
        self.code.push(Instruction::End);
        let mut body = Function::new(self.locals.iter().map(|ty| (1, *ty)));
        for instruction in &self.code {
            body.instruction(instruction);
        }
        body
    }

    /// Room for a result in memory: the local that points to it.
    fn room(&mut self, ty: &Type, realloc: u32) -> u32 {
        let at = self.local(ValType::I32);
        let align = self.sizes.align(ty).align_wasm32();
        let size = self.sizes.size(ty).size_wasm32();
        self.code.extend([
            Instruction::I32Const(0),
            Instruction::I32Const(0),
            number(align),
            number(size),
            Instruction::Call(realloc),
            Instruction::LocalSet(at),
        ]);
        at
    }

    fn local(&mut self, ty: ValType) -> u32 {
        self.locals.push(ty);
        index(self.params + self.locals.len() - 1)
    }

    /// Exchanges the handles in all parameters.
    fn params(&mut self, func: &'a wit_parser::Function, outer: &WasmSignature, what: Exchange) {
        let types = func.params.iter().map(|param| &param.ty);
        if outer.indirect_params {
            for (offset, ty) in self.sizes.field_offsets(types) {
                self.memory(ty, 0, offset.size_wasm32(), what);
            }
            return;
        }
        let mut next = 0;
        for ty in types {
            let flat = values(&self.flat_types(ty));
            let locals: Vec<_> = (next..).map(index).zip(flat).collect();
            next += locals.len();
            self.flat(ty, &locals, what);
        }
    }

    fn flat_types(&self, ty: &Type) -> Vec<WasmType> {
        let mut storage = [WasmType::I32; Resolve::MAX_FLAT_PARAMS];
        let mut types = FlatTypes::new(&mut storage);
        self.resolve.push_flat(ty, &mut types);
        types.to_vec()
    }

    /// What is done with a handle; `None` if nothing is.
    fn exchange(&self, handle: Handle, what: Exchange) -> Option<Vec<Instruction<'static>>> {
        let (Handle::Own(id) | Handle::Borrow(id)) = handle;
        let mut id = id;
        while let TypeDefKind::Type(Type::Id(target)) = self.resolve.types[id].kind {
            id = target;
        }
        let Intrinsics {
            drop_twin,
            exported,
        } = *self.resources.get(&id)?;
        let exported = exported.filter(|_| self.exported);
        match (what, handle, exported) {
            // The handle goes, what it held stays.
            (Exchange::Take, Handle::Own(_), Some(Exported { rep, drop, .. })) => Some(vec![
                Instruction::LocalTee(self.handle),
                Instruction::Call(rep),
                Instruction::I32Const(1),
                Instruction::GlobalSet(KEEP),
                Instruction::LocalGet(self.handle),
                Instruction::Call(drop),
                Instruction::I32Const(0),
                Instruction::GlobalSet(KEEP),
            ]),
            (Exchange::Make, Handle::Own(_), Some(Exported { make, .. })) => {
                Some(vec![Instruction::Call(make)])
            }
            (Exchange::Drop, Handle::Borrow(_), None) => {
                let drop = Instruction::Call(drop_twin?);
                Some(vec![drop, Instruction::I32Const(0)])
            }
            _ => None,
        }
    }

    /// Whether anything is to be done in a value of this type.
    fn concerns(&self, ty: &Type, what: Exchange) -> bool {
        let Type::Id(id) = ty else { return false };
        let any = |types: &[&Type]| types.iter().any(|ty| self.concerns(ty, what));
        match &self.resolve.types[*id].kind {
            TypeDefKind::Handle(handle) => self.exchange(*handle, what).is_some(),
            TypeDefKind::List(ty) | TypeDefKind::FixedLengthList(ty, _) => self.concerns(ty, what),
            TypeDefKind::Map(key, value) => any(&[key, value]),
            TypeDefKind::Type(ty) => self.concerns(ty, what),
            kind => match (parts(kind), cases(kind)) {
                (Some(parts), _) => any(&parts),
                (None, Some((_, cases))) => any(&cases.into_iter().flatten().collect::<Vec<_>>()),
                (None, None) => false,
            },
        }
    }

    /// Exchanges the handles in a value that stands in locals.
    fn flat(&mut self, ty: &'a Type, locals: &[(u32, ValType)], what: Exchange) {
        let Type::Id(id) = ty else { return };
        if !self.concerns(ty, what) {
            return;
        }
        match &self.resolve.types[*id].kind {
            TypeDefKind::Type(ty) => self.flat(ty, locals, what),
            TypeDefKind::Handle(handle) => {
                let (local, ty) = locals[0];
                let exchange = self.exchange(*handle, what).unwrap_or_default();
                self.code.push(Instruction::LocalGet(local));
                // Beside other cases a handle may stand in a wider local.
                if ty == ValType::I64 {
                    self.code.push(Instruction::I32WrapI64);
                }
                self.code.extend(exchange);
                if ty == ValType::I64 {
                    self.code.push(Instruction::I64ExtendI32U);
                }
                self.code.push(Instruction::LocalSet(local));
            }
            TypeDefKind::List(element) => self.list(element, locals[0], locals[1], what),
            TypeDefKind::FixedLengthList(element, _) => {
                let width = self.flat_types(element).len();
                for locals in locals.chunks(width) {
                    self.flat(element, locals, what);
                }
            }
            kind => {
                if let Some(parts) = parts(kind) {
                    let mut next = 0;
                    for part in parts {
                        let width = self.flat_types(part).len();
                        self.flat(part, &locals[next..next + width], what);
                        next += width;
                    }
                } else if let Some((_, cases)) = cases(kind) {
                    for (case, payload) in cases.into_iter().enumerate() {
                        let Some(payload) = payload.filter(|ty| self.concerns(ty, what)) else {
                            continue;
                        };
                        self.code
                            .extend([Instruction::LocalGet(locals[0].0), number(case)]);
                        self.when_equal(|this| this.flat(payload, &locals[1..], what));
                    }
                }
            }
        }
    }

    /// Exchanges the handles in a value at `offset` from the address in `base`.
    fn memory(&mut self, ty: &'a Type, base: u32, offset: usize, what: Exchange) {
        let Type::Id(id) = ty else { return };
        if !self.concerns(ty, what) {
            return;
        }
        match &self.resolve.types[*id].kind {
            TypeDefKind::Type(ty) => self.memory(ty, base, offset, what),
            TypeDefKind::Handle(handle) => {
                let exchange = self.exchange(*handle, what).unwrap_or_default();
                let value = self.local(ValType::I32);
                self.code.extend([
                    Instruction::LocalGet(base),
                    Instruction::I32Load(at(offset, 2)),
                ]);
                self.code.extend(exchange);
                self.code.extend([
                    Instruction::LocalSet(value),
                    Instruction::LocalGet(base),
                    Instruction::LocalGet(value),
                    Instruction::I32Store(at(offset, 2)),
                ]);
            }
            TypeDefKind::List(element) => {
                let [start, length] = [0, 4].map(|part| {
                    let local = self.local(ValType::I32);
                    self.code.extend([
                        Instruction::LocalGet(base),
                        Instruction::I32Load(at(offset + part, 2)),
                        Instruction::LocalSet(local),
                    ]);
                    (local, ValType::I32)
                });
                self.list(element, start, length, what);
            }
            TypeDefKind::FixedLengthList(element, length) => {
                let size = self.sizes.size(element).size_wasm32();
                for i in 0..*length as usize {
                    self.memory(element, base, offset + i * size, what);
                }
            }
            kind => {
                if let Some(parts) = parts(kind) {
                    for (field, ty) in self.sizes.field_offsets(parts) {
                        self.memory(ty, base, offset + field.size_wasm32(), what);
                    }
                } else if let Some((tag, cases)) = cases(kind) {
                    let payload = self.sizes.payload_offset(tag, cases.iter().copied());
                    let payload = offset + payload.size_wasm32();
                    for (case, ty) in cases.into_iter().enumerate() {
                        let Some(ty) = ty.filter(|ty| self.concerns(ty, what)) else {
                            continue;
                        };
                        self.code
                            .extend([Instruction::LocalGet(base), load(tag, offset)]);
                        self.code.push(number(case));
                        self.when_equal(|this| this.memory(ty, base, payload, what));
                    }
                }
            }
        }
    }

    /// Exchanges the handles in the elements of a list.
    fn list(
        &mut self,
        element: &'a Type,
        start: (u32, ValType),
        length: (u32, ValType),
        what: Exchange,
    ) {
        let size = self.sizes.size(element).size_wasm32();
        let (next, left) = (self.local(ValType::I32), self.local(ValType::I32));
        for ((from, ty), to) in [(start, next), (length, left)] {
            self.code.push(Instruction::LocalGet(from));
            if ty == ValType::I64 {
                self.code.push(Instruction::I32WrapI64);
            }
            self.code.push(Instruction::LocalSet(to));
        }
        self.code.extend([
            Instruction::Block(BlockType::Empty),
            Instruction::Loop(BlockType::Empty),
            Instruction::LocalGet(left),
            Instruction::I32Eqz,
            Instruction::BrIf(1),
        ]);
        self.memory(element, next, 0, what);
        for (local, by) in [(next, number(size)), (left, Instruction::I32Const(-1))] {
            self.code.extend([
                Instruction::LocalGet(local),
                by,
                Instruction::I32Add,
                Instruction::LocalSet(local),
            ]);
        }
        self.code
            .extend([Instruction::Br(0), Instruction::End, Instruction::End]);
    }

    /// Runs what `body` writes if the two numbers on the stack are equal.
    fn when_equal(&mut self, body: impl FnOnce(&mut Self)) {
        self.code
            .extend([Instruction::I32Eq, Instruction::If(BlockType::Empty)]);
        body(self);
        self.code.push(Instruction::End);
    }
}

/// The parts of a record or tuple.
fn parts(kind: &TypeDefKind) -> Option<Vec<&Type>> {
    match kind {
        TypeDefKind::Record(record) => Some(record.fields.iter().map(|f| &f.ty).collect()),
        TypeDefKind::Tuple(tuple) => Some(tuple.types.iter().collect()),
        _ => None,
    }
}

/// The cases of a variant, option or result.
fn cases(kind: &TypeDefKind) -> Option<(Int, Cases<'_>)> {
    match kind {
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter().map(|case| case.ty.as_ref());
            Some((variant.tag(), cases.collect()))
        }
        TypeDefKind::Option(some) => Some((Int::U8, vec![None, Some(some)])),
        TypeDefKind::Result(result) => {
            Some((Int::U8, vec![result.ok.as_ref(), result.err.as_ref()]))
        }
        _ => None,
    }
}

fn load(tag: Int, offset: usize) -> Instruction<'static> {
    match tag {
        Int::U8 => Instruction::I32Load8U(at(offset, 0)),
        Int::U16 => Instruction::I32Load16U(at(offset, 1)),
        Int::U32 | Int::U64 => Instruction::I32Load(at(offset, 2)),
    }
}

fn at(offset: usize, align: u32) -> MemArg {
    MemArg {
        offset: offset as u64,
        align,
        target: MemArgTarget::Memory(0),
        ordering: None,
    }
}

fn number(value: usize) -> Instruction<'static> {
    Instruction::I32Const(i32::try_from(value).unwrap_or(i32::MAX))
}

fn index(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
