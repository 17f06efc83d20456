//! Linkspan's engine under test.

use linkspan_engine::{
    AnyRef, AsContext, AsContextMut, Caller, Config, DispatchMode, Engine, Error, ErrorKind,
    Extern, ExternType, Func, GcZeal, Global, I31, Instance, Limits, Memory, Module, Proposal,
    Store, Table, Tag, Val, ValType,
};

use crate::driver::{Guest, Stop, Tested, hash_name, hash_value, mix};
use crate::value::{Hierarchy, Value};

/// The proposals that this build of the engine has, and that modules may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proposals {
    pub(crate) simd: bool,
    pub(crate) relaxed_simd: bool,
    pub(crate) threads: bool,
    pub(crate) exceptions: bool,
    pub(crate) memory64: bool,
    pub(crate) gc: bool,
    pub(crate) custom_page_sizes: bool,
    pub(crate) wide_arithmetic: bool,
}

impl Proposals {
    /// Asks the engine.
    pub(crate) fn supported() -> Self {
        Self {
            simd: Proposal::Simd.is_supported(),
            relaxed_simd: Proposal::RelaxedSimd.is_supported(),
            threads: Proposal::Threads.is_supported(),
            exceptions: Proposal::Exceptions.is_supported(),
            memory64: Proposal::Memory64.is_supported(),
            gc: Proposal::Gc.is_supported() && Proposal::FunctionReferences.is_supported(),
            custom_page_sizes: Proposal::CustomPageSizes.is_supported(),
            wide_arithmetic: Proposal::WideArithmetic.is_supported(),
        }
    }
}

/// A collector that works as often as it can: it moves all objects, at every fifth
/// allocation and every eleventh call, and looks at all of the heap afterwards.
pub(crate) fn zeal() -> GcZeal {
    GcZeal {
        allocations: 5,
        calls: 11,
        shuffle: true,
        verify: true,
    }
}

/// The engine in one dispatch mode.
#[derive(Debug)]
pub(crate) struct Ours {
    engine: Engine,
    name: &'static str,
}

impl Ours {
    pub(crate) fn new(
        dispatch: DispatchMode,
        zeal: GcZeal,
        name: &'static str,
    ) -> Result<Self, String> {
        let mut config = Config::new();
        let mut limits = Limits::default();
        limits.gc_heap_bytes_max = 64 << 20;
        config
            .dispatch(dispatch)
            .gc_zeal(zeal)
            .max_stack_bytes(64 << 20)
            .limits(limits);
        for proposal in Proposal::ALL {
            config.proposal(*proposal, proposal.is_supported());
        }
        let engine = Engine::new(&config).map_err(|error| error.to_string())?;
        Ok(Self { engine, name })
    }
}

impl Tested for Ours {
    fn name(&self) -> &'static str {
        self.name
    }

    fn instantiate(&self, bytes: &[u8]) -> Result<Box<dyn Guest>, Stop> {
        let module =
            Module::from_binary(&self.engine, bytes).map_err(|e| Stop::Refused(e.to_string()))?;
        let mut store = Store::new(&self.engine, 0);
        let mut imports = Vec::new();
        for import in module.imports() {
            imports.push(
                provide(&mut store, hash_name(import.module, import.name), import.ty)
                    .map_err(|e| stop(&e))?,
            );
        }
        let instance = Instance::new(&mut store, &module, &imports).map_err(|e| stop(&e))?;
        Ok(Box::new(Running { store, instance }))
    }
}

/// What an import gets: default values, and functions that answer them.
fn provide(store: &mut Store<u64>, name: u64, ty: ExternType) -> Result<Extern, Error> {
    Ok(match ty {
        ExternType::Func(ty) => {
            let defaults: Vec<Val> = ty
                .results()
                .iter()
                .map(|ty| Val::default_for(*ty))
                .collect();
            let answer =
                move |mut caller: Caller<'_, u64>, arguments: &[Val], results: &mut [Val]| {
                    let hash = arguments
                        .iter()
                        .map(|argument| value(&caller, argument))
                        .fold(mix(*caller.data(), name), hash_value);
                    *caller.data_mut() = hash;
                    results.copy_from_slice(&defaults);
                    Ok(())
                };
            Extern::Func(Func::new(store, ty, answer)?)
        }
        ExternType::Table(ty) => {
            let null = Val::default_for(ValType::Ref(ty.element));
            Extern::Table(Table::new(store, ty, null)?)
        }
        ExternType::Memory(ty) => Extern::Memory(Memory::new(store, ty)?),
        ExternType::Tag(ty) => Extern::Tag(Tag::new(store, &ty.func)?),
        ExternType::Global(ty) => {
            let zero = Val::default_for(ty.content);
            Extern::Global(Global::new(store, ty, zero)?)
        }
    })
}

struct Running {
    store: Store<u64>,
    instance: Instance,
}

