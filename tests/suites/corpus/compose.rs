//! `compose`: two components that pass resources to each other, composed
//! beforehand, and linked by the host.

use std::path::Path;

use linkspan::{Component, Error, Linker, Store};
use linkspan_script::Mode;
use linkspan_tests::harness::Failure;

use super::guest::{Guest, engine};
use super::number;

/// The composed component.
pub(crate) fn composed(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>, Error> {
    let linker = Linker::new(&engine(mode)?);
    let guest = Guest::load(&folder.join("composed.wasm"), &linker, ())?;
    Ok(play(guest, expect))
}

/// The two halves, linked here.
pub(crate) fn linked(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>, Error> {
    let engine = engine(mode)?;
    let geometry = Component::from_file(&engine, folder.join("compose-geometry.stripped.wasm"))?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &geometry)?;
    let shapes = "corpus:geom/shapes@0.1.0";
    linker.root().reexport(&store, shapes, &instance, shapes)?;
    let guest = Guest::load_in(store, &folder.join("compose-app.stripped.wasm"), &linker)?;
    Ok(play(guest, expect))
}

fn play(mut guest: Guest<()>, expect: &str) -> Vec<Failure> {
    let mut failures = Vec::new();
    let calls = expect
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(") = "));
    for (index, line) in calls {
        if let Err(text) = guest.play(line) {
            failures.push(Failure::at(number(index), text));
        }
    }
    failures
}
