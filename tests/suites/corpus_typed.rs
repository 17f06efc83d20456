//! Real guests, called through generated bindings: every line of what they must
//! answer, compared as Rust values.
//!
//! The WIT under `wit/` is ours; the guests and their expectations stand beside
//! the project. Where they are absent the cases are skipped and say so.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use linkspan::abi::program::Programs;
use linkspan::abi::{
    self, Guest, LiftContext, LiftOwned, LowerContext, NoHandles, Scratch, TypeTable, call,
};
use linkspan::types::Type;
use linkspan::{Bindings, Component, Engine, Error, ErrorKind, GuestHandle, Linker, Store, Trap};
use linkspan_script::{Mode, Options};
use linkspan_tests::harness::{self, Failure, Outcome, Suite};
use linkspan_tests::notation::{self, Node};
use linkspan_tests::upstream;

mod compute {
    linkspan::bindgen!(in "wit/compute.wit");
}

mod resources {
    linkspan::bindgen!(in "wit/resources.wit");
}

mod stack {
    linkspan::bindgen!(in "wit/stack.wit");
}

mod report {
    linkspan::bindgen!(in "wit/report.wit");
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// Plays a guest of `folder` and compares it with the text of its expectation.
type Play = fn(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>>;

const GUESTS: &[(&str, &str, Play)] = &[
    ("rust-compute", "", play_compute),
    ("rust-resources", "", play_resources),
    ("c-component", "", play_stack),
    ("compose", " (composed)", play_composed),
    ("compose", " (linked by the host)", play_linked),
];

fn main() -> ExitCode {
    let mut suite = Suite::new("corpus-typed");
    for (name, how, play) in GUESTS {
        for mode in Mode::ALL {
            suite.case(mode.name, format!("{name}/EXPECT{how}"), move || {
                run(name, *mode, *play)
            });
        }
    }
    harness::run(vec![suite])
}

fn run(name: &str, mode: Mode, play: Play) -> Outcome {
    let corpus = upstream::project().join("../shared/corpus");
    if !corpus.is_dir() {
        return Outcome::Skipped("the real guests are not beside the project".to_owned());
    }
    let folder = corpus.join(name);
    let outcome = match fs::read_to_string(folder.join("EXPECT")) {
        Ok(expect) => play(&folder, mode, &expect).map_err(|error| format!("{error:#}")),
        Err(error) => Err(format!("failed to read the expectation: {error}")),
    };
    match outcome {
        Ok(failures) => Outcome::Ran(failures),
        Err(error) => Outcome::Ran(vec![Failure::at(0, error)]),
    }
}

fn engine(mode: Mode) -> Result<Engine> {
    let options = Options {
        mode,
        ..Options::default()
    };
    Ok(Engine::new(&options.config())?)
}

fn load(folder: &Path, file: &str, mode: Mode) -> Result<Component> {
    Component::from_file(&engine(mode)?, folder.join(file))
}

/// The Rust value that a notation stands for: the dynamic value, lowered into
/// a memory and lifted from it as a `T`.
fn value_of<T: LiftOwned>(node: &Node) -> Result<T> {
    let mut types = TypeTable::new();
    let ty = abi::value_type::<T>(&mut types)?;
    let value = notation::typed(node, Type::new(&types, ty)).map_err(Error::msg)?;
    let mut guest = Bump::default();
    let (options, mut window) = (abi::Options::default(), [0; 17]);
    let func = abi::FuncType::new([("value", ty)], None);
    let pointer = options.pointer;
    let program = Programs::new().params(&types, &func, pointer, pointer)?;
    program.lower_params(
        &mut LowerContext::new(&mut guest, options),
        &[value],
        &mut window,
    )?;
    let scratch = Scratch::new();
    let (memory, handles) = guest.parts();
    let mut cx = LiftContext::new(memory, handles, &scratch, options);
    let (value,) = call::lift_params::<(T,), _>(&mut cx, &window)?;
    Ok(value)
}

/// A memory that only grows.
#[derive(Default)]
struct Bump {
    memory: Vec<u8>,
    handles: NoHandles,
}

impl Guest for Bump {
    type Handles = NoHandles;

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    fn parts(&mut self) -> (&[u8], &mut NoHandles) {
        (&self.memory, &mut self.handles)
    }

    fn realloc(&mut self, _: u64, _: u64, align: u32, bytes: u64) -> abi::Result<u64> {
        let at = (self.memory.len() as u64).next_multiple_of(u64::from(align));
        self.memory.resize((at + bytes) as usize, 0);
        Ok(at)
    }
}

/// The lines of an expectation and how far they were met.
struct Session<'a> {
    lines: Vec<(u32, &'a str)>,
    next: usize,
    failures: Vec<Failure>,
}

impl<'a> Session<'a> {
    fn new(expect: &'a str) -> Self {
        let lines = (1..).zip(expect.lines());
        let lines = lines.filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
        Self {
            lines: lines.collect(),
            next: 0,
            failures: Vec::new(),
        }
    }

    fn next(&mut self) -> (u32, &'a str) {
        let line = self.lines.get(self.next).copied().unwrap_or((0, ""));
        self.next += 1;
        line
    }

    /// The next line is this text.
    fn line(&mut self, found: &str) {
        let (line, expected) = self.next();
        if expected.trim() != found.trim() {
            let text = format!("expected {expected:?}, found {found:?}");
            self.failures.push(Failure::at(line, text));
        }
    }

    /// The next line is `label` and this value.
    fn value<T: LiftOwned + PartialEq + std::fmt::Debug>(&mut self, label: &str, found: &T) {
        let (line, expected) = self.next();
        let value = match expected.strip_prefix(label) {
            Some(text) => notation::read(text.trim())
                .map_err(Error::msg)
                .and_then(|node| value_of::<T>(&node)),
            None => Err(Error::msg(format!("expected {expected:?}, found {label}"))),
        };
        self.compare(line, label, value, found);
    }

    fn compare<T: PartialEq + std::fmt::Debug>(
        &mut self,
        line: u32,
        label: &str,
        expected: Result<T>,
        found: &T,
    ) {
        let text = match expected {
            Ok(expected) if expected == *found => return,
            Ok(expected) => format!("{label}: expected {expected:?}, found {found:?}"),
            Err(error) => format!("{label}: {error}"),
        };
        self.failures.push(Failure::at(line, text));
    }

    fn end(mut self) -> Vec<Failure> {
        if self.next < self.lines.len() {
            self.line("the end");
        }
        self.failures
    }
}

/// One line `name(arguments) = value`, with everything that its call needs.
struct Call<'s, 'e> {
    session: &'s mut Session<'e>,
    line: u32,
    name: String,
    arguments: Vec<Node>,
    expected: Node,
}

impl<'s, 'e> Call<'s, 'e> {
    fn next(session: &'s mut Session<'e>) -> Result<Self> {
        let (line, text) = session.next();
        let (name, arguments, expected) = notation::read_call(text).map_err(Error::msg)?;
        Ok(Self {
            session,
            line,
            name,
            arguments,
            expected,
        })
    }

    fn arg<T: LiftOwned>(&self, index: usize) -> Result<T> {
        let node = self.arguments.get(index);
        value_of(node.ok_or_else(|| Error::msg("expected another argument"))?)
    }

    /// Compares what came back with what the line says.
    fn answers<T: LiftOwned + PartialEq + std::fmt::Debug>(self, found: &T) {
        let expected = value_of(&self.expected);
        let Self {
            session,
            line,
            name,
            ..
        } = self;
        session.compare(line, &name, expected, found);
    }
}

fn play_compute(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>> {
    let component = load(folder, "rust-compute.stripped.wasm", mode)?;
    let mut guest = compute::ComputeWorld::from_component(&component, ())?;
    let mut session = Session::new(expect);
    while session.next < session.lines.len() {
        let call = Call::next(&mut session)?;
        compute_line(&mut guest, call)?;
    }
    Ok(session.end())
}

fn compute_line(guest: &mut compute::ComputeWorld<()>, call: Call<'_, '_>) -> Result<()> {
    let mut compute = guest.compute();
    match call.name.as_str() {
        "nop" => {
            compute.nop()?;
            if call.expected != Node::Nothing {
                return Err(Error::msg("`nop` answers nothing"));
            }
        }
        "add" => {
            let found = compute.add(call.arg(0)?, call.arg(1)?)?;
            call.answers(&found);
        }
        "mix" => {
            let found = compute.mix(
                call.arg(0)?,
                call.arg(1)?,
                call.arg(2)?,
                call.arg(3)?,
                call.arg(4)?,
                call.arg(5)?,
                call.arg(6)?,
            )?;
            call.answers(&found);
        }
        "many-params" => {
            let a = |i| call.arg::<u32>(i);
            let found = compute.many_params(
                a(0)?,
                a(1)?,
                a(2)?,
                a(3)?,
                a(4)?,
                a(5)?,
                a(6)?,
                a(7)?,
                a(8)?,
                a(9)?,
                a(10)?,
                a(11)?,
                a(12)?,
                a(13)?,
                a(14)?,
                a(15)?,
                call.arg(16)?,
            )?;
            call.answers(&found);
        }
        "sieve" => {
            let found = compute.sieve(call.arg(0)?)?;
            call.answers(&found);
        }
        "mandel" => {
            let found = compute.mandel(call.arg(0)?, call.arg(1)?)?;
            call.answers(&found);
        }
        "trap-me" => {
            let found = compute.trap_me().map_err(|error| error.trap());
            if found != Err(Some(Trap::Unreachable)) {
                let text = format!("expected the trap unreachable, found {found:?}");
                call.session.failures.push(Failure::at(call.line, text));
            }
        }
        _ => return compute_values(guest, call),
    }
    Ok(())
}

fn compute_values(guest: &mut compute::ComputeWorld<()>, call: Call<'_, '_>) -> Result<()> {
    use compute::exports::corpus::compute::types::{Perms, Person, Point, Shape, Wide};
    let mut compute = guest.compute();
    let text = |i| call.arg::<String>(i);
    match call.name.as_str() {
        "echo-string" => {
            let found = compute.echo_string(&text(0)?)?;
            call.answers(&found);
        }
        "echo-bytes" => {
            let found = compute.echo_bytes(&call.arg::<Vec<u8>>(0)?)?;
            call.answers(&found);
        }
        "echo-points" => {
            let found = compute.echo_points(&call.arg::<Vec<Point>>(0)?)?;
            call.answers(&found);
        }
        "echo-scalars" => {
            let found = compute.echo_scalars(call.arg(0)?)?;
            call.answers(&found);
        }
        "echo-wide" => {
            let found = compute.echo_wide(&call.arg::<Vec<Wide>>(0)?)?;
            call.answers(&found);
        }
        "describe" => {
            let found = compute.describe(&call.arg::<Person>(0)?)?;
            call.answers(&found);
        }
        "older" => {
            let found = compute.older(&call.arg::<Person>(0)?, call.arg(1)?)?;
            call.answers(&found);
        }
        "area" => {
            let found = compute.area(&call.arg::<Shape>(0)?)?;
            call.answers(&found);
        }
        "parse-u64" => {
            let found = compute.parse_u64(&text(0)?)?;
            call.answers(&found);
        }
        "next-color" => {
            let found = compute.next_color(call.arg(0)?)?;
            call.answers(&found);
        }
        "toggle" => {
            let found = compute.toggle(call.arg::<Perms>(0)?, call.arg(1)?)?;
            call.answers(&found);
        }
        "min-max" => {
            let found = compute.min_max(&call.arg::<Vec<i64>>(0)?)?;
            call.answers(&found);
        }
        "word-count" => {
            let found = compute.word_count(&text(0)?)?;
            call.answers(&found);
        }
        "sort-people" => {
            let found = compute.sort_people(&call.arg::<Vec<Person>>(0)?)?;
            call.answers(&found);
        }
        "unit-result" => {
            let found = compute.unit_result(call.arg(0)?)?;
            call.answers(&found);
        }
        other => return Err(Error::msg(format!("no function {other:?}"))),
    }
    Ok(())
}

/// What the loggers saw, in order.
type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, line: String) {
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(line);
}

#[derive(Default)]
struct Loggers {
    log: Log,
    made: u32,
}

struct Logger {
    name: String,
    messages: u32,
    log: Log,
}

impl Loggers {
    fn make(&mut self, name: &str) -> Logger {
        self.made += 1;
        note(
            &self.log,
            format!("  host: new logger {name} -> rep {}", self.made),
        );
        Logger {
            name: name.to_owned(),
            messages: 0,
            log: Arc::clone(&self.log),
        }
    }
}

impl Drop for Logger {
    fn drop(&mut self) {
        let Self { name, messages, .. } = self;
        note(
            &self.log,
            format!("  host: drop logger {name} after {messages}"),
        );
    }
}

use resources::corpus::resources::host_log;

impl host_log::Host for Loggers {
    type Logger = Logger;

    fn describe(&mut self, l: &Logger) -> String {
        format!("logger<{}>", l.name)
    }
}

impl host_log::HostLogger<Loggers> for Logger {
    fn new(host: &mut Loggers, name: &str) -> Self {
        host.make(name)
    }

    fn shared(host: &mut Loggers) -> Logger {
        host.make("shared")
    }

    fn log(&mut self, host: &mut Loggers, level: host_log::Level, msg: &str) {
        self.messages += 1;
        let level = format!("{level:?}").to_lowercase();
        note(&host.log, format!("  host: [{}/{level}] {msg}", self.name));
    }

    fn count(&mut self, _: &mut Loggers) -> u32 {
        self.messages
    }
}

fn play_resources(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>> {
    use resources::exports::corpus::resources::bank::Account;
    let component = load(folder, "rust-resources.stripped.wasm", mode)?;
    let mut app = resources::BankWorld::from_component(&component, Loggers::default())?;
    let log = Arc::clone(&app.host().log);
    let mut session = Session::new(expect);
    let host_lines = |session: &mut Session<'_>| {
        for line in std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner)) {
            session.line(&line);
        }
    };

