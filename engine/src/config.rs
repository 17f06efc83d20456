//! What an engine accepts and how it runs it: proposals, tier, dispatch,
//! stack size, fuel, and the limits of modules and stores.

use core::any::Any;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use wasmparser::WasmFeatures;

use crate::gc::GcZeal;

macro_rules! proposals {
    ($($(#[$doc:meta])* $name:ident $setter:ident $text:literal $default:literal $supported:literal = $flags:expr;)*) => {
        /// A proposal to WebAssembly 1.0, merged or not, that a [`Config`]
        /// switches on and off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Proposal {
            $($(#[$doc])* $name,)*
        }

        impl Proposal {
            /// Every proposal that has a switch.
            pub const ALL: &'static [Proposal] = &[$(Proposal::$name),*];

            /// The proposal's name, as its repository is called.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Proposal::$name => $text,)*
                }
            }

            /// Whether this version of the engine can run modules that use it.
            #[must_use]
            pub fn is_supported(self) -> bool {
                match self {
                    $(Proposal::$name => $supported,)*
                }
            }

            fn is_default(self) -> bool {
                match self {
                    $(Proposal::$name => $default,)*
                }
            }

            /// What the validator calls it.
            pub(crate) fn flags(self) -> WasmFeatures {
                match self {
                    $(Proposal::$name => $flags,)*
                }
            }
        }

        impl Config {
            $(
                #[doc = concat!("Switches the proposal `", $text, "`; by default ", stringify!($default), ".")]
                pub fn $setter(&mut self, enable: bool) -> &mut Config {
                    self.proposal(Proposal::$name, enable)
                }
            )*
        }
    };
}

proposals! {
    /// Import and export of mutable globals.
    MutableGlobal wasm_mutable_global "mutable-global" true true = WasmFeatures::MUTABLE_GLOBAL;
    /// `i32.extend8_s` and its kin.
    SignExtension wasm_sign_extension "sign-extension-ops" true true = WasmFeatures::SIGN_EXTENSION;
    /// `i32.trunc_sat_f32_s` and its kin.
    SaturatingFloatToInt wasm_saturating_float_to_int "nontrapping-float-to-int-conversions" true true = WasmFeatures::SATURATING_FLOAT_TO_INT;
    /// Several results, and blocks with parameters.
    MultiValue wasm_multi_value "multi-value" true true = WasmFeatures::MULTI_VALUE;
    /// `memory.copy`, passive segments and their kin.
    BulkMemory wasm_bulk_memory "bulk-memory-operations" true true = WasmFeatures::BULK_MEMORY;
    /// `externref`, several tables, table instructions.
    ReferenceTypes wasm_reference_types "reference-types" true true = WasmFeatures::REFERENCE_TYPES;
    /// 128-bit vectors.
    Simd wasm_simd "simd" true true = WasmFeatures::SIMD;
    /// `return_call` and `return_call_indirect`.
    TailCall wasm_tail_call "tail-call" true true = WasmFeatures::TAIL_CALL;
    /// Integer arithmetic in constant expressions.
    ExtendedConst wasm_extended_const "extended-const" true true = WasmFeatures::EXTENDED_CONST;
    /// More than one memory in a module.
    MultiMemory wasm_multi_memory "multi-memory" true true = WasmFeatures::MULTI_MEMORY;
    /// Vector instructions whose results may depend on the hardware; here
    /// they are those of the deterministic profile, and multiplications with
    /// additions round once.
    RelaxedSimd wasm_relaxed_simd "relaxed-simd" true true = WasmFeatures::RELAXED_SIMD;
    /// Shared memories and atomic instructions.
    Threads wasm_threads "threads" true true = WasmFeatures::THREADS;
    /// Exceptions: tags, `throw`, `try_table`.
    Exceptions wasm_exceptions "exception-handling" true true = WasmFeatures::EXCEPTIONS;
    /// Memories and tables with 64-bit addresses.
    Memory64 wasm_memory64 "memory64" true true = WasmFeatures::MEMORY64;
    /// References to functions of a known type.
    FunctionReferences wasm_function_references "function-references" true true = WasmFeatures::FUNCTION_REFERENCES;
    /// Structures and arrays that the engine collects.
    Gc wasm_gc "gc" true true = WasmFeatures::GC;
    /// Memories with pages of one byte.
    CustomPageSizes wasm_custom_page_sizes "custom-page-sizes" false true = WasmFeatures::CUSTOM_PAGE_SIZES;
    /// 128-bit integer arithmetic.
    WideArithmetic wasm_wide_arithmetic "wide-arithmetic" false true = WasmFeatures::WIDE_ARITHMETIC;
    /// Several stacks of execution.
    StackSwitching wasm_stack_switching "stack-switching" false false = WasmFeatures::STACK_SWITCHING;
    /// Sharing of functions, tables and globals between threads.
    SharedEverythingThreads wasm_shared_everything_threads "shared-everything-threads" false false = WasmFeatures::SHARED_EVERYTHING_THREADS;
    /// The first encoding of exceptions, since replaced.
    LegacyExceptions wasm_legacy_exceptions "legacy-exceptions" false false = WasmFeatures::LEGACY_EXCEPTIONS;
    /// `memory.discard`.
    MemoryControl wasm_memory_control "memory-control" false false = WasmFeatures::MEMORY_CONTROL;
    /// Import sections that name each module once.
    CompactImports wasm_compact_imports "compact-import-section" false false = WasmFeatures::COMPACT_IMPORTS;
    /// Run-time descriptors of structures.
    CustomDescriptors wasm_custom_descriptors "custom-descriptors" false false = WasmFeatures::CUSTOM_DESCRIPTORS;
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of proposals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Features(u32);

impl Features {
    /// WebAssembly 1.0, with mutable globals, which later editions of its
    /// text contain.
    #[must_use]
    pub fn wasm1() -> Features {
        let mut features = Features(0);
        features.set(Proposal::MutableGlobal, true);
        features
    }

    /// WebAssembly 2.0.
    #[must_use]
    pub fn wasm2() -> Features {
        let mut features = Features::wasm1();
        features.set(Proposal::SignExtension, true);
        features.set(Proposal::SaturatingFloatToInt, true);
        features.set(Proposal::MultiValue, true);
        features.set(Proposal::BulkMemory, true);
        features.set(Proposal::ReferenceTypes, true);
        features.set(Proposal::Simd, true);
        features
    }

    /// WebAssembly 3.0.
    #[must_use]
    pub fn wasm3() -> Features {
        let mut features = Features::wasm2();
        features.set(Proposal::TailCall, true);
        features.set(Proposal::ExtendedConst, true);
        features.set(Proposal::MultiMemory, true);
        features.set(Proposal::RelaxedSimd, true);
        features.set(Proposal::Exceptions, true);
        features.set(Proposal::Memory64, true);
        features.set(Proposal::FunctionReferences, true);
        features.set(Proposal::Gc, true);
        features
    }

    /// Whether `proposal` is in the set.
    #[must_use]
    pub fn contains(self, proposal: Proposal) -> bool {
        self.0 & (1 << proposal as u32) != 0
    }

    /// Adds or removes `proposal`.
    pub fn set(&mut self, proposal: Proposal, enable: bool) {
        let bit = 1 << proposal as u32;
        self.0 = if enable { self.0 | bit } else { self.0 & !bit };
    }

    /// The proposals in the set, in order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Proposal> {
        Proposal::ALL
            .iter()
            .copied()
            .filter(move |p| self.contains(*p))
    }

    /// The same set for the validator.
    pub(crate) fn validator_features(self) -> WasmFeatures {
        self.iter()
            .fold(WasmFeatures::FLOATS | WasmFeatures::GC_TYPES, |acc, p| {
                acc | p.flags()
            })
    }
}

impl Default for Features {
    /// Everything that this version supports.
    fn default() -> Features {
        let mut features = Features(0);
        for proposal in Proposal::ALL {
            features.set(*proposal, proposal.is_default());
        }
        features
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Proposal::name))
            .finish()
    }
}

