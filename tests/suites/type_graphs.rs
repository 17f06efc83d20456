//! Type sections at the limits: as many types as the specification's limits
//! allow, groups as large, hierarchies as deep. Each is refused or loads in
//! bounded time and memory, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use linkspan_engine::{Config, Engine, Error, Features, Instance, Module, Store, Val};
use wasm_encoder::{
    CodeSection, CompositeInnerType, CompositeType, ExportKind, ExportSection, FieldType, FuncType,
    Function, FunctionSection, HeapType, RefType, StorageType, StructType, SubType, TypeSection,
    ValType,
};

/// A type section of a million entries may take this long, on a slow machine
/// and without optimisation.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What the process may grow by when many modules came and went.
const LEFT_BYTES_MAX: u64 = 64 << 20;

/// The limit of the specification's appendix on types in a module.
const TYPES_MAX: u32 = 1_000_000;

/// How many supertypes a type may have, one above another.
const DEPTH_MAX: u32 = 63;

/// An engine, and the right to be the only test that runs: some measure time
/// and memory.
fn engine() -> (Engine, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut config = Config::new();
    config.features(Features::wasm3());
    (Engine::new(&config).unwrap(), alone)
}

fn field(storage: StorageType) -> FieldType {
    FieldType {
        element_type: storage,
        mutable: true,
    }
}

fn reference(index: u32) -> FieldType {
    field(StorageType::Val(ValType::Ref(RefType {
        nullable: true,
        heap_type: HeapType::Concrete(index),
    })))
}

fn composite(inner: CompositeInnerType, supertype: Option<u32>) -> SubType {
    SubType {
        is_final: false,
        supertype_idxs: supertype.into_iter().collect(),
        composite_type: CompositeType {
            inner,
            shared: false,
            descriptor: None,
            describes: None,
        },
    }
}

fn structure(fields: Vec<FieldType>, supertype: Option<u32>) -> SubType {
    let fields = fields.into();
    composite(CompositeInnerType::Struct(StructType { fields }), supertype)
}

/// A type that differs for each `number`, without a long list of fields.
fn distinct(number: u32) -> SubType {
    let digit = |shift: u32| match number >> shift & 3 {
        0 => StorageType::I8,
        1 => StorageType::I16,
        2 => StorageType::Val(ValType::I32),
        _ => StorageType::Val(ValType::I64),
    };
    let fields = (0..10).map(|place| field(digit(place * 2))).collect();
    structure(fields, None)
}

fn module(types: TypeSection) -> Vec<u8> {
    let mut module = wasm_encoder::Module::new();
    module.section(&types);
    module.finish()
}

/// The `count` types, and a function `new` that makes an object of the last of
/// them and says whether it is one of type `of`.
fn module_with_test(mut types: TypeSection, count: u32, of: u32) -> Vec<u8> {
    types.ty().func_type(&FuncType::new([], [ValType::I32]));
    let mut functions = FunctionSection::new();
    functions.function(count);
    let mut exports = ExportSection::new();
    exports.export("new", ExportKind::Func, 0);
    let mut body = Function::new([]);
    let mut code = body.instructions();
    code.struct_new_default(count - 1);
    code.ref_test_non_null(HeapType::Concrete(of));
    code.end();
    let mut codes = CodeSection::new();
    codes.function(&body);
    let mut module = wasm_encoder::Module::new();
    module.section(&types);
    module.section(&functions);
    module.section(&exports);
    module.section(&codes);
    module.finish()
}

/// Loads `bytes` in bounded time, or tells how they were refused.
fn load(engine: &Engine, bytes: &[u8]) -> Result<Module, Error> {
    let start = Instant::now();
    let loaded = Module::from_binary(engine, bytes);
    let elapsed = start.elapsed();
    assert!(elapsed < TIME_MAX, "took {elapsed:?}");
    loaded
}

fn run(engine: &Engine, module: &Module) -> Result<Val, Error> {
    let mut store: Store<()> = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[])?;
    let func = instance.get_func(&store, "new").unwrap();
    let mut results = [Val::I32(-1)];
    func.call(&mut store, &[], &mut results)?;
    Ok(results[0])
}

/// What this process holds in memory, where the system tells.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

