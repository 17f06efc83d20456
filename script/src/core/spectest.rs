//! The host module `spectest`, which scripts import without defining it.
//!
//! Its functions swallow what they are given: no script looks at it.

use std::collections::BTreeMap;

use linkspan_engine::{
    Error, Extern, Func, FuncType, Global, GlobalType, Memory, MemoryType, RefType, Store, Table,
    TableType, Val, ValType,
};

/// Defines everything in `store`, by name; the shared memory only where there
/// are `threads`.
pub(super) fn define(
    store: &mut Store<()>,
    threads: bool,
) -> Result<BTreeMap<&'static str, Extern>, Error> {
    let mut exports = BTreeMap::new();
    let printers: [(&str, &[ValType]); 7] = [
        ("print", &[]),
        ("print_i32", &[ValType::I32]),
        ("print_i64", &[ValType::I64]),
        ("print_f32", &[ValType::F32]),
        ("print_f64", &[ValType::F64]),
        ("print_i32_f32", &[ValType::I32, ValType::F32]),
        ("print_f64_f64", &[ValType::F64, ValType::F64]),
    ];
    for (name, params) in printers {
        let ty = FuncType::new(params.iter().copied(), []);
        let printer = Func::new(&mut *store, ty, |_, _, _| Ok(()))?;
        exports.insert(name, Extern::Func(printer));
    }
    let globals = [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::F32(666.6_f32.to_bits())),
        ("global_f64", ValType::F64, Val::F64(666.6_f64.to_bits())),
    ];
    for (name, content, value) in globals {
        let ty = GlobalType {
            content,
            mutable: false,
        };
        exports.insert(name, Extern::Global(Global::new(&mut *store, ty, value)?));
    }
    let ty = TableType::new(RefType::FUNCREF, 10, Some(20));
    let table = Table::new(&mut *store, ty, Val::FuncRef(None))?;
    exports.insert("table", Extern::Table(table));
    let ty = MemoryType::new(1, Some(2));
    exports.insert("memory", Extern::Memory(Memory::new(&mut *store, ty)?));
    if threads {
        let ty = MemoryType { shared: true, ..ty };
        let memory = Memory::new(&mut *store, ty)?;
        exports.insert("shared_memory", Extern::Memory(memory));
    }
    Ok(exports)
}