    let ann = Account::new(&mut app, "ann", 100)?;
    let bob = Account::new(&mut app, "bob", 5)?;
    session.value("live", &app.bank().live()?);
    let owner = ann.owner(&mut app)?;
    session.line(&format!("[method]account.owner {owner}"));
    session.value("[method]account.deposit", &ann.deposit(&mut app, 11)?);
    session.value("[method]account.withdraw", &bob.withdraw(&mut app, 6)?);
    session.value("[method]account.withdraw", &bob.withdraw(&mut app, 1)?);
    for (source, to, n) in [(&ann, &bob, 50), (&ann, &ann, 1), (&bob, &ann, 55)] {
        let found = Account::transfer(&mut app, source, to, n)?;
        session.value("[static]account.transfer", &found);
    }
    session.value("total", &app.bank().total(&[&ann, &bob])?);

    let opened = app.bank().open_many(&["x", "y", "z"])?;
    host_lines(&mut session);
    let live = app.bank().live()?;
    let total = app.bank().total(&opened.iter().collect::<Vec<_>>())?;
    let names = vec!["'<account>'"; opened.len()].join(", ");
    session.line(&format!("open-many [{names}] live {live} total {total}"));

    lend_loggers(&mut app, &mut session, &host_lines, &ann, &bob)?;

