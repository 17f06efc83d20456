//! What the suites in `suites/` share: finding cases, judging them against
//! waivers, and telling the result to people and machines.
//!
//! Nothing here knows WebAssembly: scripts are run by `linkspan-script`, and a
//! suite is a list of cases in a [`harness::Suite`]. The rules about the code itself stand
//! in [`tidy`].
#![forbid(unsafe_code)]

pub mod cases;
pub mod compile;
pub mod conformance;
pub mod harness;
pub mod mutate;
pub mod notation;
pub mod scripts;
pub mod tidy;
pub mod upstream;
pub mod waivers;
pub mod wasm_tools;
