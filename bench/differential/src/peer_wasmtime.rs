//! wasmtime under test: the whole set of proposals.

use wasmtime::{
    AnyRef, Caller, Config, Engine, Error, Extern, ExternType, Func, I31, Instance, Module,
    OptLevel, Ref, Store, StoreLimits, StoreLimitsBuilder, Trap, V128, Val,
};

use crate::driver::{Guest, Stop, Tested, hash_name, hash_value, mix};
use crate::value::{Hierarchy, Value};

#[derive(Debug)]
pub(crate) struct Wasmtime(Engine);

impl Wasmtime {
    pub(crate) fn new() -> Result<Self, String> {
        let mut config = Config::new();
        config
            .cranelift_opt_level(OptLevel::None)
            .wasm_backtrace_max_frames(None)
            .max_wasm_stack(64 << 20)
            .async_stack_size(128 << 20)
            .memory_reservation(0)
            .memory_guard_size(0)
            .memory_init_cow(false)
            .relaxed_simd_deterministic(true)
            .shared_memory(true)
            .wasm_custom_page_sizes(true)
            .wasm_exceptions(true)
            .wasm_function_references(true)
            .wasm_gc(true)
            .wasm_memory64(true)
            .wasm_multi_memory(true)
            .wasm_relaxed_simd(true)
            .wasm_tail_call(true)
            .wasm_threads(true)
            .wasm_wide_arithmetic(true);
        Ok(Self(Engine::new(&config).map_err(|e| e.to_string())?))
    }
}

/// The data of a store: the hash of host calls, and what bounds its heap.
struct Data {
    hash: u64,
    limits: StoreLimits,
}

impl Tested for Wasmtime {
    fn name(&self) -> &'static str {
        "wasmtime"
    }

    fn instantiate(&self, bytes: &[u8]) -> Result<Box<dyn Guest>, Stop> {
        let module = Module::new(&self.0, bytes).map_err(|e| Stop::Refused(e.to_string()))?;
        let limits = StoreLimitsBuilder::new().memory_size(64 << 20).build();
        let mut store = Store::new(&self.0, Data { hash: 0, limits });
        store.limiter(|data| &mut data.limits);
        let mut imports = Vec::new();
        for import in module.imports() {
            let ty = import.ty();
            imports.push(
                provide(&mut store, hash_name(import.module(), import.name()), &ty)
                    .map_err(|e| stop(&e))?,
            );
        }
        let instance = Instance::new(&mut store, &module, &imports).map_err(|e| stop(&e))?;
        Ok(Box::new(Running {
            store,
            instance,
            bytes: Vec::new(),
        }))
    }
}

/// What an import gets: default values, and functions that answer them.
fn provide(store: &mut Store<Data>, name: u64, ty: &ExternType) -> Result<Extern, Error> {
    let ExternType::Func(ty) = ty else {
        return ty.default_value(store);
    };
    let defaults: Option<Vec<Val>> = ty.results().map(|ty| ty.default_value()).collect();
    let answer = move |mut caller: Caller<'_, Data>, arguments: &[Val], results: &mut [Val]| {
        let mut hash = mix(caller.data().hash, name);
        for argument in arguments {
            hash = hash_value(hash, value(&mut caller, argument));
        }
        caller.data_mut().hash = hash;
        let defaults = defaults
            .as_ref()
            .ok_or_else(|| Error::msg("no default value"))?;
        results.copy_from_slice(defaults);
        Ok(())
    };
    Ok(Extern::Func(Func::new(store, ty.clone(), answer)))
}

struct Running {
    store: Store<Data>,
    instance: Instance,
    /// A copy of the memory last asked for.
    bytes: Vec<u8>,
}

impl Guest for Running {
    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Vec<Value>, Stop> {
        let missing = || Stop::Other(format!("no function is called {name:?}"));
        let func = self
            .instance
            .get_func(&mut self.store, name)
            .ok_or_else(missing)?;
        let arguments: Vec<Val> = arguments
            .iter()
            .map(|x| argument(&mut self.store, *x))
            .collect();
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        func.call(&mut self.store, &arguments, &mut results)
            .map_err(|e| stop(&e))?;
        Ok(results
            .iter()
            .map(|result| value(&mut self.store, result))
            .collect())
    }

    fn global(&mut self, name: &str) -> Value {
        let global = self.instance.get_global(&mut self.store, name);
        let val = global.expect("the module exports it").get(&mut self.store);
        value(&mut self.store, &val)
    }

