//! WASI for hosts of Linkspan: what programs expect of a system, given out piece by
//! piece.
//!
//! A program gets what its [`WasiCtx`] grants, and nothing is granted unless the
//! host says so: no argument, no variable, no file, no address. One core of
//! operations stands behind two faces, `p1` (WASI 0.1, for core modules) and `p2`
//! (WASI 0.2, for components); each is a feature.
//!
//! # Map
//!
//! | module | job |
//! |---|---|
//! | `ctx` | what a program is granted |
//! | `clock` | wall clock and monotonic clock |
//! | `random` | random bytes |
#![forbid(unsafe_code)]

mod clock;
mod ctx;
mod random;

pub use clock::{Clock, SystemClock};
pub use ctx::{WasiCtx, WasiCtxBuilder, WasiView};
pub use random::{Random, SeededRandom, SystemRandom};
