//! wasmi under test: what it has of the proposals.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmi::{
    Caller, Config, Engine, Error, Extern, ExternType, Func, Global, Instance, Memory, Module,
    Nullable, Ref, Store, Table, TrapCode, Val,
};

use crate::driver::{Guest, Stop, Tested, hash_name, hash_value, mix};
use crate::value::{Hierarchy, Value};

#[derive(Debug)]
pub(crate) struct Wasmi(Engine);

impl Wasmi {
    pub(crate) const NAME: &str = "wasmi";

    pub(crate) fn new() -> Self {
        let mut config = Config::default();
        config
            .wasm_custom_page_sizes(true)
            .wasm_memory64(true)
            .wasm_multi_memory(true)
            .wasm_wide_arithmetic(true)
            .wasm_simd(true)
            .wasm_relaxed_simd(true)
            .set_max_recursion_depth(20_000)
            .set_max_stack_height(64 << 20);
        Self(Engine::new(&config))
    }
}

impl Tested for Wasmi {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn instantiate(&self, bytes: &[u8]) -> Result<Box<dyn Guest>, Stop> {
        let module = Module::new(&self.0, bytes).map_err(|e| Stop::Refused(e.to_string()))?;
        let mut store = Store::new(&self.0, 0);
        let mut imports = Vec::new();
        for import in module.imports() {
            imports.push(
                provide(
                    &mut store,
                    hash_name(import.module(), import.name()),
                    import.ty(),
                )
                .map_err(|e| stop(&e))?,
            );
        }
        let instance = Instance::new(&mut store, &module, &imports).map_err(|e| stop(&e))?;
        Ok(Box::new(Running {
            store,
            instance,
            panicked: false,
        }))
    }
}

/// What an import gets: default values, and functions that answer them.
fn provide(store: &mut Store<u64>, name: u64, ty: &ExternType) -> Result<Extern, Error> {
    Ok(match ty {
        ExternType::Func(ty) => {
            let defaults: Vec<Val> = ty
                .results()
                .iter()
                .map(|ty| Val::default_for_ty(*ty))
                .collect();
            let answer =
                move |mut caller: Caller<'_, u64>, arguments: &[Val], results: &mut [Val]| {
                    let hash = arguments
                        .iter()
                        .map(value)
                        .fold(mix(*caller.data(), name), hash_value);
                    *caller.data_mut() = hash;
                    results.clone_from_slice(&defaults);
                    Ok(())
                };
            Extern::Func(Func::new(store, ty.clone(), answer))
        }
        ExternType::Table(ty) => {
            let null = Ref::null(ty.element());
            Extern::Table(Table::new(store, *ty, null)?)
        }
        ExternType::Memory(ty) => Extern::Memory(Memory::new(store, *ty)?),
        ExternType::Global(ty) => {
            let zero = Val::default_for_ty(ty.content());
            Extern::Global(Global::new(store, zero, ty.mutability()))
        }
    })
}

struct Running {
    store: Store<u64>,
    instance: Instance,
    /// Whether a call has panicked: the next one would wait for ever for what that
    /// one has left locked.
    panicked: bool,
}

fn panicked() -> Stop {
    Stop::Other("a panic of wasmi".to_owned())
}

impl Guest for Running {
    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Vec<Value>, Stop> {
        if self.panicked {
            return Err(panicked());
        }
        let missing = || Stop::Other(format!("no function is called {name:?}"));
        let func = self
            .instance
            .get_func(&self.store, name)
            .ok_or_else(missing)?;
        let arguments: Vec<Val> = arguments.iter().map(|x| argument(*x)).collect();
        let types = func.ty(&self.store);
        let mut results: Vec<Val> = types
            .results()
            .iter()
            .map(|ty| Val::default_for_ty(*ty))
            .collect();
        // It translates what is called first, and panics over some functions: that
        // is its end, not that of the worker.
        let called = catch_unwind(AssertUnwindSafe(|| {
            func.call(&mut self.store, &arguments, &mut results)
        }));
        self.panicked = called.is_err();
        called.map_err(|_| panicked())?.map_err(|e| stop(&e))?;
        Ok(results.iter().map(value).collect())
    }

    fn global(&mut self, name: &str) -> Value {
        let global = self.instance.get_global(&self.store, name);
        value(&global.expect("the module exports it").get(&self.store))
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
        (0..table.size(&self.store))
            .filter_map(|index| table.get(&self.store, index))
            .map(|element| value(&Val::from(element)))
            .collect()
    }

    fn host_calls(&self) -> u64 {
        *self.store.data()
    }
}

fn argument(value: Value) -> Val {
    match value {
        Value::I32(x) => Val::I32(x.cast_signed()),
        Value::I64(x) => Val::I64(x.cast_signed()),
        Value::F32(x) => Val::F32(wasmi::F32::from_bits(x)),
        Value::F64(x) => Val::F64(wasmi::F64::from_bits(x)),
        Value::V128(x) => Val::V128(wasmi::V128::from(x)),
        Value::Null(Hierarchy::Func) => Val::FuncRef(Nullable::Null),
        Value::Null(Hierarchy::Extern) => Val::ExternRef(Nullable::Null),
        Value::Null(_) | Value::I31(_) | Value::Object => {
            unreachable!("no module for wasmi needs {value}")
        }
    }
}

fn value(val: &Val) -> Value {
    match val {
        Val::I32(x) => Value::I32(x.cast_unsigned()),
        Val::I64(x) => Value::I64(x.cast_unsigned()),
        Val::F32(x) => Value::F32(x.to_bits()),
        Val::F64(x) => Value::F64(x.to_bits()),
        Val::V128(x) => Value::V128(x.as_u128()),
        Val::FuncRef(reference) => Value::reference(reference.is_null()),
        Val::ExternRef(reference) => Value::reference(reference.is_null()),
    }
}

fn stop(error: &Error) -> Stop {
    match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => Stop::Unreachable,
        Some(TrapCode::MemoryOutOfBounds) => Stop::MemoryBounds,
        Some(TrapCode::TableOutOfBounds) => Stop::TableBounds,
        Some(TrapCode::IndirectCallToNull) => Stop::IndirectNull,
        Some(TrapCode::BadSignature) => Stop::IndirectType,
        Some(TrapCode::IntegerDivisionByZero) => Stop::DivideByZero,
        Some(TrapCode::IntegerOverflow) => Stop::Overflow,
        Some(TrapCode::BadConversionToInteger) => Stop::Conversion,
        Some(
            TrapCode::StackOverflow
            | TrapCode::OutOfSystemMemory
            | TrapCode::GrowthOperationLimited
            | TrapCode::OutOfFuel,
        ) => Stop::Resource,
        None => match error.to_string() {
            // Segments that do not fit are no trap here.
            text if text.contains("out of bounds table access") => Stop::TableBounds,
            text if text.contains("out of bounds memory access") => Stop::MemoryBounds,
            text => Stop::Other(text),
        },
    }
}
