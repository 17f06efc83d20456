//! Components made by real toolchains, called with dynamic values: what each
//! function answers is compared with what reference runtimes answered.
//!
//! The guests live beside the project, not in it; where they are absent the
//! tests say so and pass.
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use linkspan::{
    Component, Engine, ErrorKind, ExportPath, Func, Instance, Linker, ResourceAny, ResourceType,
    Store, StoreContextMut, Val,
};

/// A guest of the corpus; absent on a machine without it.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn guest(engine: &Engine, name: &str) -> Option<Component> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/corpus")
        .join(name);
    if !path.exists() {
        eprintln!("skipped: {name} is not beside the project");
        return None;
    }
    Some(Component::from_file(engine, path).unwrap())
}

fn func(store: &Store<Log>, instance: &Instance, path: impl ExportPath) -> Func {
    instance
        .get_func(store, path)
        .expect("an exported function")
}

/// Calls a function that has a result.
fn call(store: &mut Store<Log>, func: Func, params: &[Val]) -> Val {
    let mut results = [Val::Bool(false)];
    func.call(store, params, &mut results).unwrap();
    let [result] = results;
    result
}

/// Calls a function that has none.
fn call_unit(store: &mut Store<Log>, func: Func, params: &[Val]) {
    func.call(store, params, &mut []).unwrap();
}

/// What the host was told, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn some(val: Val) -> Val {
    Val::Option(Some(Box::new(val)))
}

fn ok(val: Val) -> Val {
    Val::Result(Ok(Some(Box::new(val))))
}

fn err(val: Val) -> Val {
    Val::Result(Err(Some(Box::new(val))))
}

fn variant(case: u32, payload: Val) -> Val {
    Val::Variant(case, Some(Box::new(payload)))
}

fn point(x: i32, y: i32) -> Val {
    Val::Record([Val::S32(x), Val::S32(y)].into())
}

fn person(name: &str, age: u8, email: Option<&str>) -> Val {
    let email = Val::Option(email.map(|e| Box::new(Val::from(e))));
    let tags = Val::from(vec![Val::from("α"), Val::from("b")]);
    Val::Record([Val::from(name), Val::U8(age), email, point(-3, 4), tags].into())
}

struct Compute {
    store: Store<Log>,
    instance: Instance,
}

impl Compute {
    fn call(&mut self, name: &str, params: &[Val]) -> Val {
        let path = ("corpus:compute/compute@0.1.0", name);
        let func = func(&self.store, &self.instance, path);
        call(&mut self.store, func, params)
    }
}

fn compute(name: &str) -> Option<Compute> {
    let engine = Engine::default();
    let component = guest(&engine, name)?;
    let mut store = Store::new(&engine, Log::default());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    Some(Compute { store, instance })
}

fn check_scalars_and_lists(c: &mut Compute) {
    let path = ("corpus:compute/compute@0.1.0", "nop");
    let nop = func(&c.store, &c.instance, path);
    call_unit(&mut c.store, nop, &[]);
    assert_eq!(
        c.call("add", &[Val::U32(u32::MAX), Val::U32(2)]),
        Val::U32(1)
    );
    let mixed = [
        Val::U8(255),
        Val::S16(-300),
        Val::F32(1.5),
        Val::F64(2.25),
        Val::Char('é'),
        Val::Bool(true),
        Val::S64(-9_007_199_254_740_993),
    ];
    assert_eq!(c.call("mix", &mixed), Val::F64(-9_007_199_254_740_799.0));
    for text in ["héllo 🌍\0end", ""] {
        assert_eq!(c.call("echo-string", &[Val::from(text)]), Val::from(text));
    }
    let bytes = Val::from((0..8).collect::<Vec<u8>>());
    assert_eq!(c.call("echo-bytes", std::slice::from_ref(&bytes)), bytes);
    let points = Val::from((0..3).map(|i| point(i, -i)).collect::<Vec<Val>>());
    assert_eq!(c.call("echo-points", std::slice::from_ref(&points)), points);
    let scalars = Val::Record(
        [
            Val::Bool(true),
            Val::S8(-128),
            Val::U8(255),
            Val::S16(-32768),
            Val::U16(65535),
            Val::S32(i32::MIN),
            Val::U32(u32::MAX),
            Val::S64(i64::MIN),
            Val::U64(u64::MAX),
            Val::F32(0.5),
            Val::F64(-1e300),
            Val::Char('🦀'),
        ]
        .into(),
    );
    assert_eq!(
        c.call("echo-scalars", std::slice::from_ref(&scalars)),
        scalars
    );
    let mut many: Vec<Val> = (1..=16).map(Val::U32).collect();
    many.push(Val::U64(1000));
    assert_eq!(c.call("many-params", &many), Val::U64(2496));
}