#[test]
fn a_million_types_load_and_one_more_is_refused() {
    let (engine, _alone) = engine();
    let mut types = TypeSection::new();
    for number in 0..TYPES_MAX {
        types.ty().subtype(&distinct(number));
    }
    // Neither outcome is wrong, as long as there is one.
    if let Err(error) = load(&engine, &module(types.clone())) {
        assert!(!error.to_string().is_empty());
    }
    types.ty().subtype(&distinct(0));
    let error = load(&engine, &module(types)).unwrap_err();
    assert!(error.to_string().contains("types"), "{error}");
}

#[test]
fn one_group_of_very_many_types_loads_or_is_refused() {
    let (engine, _alone) = engine();
    // A ring, so that no member is known before all are.
    let ring = |count: u32| {
        let mut types = TypeSection::new();
        let member = |index| structure(vec![reference((index + 1) % count)], None);
        types.ty().rec((0..count).map(member));
        types
    };
    for count in [1_000, 100_000] {
        let bytes = module_with_test(ring(count), count, count - 1);
        let module = load(&engine, &bytes).unwrap();
        assert_eq!(run(&engine, &module).unwrap(), Val::I32(1));
    }
    // Neither outcome is wrong, as long as there is one.
    if let Err(error) = load(&engine, &module(ring(TYPES_MAX))) {
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn equal_groups_in_any_number_are_one() {
    let (engine, _alone) = engine();
    let mut types = TypeSection::new();
    let groups = 20_000;
    for group in 0..groups {
        let first = group * 3;
        types.ty().rec((0..3).map(|member| {
            structure(
                vec![reference(first + (member + 1) % 3), reference(first)],
                None,
            )
        }));
    }
    // An object of the last group is one of the first.
    let module = load(&engine, &module_with_test(types, groups * 3, 2)).unwrap();
    assert_eq!(run(&engine, &module).unwrap(), Val::I32(1));
}

#[test]
fn a_chain_of_groups_that_each_name_the_one_before_loads() {
    let (engine, _alone) = engine();
    let mut types = TypeSection::new();
    types.ty().subtype(&structure(vec![reference(0)], None));
    let count = 200_000;
    for index in 1..count {
        types.ty().subtype(&structure(
            vec![reference(index - 1), reference(index)],
            None,
        ));
    }
    let module = load(&engine, &module_with_test(types, count, 0)).unwrap();
    assert_eq!(run(&engine, &module).unwrap(), Val::I32(0));
}

#[test]
fn hierarchies_are_as_deep_as_the_limit_and_no_deeper() {
    let (engine, _alone) = engine();
    let chain = |depth: u32| {
        let mut types = TypeSection::new();
        for index in 0..=depth {
            let fields = (0..=index).map(|_| field(StorageType::I8)).collect();
            types.ty().subtype(&structure(fields, index.checked_sub(1)));
        }
        types
    };
    for of in [0, 1, DEPTH_MAX / 2, DEPTH_MAX] {
        let module = load(
            &engine,
            &module_with_test(chain(DEPTH_MAX), DEPTH_MAX + 1, of),
        )
        .unwrap();
        assert_eq!(run(&engine, &module).unwrap(), Val::I32(1), "{of}");
    }
    let error = load(&engine, &module(chain(DEPTH_MAX + 1))).unwrap_err();
    assert!(error.to_string().contains("depth"), "{error}");
}

#[test]
fn the_widest_structures_are_made_and_wider_ones_are_refused() {
    let (engine, _alone) = engine();
    let wide = |count: u32| {
        let mut types = TypeSection::new();
        let fields = (0..count).map(|_| field(StorageType::Val(ValType::V128)));
        types.ty().subtype(&structure(fields.collect(), None));
        types
    };
    let module = load(&engine, &module_with_test(wide(10_000), 1, 0)).unwrap();
    assert_eq!(run(&engine, &module).unwrap(), Val::I32(1));
    assert!(load(&engine, &module_with_test(wide(10_001), 1, 0)).is_err());
}

#[test]
fn types_go_with_the_last_module_that_has_them() {
    let (engine, _alone) = engine();
    let batch = |number: u32| {
        let mut types = TypeSection::new();
        for index in 0..5_000 {
            types.ty().subtype(&distinct(number * 5_000 + index));
        }
        module(types)
    };
    // What stays for good is there after the first few.
    for number in 0..4 {
        load(&engine, &batch(number)).unwrap();
    }
    let before = resident_bytes();
    for number in 4..100 {
        load(&engine, &batch(number)).unwrap();
    }
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        let grown = after.saturating_sub(before);
        assert!(grown < LEFT_BYTES_MAX, "{grown} bytes stay");
    }
}
