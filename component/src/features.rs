//! The proposals to the component model, which a [`Config`](core::Config)
//! switches on and off beside those to core WebAssembly.
//!
//! A proposal that is on is decoded and validated. Whether all of it can run
//! is another question, which instances and calls answer.

use std::fmt;

use linkspan_engine as core;
use wasmparser::WasmFeatures;

macro_rules! proposals {
    ($($(#[$doc:meta])* $name:ident $text:literal $default:literal = $flags:expr;)*) => {
        /// A proposal to the component model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum ComponentProposal {
            $($(#[$doc])* $name,)*
        }

        impl ComponentProposal {
            /// Every proposal that has a switch.
            pub const ALL: &'static [ComponentProposal] = &[$(ComponentProposal::$name),*];

            /// The proposal's name, as tools call it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(ComponentProposal::$name => $text,)*
                }
            }

            fn is_default(self) -> bool {
                match self {
                    $(ComponentProposal::$name => $default,)*
                }
            }

            /// What the validator calls it.
            fn flags(self) -> WasmFeatures {
                match self {
                    $(ComponentProposal::$name => $flags,)*
                }
            }
        }
    };
}

proposals! {
    /// Values as imports and exports, and start functions of components.
    Values "cm-values" true = WasmFeatures::CM_VALUES;
    /// Nested namespaces and packages in names; off by default, since names
    /// that are malformed without it would be accepted.
    NestedNames "cm-nested-names" false = WasmFeatures::CM_NESTED_NAMES;
    /// Asynchronous functions, streams and futures.
    Async "cm-async" true = WasmFeatures::CM_ASYNC;
    /// Asynchronous functions lifted without a callback.
    AsyncStackful "cm-async-stackful" true = WasmFeatures::CM_ASYNC_STACKFUL;
    /// Further built-ins and options for asynchronous functions.
    MoreAsyncBuiltins "cm-more-async-builtins" true = WasmFeatures::CM_MORE_ASYNC_BUILTINS;
    /// Threads that switch cooperatively.
    Threading "cm-threading" true = WasmFeatures::CM_THREADING;
    /// Values that say what went wrong.
    ErrorContext "cm-error-context" true = WasmFeatures::CM_ERROR_CONTEXT;
    /// Lists whose length is part of their type.
    FixedLengthLists "cm-fixed-length-lists" true = WasmFeatures::CM_FIXED_LENGTH_LISTS;
    /// Maps from keys to values.
    Map "cm-map" true = WasmFeatures::CM_MAP;
    /// Values as objects of the garbage collector.
    Gc "cm-gc" true = WasmFeatures::CM_GC;
    /// Memories with 64-bit addresses, and resources that they represent.
    Memory64 "cm64" true = WasmFeatures::CM64;
    /// Instances under names of their own that implement an interface.
    Implements "cm-implements" true = WasmFeatures::CM_IMPLEMENTS;
    /// Interface names with canonical versions and version suffixes.
    CanonicalNames "cm-canon-names" true = WasmFeatures::CM_CANON_NAMES;
    /// Streams and futures that are passed on.
    Forward "cm-forward" true = WasmFeatures::CM_FORWARD;
    /// Functions named as accessors of properties.
    Accessors "cm-accessors" true = WasmFeatures::CM_ACCESSORS;
    /// Built-ins that start threads which run side by side.
    SharedThreads "cm-shared-threads" true = WasmFeatures::SHARED_EVERYTHING_THREADS;
}

impl fmt::Display for ComponentProposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of proposals to the component model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ComponentFeatures(u32);

impl ComponentFeatures {
    /// Every proposal but [`ComponentProposal::NestedNames`]; the default.
    #[must_use]
    pub fn all() -> ComponentFeatures {
        let mut features = ComponentFeatures::none();
        for proposal in ComponentProposal::ALL {
            features.set(*proposal, proposal.is_default());
        }
        features
    }

    /// The component model without any proposal.
    #[must_use]
    pub fn none() -> ComponentFeatures {
        ComponentFeatures(0)
    }

    /// Whether `proposal` is in the set.
    #[must_use]
    pub fn contains(self, proposal: ComponentProposal) -> bool {
        self.0 & (1 << proposal as u32) != 0
    }

    /// Adds or removes `proposal`.
    pub fn set(&mut self, proposal: ComponentProposal, enable: bool) {
        let bit = 1 << proposal as u32;
        self.0 = if enable { self.0 | bit } else { self.0 & !bit };
    }

    /// The proposals in the set, in order of declaration.
    pub fn iter(self) -> impl Iterator<Item = ComponentProposal> {
        ComponentProposal::ALL
            .iter()
            .copied()
            .filter(move |proposal| self.contains(*proposal))
    }

    /// Those of an engine.
    pub(crate) fn of(engine: &core::Engine) -> ComponentFeatures {
        engine
            .extension::<ComponentFeatures>()
            .copied()
            .unwrap_or_default()
    }
}

impl Default for ComponentFeatures {
    fn default() -> ComponentFeatures {
        ComponentFeatures::all()
    }
}

impl fmt::Debug for ComponentFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(ComponentProposal::name))
            .finish()
    }
}