fn wide(name: &str) -> Val {
    let inner = Val::Tuple([Val::U8(1), Val::U16(2), Val::U32(3), Val::U64(4)].into());
    Val::Record(
        [
            Val::U64(7),
            Val::from(vec![1_u8, 2, 3]),
            some(ok(Val::from(name))),
            inner,
            Val::Flags(0b101),
        ]
        .into(),
    )
}

fn check_records_and_sums(c: &mut Compute) {
    let list = Val::from(vec![wide("a"), wide("ü")]);
    assert_eq!(c.call("echo-wide", std::slice::from_ref(&list)), list);
    assert_eq!(
        c.call("describe", &[person("Ann", 41, Some("a@b.c"))]),
        Val::from("Ann (41) <a@b.c> at -3,4 [α|b]")
    );
    assert_eq!(
        c.call("describe", &[person("Bob", 7, None)]),
        Val::from("Bob (7) <-> at -3,4 [α|b]")
    );
    assert_eq!(
        c.call("older", &[person("Z", 250, None), Val::U8(10)]),
        person("Z", 255, None)
    );
    let area = |c: &mut Compute, shape: Val| c.call("area", &[shape]);
    let rectangle = Val::Tuple([Val::F64(2.0), Val::F64(3.5)].into());
    let triangle = Val::from(vec![point(0, 0), point(4, 0), point(4, 3)]);
    assert_eq!(area(c, variant(0, Val::F64(2.0))), ok(Val::F64(12.0)));
    assert_eq!(
        area(c, variant(0, Val::F64(-1.0))),
        err(Val::from("negative radius -1"))
    );
    assert_eq!(area(c, variant(1, rectangle)), ok(Val::F64(7.0)));
    assert_eq!(area(c, variant(2, triangle)), ok(Val::F64(6.0)));
    assert_eq!(
        area(c, variant(2, Val::from(Vec::<Val>::new()))),
        err(Val::from("0 points"))
    );
    assert_eq!(area(c, Val::Variant(3, None)), ok(Val::F64(0.0)));
    let parse = |c: &mut Compute, text: &str| c.call("parse-u64", &[Val::from(text)]);
    assert_eq!(parse(c, ""), err(Val::Variant(0, None)));
    assert_eq!(parse(c, "123"), ok(Val::U64(123)));
    assert_eq!(parse(c, "12x"), err(variant(1, Val::Char('x'))));
    assert_eq!(
        parse(c, "99999999999999999999"),
        err(variant(2, Val::U64(9_999_999_999_999_999_999)))
    );
    assert_eq!(
        parse(c, &"1".repeat(50)),
        err(variant(3, Val::from("too long: 50")))
    );
}

fn check_the_rest(c: &mut Compute) {
    assert_eq!(c.call("next-color", &[Val::Enum(2)]), Val::Enum(0));
    assert_eq!(
        c.call("toggle", &[Val::Flags(0b101), Val::Flags(0b110)]),
        Val::Flags(0b011)
    );
    let pair = Val::Tuple([Val::S64(-7), Val::S64(9)].into());
    assert_eq!(
        c.call("min-max", &[Val::from(vec![3_i64, -7, 9])]),
        some(pair)
    );
    assert_eq!(
        c.call("min-max", &[Val::from(Vec::<i64>::new())]),
        Val::Option(None)
    );
    let word = |w: &str, n: u32| Val::Tuple([Val::from(w), Val::U32(n)].into());
    assert_eq!(
        c.call("word-count", &[Val::from("the cat The dog cat the")]),
        Val::from(vec![word("cat", 2), word("dog", 1), word("the", 3)])
    );
    let (a, b) = (person("a", 2, None), person("b", 1, None));
    assert_eq!(
        c.call("sort-people", &[Val::from(vec![b.clone(), a.clone()])]),
        Val::from(vec![a, b])
    );
    assert_eq!(
        c.call("unit-result", &[Val::Bool(true)]),
        Val::Result(Ok(None))
    );
    assert_eq!(
        c.call("unit-result", &[Val::Bool(false)]),
        Val::Result(Err(None))
    );
    assert_eq!(c.call("sieve", &[Val::U32(100_000)]), Val::U32(9592));
    let mandel = [Val::U32(200), Val::U32(100)];
    assert_eq!(c.call("mandel", &mandel), Val::U64(1_214_280));
}

