//! Runs WebAssembly specification scripts (`.wast`), core and component, on
//! Linkspan's engine, and tells for each directive whether it held.
//!
//! A script is data: nothing in it stops the run. A directive that fails, that
//! panics inside the engine or that runs too long is a [`Failure`], and the
//! next one is tried. Which failures are known and waived is not decided here;
//! that belongs to whoever keeps a suite.
//!
//! ```
//! use linkspan_script::{Options, run};
//!
//! let script = r#"
//!     (module (func (export "three") (result i32) (i32.const 3)))
//!     (assert_return (invoke "three") (i32.const 3))
//!     (assert_return (invoke "three") (i32.const 4))
//! "#;
//! let report = run(script, &Options::default())?;
//! assert_eq!(report.passed, 2);
//! assert_eq!(report.failures.len(), 1);
//! assert_eq!(report.failures[0].line, 4);
//! # Ok::<(), linkspan_engine::Error>(())
//! ```
#![forbid(unsafe_code)]

mod component;
mod core;
mod message;
mod options;
mod report;
mod session;
mod watchdog;

pub use options::{Mode, Options, Proposals, Reach, parse_features};
pub use report::{Failure, Report};
pub use session::{binaries, run, run_file};
