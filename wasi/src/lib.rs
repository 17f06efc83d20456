//! WASI for hosts of Linkspan: what programs expect of a system, given out piece by
//! piece.
//!
//! A program gets what its [`WasiCtx`] grants, and nothing is granted unless the
//! host says so: no argument, no variable, no file, no address. One core of
//! operations stands behind two faces, `p1` (WASI 0.1, for core modules) and `p2`
//! (WASI 0.2, for components); each is a feature. The feature `http` adds `wasi:http`,
//! and with it the runtime tokio.
//!
//! # Map
//!
//! | module | job |
//! |---|---|
//! | `ctx` | what a program is granted |
//! | `denial` | what it asked for in vain |
//! | `clock` | wall clock and monotonic clock |
//! | `random` | random bytes |
//! | [`fs`] | files and directories: of the host and in memory |
//! | `stdio` | standard input, output and error |
//! | `limits` | what a program may use at most |
//! | `error` | why an operation failed, for both faces |
//! | `exit` | how a program ends itself |
//! | `sockets` | the network: addresses that are granted, sockets, the look-up of names |
//! | `poll`, `sleeper` | waiting, for both faces |
//! | `p1` | WASI 0.1: 46 functions for core modules |
//! | `p2` | WASI 0.2: the interfaces that components import |
#![forbid(unsafe_code)]

mod clock;
mod ctx;
mod denial;
mod error;
mod exit;
pub mod fs;
mod limits;
#[cfg(feature = "p1")]
pub mod p1;
#[cfg(feature = "p2")]
pub mod p2;
#[cfg(any(feature = "p1", feature = "p2"))]
mod poll;
mod random;
#[cfg(any(feature = "p1", feature = "p2"))]
mod sleeper;
#[cfg(feature = "p2")]
mod sockets;
mod stdio;

pub use clock::{Clock, SystemClock};
pub use ctx::{WasiCtx, WasiCtxBuilder, WasiView};
pub use denial::Denial;
pub use error::{ErrorCode, Result};
pub use exit::Exit;
pub use limits::Limits;
pub use random::{Random, SeededRandom, SystemRandom};
#[cfg(feature = "p2")]
pub use sockets::SocketUse;
pub use stdio::{
    Discard, Empty, HostInput, HostOutput, InputStream, MemoryInput, MemoryOutput, OutputStream,
    Reader, Writer,
};