    let moved = ann.any(&mut app)?;
    let merged = Account::merge(&mut app, ann, bob)?;
    let (owner, balance) = (merged.owner(&mut app)?, merged.balance(&mut app)?);
    let live = app.bank().live()?;
    session.line(&format!("merge <account> {owner} {balance} live {live}"));
    // A handle that was passed on cannot be named in Rust any more; without its type it is stale.
    match moved.ty(&app).map_err(|error| error.kind()) {
        Err(ErrorKind::Resource) => session.line("use after move: TRAP already closed"),
        other => session.line(&format!("use after move: {other:?}")),
    }
    GuestHandle::close(merged, &mut app)?;
    session.value("after drop live", &app.bank().live()?);
    // Dropped like any value; the next call finds them gone.
    drop(opened);
    session.value("after drops live", &app.bank().live()?);
    Ok(session.end())
}

/// A logger of the host goes to the guest, works there, comes back, and is lent.
fn lend_loggers(
    app: &mut resources::BankWorld<Loggers>,
    session: &mut Session<'_>,
    host_lines: &impl Fn(&mut Session<'_>),
    ann: &resources::exports::corpus::resources::bank::Account,
    bob: &resources::exports::corpus::resources::bank::Account,
) -> Result<()> {
    let main = app.host().make("main");
    let main = app.push::<host_log::Logger>(main)?;
    ann.set_logger(app, main)?;
    host_lines(session);
    session.line("set-logger None");
    let deposit = ann.deposit(app, 1)?;
    host_lines(session);
    session.value("[method]account.deposit", &deposit);
    let withdraw = ann.withdraw(app, 9999)?;
    host_lines(session);
    session.value("[method]account.withdraw", &withdraw);

    let taken = ann.take_logger(app)?;
    let taken = taken.ok_or_else(|| Error::msg("expected the logger back"))?;
    if app.get(&taken)?.name == "main" {
        session.line("take-logger ResourceAny");
    }
    match ann.take_logger(app)? {
        None => session.line("take-logger again None"),
        Some(again) => session.line(&format!("take-logger again {again:?}")),
    }
    bob.use_logger(app, &taken)?;
    host_lines(session);
    session.line("use-logger None");
    // Its end is no line of the session.
    app.take(taken).map(drop)
}

impl stack::CcImports for Log {
    fn print(&mut self, s: &str) {
        note(self, s.to_owned());
    }
}

fn play_stack(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>> {
    use stack::exports::corpus::cc::stack::{Op, Vm};
    let component = load(folder, "c-component.wasm", mode)?;
    let log = Log::default();
    let mut app = stack::Cc::from_component(&component, Arc::clone(&log))?;
    let mut session = Session::new(expect);
    let vm = Vm::new(&mut app, 4)?;
    while let Some((line, text)) = session.lines.get(session.next).copied()
        && let Some(text) = text.strip_prefix("exec ")
    {
        session.next += 1;
        let (ops, expected) = text
            .split_once(" = ")
            .ok_or_else(|| Error::msg("expected a result"))?;
        // Each operation is quoted as a whole.
        let ops = notation::read(&ops.replace('\'', "")).map_err(Error::msg)?;
        let found = vm.exec(&mut app, &value_of::<Vec<Op>>(&ops)?)?;
        let expected = notation::read(expected).map_err(Error::msg);
        let expected = expected.and_then(|node| value_of(&node));
        session.compare(line, "exec", expected, &found);
    }
    // Its notation quotes the names of the fields.
    let trace = vm.trace(&mut app)?;
    let (line, text) = session.next();
    let text = text
        .trim_start_matches("trace ")
        .replace("'depth'", "depth");
    let text = text.replace("'top'", "top").replace("'log'", "log");
    let expected = notation::read(&text).map_err(Error::msg);
    let expected = expected.and_then(|node| value_of(&node));
    session.compare(line, "trace", expected, &trace);

    let hash = app.stack().hash(b"hello")?;
    session.line(&format!("hash {hash:#x}"));
    let rot13 = app.stack().rot13("Hello, Wörld")?;
    session.line(&format!("rot13 {rot13}"));
    let sum = app.stack().sum(&[1.5, 2.5, -1000.0])?;
    session.value("sum", &sum);
    GuestHandle::close(vm, &mut app)?;
    for line in std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner)) {
        session.line(&format!("  host print: {line}"));
    }
    Ok(session.end())
}