impl Guest for Running {
    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Vec<Value>, Stop> {
        let missing = || Stop::Other(format!("no function is called {name:?}"));
        let func = self
            .instance
            .get_func(&self.store, name)
            .ok_or_else(missing)?;
        let ty = func.ty(&self.store).map_err(|e| stop(&e))?;
        let arguments: Vec<Val> = arguments
            .iter()
            .map(|x| argument(&mut self.store, *x))
            .collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        func.call(&mut self.store, &arguments, &mut results)
            .map_err(|e| stop(&e))?;
        Ok(results.iter().map(|x| value(&self.store, x)).collect())
    }

    fn global(&mut self, name: &str) -> Value {
        let global = self.instance.get_global(&self.store, name);
        let global = global.expect("the module exports it");
        let val = global.get(&mut self.store).expect("it is of this store");
        value(&self.store, &val)
    }

    fn set_global(&mut self, name: &str, value: u32) {
        let global = self.instance.get_global(&self.store, name);
        global
            .expect("the module exports it")
            .set(&mut self.store, Val::I32(value.cast_signed()))
            .expect("it is a variable of type i32");
    }

    fn memory(&mut self, name: &str) -> &[u8] {
        let memory = self.instance.get_memory(&self.store, name);
        memory.expect("the module exports it").data(&self.store)
    }

    fn table(&mut self, name: &str) -> Vec<Value> {
        let table = self.instance.get_table(&self.store, name);
        let table = table.expect("the module exports it");
        let size = table.size(&self.store).unwrap_or(0);
        let mut values = Vec::new();
        for index in 0..size {
            if let Ok(element) = table.get(&mut self.store, index) {
                values.push(value(&self.store, &element));
            }
        }
        values
    }

    fn host_calls(&self) -> u64 {
        *self.store.data()
    }
}

fn argument(store: impl AsContextMut, value: Value) -> Val {
    match value {
        Value::I32(x) => Val::I32(x.cast_signed()),
        Value::I64(x) => Val::I64(x.cast_signed()),
        Value::F32(x) => Val::F32(x),
        Value::F64(x) => Val::F64(x),
        Value::V128(x) => Val::V128(x),
        Value::Null(Hierarchy::Func) => Val::FuncRef(None),
        Value::Null(Hierarchy::Extern) => Val::ExternRef(None),
        Value::Null(Hierarchy::Any) => Val::AnyRef(None),
        Value::Null(Hierarchy::Exn) => Val::ExnRef(None),
        Value::I31(x) => Val::AnyRef(Some(AnyRef::from_i31(store, I31::wrapping_u32(x)))),
        Value::Object => unreachable!("no host passes an object"),
    }
}

fn value(store: impl AsContext, val: &Val) -> Value {
    match val {
        Val::I32(x) => Value::I32(x.cast_unsigned()),
        Val::I64(x) => Value::I64(x.cast_unsigned()),
        Val::F32(x) => Value::F32(*x),
        Val::F64(x) => Value::F64(*x),
        Val::V128(x) => Value::V128(*x),
        Val::FuncRef(func) => Value::reference(func.is_none()),
        Val::ExternRef(reference) => Value::reference(reference.is_none()),
        Val::ExnRef(reference) => Value::reference(reference.is_none()),
        Val::AnyRef(Some(reference)) => match reference.as_i31(store) {
            Ok(Some(number)) => Value::I31(number.get_u32()),
            Ok(None) | Err(_) => Value::Object,
        },
        Val::AnyRef(None) => Value::reference(true),
    }
}

/// By text, which is the specification's: the list of traps grows.
fn stop(error: &Error) -> Stop {
    match (error.trap().map(|trap| trap.text()), error.kind()) {
        (Some("unreachable"), _) => Stop::Unreachable,
        (Some("out of bounds memory access"), _) => Stop::MemoryBounds,
        (Some("out of bounds table access" | "undefined element"), _) => Stop::TableBounds,
        (Some("uninitialized element"), _) => Stop::IndirectNull,
        (Some("indirect call type mismatch"), _) => Stop::IndirectType,
        (Some("integer divide by zero"), _) => Stop::DivideByZero,
        (Some("integer overflow"), _) => Stop::Overflow,
        (Some("invalid conversion to integer"), _) => Stop::Conversion,
        (Some("cast failure"), _) => Stop::Cast,
        (Some("out of bounds array access"), _) => Stop::ArrayBounds,
        (Some("unaligned atomic"), _) => Stop::Misaligned,
        (Some("expected shared memory"), _) => Stop::NotShared,
        (_, ErrorKind::Exception) => Stop::Exception,
        (Some("call stack exhausted" | "allocation size too large" | "heap exhausted"), _)
        | (_, ErrorKind::Limit) => Stop::Resource,
        (Some(text), _) if text.starts_with("null") && text.ends_with("reference") => {
            Stop::NullReference
        }
        (_, ErrorKind::Host) => Stop::Host,
        (Some(_) | None, _) => Stop::Other(error.to_string()),
    }
}
