//! Uses one module on one engine as any other engine is used, and notes all that
//! can be seen from outside; then compares the notes.

use std::fmt;

use crate::generate::{FUEL, Random};
use crate::shape::Shape;
use crate::value::Value;

/// What each call may spend: entries of functions, rounds of loops, and elements
/// of bulk operations.
const CALL_FUEL: u32 = 1000;
/// How often each function is called.
const CALLS: u32 = 4;

/// Why a module did not go on. Engines call traps by different names, and some of
/// them tell fewer apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    Unreachable,
    MemoryBounds,
    TableBounds,
    IndirectNull,
    IndirectType,
    DivideByZero,
    Overflow,
    Conversion,
    NullReference,
    Cast,
    ArrayBounds,
    Misaligned,
    NotShared,
    /// An exception that nobody caught.
    Exception,
    /// A host function could not answer.
    Host,
    /// The stack, the heap or a limit was exhausted: engines differ in their sizes,
    /// and all that follows may differ, too.
    Resource,
    /// The engine refuses the module.
    Refused(String),
    /// Anything else, which it ought not to be.
    Other(String),
}

/// An engine under test.
pub(crate) trait Tested {
    fn name(&self) -> &'static str;

    /// Compiles a module, and instantiates it with host functions that answer the
    /// default values of their types.
    fn instantiate(&self, bytes: &[u8]) -> Result<Box<dyn Guest>, Stop>;
}

/// An instance in a store of its own.
pub(crate) trait Guest {
    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Vec<Value>, Stop>;
    fn global(&mut self, name: &str) -> Value;
    fn set_global(&mut self, name: &str, value: u32);
    /// The bytes of a memory.
    fn memory(&mut self, name: &str) -> &[u8];
    /// The elements of a table.
    fn table(&mut self, name: &str) -> Vec<Value>;
    /// A hash of all calls of host functions: which one, with what arguments.
    fn host_calls(&self) -> u64;
}

/// What stands for an import in the hash of calls. Engines list imports in orders of
/// their own.
pub(crate) fn hash_name(module: &str, name: &str) -> u64 {
    let bytes = module.bytes().chain([0]).chain(name.bytes());
    bytes.fold(1, |hash, byte| mix(hash, u64::from(byte)))
}

/// One step of hashing calls of host functions: an argument.
pub(crate) fn hash_value(hash: u64, value: Value) -> u64 {
    let (tag, low, high) = match value {
        Value::I32(x) => (1, u64::from(x), 0),
        Value::I64(x) => (2, x, 0),
        Value::F32(x) => (3, u64::from(x), 0),
        Value::F64(x) => (4, x, 0),
        Value::V128(x) => (5, x as u64, (x >> 64) as u64),
        Value::Null(_) => (6, 0, 0),
        Value::I31(x) => (7, u64::from(x), 0),
        Value::Object => (8, 0, 0),
    };
    mix(mix(mix(hash, tag), low), high)
}

pub(crate) fn mix(hash: u64, value: u64) -> u64 {
    let hash = (hash ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}

/// What was seen of one module on one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How instantiation ended if it failed.
    pub(crate) start: Option<Stop>,
    /// Calls in order, with what came of them.
    pub(crate) calls: Vec<(String, Result<Vec<Value>, Stop>)>,
    /// What is left behind, as text: globals, memories by hash, tables, host calls.
    pub(crate) state: Vec<String>,
}

impl Seen {
    /// Whether an end was met that engines need not have in common.
    pub(crate) fn is_cut(&self) -> bool {
        self.start == Some(Stop::Resource)
            || matches!(self.calls.last(), Some((_, Err(Stop::Resource))))
    }

