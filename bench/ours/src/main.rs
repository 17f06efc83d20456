//! The bench's cases on Linkspan, with its default features and configuration.
#![forbid(unsafe_code)]

#[cfg(feature = "component")]
mod component;
mod core;
#[cfg(feature = "component")]
mod corpus;
mod heap;
mod program;

use bench_protocol::{Case, Work, serve};

fn main() -> std::io::Result<()> {
    let engine = linkspan_engine::Engine::default();
    serve(|case, bytes| load(&engine, case, bytes))
}

fn load(engine: &linkspan_engine::Engine, case: Case, bytes: &[u8]) -> Result<Work, String> {
    match case {
        Case::Kernel | Case::CoreImport => core::run(engine, bytes),
        Case::CoreNoop => core::noop(engine, bytes),
        Case::CoreAdd => core::add(engine, bytes),
        Case::Heap => heap::run(engine, bytes),
        Case::Stores => heap::stores(engine, bytes),
        Case::Program => Ok(program::load(engine, bytes)),
        _ => component(engine, case, bytes),
    }
}

#[cfg(feature = "component")]
fn component(engine: &linkspan_engine::Engine, case: Case, bytes: &[u8]) -> Result<Work, String> {
    component::load(engine, case, bytes)
}

#[cfg(not(feature = "component"))]
fn component(_: &linkspan_engine::Engine, case: Case, _: &[u8]) -> Result<Work, String> {
    Err(bench_protocol::unsupported(case))
}