#[test]
fn rust_compute() {
    for name in [
        "rust-compute/rust-compute.wasm",
        "rust-compute/rust-compute.stripped.wasm",
    ] {
        let Some(mut c) = compute(name) else {
            return;
        };
        check_scalars_and_lists(&mut c);
        check_records_and_sums(&mut c);
        check_the_rest(&mut c);
    }
}

#[test]
fn a_trap_locks_the_instance() {
    let Some(mut c) = compute("rust-compute/rust-compute.wasm") else {
        return;
    };
    let path = |name| ("corpus:compute/compute@0.1.0", name);
    let trap = func(&c.store, &c.instance, path("trap-me"));
    let error = trap.call(&mut c.store, &[], &mut []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap);
    assert_eq!(error.trap(), Some(linkspan::Trap::Unreachable));
    assert!(error.backtrace().is_some());
    let nop = func(&c.store, &c.instance, path("nop"));
    let error = nop.call(&mut c.store, &[], &mut []).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("trapped before: unreachable in `"),
        "{error}"
    );
}

/// A value of the wrong type is the host's mistake: the guest stays usable.
#[test]
fn wrong_values_trap_nobody() {
    let Some(mut c) = compute("rust-compute/rust-compute.wasm") else {
        return;
    };
    let path = ("corpus:compute/compute@0.1.0", "describe");
    let describe = func(&c.store, &c.instance, path);
    let mut bad = person("Ann", 1, None);
    if let Val::Record(fields) = &mut bad {
        fields[3] = Val::U8(1);
    }
    let mut results = [Val::Bool(false)];
    let error = describe
        .call(&mut c.store, &[bad], &mut results)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Type);
    assert_eq!(
        error.to_string(),
        "parameter \"p\": home: expected a value of type record { x: s32, y: s32 }, found u8"
    );
    c.call("describe", &[person("Ann", 1, None)]);
}

/// The host's loggers: name, and how many messages they got.
#[derive(Default)]
struct Loggers(Mutex<Vec<(String, u32)>>);

impl Loggers {
    fn add(&self, log: &Log, name: &str) -> u32 {
        let mut all = self.0.lock().unwrap();
        all.push((name.to_owned(), 0));
        let rep = u32::try_from(all.len()).unwrap();
        log.push(format!("new logger {name} -> rep {rep}"));
        rep
    }

    fn with<R>(&self, rep: u32, f: impl FnOnce(&mut (String, u32)) -> R) -> R {
        f(&mut self.0.lock().unwrap()[rep as usize - 1])
    }
}

/// Names the host's resource type.
struct LoggerType;

fn logger_type() -> ResourceType {
    ResourceType::host::<LoggerType>()
}

