//! How a script is run: which proposals are on, in which mode the engine runs,
//! and how long one directive may take.

use std::time::Duration;

use linkspan::{ComponentConfig, ComponentFeatures, ComponentProposal};
use linkspan_engine::{Config, DispatchMode, Features, GcZeal, Proposal, Tier};

/// A way in which the engine can run guests. Every script must behave the same
/// in each.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    /// What it is called in reports and on the command line.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    configure: fn(&mut Config),
}

impl PartialEq for Mode {
    /// Names tell modes apart: two functions may share an address.
    fn eq(&self, other: &Mode) -> bool {
        self.name == other.name
    }
}

impl Eq for Mode {}

impl Mode {
    /// The modes in which every script runs, the fastest first.
    pub const ALL: &'static [Mode] = &[
        Mode {
            name: "threaded",
            summary: "the interpreter; each instruction jumps to the next",
            configure: |config| dispatched(config, DispatchMode::Threaded),
        },
        Mode {
            name: "loop",
            summary: "the interpreter; a loop calls one instruction after another",
            configure: |config| dispatched(config, DispatchMode::Loop),
        },
    ];

    /// Further modes for scripts with references that a collector traces:
    /// collections as early and as often as they may ever happen.
    pub const STRESS: &'static [Mode] = &[
        Mode {
            name: "zeal-1",
            summary: "a collection at each allocation and each call",
            configure: |config| collecting(config, every(1)),
        },
        Mode {
            name: "zeal-3",
            summary: "a collection at each third allocation and call",
            configure: |config| collecting(config, every(3)),
        },
        Mode {
            name: "zeal-17",
            summary: "a collection at each seventeenth allocation and call",
            configure: |config| collecting(config, every(17)),
        },
        Mode {
            name: "shuffle",
            summary: "a collection at each allocation and each call, which moves every object",
            configure: |config| {
                let zeal = GcZeal {
                    shuffle: true,
                    ..every(1)
                };
                collecting(config, zeal);
            },
        },
    ];

    /// The engine's own choice.
    pub const AUTO: Mode = Mode {
        name: "auto",
        summary: "whatever the engine thinks best",
        configure: |_| {},
    };

    /// The mode called `name`.
    ///
    /// # Errors
    ///
    /// When there is none; the message lists all names.
    pub fn named(name: &str) -> Result<Mode, String> {
        let all = || {
            std::iter::once(&Mode::AUTO)
                .chain(Mode::ALL)
                .chain(Mode::STRESS)
        };
        let names = || all().map(|mode| mode.name).collect::<Vec<_>>().join(", ");
        let found = all().find(|mode| mode.name == name).copied();
        found.ok_or_else(|| format!("expected one of {}, found {name:?}", names()))
    }
}

/// A zeal that collects at every `n`th occasion and then checks the heap.
fn every(n: u32) -> GcZeal {
    GcZeal {
        allocations: n,
        calls: n,
        shuffle: false,
        verify: true,
    }
}

/// Collections go through all frames and objects: a smaller stack keeps what
/// recurses without end from taking time without end.
const STRESSED_STACK_BYTES: usize = 128 << 10;

fn collecting(config: &mut Config, zeal: GcZeal) {
    config.max_stack_bytes(STRESSED_STACK_BYTES).gc_zeal(zeal);
}

fn dispatched(config: &mut Config, dispatch: DispatchMode) {
    config.tier(Tier::Interpreter).dispatch(dispatch);
}

/// The proposals that are on, to core WebAssembly and to the component model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proposals {
    /// Those to core WebAssembly.
    pub core: Features,
    /// Those to the component model.
    pub components: ComponentFeatures,
}

impl From<Features> for Proposals {
    fn from(core: Features) -> Proposals {
        Proposals {
            core,
            components: ComponentFeatures::default(),
        }
    }
}

/// How far a script is followed. What lies beyond is left out, and not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Everything is done.
    #[default]
    All,
    /// Components are instantiated when they are first called: for scripts
    /// whose components import what nobody provides.
    Called,
    /// Components are instantiated and never called.
    Instances,
    /// Components are decoded and validated, and that is all.
    Definitions,
}

