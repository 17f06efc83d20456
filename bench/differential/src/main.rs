//! Random modules on Linkspan, in both dispatch modes, and on wasmtime and wasmi:
//! everything that a module lets its host see must be the same.
//!
//! The program that is started supervises workers, which are processes of the same
//! program: an engine that crashes or hangs takes one worker with it, and the seed
//! is reported like any other mismatch. How to use it stands in `README.md`.
#![forbid(unsafe_code)]

mod arguments;
mod driver;
mod generate;
mod ours;
mod peer_wasmi;
mod peer_wasmtime;
mod shape;
mod supervisor;
mod tally;
mod value;
mod worker;

use std::process::ExitCode;

use arguments::{Arguments, Mode};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let outcome = match &arguments.mode {
        Mode::Run => supervisor::run(&arguments),
        Mode::Work => worker::serve(&arguments),
        Mode::Show(path) => worker::show(path),
        Mode::Shrink(path) => worker::shrink(path),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