/// Defines the interface that `rust-resources` imports.
fn link_loggers(linker: &mut Linker<Log>, loggers: &Arc<Loggers>) -> linkspan::Result<()> {
    let rep_of = |store: &StoreContextMut<'_, Log>, val: &Val| {
        ResourceAny::from_val(val).expect("a handle").rep(store)
    };
    let mut iface = linker.instance("corpus:resources/host-log@0.1.0")?;
    let all = Arc::clone(loggers);
    iface.resource("logger", logger_type(), move |store, rep| {
        let (name, count) = all.with(rep, |logger| logger.clone());
        store
            .data()
            .push(format!("drop logger {name} after {count}"));
        Ok(())
    })?;
    let all = Arc::clone(loggers);
    iface.func_new("[static]logger.shared", move |store, _, results| {
        let rep = all.add(store.data(), "shared");
        results[0] = ResourceAny::new_own(store, logger_type(), rep)?.into_own();
        Ok(())
    })?;
    let all = Arc::clone(loggers);
    iface.func_new("[method]logger.log", move |store, params, _| {
        let [this, Val::Enum(level), Val::String(msg)] = params else {
            panic!("expected logger, level and message, found {params:?}");
        };
        let level = ["debug", "info", "warn"][*level as usize];
        let name = all.with(rep_of(&store, this)?, |logger| {
            logger.1 += 1;
            logger.0.clone()
        });
        store.data().push(format!("[{name}/{level}] {msg}"));
        Ok(())
    })?;
    let all = Arc::clone(loggers);
    iface.func_new("[method]logger.count", move |store, params, results| {
        let count = all.with(rep_of(&store, &params[0])?, |logger| logger.1);
        results[0] = Val::U32(count);
        Ok(())
    })?;
    let all = Arc::clone(loggers);
    iface.func_new("describe", move |store, params, results| {
        let name = all.with(rep_of(&store, &params[0])?, |logger| logger.0.clone());
        results[0] = Val::from(format!("logger<{name}>"));
        Ok(())
    })?;
    Ok(())
}

struct Bank {
    log: Log,
    loggers: Arc<Loggers>,
    store: Store<Log>,
    instance: Instance,
}

impl Bank {
    fn func(&self, name: &str) -> Func {
        let path = ("corpus:resources/bank@0.1.0", name);
        func(&self.store, &self.instance, path)
    }

    fn call(&mut self, name: &str, params: &[Val]) -> Val {
        let func = self.func(name);
        call(&mut self.store, func, params)
    }

    fn open(&mut self, owner: &str, initial: u64) -> ResourceAny {
        let params = [Val::from(owner), Val::U64(initial)];
        ResourceAny::from_val(&self.call("[constructor]account", &params)).unwrap()
    }

    fn live(&mut self) -> Val {
        self.call("live", &[])
    }
}

fn bank() -> Option<Bank> {
    let engine = Engine::default();
    let component = guest(&engine, "rust-resources/rust-resources.stripped.wasm")?;
    let mut linker = Linker::new(&engine);
    let loggers = Arc::new(Loggers::default());
    link_loggers(&mut linker, &loggers).unwrap();
    let log = Log::default();
    let mut store = Store::new(&engine, log.clone());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    Some(Bank {
        log,
        loggers,
        store,
        instance,
    })
}

fn check_accounts(b: &mut Bank, ann: ResourceAny, bob: ResourceAny) {
    let insufficient = |n| err(variant(0, Val::U64(n)));
    assert_eq!(b.live(), Val::U32(2));
    assert_eq!(
        b.call("[method]account.owner", &[ann.into_borrow()]),
        Val::from("ann")
    );
    let deposit = [ann.into_borrow(), Val::U64(11)];
    assert_eq!(b.call("[method]account.deposit", &deposit), Val::U64(111));
    let withdraw = |n| [bob.into_borrow(), Val::U64(n)];
    assert_eq!(
        b.call("[method]account.withdraw", &withdraw(6)),
        insufficient(5)
    );
    assert_eq!(
        b.call("[method]account.withdraw", &withdraw(1)),
        ok(Val::U64(4))
    );
    let transfer =
        |from: ResourceAny, to: ResourceAny, n| [from.into_borrow(), to.into_borrow(), Val::U64(n)];
    let name = "[static]account.transfer";
    assert_eq!(b.call(name, &transfer(ann, bob, 50)), Val::Result(Ok(None)));
    assert_eq!(
        b.call(name, &transfer(ann, ann, 1)),
        err(Val::Variant(2, None))
    );
    assert_eq!(b.call(name, &transfer(bob, ann, 55)), insufficient(54));
    let both = Val::from(vec![ann.into_borrow(), bob.into_borrow()]);
    assert_eq!(b.call("total", &[both]), Val::U64(115));
    assert!(b.log.take().is_empty());
}

