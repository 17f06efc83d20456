//! `rust-compute`: 23 functions over every kind of value, from two notations.

use std::path::Path;

use linkspan::wave::{self, Call};
use linkspan::{Error, Linker};
use linkspan_script::Mode;
use linkspan_tests::harness::Failure;

use super::guest::{Guest, engine};
use super::number;

/// Every line of `EXPECT`.
pub(crate) fn transcript(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>, Error> {
    let path = folder.join("rust-compute.wasm");
    let linker = Linker::new(&engine(mode)?);
    let mut guest = Guest::load(&path, &linker, ())?;
    let mut failures = Vec::new();
    for (index, line) in expect
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#'))
    {
        if let Err(text) = guest.play(line) {
            failures.push(Failure::at(number(index), text));
        }
        if line.contains("TRAP") {
            // A guest that trapped takes no more calls; the next one is new.
            guest = Guest::load(&path, &linker, ())?;
        }
    }
    Ok(failures)
}

/// Every line of `EXPECT.wave`.
pub(crate) fn wave(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>, Error> {
    let linker = Linker::new(&engine(mode)?);
    let mut guest = Guest::load(&folder.join("rust-compute.stripped.wasm"), &linker, ())?;
    let mut failures = Vec::new();
    for (index, line) in expect
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#'))
    {
        if let Err(text) = play_wave(&mut guest, line) {
            failures.push(Failure::at(number(index), text));
        }
    }
    Ok(failures)
}

fn play_wave(guest: &mut Guest<()>, line: &str) -> Result<(), String> {
    let (call, expected) = line.split_once("=>").ok_or("expected `call => value`")?;
    let call = Call::parse(call.trim()).map_err(|error| error.to_string())?;
    let name = call.callee().to_string();
    let ty = guest.func_type(&name).map_err(|error| error.to_string())?;
    let func = ty.func_type().ok_or("expected a function type")?;
    let arguments = call
        .args(ty.table(), func)
        .map_err(|error| error.to_string())?;
    let result = func.result.ok_or("expected a result")?;
    let wanted =
        wave::parse(ty.table(), result, expected.trim()).map_err(|error| error.to_string())?;
    match guest.value(&name, &arguments) {
        Ok(found) if found == wanted => Ok(()),
        Ok(found) => Err(format!("{name}: expected {wanted:?}, found {found:?}")),
        Err(error) => Err(format!(
            "{name}: expected {wanted:?}, found the error: {error:#}"
        )),
    }
}
