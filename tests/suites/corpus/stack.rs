//! `c-component`: a resource made in C with methods over lists of variants.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use linkspan::{Error, Linker, ResourceAny, Val};
use linkspan_script::Mode;
use linkspan_tests::harness::Failure;
use linkspan_tests::notation;

use super::guest::{Guest, engine};
use super::transcript::Transcript;

type Log = Arc<Mutex<Vec<String>>>;

/// Plays the session of `EXPECT`.
pub(crate) fn transcript(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>, Error> {
    let mut linker = Linker::<Log>::new(&engine(mode)?);
    linker.root().func_new("print", |store, params, _| {
        let [Val::String(text)] = params else {
            return Err(Error::msg("expected one string"));
        };
        let mut log = store.data().lock().unwrap_or_else(PoisonError::into_inner);
        log.push(text.to_string());
        Ok(())
    })?;
    let log = Log::default();
    let path = folder.join("c-component.wasm");
    let mut guest = Guest::load(&path, &linker, Arc::clone(&log))?;
    let mut transcript = Transcript::new(expect);

    let vm = guest.value("[constructor]vm", &[Val::U32(4)])?;
    let vm = ResourceAny::from_val(&vm).ok_or_else(|| Error::msg("expected a resource"))?;
    for line in expect.lines().filter(|line| line.starts_with("exec")) {
        execute(&mut guest, &mut transcript, vm, line)?;
    }
    let trace = guest.value("[method]vm.trace", &[vm.into_borrow()])?;
    let ty = guest
        .func_type("[method]vm.trace")?
        .result()
        .ok_or_else(nothing)?;
    transcript.value("trace", ty, &trace);

    let hash = guest.value("hash", &[Val::from(b"hello".to_vec())])?;
    let Val::U64(hash) = hash else {
        return Err(Error::msg("expected a u64"));
    };
    transcript.line(&format!("hash {hash:#x}"));
    let Val::String(text) = guest.value("rot13", &[Val::from("Hello, Wörld")])? else {
        return Err(Error::msg("expected a string"));
    };
    transcript.line(&format!("rot13 {text}"));
    let numbers = vec![1.5, 2.5, -1000.0];
    let sum = guest.value("sum", &[Val::from(numbers)])?;
    let ty = guest.func_type("sum")?.result().ok_or_else(nothing)?;
    transcript.value("sum", ty, &sum);

    vm.resource_drop(&mut guest.store)?;
    for text in log.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        transcript.line(&format!("host print: {text}"));
    }
    Ok(transcript.end())
}

/// `exec ['push(6)', 'mul(None)'] = 42`
fn execute(
    guest: &mut Guest<Log>,
    transcript: &mut Transcript<'_>,
    vm: ResourceAny,
    line: &str,
) -> Result<(), Error> {
    let name = "[method]vm.exec";
    let (operations, _) = line
        .trim_start_matches("exec")
        .split_once('=')
        .ok_or_else(nothing)?;
    // Each operation is quoted as a whole.
    let operations = notation::read(&operations.replace('\'', "")).map_err(Error::msg)?;
    let ty = guest.func_type(name)?;
    let (_, ty) = ty.params().nth(1).ok_or_else(nothing)?;
    let operations = notation::typed(&operations, ty).map_err(Error::msg)?;
    let found = guest.value(name, &[vm.into_borrow(), operations])?;
    let ty = guest.func_type(name)?.result().ok_or_else(nothing)?;
    let (label, _) = line.split_once('=').ok_or_else(nothing)?;
    transcript.value(&format!("{label}="), ty, &found);
    Ok(())
}

fn nothing() -> Error {
    Error::msg("expected more, found nothing")
}