/// Which tier runs guest code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tier {
    /// Whatever the engine thinks best.
    #[default]
    Auto,
    /// The interpreter alone.
    Interpreter,
}

/// How the interpreter goes from one instruction to the next. Results never
/// depend on it; the choice exists for tests and diagnosis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DispatchMode {
    /// Threaded where this build can, else the loop.
    #[default]
    Auto,
    /// Each instruction jumps to the next. [`Engine::new`](crate::Engine::new)
    /// refuses it where the build cannot promise such jumps.
    Threaded,
    /// A loop calls one instruction after another.
    Loop,
}

/// Upper bounds for what the guests of one store may hold. Every bound has a
/// generous default; none is ever exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of any one memory. `memory.grow` past it answers -1.
    pub memory_size_bytes_max: u64,
    /// Bytes of all memories together. A shared memory counts with all that
    /// it may grow to, since other stores may let it grow; that is at most
    /// the bound for one memory.
    pub memory_total_bytes_max: u64,
    /// Elements of any one table. `table.grow` past it answers -1.
    pub table_elements_max: u64,
    /// Elements of all tables together.
    pub table_total_elements_max: u64,
    /// The longest that one `memory.atomic.wait` may block the thread of the
    /// host, which costs the guest no fuel: a wait that takes longer stops
    /// the guest. There is no bound by default, and none is needed as long as
    /// the guest's memories belong to one store alone: nobody else could end
    /// a wait there, so it blocks nothing.
    pub wait_max: Duration,
    /// Instances in the store.
    pub instances_max: usize,
    /// Bytes that all instances take for themselves: their globals, the
    /// functions that can be referred to, and lists of what they have. A module of a few megabytes can ask
    /// for tens of them at each instantiation.
    pub instance_total_bytes_max: u64,
    /// Memories in the store.
    pub memories_max: usize,
    /// Tables in the store.
    pub tables_max: usize,
    /// Host functions that may call guests from within guests, nested. Each
    /// level costs native stack.
    pub nesting_depth_max: u32,
    /// Suspended and running calls that were made with
    /// [`Func::start`](crate::Func::start).
    pub activations_max: usize,
    /// Bytes of the heap for structures, arrays, exceptions and values of
    /// the host; a gibibyte unless more is asked for, at most four. What does
    /// not fit traps with `heap exhausted`, and so does a guest that keeps
    /// the heap full to the last objects, so that there would be no end of
    /// collections. The longest pause grows with the limit.
    pub gc_heap_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory_size_bytes_max: 1 << 32,
            memory_total_bytes_max: u64::MAX,
            table_elements_max: 10_000_000,
            table_total_elements_max: 100_000_000,
            wait_max: Duration::MAX,
            instances_max: 10_000,
            instance_total_bytes_max: 1 << 30,
            memories_max: 10_000,
            tables_max: 10_000,
            nesting_depth_max: 64,
            activations_max: 10_000,
            gc_heap_bytes_max: 1 << 30,
        }
    }
}