fn check_loggers(b: &mut Bank, ann: ResourceAny, bob: ResourceAny) {
    let rep = b.loggers.add(&b.log, "main");
    let logger = ResourceAny::new_own(&mut b.store, logger_type(), rep).unwrap();
    let set = b.func("[method]account.set-logger");
    call_unit(&mut b.store, set, &[ann.into_borrow(), logger.into_own()]);
    assert!(logger.rep(&b.store).is_err(), "the handle was passed on");
    let one = [ann.into_borrow(), Val::U64(1)];
    assert_eq!(b.call("[method]account.deposit", &one), Val::U64(62));
    let much = [ann.into_borrow(), Val::U64(9999)];
    assert_eq!(
        b.call("[method]account.withdraw", &much),
        err(variant(0, Val::U64(62)))
    );
    let taken = b.call("[method]account.take-logger", &[ann.into_borrow()]);
    let Val::Option(Some(taken)) = taken else {
        panic!("expected a logger, found {taken:?}");
    };
    let taken = ResourceAny::from_val(&taken).unwrap();
    assert_eq!(taken.rep(&b.store).unwrap(), 2);
    let again = b.call("[method]account.take-logger", &[ann.into_borrow()]);
    assert_eq!(again, Val::Option(None));
    let using = b.func("[method]account.use-logger");
    call_unit(
        &mut b.store,
        using,
        &[bob.into_borrow(), taken.into_borrow()],
    );
    assert_eq!(
        b.log.take(),
        [
            "new logger main -> rep 2",
            "[main/debug] attached to ann as logger<main>",
            "[main/info] ann +1",
            "[main/info] ann refused 9999",
            "[main/warn] borrowed by bob, 3 messages so far",
        ]
    );
}

#[test]
fn rust_resources() {
    let Some(mut b) = bank() else {
        return;
    };
    let (ann, bob) = (b.open("ann", 100), b.open("bob", 5));
    check_accounts(&mut b, ann, bob);

    let names = Val::from(vec![Val::from("x"), Val::from("y"), Val::from("z")]);
    let opened = b.call("open-many", &[names]);
    let Val::List(opened) = opened else {
        panic!("expected a list, found {opened:?}");
    };
    let opened: Vec<ResourceAny> = opened
        .iter()
        .map(|val| ResourceAny::from_val(&val).unwrap())
        .collect();
    assert_eq!((opened.len(), b.live()), (3, Val::U32(5)));
    let borrows = opened
        .iter()
        .map(|account| account.into_borrow())
        .collect::<Vec<Val>>();
    assert_eq!(b.call("total", &[Val::from(borrows)]), Val::U64(30));
    assert_eq!(
        b.log.take(),
        [
            "new logger shared -> rep 1",
            "[shared/debug] open 3",
            "drop logger shared after 1",
        ]
    );
    check_loggers(&mut b, ann, bob);

    let merged = b.call("[static]account.merge", &[ann.into_own(), bob.into_own()]);
    let merged = ResourceAny::from_val(&merged).unwrap();
    assert_eq!(
        b.call("[method]account.owner", &[merged.into_borrow()]),
        Val::from("ann+bob")
    );
    assert_eq!(
        b.call("[method]account.balance", &[merged.into_borrow()]),
        Val::U64(116)
    );
    assert_eq!(b.live(), Val::U32(4));
    let balance = b.func("[method]account.balance");
    let error = balance
        .call(&mut b.store, &[ann.into_borrow()], &mut [Val::Bool(false)])
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Resource);
    merged.resource_drop(&mut b.store).unwrap();
    assert_eq!(b.live(), Val::U32(3));
    for account in opened {
        account.resource_drop(&mut b.store).unwrap();
    }
    assert_eq!(b.live(), Val::U32(0));
    assert!(
        merged.resource_drop(&mut b.store).is_err(),
        "dropped before"
    );
}

