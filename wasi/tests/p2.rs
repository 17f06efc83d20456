//! WASI 0.2 as components see it: clocks, waiting and its interruption, standard
//! output, the end of a program, random bytes, files, and the network, of which nothing
//! is granted. The guest asks for several versions 0.2.x at once.
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use linkspan::{Component, Engine, Instance, Linker, Store, Trap, Val};
use linkspan_wasi::fs::{Dir, MemoryDir, OpenOptions, Opened, Perms};
use linkspan_wasi::{Exit, MemoryOutput, WasiCtx, WasiCtxBuilder, p2};

/// The position of `not-permitted` among the codes of files, and what stands there
/// for success.
const NOT_PERMITTED: u32 = 31;
const READ_ONLY: u32 = 33;
const SUCCESS: u32 = 255;

const GUEST: &str = include_str!("p2.wat");

struct Guest {
    store: Store<WasiCtx>,
    instance: Instance,
}

impl Guest {
    fn new(ctx: WasiCtxBuilder) -> Guest {
        let engine = Engine::default();
        let component = Component::new(&engine, GUEST).unwrap();
        let mut linker = Linker::new(&engine);
        p2::add_to_linker(&mut linker).unwrap();
        let mut store = Store::new(&engine, ctx.build());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Guest { store, instance }
    }

    fn call(&mut self, name: &str, params: &[Val]) -> linkspan::Result<Val> {
        let func = self.instance.get_func(&mut self.store, name).unwrap();
        let mut results = [Val::Bool(false)];
        func.call(&mut self.store, params, &mut results)?;
        let [result] = results;
        Ok(result)
    }
}

#[test]
fn a_sleep_lasts_and_can_be_interrupted() {
    let mut guest = Guest::new(WasiCtx::builder());
    let start = Instant::now();
    guest.call("sleep", &[Val::U64(30_000_000)]).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(30));

    let handle = guest.store.interrupt_handle();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        handle.interrupt();
    });
    let error = guest.call("sleep", &[Val::U64(u64::MAX)]).unwrap_err();
    other.join().unwrap();
    assert_eq!(error.trap(), Some(Trap::Interrupted), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn output_arrives() {
    let stdout = MemoryOutput::new(100);
    let mut guest = Guest::new(WasiCtx::builder().stdout(stdout.clone()));
    assert_eq!(guest.call("hello", &[Val::U32(5)]).unwrap(), Val::U32(0));
    assert_eq!(stdout.take(), b"hello");
    // What waits takes 4096 bytes at most, and more is a mistake of the program's.
    let error = guest.call("hello", &[Val::U32(4097)]).unwrap_err();
    assert!(error.to_string().contains("at most 4096 bytes"), "{error}");
    assert_eq!(stdout.take(), b"");
}

#[test]
fn output_that_fails_is_the_programs_to_handle() {
    let mut guest = Guest::new(WasiCtx::builder().stdout(MemoryOutput::new(2)));
    assert_eq!(guest.call("hello", &[Val::U32(5)]).unwrap(), Val::U32(1));
}

#[test]
fn a_program_ends_itself() {
    let mut guest = Guest::new(WasiCtx::builder());
    let error = guest.call("leave", &[Val::U8(7)]).unwrap_err();
    assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit::new(7)), "{error}");
}

#[test]
fn random_bytes_differ() {
    let mut guest = Guest::new(WasiCtx::builder());
    let first = guest.call("random", &[]).unwrap();
    assert_ne!(first, guest.call("random", &[]).unwrap());
}

#[test]
fn sockets_are_denied() {
    let mut guest = Guest::new(WasiCtx::builder());
    assert_eq!(guest.call("socket", &[]).unwrap(), Val::U32(1));
}

#[test]
fn files_are_made_where_it_is_permitted_alone() {
    let open = |guest: &mut Guest, path: &str| guest.call("create", &[Val::from(path)]).unwrap();
    let root: Arc<dyn Dir> = Arc::new(MemoryDir::new(1 << 20));
    let all = WasiCtx::builder().preopen(Arc::clone(&root), "/", Perms::ALL);
    let mut guest = Guest::new(all);
    assert_eq!(open(&mut guest, "new"), Val::U32(SUCCESS));
    for path in ["../new", "/new"] {
        assert_eq!(open(&mut guest, path), Val::U32(NOT_PERMITTED), "{path}");
    }
    let options = OpenOptions {
        read: true,
        ..OpenOptions::default()
    };
    let Ok(Opened::File(file)) = root.open_at("new", options) else {
        panic!("the file is there");
    };
    assert_eq!(file.stat().unwrap().size, 0);

    let read = WasiCtx::builder().preopen(root, "/", Perms::READ);
    let mut guest = Guest::new(read);
    assert_eq!(open(&mut guest, "other"), Val::U32(READ_ONLY));
}

#[test]
fn files_are_streams_in_both_directions() {
    let root = Arc::new(MemoryDir::new(1 << 20));
    let mut guest = Guest::new(WasiCtx::builder().preopen(root, "/", Perms::ALL));
    let answer = guest.call("stream", &[Val::from("file")]).unwrap();
    assert_eq!(answer, Val::U32(4 * 1000 + u32::from(b'e')));
}

/// A program made from Rust: standard output, arguments, the world `wasi:cli/command`.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn a_real_program_runs() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/rust-hello");
    if !corpus.exists() {
        eprintln!("skipped: rust-hello is not beside the project");
        return;
    }
    let engine = Engine::default();
    let component = Component::from_file(&engine, corpus.join("rust-hello.wasm")).unwrap();
    let mut linker = Linker::new(&engine);
    p2::add_to_linker(&mut linker).unwrap();
    let stdout = MemoryOutput::new(1 << 16);
    let ctx = WasiCtx::builder()
        .args(["rust-hello.wasm", "a", "b"])
        .stdout(stdout.clone());
    let mut store = Store::new(&engine, ctx.build());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let exports = component.exports();
    let (interface, _) = exports
        .iter()
        .find(|(name, _)| name.starts_with("wasi:cli/run@0.2."))
        .unwrap();
    let run = instance.get_func(&mut store, (interface, "run")).unwrap();
    let mut results = [Val::Bool(false)];
    run.call(&mut store, &[], &mut results).unwrap();
    assert_eq!(results, [Val::Result(Ok(None))]);
    assert_eq!(stdout.take(), fs::read(corpus.join("EXPECT")).unwrap());
}
