//! WASI 0.1 as core modules see it: functions that are called with right and with
//! hostile arguments.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use linkspan::core::{Config, Engine, Error, Linker, Memory, Module, Store, Trap, Val};
use linkspan_wasi::fs::{MemoryDir, Perms};
use linkspan_wasi::{Exit, Limits, MemoryInput, MemoryOutput, WasiCtx, WasiCtxBuilder, p1};

/// Functions with the letters of their parameters: `i` for 32 bits, `l` for 64.
const FUNCTIONS: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "ili"),
    ("fd_advise", "illi"),
    ("fd_allocate", "ill"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "ill"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "il"),
    ("fd_filestat_set_times", "illi"),
    ("fd_pread", "iiili"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiili"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiili"),
    ("fd_renumber", "ii"),
    ("fd_seek", "ilii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiilli"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiillii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "ii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const FAULT: u32 = 21;
const ILSEQ: u32 = 25;
const INVAL: u32 = 28;
const MFILE: u32 = 33;
const NAMETOOLONG: u32 = 37;
const NOTDIR: u32 = 54;
const NOTSOCK: u32 = 57;
const PERM: u32 = 63;

/// A program that passes every function on, and has a memory of one page.
struct Program {
    store: Store<WasiCtx>,
    instance: linkspan::core::Instance,
    memory: Memory,
}

fn text() -> String {
    let mut imports = String::new();
    let mut exports = String::new();
    for (name, letters) in FUNCTIONS {
        let types: Vec<&str> = letters
            .chars()
            .map(|letter| if letter == 'i' { "i32" } else { "i64" })
            .collect();
        let params = types.join(" ");
        let gets: Vec<String> = (0..types.len())
            .map(|n| format!("(local.get {n})"))
            .collect();
        imports.push_str(&format!(
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param {params}) (result i32)))\n"
        ));
        exports.push_str(&format!(
            "(func (export \"{name}\") (param {params}) (result i32) (call ${name} {}))\n",
            gets.join(" ")
        ));
    }
    format!(
        "(module {imports} (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
         (memory (export \"memory\") 1) {exports}
         (func (export \"exit\") (param i32) (call $exit (local.get 0)))
         (func (export \"wait\") (loop (drop (call $poll_oneoff (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 1024))) (br 0))))"
    )
}

impl Program {
    fn new(ctx: WasiCtxBuilder) -> Program {
        Program::with(ctx, false)
    }

    fn with(ctx: WasiCtxBuilder, fuel: bool) -> Program {
        let mut config = Config::new();
        config.fuel(fuel);
        let engine = Engine::new(&config).expect("an engine");
        let module = Module::new(&engine, text().as_bytes()).expect("a module");
        let mut linker = Linker::<WasiCtx>::new(&engine);
        p1::add_to_linker(&mut linker).expect("no name twice");
        let mut store = Store::new(&engine, ctx.build());
        if fuel {
            store.set_fuel(1 << 20).expect("there is fuel");
        }
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("everything is there");
        let memory = instance
            .get_memory(&store, "memory")
            .expect("it is exported");
        Program {
            store,
            instance,
            memory,
        }
    }

    fn try_call(&mut self, name: &str, arguments: &[u64]) -> Result<u32, Error> {
        let letters = FUNCTIONS.iter().find(|(found, _)| *found == name);
        let letters = letters.map_or("i", |(_, letters)| letters);
        assert_eq!(letters.len(), arguments.len(), "arguments of {name}");
        let params: Vec<Val> = letters
            .chars()
            .zip(arguments)
            .map(|(letter, value)| match letter {
                'i' => Val::I32(*value as u32 as i32),
                _ => Val::I64(*value as i64),
            })
            .collect();
        let func = self.instance.get_func(&mut self.store, name);
        let func = func.expect("it is exported");
        let mut results = match name {
            "exit" | "wait" => vec![],
            _ => vec![Val::I32(0)],
        };
        func.call(&mut self.store, &params, &mut results)?;
        match results.first() {
            Some(Val::I32(value)) => Ok(*value as u32),
            _ => Ok(0),
        }
    }

    fn call(&mut self, name: &str, arguments: &[u64]) -> u32 {
        self.try_call(name, arguments).expect("an error number")
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        self.memory
            .write(&mut self.store, at, bytes)
            .expect("it is inside");
    }

    fn get<const N: usize>(&mut self, at: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.memory
            .read(&self.store, at, &mut bytes)
            .expect("it is inside");
        bytes
    }

    fn word(&mut self, at: u64) -> u32 {
        u32::from_le_bytes(self.get(at))
    }

    /// Opens a path for reading and writing, and makes it.
    fn open(&mut self, path: &str) -> u32 {
        self.put(4096, path.as_bytes());
        let length = path.len() as u64;
        self.call(
            "path_open",
            &[3, 1, 4096, length, 1, 1 << 1 | 1 << 6, 0, 0, 0],
        )
    }

    /// A subscription to a clock, at the start of memory.
    fn sleep(&mut self, nanos: u64) {
        self.put(0, &[0; 48]);
        self.put(16, &1_u32.to_le_bytes());
        self.put(24, &nanos.to_le_bytes());
    }
}

fn with_files() -> WasiCtxBuilder {
    WasiCtx::builder().preopen(Arc::new(MemoryDir::new(1 << 20)), "/", Perms::ALL)
}

#[test]
fn bytes_go_to_files_and_streams() {
    let stdout = MemoryOutput::new(1 << 10);
    let mut program = Program::new(
        with_files()
            .stdout(stdout.clone())
            .stdin(MemoryInput::new(*b"input")),
    );
    assert_eq!(program.open("file"), SUCCESS);
    let fd = program.word(0).into();
    // Two buffers, of which the first is empty.
    program.put(64, b"hello");
    for (at, word) in [(16, 64), (20, 0), (24, 64), (28, 5_u32)] {
        program.put(at, &word.to_le_bytes());
    }
    assert_eq!(program.call("fd_write", &[fd, 16, 2, 8]), SUCCESS);
    assert_eq!(program.word(8), 5);
    assert_eq!(program.call("fd_write", &[1, 16, 2, 8]), SUCCESS);
    assert_eq!(stdout.contents(), b"hello");
    assert_eq!(program.call("fd_seek", &[fd, 1, 0, 8]), SUCCESS);
    assert_eq!(program.call("fd_read", &[fd, 16, 2, 8]), SUCCESS);
    assert_eq!((program.word(8), program.get(64)), (4, *b"elloo"));
    assert_eq!(program.call("fd_tell", &[fd, 8]), SUCCESS);
    assert_eq!(program.word(8), 5);
    assert_eq!(program.call("fd_read", &[0, 16, 2, 8]), SUCCESS);
    assert_eq!((program.word(8), program.get(64)), (5, *b"input"));
    assert_eq!(program.call("fd_read", &[0, 16, 2, 8]), SUCCESS);
    assert_eq!(program.word(8), 0);
    // Streams have a direction, and no position.
    assert_eq!(program.call("fd_write", &[0, 16, 2, 8]), BADF);
    assert_eq!(program.call("fd_read", &[1, 16, 2, 8]), BADF);
    assert_ne!(program.call("fd_seek", &[1, 0, 0, 8]), SUCCESS);
    assert_eq!(program.call("sock_shutdown", &[1, 0]), NOTSOCK);
    assert_eq!(program.call("sock_shutdown", &[99, 0]), BADF);
}

#[test]
fn hostile_arguments_are_errors() {
    let values = [
        0,
        1,
        3,
        4,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0xffff_fff8,
        u64::MAX,
    ];
    for (name, letters) in FUNCTIONS {
        if *name == "poll_oneoff" || *name == "fd_close" || *name == "fd_renumber" {
            continue;
        }
        let mut program = Program::new(with_files().arg("a").env("B", "c"));
        assert_eq!(program.open("file"), SUCCESS);
        program.put(0, &[0xff; 4096]);
        for rotation in 0..values.len() {
            for fd in [0, 1, 3, 4, 5] {
                let mut arguments: Vec<u64> = (0..letters.len())
                    .map(|n| values[(n * 2 + rotation) % values.len()])
                    .collect();
                if let Some(first) = arguments.first_mut() {
                    *first = fd;
                }
                let result = program.try_call(name, &arguments);
                assert!(
                    result.is_ok_and(|errno| errno <= 76),
                    "{name} {arguments:?}"
                );
            }
        }
    }
}

#[test]
fn pointers_and_paths_are_checked() {
    let mut program = Program::new(with_files());
    assert_eq!(program.call("random_get", &[0xffff, 2]), FAULT);
    assert_eq!(
        program.call("random_get", &[0xffff_ffff, 0xffff_ffff]),
        INVAL
    );
    assert_eq!(program.call("fd_write", &[1, 0xffff, 1, 0]), FAULT);
    assert_eq!(program.call("fd_write", &[1, 0, u64::MAX, 0]), INVAL);
    assert_eq!(
        program.call("path_create_directory", &[3, 0xfff0, 17]),
        FAULT
    );
    assert_eq!(
        program.call("path_create_directory", &[3, 0, 4097]),
        NAMETOOLONG
    );
    program.put(0, b"\xffx../x/etc");
    assert_eq!(program.call("path_create_directory", &[3, 0, 2]), ILSEQ);
    assert_eq!(program.call("path_create_directory", &[3, 2, 4]), PERM);
    assert_eq!(program.call("path_create_directory", &[3, 6, 4]), PERM);
    assert_eq!(program.call("path_create_directory", &[0, 1, 1]), NOTDIR);
    assert_eq!(program.call("path_create_directory", &[9, 1, 1]), BADF);
    // Where the number goes is checked before anything is opened.
    let open = [3, 0, 1, 1, 1, 0, 0, 0, 0xffff];
    assert_eq!(program.call("path_open", &open), FAULT);
    let stat = [3, 0, 1, 1, 64];
    assert_ne!(program.call("path_filestat_get", &stat), SUCCESS);
}

#[test]
fn open_files_are_limited() {
    let limits = Limits {
        open_files: 3,
        ..Limits::default()
    };
    let mut program = Program::new(with_files().limits(limits));
    for _ in 0..3 {
        assert_eq!(program.open("file"), SUCCESS);
    }
    assert_eq!(program.open("file"), MFILE);
    assert_eq!(program.call("fd_close", &[5]), SUCCESS);
    assert_eq!(program.open("file"), SUCCESS);
    assert_eq!(program.word(0), 5, "the lowest number that is free");
    // A closed directory is gone for good.
    assert_eq!(program.call("fd_close", &[3]), SUCCESS);
    assert_eq!(program.open("file"), BADF);
}

#[test]
fn nothing_is_granted_by_default() {
    let mut program = Program::new(WasiCtx::builder());
    assert_eq!(program.call("args_sizes_get", &[0, 4]), SUCCESS);
    assert_eq!(program.call("environ_sizes_get", &[8, 12]), SUCCESS);
    assert_eq!(program.get(0), [0; 16]);
    assert_eq!(program.call("fd_prestat_get", &[3, 0]), BADF);
    assert_eq!(program.open("file"), BADF);
}

#[test]
fn a_time_is_waited_for() {
    let mut program = Program::new(WasiCtx::builder());
    program.sleep(30_000_000);
    let start = Instant::now();
    assert_eq!(program.call("poll_oneoff", &[0, 512, 1, 1024]), SUCCESS);
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert_eq!(program.word(1024), 1);
    // Standard output that takes everything does not wait for the time.
    program.sleep(u64::MAX);
    program.put(48, &[0; 48]);
    program.put(56, &[2]);
    program.put(64, &1_u32.to_le_bytes());
    assert_eq!(program.call("poll_oneoff", &[0, 512, 2, 1024]), SUCCESS);
    assert_eq!((program.word(1024), program.get(522)), (1, [2]));
    assert_eq!(program.call("poll_oneoff", &[0, 512, 0, 1024]), INVAL);
    assert_eq!(
        program.call("poll_oneoff", &[0, 512, 0xffff_ffff, 1024]),
        INVAL
    );
}

#[test]
fn who_waits_can_be_interrupted() {
    let mut program = Program::new(WasiCtx::builder());
    program.sleep(u64::MAX);
    let handle = program.store.interrupt_handle();
    let start = Instant::now();
    let interrupter = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        handle.interrupt();
    });
    let wait = program.instance.get_func(&mut program.store, "wait");
    let wait = wait.expect("it is exported");
    let error = wait.call(&mut program.store, &[], &mut []);
    let error = error.expect_err("it never ends by itself");
    assert_eq!(error.trap(), Some(Trap::Interrupted));
    assert!(start.elapsed() < Duration::from_secs(20));
    interrupter.join().expect("it does not panic");
}

#[test]
fn programs_end_themselves() {
    let mut program = Program::new(WasiCtx::builder());
    let error = program
        .try_call("exit", &[300])
        .expect_err("it does not return");
    let exit = error.downcast_ref::<Exit>().copied();
    assert_eq!(exit, Some(Exit::new(300)));
}

#[test]
fn moved_bytes_cost_fuel() {
    let mut program = Program::with(WasiCtx::builder(), true);
    let before = program.store.fuel().expect("there is fuel");
    assert_eq!(program.call("random_get", &[0, 0xffff]), SUCCESS);
    let used = before - program.store.fuel().expect("there is fuel");
    assert!(used >= 0xffff / 8, "{used}");
}

#[test]
fn a_program_without_memory_is_told() {
    let engine = Engine::default();
    let text = r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $f (result i32)))
        (func (export "f") (drop (call $f))))"#;
    let module = Module::new(&engine, text.as_bytes()).expect("a module");
    let mut linker = Linker::<WasiCtx>::new(&engine);
    p1::add_to_linker(&mut linker).expect("no name twice");
    let mut store = Store::new(&engine, WasiCtx::builder().build());
    let instance = linker.instantiate(&mut store, &module).expect("it links");
    let func = instance.get_func(&mut store, "f").expect("it is exported");
    let error = func.call(&mut store, &[], &mut []).expect_err("no memory");
    assert!(error.to_string().contains("`memory`"), "{error}");
}
