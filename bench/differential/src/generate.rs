//! Modules from seeds: the same seed and the same proposals give the same module.

use arbitrary::Unstructured;
use wasm_smith::{Config, MemoryOffsetChoices, Module};
use wasmparser::{Parser, Payload};

use crate::ours::Proposals;

/// The name under which the counter is exported that ends every call.
pub(crate) const FUEL: &str = "bench: fuel";

/// Numbers from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Whether something happens that happens `n` times in eight.
    fn eighths(&mut self, n: u64) -> bool {
        (self.next() >> 33) % 8 < n
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + (self.next() >> 20) % (high - low + 1)
    }
}

/// A module, and who can run it.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    pub(crate) bytes: Vec<u8>,
    /// Whether it keeps to what wasmi has.
    pub(crate) subset: bool,
}

/// Makes the module of `seed` from the proposals that our engine has. Every second
/// one keeps to those of wasmi; all of them do if `subset` says so.
pub(crate) fn generate(
    seed: u64,
    proposals: &Proposals,
    subset: bool,
) -> Result<Generated, String> {
    let mut random = Random::new(seed);
    let subset = subset || seed % 2 == 0;
    let mut module = module(&mut random, proposals, subset)?;
    let fuel = module
        .ensure_termination(1000)
        .map_err(|error| error.to_string())?;
    let bytes = export_global(&module.to_bytes(), FUEL, fuel)?;
    Ok(Generated { bytes, subset })
}

/// The generator does not make a module of all bytes: it is given others then.
fn module(random: &mut Random, proposals: &Proposals, subset: bool) -> Result<Module, String> {
    let mut why = String::new();
    for _ in 0..100 {
        let config = config(random, proposals, subset);
        let length = random.between(300, 6000);
        let raw: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        match Module::new(config, &mut Unstructured::new(&raw)) {
            Ok(module) => return Ok(module),
            Err(error) => why = error.to_string(),
        }
    }
    Err(format!("the generator makes nothing: {why}"))
}

/// Small modules that do much: memories, tables and functions there are, everything
/// is exported, growth is bounded by the types alone, and each proposal is in most
/// modules, not in all of them, so that none hides what another does.
fn config(random: &mut Random, has: &Proposals, subset: bool) -> Config {
    let mut config = Config::default();
    config.allow_start_export = random.eighths(1);
    config.canonicalize_nans = true;
    config.disallow_traps = random.eighths(4);
    config.export_everything = true;
    config.allow_floats = random.eighths(7);
    config.generate_custom_sections = false;
    config.min_funcs = 2;
    config.max_funcs = 12;
    config.max_instructions = usize::try_from(random.between(10, 200)).unwrap_or(100);
    config.min_types = 3;
    config.max_types = 20;
    config.min_globals = 2;
    config.max_globals = 10;
    config.max_imports = if random.eighths(4) { 4 } else { 0 };
    config.min_memories = 1;
    config.max_memories = if random.eighths(4) { 3 } else { 1 };
    config.max_memory32_bytes = 4 << 16;
    config.max_memory64_bytes = 4 << 16;
    config.memory_max_size_required = true;
    config.memory_offset_choices = MemoryOffsetChoices(95, 4, 1);
    config.min_tables = 1;
    config.max_tables = 3;
    config.max_table_elements = 40;
    config.table_max_size_required = true;
    config.max_element_segments = 5;
    config.max_elements = 20;
    config.max_data_segments = 5;
    config.max_tags = 4;
    config.compact_imports_enabled = false;
    config.limit_arrays_in_const_exprs = true;
    config.simd_enabled = has.simd && random.eighths(5);
    config.relaxed_simd_enabled = has.relaxed_simd && config.simd_enabled && random.eighths(4);
    config.tail_call_enabled = random.eighths(6);
    config.wide_arithmetic_enabled = has.wide_arithmetic && random.eighths(4);
    config.custom_page_sizes_enabled = has.custom_page_sizes && random.eighths(3);
    config.memory64_enabled = has.memory64 && random.eighths(4);
    config.gc_enabled = has.gc && !subset && random.eighths(6);
    if config.gc_enabled && random.eighths(6) {
        // Imported functions and tags have types that no host can name.
        config.max_imports = 0;
    }
    config.exceptions_enabled = has.exceptions && !subset && random.eighths(5);
    config.threads_enabled = has.threads && !subset && random.eighths(3);
    config
}

/// Adds an export of a global to a module.
fn export_global(bytes: &[u8], name: &str, index: u32) -> Result<Vec<u8>, String> {
    let mut module = wasm_encoder::Module::new();
    let mut exports = wasm_encoder::ExportSection::new();
    exports.export(name, wasm_encoder::ExportKind::Global, index);
    let mut exports = Some(exports);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| error.to_string())?;
        if let Payload::ExportSection(reader) = &payload
            && let Some(section) = &mut exports
        {
            for export in reader.clone() {
                let export = export.map_err(|error| error.to_string())?;
                section.export(export.name, kind(export.kind), export.index);
            }
            module.section(&*section);
            exports = None;
            continue;
        }
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        // Start, elements, code, data and their count stand behind the exports.
        if matches!(id, 8..=12)
            && let Some(section) = exports.take()
        {
            module.section(&section);
        }
        let at = |end: u64| usize::try_from(end).unwrap_or(usize::MAX);
        let data = bytes
            .get(at(range.start)..at(range.end))
            .ok_or("a section ends behind its module")?;
        module.section(&wasm_encoder::RawSection { id, data });
    }
    if let Some(section) = exports {
        module.section(&section);
    }
    Ok(module.finish())
}

fn kind(kind: wasmparser::ExternalKind) -> wasm_encoder::ExportKind {
    match kind {
        wasmparser::ExternalKind::Func | wasmparser::ExternalKind::FuncExact => {
            wasm_encoder::ExportKind::Func
        }
        wasmparser::ExternalKind::Table => wasm_encoder::ExportKind::Table,
        wasmparser::ExternalKind::Memory => wasm_encoder::ExportKind::Memory,
        wasmparser::ExternalKind::Global => wasm_encoder::ExportKind::Global,
        wasmparser::ExternalKind::Tag => wasm_encoder::ExportKind::Tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    #[test]
    fn a_seed_is_a_module_with_a_counter() {
        let proposals = Proposals::supported();
        for seed in 1..50 {
            let first = generate(seed, &proposals, false).unwrap();
            let second = generate(seed, &proposals, false).unwrap();
            assert_eq!(first.bytes, second.bytes, "seed {seed}");
            if let Ok(shape) = Shape::of(&first.bytes) {
                assert!(shape.globals.iter().any(|name| name == FUEL));
            }
        }
    }
}