fn play_composed(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>> {
    let component = load(folder, "composed.wasm", mode)?;
    let mut app = report::App::from_component(&component, ())?;
    play_report(&mut app, expect)
}

/// The two halves: the one is linked to an instance of the other.
fn play_linked(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>> {
    let engine = engine(mode)?;
    let geometry = Component::from_file(&engine, folder.join("compose-geometry.stripped.wasm"))?;
    let app = Component::from_file(&engine, folder.join("compose-app.stripped.wasm"))?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &geometry)?;
    let shapes = "corpus:geom/shapes@0.1.0";
    linker.root().reexport(&store, shapes, &instance, shapes)?;
    let exports = report::AppPre::new(&app, &linker)?.instantiate_in(&mut store)?;
    play_report(&mut exports.on(&mut store), expect)
}

fn play_report<S: linkspan::bound::Access<()>>(
    app: &mut report::App<(), S>,
    expect: &str,
) -> Result<Vec<Failure>> {
    let calls: Vec<&str> = expect
        .lines()
        .filter(|line| line.contains(") = "))
        .collect();
    let calls = calls.join("\n");
    let mut session = Session::new(&calls);
    while session.next < session.lines.len() {
        let call = Call::next(&mut session)?;
        match call.name.as_str() {
            "make" => {
                let names: Vec<String> = call.arg(0)?;
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let found = app.report().make(&names, call.arg(1)?)?;
                call.answers(&found);
            }
            "joined" => {
                let (a, b): (String, String) = (call.arg(0)?, call.arg(1)?);
                let found = app.report().joined(&a, &b)?;
                call.answers(&found);
            }
            other => return Err(Error::msg(format!("no function {other:?}"))),
        }
    }
    Ok(session.end())
}