    /// What differs from `other`, if something does. Behind the first exhausted
    /// resource of either nothing is compared.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if self.start == Some(Stop::Resource) || other.start == Some(Stop::Resource) {
            return None;
        }
        if self.start != other.start {
            return Some(format!("start: {:?} / {:?}", self.start, other.start));
        }
        for ((call, ours), (_, theirs)) in self.calls.iter().zip(&other.calls) {
            if ours == &Err(Stop::Resource) || theirs == &Err(Stop::Resource) {
                return None;
            }
            if ours != theirs && !is_matter_of_order(ours, theirs) {
                return Some(format!("{call}: {} / {}", Shown(ours), Shown(theirs)));
            }
        }
        if self.calls.len() != other.calls.len() {
            return Some("one engine was asked for more calls".to_owned());
        }
        let differing = |(ours, theirs): &(&String, &String)| ours != theirs;
        let (ours, theirs) = self.state.iter().zip(&other.state).find(differing)?;
        Some(format!("state: {ours} / {theirs}"))
    }
}

/// Whether an address was both unaligned and out of bounds: engines agree on which
/// counts, but for the sum of an address and an offset that leaves 32 bits.
fn is_matter_of_order(a: &Result<Vec<Value>, Stop>, b: &Result<Vec<Value>, Stop>) -> bool {
    matches!(
        (a, b),
        (Err(Stop::Misaligned), Err(Stop::MemoryBounds))
            | (Err(Stop::MemoryBounds), Err(Stop::Misaligned))
    )
}

/// The outcome of a call, for people.
pub(crate) struct Shown<'a>(pub(crate) &'a Result<Vec<Value>, Stop>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(values) => {
                f.write_str("[")?;
                for value in values {
                    write!(f, " {value}")?;
                }
                f.write_str(" ]")
            }
            Err(stop) => write!(f, "{stop:?}"),
        }
    }
}

/// Has `engine` run the module: its exports are called with values that `seed`
/// chooses from the edges of their types.
pub(crate) fn observe(engine: &dyn Tested, bytes: &[u8], shape: &Shape, seed: u64) -> Seen {
    let mut seen = Seen {
        start: None,
        calls: Vec::new(),
        state: Vec::new(),
    };
    let mut guest = match engine.instantiate(bytes) {
        Ok(guest) => guest,
        Err(stop) => {
            seen.start = Some(stop);
            return seen;
        }
    };
    let mut random = Random::new(seed ^ 0x5eed);
    let has_fuel = shape.globals.iter().any(|name| name == FUEL);
    for (number, (name, kinds)) in shape.functions.iter().enumerate() {
        let repeats = if kinds.is_empty() { 2 } else { CALLS };
        for _ in 0..repeats {
            let arguments: Vec<Value> = kinds
                .iter()
                .map(|kind| kind.edge(random.next() >> 7))
                .collect();
            if has_fuel {
                guest.set_global(FUEL, CALL_FUEL);
            }
            let outcome = guest.call(name, &arguments);
            let cut = outcome == Err(Stop::Resource);
            let shown = arguments.iter().map(|x| format!(" {x}"));
            seen.calls.push((
                format!("#{number}({} )", shown.collect::<String>()),
                outcome,
            ));
            if cut {
                return seen;
            }
        }
    }
    seen.state = state(&mut *guest, shape);
    seen
}

fn state(guest: &mut dyn Guest, shape: &Shape) -> Vec<String> {
    let mut state = Vec::new();
    for (number, name) in shape.globals.iter().enumerate() {
        state.push(format!("global #{number} {}", guest.global(name)));
    }
    for (number, name) in shape.memories.iter().enumerate() {
        let bytes = guest.memory(name);
        let hash = bytes.chunks(8).fold(0, |hash, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            mix(hash, u64::from_le_bytes(word))
        });
        state.push(format!(
            "memory #{number} {} bytes {hash:016x}",
            bytes.len()
        ));
    }
    for (number, name) in shape.tables.iter().enumerate() {
        let elements = guest.table(name);
        let shown: String = elements.iter().map(|x| format!(" {x}")).collect();
        state.push(format!("table #{number}{shown}"));
    }
    state.push(format!("host calls {:016x}", guest.host_calls()));
    state
}