    fn set_global(&mut self, name: &str, value: u32) {
        let global = self.instance.get_global(&mut self.store, name);
        global
            .expect("the module exports it")
            .set(&mut self.store, Val::I32(value.cast_signed()))
            .expect("it is a variable of type i32");
    }

    fn memory(&mut self, name: &str) -> &[u8] {
        let memory = self.instance.get_memory(&mut self.store, name);
        let memory = memory.expect("the module exports it");
        self.bytes.clear();
        self.bytes.extend_from_slice(memory.data(&self.store));
        &self.bytes
    }

    fn table(&mut self, name: &str) -> Vec<Value> {
        let table = self.instance.get_table(&mut self.store, name);
        let table = table.expect("the module exports it");
        let mut values = Vec::new();
        for index in 0..table.size(&self.store) {
            if let Some(element) = table.get(&mut self.store, index) {
                let val = match element {
                    Ref::Func(func) => Val::FuncRef(func),
                    Ref::Extern(object) => Val::ExternRef(object),
                    Ref::Any(object) => Val::AnyRef(object),
                    Ref::Exn(object) => Val::ExnRef(object),
                };
                values.push(value(&mut self.store, &val));
            }
        }
        values
    }

    fn host_calls(&self) -> u64 {
        self.store.data().hash
    }
}

fn argument(store: &mut Store<Data>, value: Value) -> Val {
    match value {
        Value::I32(x) => Val::I32(x.cast_signed()),
        Value::I64(x) => Val::I64(x.cast_signed()),
        Value::F32(x) => Val::F32(x),
        Value::F64(x) => Val::F64(x),
        Value::V128(x) => Val::V128(V128::from(x)),
        Value::Null(Hierarchy::Func) => Val::FuncRef(None),
        Value::Null(Hierarchy::Extern) => Val::ExternRef(None),
        Value::Null(Hierarchy::Any) => Val::AnyRef(None),
        Value::Null(Hierarchy::Exn) => Val::ExnRef(None),
        Value::I31(x) => Val::AnyRef(Some(AnyRef::from_i31(store, I31::wrapping_u32(x)))),
        Value::Object => unreachable!("no host passes an object"),
    }
}

fn value(mut store: impl wasmtime::AsContextMut, val: &Val) -> Value {
    match val {
        Val::I32(x) => Value::I32(x.cast_unsigned()),
        Val::I64(x) => Value::I64(x.cast_unsigned()),
        Val::F32(x) => Value::F32(*x),
        Val::F64(x) => Value::F64(*x),
        Val::V128(x) => Value::V128(x.as_u128()),
        Val::FuncRef(func) => Value::reference(func.is_none()),
        Val::ExternRef(reference) => Value::reference(reference.is_none()),
        Val::ExnRef(reference) => Value::reference(reference.is_none()),
        Val::AnyRef(Some(reference)) => match reference.as_i31(&mut store) {
            Ok(Some(number)) => Value::I31(number.get_u32()),
            Ok(None) | Err(_) => Value::Object,
        },
        Val::AnyRef(None) => Value::reference(true),
        Val::ContRef(_) => unreachable!("the proposal is off"),
    }
}

fn stop(error: &Error) -> Stop {
    if error.is::<wasmtime::ThrownException>() {
        return Stop::Exception;
    }
    if error.is::<wasmtime::GcHeapOutOfMemory<()>>() {
        return Stop::Resource;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => Stop::Unreachable,
        Some(Trap::MemoryOutOfBounds) => Stop::MemoryBounds,
        Some(Trap::TableOutOfBounds) => Stop::TableBounds,
        Some(Trap::IndirectCallToNull) => Stop::IndirectNull,
        Some(Trap::BadSignature) => Stop::IndirectType,
        Some(Trap::IntegerDivisionByZero) => Stop::DivideByZero,
        Some(Trap::IntegerOverflow) => Stop::Overflow,
        Some(Trap::BadConversionToInteger) => Stop::Conversion,
        Some(Trap::NullReference) => Stop::NullReference,
        Some(Trap::CastFailure) => Stop::Cast,
        Some(Trap::ArrayOutOfBounds) => Stop::ArrayBounds,
        Some(Trap::HeapMisaligned) => Stop::Misaligned,
        Some(Trap::AtomicWaitNonSharedMemory) => Stop::NotShared,
        Some(Trap::StackOverflow | Trap::AllocationTooLarge) => Stop::Resource,
        Some(_) => Stop::Other(error.to_string()),
        None if error.to_string().contains("no default value") => Stop::Host,
        None => Stop::Other(format!("{error:?}")),
    }
}
