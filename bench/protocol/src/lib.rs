//! What the runner and an engine program say to each other: lines over a pipe,
//! so that no two engines share a binary, a linker run or a code layout.
//!
//! The runner writes `load <case> <path>` and then any number of `run <n>`; the
//! program answers each line with one line, `ok …` or `err <why>`; behind the time
//! and the checksum of a run stand the notes that it took, as `key=number`. An engine
//! program is [`serve`] and one function that turns a case and the bytes of its
//! guest into a closure. Only the closure is measured, in processor time of its
//! thread: what else the machine does is not charged to an engine.
#![forbid(unsafe_code)]

pub mod wasi;

use std::cell::RefCell;
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::time::Duration;

macro_rules! cases {
    ($($(#[$doc:meta])* $case:ident = $name:literal,)+) => {
        /// The work that a closure does when it is called with `n`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Case {
            $($(#[$doc])* $case,)+
        }

        impl Case {
            /// Every case, in the order of the definition.
            pub const ALL: &[Self] = &[$(Self::$case),+];

            /// The name of the case in the protocol and in reports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$case => $name,)+
                }
            }
        }
    };
}

cases! {
    /// Core module: one call of `run(n: i32) -> i64`; the result is the checksum.
    Kernel = "kernel",
    /// Core module: `n` typed calls of `noop()`.
    CoreNoop = "core-noop",
    /// Core module: `n` typed calls of `add(i32, i32) -> i32`, summed up.
    CoreAdd = "core-add",
    /// Core module: one call of `run(n) -> i64`, a loop that calls the host's
    /// `host.inc(i32) -> i32` `n` times.
    CoreImport = "core-import",
    /// Component: `n` typed calls of `noop: func()`.
    Noop = "noop",
    /// Component: `n` typed calls of `add: func(a: u32, b: u32) -> u32`, summed up.
    Add = "add",
    /// The same with dynamic values.
    AddDynamic = "add-dynamic",
    /// Component: one call of `run: func(n: u32) -> u64`, a loop that calls the
    /// host's `inc: func(x: u32) -> u32` `n` times.
    ImportU32 = "import-u32",
    /// Component: one call of `run: func(n: u32) -> u64`, a loop that calls the
    /// host's `measure: func(s: string) -> u32` with [`TEXT`] `n` times. The host
    /// borrows the string.
    ImportString = "import-string",
    /// Component: `n` typed calls of `take: func(s: string) -> u32` with
    /// [`TEXT`], the sum of the lengths that the guest saw.
    StringIn = "string-in",
    /// Component: `n` typed calls of `give: func() -> string`, the sum of the
    /// lengths that the host received.
    StringOut = "string-out",
    /// Component: `n` typed calls of `take: func(l: list<u32>) -> u32` with
    /// [`LIST`], the sum of the lengths that the guest saw.
    ListIn = "list-in",
    /// Component: `n` typed calls of `take-records: func(l: list<item>) -> u32` with
    /// [`RECORDS`] records `item { id: u64, x: f64, n: u32 }`.
    RecordsIn = "records-in",
    /// Component: `n` typed calls of `give-records: func() -> list<item>`.
    RecordsOut = "records-out",
    /// Component: `n` typed calls of `take-bytes: func(l: list<u8>) -> u32` with
    /// [`BULK`].
    BytesIn = "bytes-in",
    /// Component: `n` typed calls of `give-bytes: func() -> list<u8>`.
    BytesOut = "bytes-out",
    /// Component: `n` typed calls of `take-text: func(s: string) -> u32` with
    /// [`BULK`].
    TextIn = "text-in",
    /// Component: `n` typed calls of `give-text: func() -> string`.
    TextOut = "text-out",
    /// Component: `n` typed calls of `take-words: func(l: list<string>) -> u32` with
    /// [`words`].
    WordsIn = "words-in",
    /// Component: `n` typed calls of `give-words: func() -> list<string>`.
    WordsOut = "words-out",
    /// Component: `n` instantiations from a prepared link, each in a new store that
    /// is dropped.
    Instantiate = "instantiate",
    /// Component of two components: one call of `run-u32: func(n: u32) -> u64`, in
    /// which one calls the other's `func(x: u32) -> u32` `n` times.
    CrossU32 = "cross-u32",
    /// The same for `func(s: string) -> u32` with 32 bytes.
    CrossString = "cross-string",
    /// The same for `func(l: list<item>) -> u32` with [`RECORDS`] records.
    CrossRecords = "cross-records",
    /// Guest `rust-compute` of the corpus: `add`.
    RustAdd = "rust-add",
    /// Guest `rust-compute`: `echo-string` of [`TEXT`].
    RustString = "rust-string",
    /// Guest `rust-compute`: `echo-bytes` of 64 KiB.
    RustBytes = "rust-bytes",
    /// Guest `rust-compute`: `echo-points` of 1000 records.
    RustPoints = "rust-points",
    /// Guest `c-component`: `rot13` of [`TEXT`].
    CString = "c-string",
    /// Guest `c-component`: `hash` of 1 KiB.
    CBytes = "c-bytes",
    /// Guest `rust-resources`: an account is made, asked once and dropped.
    RustResource = "rust-resource",
    /// Core module: like [`Kernel`](Self::Kernel), with notes about the heap of its
    /// objects from engines that tell.
    Heap = "heap",
    /// Core module: `n` times a new store, an instance and a call of `run(1)`; the sum
    /// of the results, and a note of the resident memory.
    Stores = "stores",
    /// Core module that is a command of WASI 0.1: compiled and run `n` times; the
    /// [`checksum`] of what it printed the last time, with notes about the times to
    /// the end of compilation and to the first output.
    Program = "program",
}

/// What a string case passes.
pub const TEXT: &str = "a linkspan is raised and lowered";
/// What a list case passes.
pub static LIST: [u32; 1024] = [0x0001_0203; 1024];
/// How many records a case passes.
pub const RECORDS: u32 = 10_000;
/// What the cases of a mebibyte pass: bytes that are ASCII, too.
pub static BULK: [u8; 1 << 20] = [b'a'; 1 << 20];

/// [`BULK`] as text.
pub fn bulk_text() -> &'static str {
    std::str::from_utf8(&BULK).unwrap_or_default()
}