/// How to make an [`Engine`](crate::Engine).
///
/// ```
/// use linkspan_engine::{Config, Engine};
///
/// let mut config = Config::new();
/// config.wasm_multi_memory(false).fuel(true);
/// let engine = Engine::new(&config)?;
/// # Ok::<(), linkspan_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) features: Features,
    pub(crate) tier: Tier,
    pub(crate) dispatch: DispatchMode,
    pub(crate) fuel: bool,
    pub(crate) canonicalize_nans: bool,
    pub(crate) max_stack_bytes: usize,
    pub(crate) max_module_bytes: usize,
    pub(crate) max_functions: u32,
    pub(crate) max_types: u32,
    pub(crate) limits: Limits,
    pub(crate) gc_zeal: GcZeal,
    extensions: Vec<Arc<dyn Any + Send + Sync>>,
}

impl Config {
    /// The defaults: every supported proposal, no fuel, a stack of 1 MiB.
    #[must_use]
    pub fn new() -> Config {
        Config {
            features: Features::default(),
            tier: Tier::default(),
            dispatch: DispatchMode::default(),
            fuel: false,
            canonicalize_nans: false,
            max_stack_bytes: 1 << 20,
            max_module_bytes: 1 << 30,
            max_functions: 1_000_000,
            max_types: 250_000,
            limits: Limits::default(),
            gc_zeal: GcZeal::default(),
            extensions: Vec::new(),
        }
    }

    /// Switches one proposal. Those that this version does not support can
    /// be switched on here, and [`Engine::new`](crate::Engine::new) then
    /// says so.
    pub fn proposal(&mut self, proposal: Proposal, enable: bool) -> &mut Config {
        self.features.set(proposal, enable);
        self
    }