#[test]
fn c_component() {
    let engine = Engine::default();
    let Some(component) = guest(&engine, "c-component/c-component.wasm") else {
        return;
    };
    let mut linker = Linker::<Log>::new(&engine);
    linker
        .root()
        .func_new("print", |store, params, _| {
            let Val::String(text) = &params[0] else {
                panic!("expected a string, found {params:?}");
            };
            store.data().push(text.to_string());
            Ok(())
        })
        .unwrap();
    let log = Log::default();
    let mut store = Store::new(&engine, log.clone());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let mut run = |name: &str, params: &[Val]| {
        let func = func(&store, &instance, ("corpus:cc/stack@0.1.0", name));
        call(&mut store, func, params)
    };
    let vm = run("[constructor]vm", &[Val::U32(4)]);
    let vm = ResourceAny::from_val(&vm).unwrap();
    let push = |n| variant(0, Val::S32(n));
    let op = |case| Val::Variant(case, None);
    let (add, mul, dup, swap, drop) = (op(1), op(2), op(3), op(4), op(5));
    let mut exec = |ops: Vec<Val>| run("[method]vm.exec", &[vm.into_borrow(), Val::from(ops)]);
    assert_eq!(exec(vec![push(6), push(7), mul]), ok(Val::S32(42)));
    assert_eq!(exec(vec![dup, add]), ok(Val::S32(84)));
    assert_eq!(exec(vec![swap]), err(variant(0, Val::U32(0))));
    assert_eq!(
        exec(vec![push(1), push(2), push(3), push(4)]),
        err(Val::Variant(1, None))
    );
    assert_eq!(exec(vec![drop; 4]), err(variant(0, Val::U32(4))));
    let words = "push push mul dup add underflow push push push drop drop drop drop";
    let words: Vec<Val> = words.split(' ').map(Val::from).collect();
    assert_eq!(
        run("[method]vm.trace", &[vm.into_borrow()]),
        Val::Record([Val::U32(0), Val::Option(None), Val::from(words)].into())
    );
    assert_eq!(
        run("rot13", &[Val::from("Hello, Wörld")]),
        Val::from("Uryyb, Jöeyq")
    );
    assert!(log.take().is_empty());
    vm.resource_drop(&mut store).unwrap();
    assert_eq!(log.take(), ["vm destroyed at depth 0"]);
}

fn check_report(store: &mut Store<Log>, instance: Instance) {
    let path = |name| ("corpus:app/report@0.1.0", name);
    let summary = |name: &str, points, length, bounds: Option<&str>| {
        let bounds = Val::Option(bounds.map(|b| Box::new(Val::from(b))));
        Val::Record([Val::from(name), Val::U32(points), Val::F64(length), bounds].into())
    };
    let names = Val::from(["a", "bb", "ccc"].map(Val::from).to_vec());
    let make = func(store, &instance, path("make"));
    assert_eq!(
        call(store, make, &[names, Val::U32(3)]),
        Val::from(vec![
            summary("a", 0, -0.0, None),
            summary("bb", 3, 10.0, Some("(0,0)-(6,8)")),
            summary("ccc", 6, 25.0, Some("(0,0)-(15,20)")),
        ])
    );
    let joined = func(store, &instance, path("joined"));
    assert_eq!(
        call(store, joined, &[Val::from("x"), Val::from("y")]),
        summary("x&y", 5, 20.0, Some("(0,0)-(6,8)"))
    );
}

#[test]
fn composed() {
    let engine = Engine::default();
    let Some(component) = guest(&engine, "compose/composed.wasm") else {
        return;
    };
    let mut store = Store::new(&engine, Log::default());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    check_report(&mut store, instance);
}

/// The two halves of `composed`, linked by the host: the resources of one are
/// held and lent by the other.
#[test]
fn composed_by_the_host() {
    let engine = Engine::default();
    let names = ["geometry", "app"].map(|half| format!("compose/compose-{half}.stripped.wasm"));
    let [Some(geometry), Some(app)] = names.map(|name| guest(&engine, &name)) else {
        return;
    };
    let mut store = Store::new(&engine, Log::default());
    let mut linker = Linker::new(&engine);
    let missing = linker.check(&app);
    assert!(!missing.is_ok());
    let shapes = linker.instantiate(&mut store, &geometry).unwrap();
    linker
        .root()
        .reexport(
            &store,
            "corpus:geom/shapes@0.1.0",
            &shapes,
            "corpus:geom/shapes@0.1.0",
        )
        .unwrap();
    assert!(linker.check(&app).is_ok());
    let instance = linker.instantiate(&mut store, &app).unwrap();
    check_report(&mut store, instance);
}