/// What the cases of many strings pass.
pub fn words() -> Vec<String> {
    (0..1000).map(|i| format!("word-{i:04}")).collect()
}

impl Case {
    fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|case| case.name() == name)
    }

    /// Whether a real toolchain made the guest.
    pub fn is_corpus(self) -> bool {
        matches!(
            self,
            Self::RustAdd
                | Self::RustString
                | Self::RustBytes
                | Self::RustPoints
                | Self::CString
                | Self::CBytes
                | Self::RustResource
        )
    }

    /// How many bytes an operation moves, if one copy of them is what it is
    /// compared with.
    fn copied_bytes(self) -> Option<usize> {
        matches!(
            self,
            Self::BytesIn | Self::BytesOut | Self::TextIn | Self::TextOut
        )
        .then_some(BULK.len())
    }
}

/// A loaded guest: does the work of its case `n` times and answers a checksum.
pub type Work = Box<dyn FnMut(u32) -> Result<u64, String>>;

/// Turns any error of an engine into what the protocol carries, in one line.
pub fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}").replace('\n', " ")
}

/// The answer of an engine to a case that it has no concept for.
pub fn unsupported(case: Case) -> String {
    format!("unsupported: {}", case.name())
}

/// What stands for bytes that must be equal (FNV-1a).
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

thread_local! {
    /// What the run that is going on has noted.
    static NOTES: RefCell<Vec<(&'static str, u64)>> = const { RefCell::new(Vec::new()) };
}

/// Adds a number to the answer of the run that is going on. A key has neither spaces
/// nor equals signs.
pub fn note(key: &'static str, value: u64) {
    NOTES.with_borrow_mut(|notes| notes.push((key, value)));
}

/// Notes the bytes of memory that the process has resident, where the system tells.
pub fn note_resident() {
    // The second field of this file counts pages; they have 4 KiB where it exists and
    // this bench is run.
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    if let Some(pages) = pages {
        note("resident", pages * 4096);
    }
}

/// The processor time that the calling thread has used.
pub fn thread_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

/// Answers requests from standard input until it ends.
///
/// # Errors
/// What reading standard input or writing standard output answers.
pub fn serve(mut load: impl FnMut(Case, &[u8]) -> Result<Work, String>) -> io::Result<()> {
    let mut work: Option<(Case, Work)> = None;
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let answer = match line.split_once(' ') {
            Some(("load", rest)) => open(rest, &mut load).map(|new| {
                work = Some(new);
                String::new()
            }),
            Some(("run", count)) => match &mut work {
                Some((case, work)) => measure(count, *case, work),
                None => Err("`run` before `load`".to_owned()),
            },
            Some(_) | None => Err(format!("expected `load` or `run`, found `{line}`")),
        };
        match answer {
            Ok(answer) => writeln!(output, "ok {answer}")?,
            Err(why) => writeln!(output, "err {why}")?,
        }
        output.flush()?;
    }
    Ok(())
}

fn open(
    request: &str,
    load: &mut impl FnMut(Case, &[u8]) -> Result<Work, String>,
) -> Result<(Case, Work), String> {
    let (case, path) = request
        .split_once(' ')
        .ok_or("expected `load <case> <path>`")?;
    let case = Case::parse(case).ok_or_else(|| format!("no case is named `{case}`"))?;
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    Ok((case, load(case, &bytes)?))
}

fn measure(count: &str, case: Case, work: &mut Work) -> Result<String, String> {
    let count = count
        .parse::<u32>()
        .map_err(|error| format!("run {count}: {error}"))?;
    NOTES.take();
    let start = thread_time();
    let checksum = work(count)?;
    let spent = thread_time() - start;
    if let Some(bytes) = case.copied_bytes() {
        note("copy", copies(count, bytes));
    }
    let notes = NOTES.take();
    let notes: String = notes.iter().map(|(key, x)| format!(" {key}={x}")).collect();
    Ok(format!("{} {checksum:016x}{notes}", spent.as_nanos()))
}

/// Nanoseconds for `count` copies of `bytes` bytes between two buffers.
fn copies(count: u32, bytes: usize) -> u64 {
    let (from, mut to) = (vec![1_u8; bytes], vec![0_u8; bytes]);
    let start = thread_time();
    for _ in 0..count {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    }
    u64::try_from((thread_time() - start).as_nanos()).unwrap_or(u64::MAX)
}