/// The switches that components add to a [`Config`](core::Config).
///
/// ```
/// use linkspan::{Component, ComponentConfig, ComponentProposal, Config, Engine};
///
/// let mut config = Config::new();
/// config.component_proposal(ComponentProposal::Values, false);
/// let engine = Engine::new(&config)?;
/// # #[cfg(feature = "wat")] {
/// let text = r#"(component (import "v" (value $v u8)) (export "w" (value $v)))"#;
/// let error = Component::new(&engine, text).unwrap_err();
/// assert!(error.to_string().contains("cm-values"), "{error}");
/// # }
/// # Ok::<(), linkspan::core::Error>(())
/// ```
pub trait ComponentConfig {
    /// Switches one proposal to the component model.
    fn component_proposal(&mut self, proposal: ComponentProposal, enable: bool) -> &mut Self;

    /// Replaces the whole set of proposals to the component model.
    fn component_features(&mut self, features: ComponentFeatures) -> &mut Self;
}

impl ComponentConfig for core::Config {
    fn component_proposal(&mut self, proposal: ComponentProposal, enable: bool) -> &mut Self {
        let known = self.get_extension::<ComponentFeatures>();
        let mut features = known.copied().unwrap_or_default();
        features.set(proposal, enable);
        self.component_features(features)
    }

    fn component_features(&mut self, features: ComponentFeatures) -> &mut Self {
        self.extension(features)
    }
}

/// What the validator accepts for an engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accepted(WasmFeatures);

impl Accepted {
    /// Proposals to core WebAssembly are on unless the configuration has
    /// switched them off: a module that needs one which is off by default, or
    /// not built, is refused when it is instantiated.
    pub(crate) fn by(engine: &core::Engine) -> Accepted {
        let mut flags = WasmFeatures::all();
        let by_default = core::Features::default();
        for proposal in core::Proposal::ALL {
            if by_default.contains(*proposal) && !engine.has(*proposal) {
                flags -= core_flags(*proposal);
            }
        }
        let features = ComponentFeatures::of(engine);
        for proposal in ComponentProposal::ALL {
            if !features.contains(*proposal) {
                flags -= proposal.flags();
            }
        }
        Accepted(flags)
    }

    pub(crate) fn flags(self) -> WasmFeatures {
        self.0
    }

    /// What is said of the proposal without which validation failed.
    pub(crate) fn advice(missing: WasmFeatures) -> Option<String> {
        let proposal = ComponentProposal::ALL
            .iter()
            .find(|proposal| proposal.flags().intersects(missing))?;
        Some(format!(
            "the component needs the proposal {proposal}, and it is switched off in the \
             engine's configuration"
        ))
    }
}

/// What the validator calls a proposal to core WebAssembly that is on by
/// default.
fn core_flags(proposal: core::Proposal) -> WasmFeatures {
    use core::Proposal as P;
    match proposal {
        P::MutableGlobal => WasmFeatures::MUTABLE_GLOBAL,
        P::SignExtension => WasmFeatures::SIGN_EXTENSION,
        P::SaturatingFloatToInt => WasmFeatures::SATURATING_FLOAT_TO_INT,
        P::MultiValue => WasmFeatures::MULTI_VALUE,
        P::BulkMemory => WasmFeatures::BULK_MEMORY,
        P::ReferenceTypes => WasmFeatures::REFERENCE_TYPES,
        P::Simd => WasmFeatures::SIMD,
        P::TailCall => WasmFeatures::TAIL_CALL,
        P::ExtendedConst => WasmFeatures::EXTENDED_CONST,
        P::MultiMemory => WasmFeatures::MULTI_MEMORY,
        P::RelaxedSimd => WasmFeatures::RELAXED_SIMD,
        P::Threads => WasmFeatures::THREADS,
        P::Exceptions => WasmFeatures::EXCEPTIONS,
        P::Memory64 => WasmFeatures::MEMORY64,
        P::FunctionReferences => WasmFeatures::FUNCTION_REFERENCES,
        P::Gc => WasmFeatures::GC,
        // Not on by default, so never switched off.
        _ => WasmFeatures::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_on_by_default_can_be_switched_off() {
        let by_default = core::Features::default();
        for proposal in by_default.iter() {
            assert!(!core_flags(proposal).is_empty(), "{proposal}");
        }
    }

    #[test]
    fn switches_switch_one_proposal() {
        let mut config = core::Config::new();
        config.component_proposal(ComponentProposal::Map, false);
        let engine = core::Engine::new(&config).unwrap();
        let features = ComponentFeatures::of(&engine);
        assert!(!features.contains(ComponentProposal::Map));
        assert!(features.contains(ComponentProposal::Async));
        let flags = Accepted::by(&engine).flags();
        assert!(!flags.contains(WasmFeatures::CM_MAP));
        assert!(flags.contains(WasmFeatures::CM_ASYNC));
    }
}