    /// Keeps the settings of a layer above, one value of each type, for
    /// [`Engine::extension`](crate::Engine::extension). The engine itself
    /// never looks at them.
    pub fn extension<E: Any + Send + Sync>(&mut self, extension: E) -> &mut Config {
        self.extensions.retain(|known| !known.is::<E>());
        self.extensions.push(Arc::new(extension));
        self
    }

    /// The settings of that type, if there are any.
    #[must_use]
    pub fn get_extension<E: Any + Send + Sync>(&self) -> Option<&E> {
        self.extensions
            .iter()
            .find_map(|known| known.downcast_ref())
    }

    /// Replaces the whole set of proposals.
    pub fn features(&mut self, features: Features) -> &mut Config {
        self.features = features;
        self
    }

    /// Chooses the tier that runs guests.
    pub fn tier(&mut self, tier: Tier) -> &mut Config {
        self.tier = tier;
        self
    }

    /// Chooses the interpreter's dispatch; for tests and diagnosis.
    pub fn dispatch(&mut self, dispatch: DispatchMode) -> &mut Config {
        self.dispatch = dispatch;
        self
    }

    /// Makes guests pay one unit of fuel for each operator. The count is the
    /// same in every run and in every tier. Time that a guest waits for other
    /// threads is bounded by [`Limits::wait_max`], not by fuel.
    pub fn fuel(&mut self, enable: bool) -> &mut Config {
        self.fuel = enable;
        self
    }

    /// Makes every NaN that arithmetic produces the same bits on every
    /// machine.
    pub fn canonicalize_nans(&mut self, enable: bool) -> &mut Config {
        self.canonicalize_nans = enable;
        self
    }

    /// The bytes of slot stack that a call may use before it traps with
    /// `call stack exhausted`; 1 MiB by default. It is an upper bound: pages
    /// are taken from the system when a guest first reaches them.
    pub fn max_stack_bytes(&mut self, bytes: usize) -> &mut Config {
        self.max_stack_bytes = bytes;
        self
    }

    /// Modules with more bytes are refused unread; 1 GiB by default, and at
    /// most.
    pub fn max_module_bytes(&mut self, bytes: usize) -> &mut Config {
        self.max_module_bytes = bytes.min(1 << 30);
        self
    }

    /// Modules with more functions, imports included, are refused; a million
    /// by default, and at most.
    pub fn max_functions(&mut self, count: u32) -> &mut Config {
        self.max_functions = count.min(1_000_000);
        self
    }

    /// Tries the collector hard; for tests. Results never depend on it.
    pub fn gc_zeal(&mut self, zeal: GcZeal) -> &mut Config {
        self.gc_zeal = zeal;
        self
    }

    /// Modules that define more types are refused; a quarter of a million by
    /// default, and at most a million. A type of two bytes in a binary takes
    /// more than a hundred in memory.
    pub fn max_types(&mut self, count: u32) -> &mut Config {
        self.max_types = count.min(1_000_000);
        self
    }

    /// The limits with which every store of the engine starts.
    pub fn limits(&mut self, limits: Limits) -> &mut Config {
        self.limits = limits;
        self
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_supported() {
        for proposal in Proposal::ALL {
            let has = Features::default().contains(*proposal);
            assert_eq!(has, proposal.is_default(), "{proposal}");
            assert!(proposal.is_supported() || !has, "{proposal}");
        }
    }

    #[test]
    fn editions_are_the_validators() {
        assert_eq!(Features::wasm2().validator_features(), WasmFeatures::WASM2);
        assert_eq!(Features::wasm1().validator_features(), WasmFeatures::WASM1);
    }

    #[test]
    fn extensions_are_kept_by_type() {
        let mut config = Config::new();
        config.extension(1_u8).extension(2_u16).extension(3_u8);
        assert_eq!(config.get_extension::<u8>(), Some(&3));
        assert_eq!(config.get_extension::<u16>(), Some(&2));
        assert_eq!(config.get_extension::<u32>(), None);
    }

    #[test]
    fn switches_switch_one_proposal() {
        let mut config = Config::new();
        config.wasm_tail_call(false);
        assert!(!config.features.contains(Proposal::TailCall));
        assert!(config.features.contains(Proposal::ExtendedConst));
        config.wasm_tail_call(true);
        assert_eq!(config.features, Features::default());
    }
}