/// How to run a script.
#[derive(Debug, Clone)]
pub struct Options {
    /// The proposals that are on.
    pub features: Proposals,
    /// How far components are followed.
    pub reach: Reach,
    /// How the engine runs guests.
    pub mode: Mode,
    /// Only the assertions that start on this line are tried. Everything that
    /// defines or changes something still happens.
    pub only_line: Option<u32>,
    /// A guest that runs longer than this in one directive is interrupted, and
    /// the directive fails.
    pub directive_time_max: Duration,
}

impl Default for Options {
    /// Everything the engine supports, in the mode it thinks best, ten seconds
    /// a directive.
    fn default() -> Options {
        Options {
            features: Proposals::default(),
            reach: Reach::default(),
            mode: Mode::AUTO,
            only_line: None,
            directive_time_max: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// The engine's configuration for these options.
    #[must_use]
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.features(self.features.core);
        config.component_features(self.features.components);
        (self.mode.configure)(&mut config);
        config
    }
}

/// Parses a set of proposals as a command line gives it: a base (`wasm1`,
/// `wasm2`, `wasm3` or `all`, which is also the base when none is named) and
/// changes to it, separated by commas: `wasm2,tail-call,-multi-value`. Those
/// to the component model (`cm-async`) are all on in each base.
///
/// # Errors
///
/// When a word is neither; the message lists what is known.
pub fn parse_features(text: &str) -> Result<Proposals, String> {
    let (mut features, mut components) = (None, ComponentFeatures::default());
    for word in text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        let base = match word {
            "wasm1" => Some(Features::wasm1()),
            "wasm2" => Some(Features::wasm2()),
            "wasm3" => Some(Features::wasm3()),
            "all" => Some(Features::default()),
            _ => None,
        };
        match (base, features) {
            (Some(base), None) => features = Some(base),
            (Some(_), Some(_)) => return Err(format!("expected {word:?} first, found it later")),
            (None, so_far) => {
                let enable = !word.starts_with('-');
                let name = word.trim_start_matches(['-', '+']);
                let mut changed = so_far.unwrap_or_default();
                match component_proposal_named(name) {
                    Some(proposal) => components.set(proposal, enable),
                    None => changed.set(proposal_named(name)?, enable),
                }
                features = Some(changed);
            }
        }
    }
    Ok(Proposals {
        core: features.unwrap_or_default(),
        components,
    })
}

fn component_proposal_named(name: &str) -> Option<ComponentProposal> {
    let mut all = ComponentProposal::ALL.iter().copied();
    all.find(|proposal| proposal.name() == name)
}

fn proposal_named(name: &str) -> Result<Proposal, String> {
    let found = Proposal::ALL
        .iter()
        .find(|proposal| proposal.name() == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = Proposal::ALL
            .iter()
            .map(|proposal| proposal.name())
            .chain(
                ComponentProposal::ALL
                    .iter()
                    .map(|proposal| proposal.name()),
            )
            .collect();
        format!(
            "expected wasm1, wasm2, wasm3, all or a proposal ({}), found {name:?}",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_a_base_and_changes() {
        let proposals = parse_features("wasm1, tail-call,-mutable-global,-cm-map").unwrap();
        assert!(!proposals.components.contains(ComponentProposal::Map));
        assert!(proposals.components.contains(ComponentProposal::Async));
        let features = proposals.core;
        assert!(features.contains(Proposal::TailCall));
        assert!(!features.contains(Proposal::MutableGlobal));
        assert!(!features.contains(Proposal::MultiValue));
        assert_eq!(parse_features("").unwrap(), Proposals::default());
        assert!(
            parse_features("tail-call,wasm1")
                .unwrap_err()
                .contains("first")
        );
        assert!(
            parse_features("tail-cal")
                .unwrap_err()
                .contains("tail-call")
        );
    }

    #[test]
    fn modes_have_names() {
        assert_eq!(Mode::named("loop").unwrap(), Mode::ALL[1]);
        assert_eq!(Mode::named("auto").unwrap(), Mode::AUTO);
        assert!(Mode::named("jit").unwrap_err().contains("threaded"));
    }
}
