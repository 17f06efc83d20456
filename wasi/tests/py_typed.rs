//! A component of 18 MB, made from Python, with types of its own beside WASI: called
//! through bindings, and compared with what reference runtimes answered.
//!
//! The guest lives beside the project, not in it; where it is absent the test says so
//! and passes.

use std::path::PathBuf;
use std::time::Instant;

use linkspan::bound::Pre;
use linkspan::{Bindings, Component, Engine, Linker};
use linkspan_wasi::{WasiCtx, WasiView, p2};

linkspan::bindgen! {
    package corpus:pytyped@1.0.0;

    interface store {
        enum level { low, mid, high }
        record item { id: u32, name: string, tags: list<string>, price: f64, level: level }
        variant query { by-id(u32), by-tag(string), all }
        variant error { not-found(u32), invalid(string) }
        flags perms { read, write, exec }

        put: func(i: item) -> result<u32, error>;
        get: func(q: query) -> result<list<item>, error>;
        total: func() -> tuple<u32, f64>;
        check: func(p: perms) -> option<string>;

        resource counter {
            constructor(start: s64);
            add: func(n: s64) -> s64;
            sum: static func(a: borrow<counter>, b: borrow<counter>) -> s64;
        }
    }

    world pytyped {
        import log: func(msg: string);
        export store;
        export greet: func(name: string) -> string;
        export fib: func(n: u32) -> u64;
    }
}

use exports::corpus::pytyped::store::{Counter, Error, Item, Level, Perms, Query};

struct Host {
    wasi: WasiCtx,
    log: Vec<String>,
}

impl WasiView for Host {
    fn wasi(&mut self) -> &mut WasiCtx {
        &mut self.wasi
    }
}

impl PytypedImports for Host {
    fn log(&mut self, msg: &str) {
        self.log.push(msg.to_owned());
    }
}

fn item(id: u32, name: &str, tags: &[&str], price: f64, level: Level) -> Item {
    Item {
        id,
        name: name.to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        price,
        level,
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn python_answers_as_elsewhere() -> linkspan::Result<()> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/corpus/py-typed/py-typed.wasm");
    if !path.exists() {
        eprintln!("skipped: py-typed.wasm is not beside the project");
        return Ok(());
    }
    let start = Instant::now();
    let engine = Engine::default();
    let component = Component::from_file(&engine, path)?;
    let mut linker = Linker::new(&engine);
    p2::add_to_linker(&mut linker)?;
    Pytyped::<Host>::link(&mut linker)?;
    let host = Host {
        wasi: WasiCtx::builder().build(),
        log: Vec::new(),
    };
    let mut python: Pytyped<Host> = Pre::new(&component, &linker)?.instantiate(host)?;
    assert_eq!(python.greet("Ann")?, "Hello, Ann! from Python");
    eprintln!("loaded, linked and first call: {:?}", start.elapsed());

    assert_eq!(python.fib(90)?, 2_880_067_194_370_816_120);
    let pen = item(1, "pen", &["a", "b"], 1.5, Level::Low);
    let case = item(2, "box", &["b"], 20.25, Level::High);
    let bad = item(3, "bad", &[], -1.0, Level::Mid);
    let mut store = python.store();
    assert_eq!(store.put(&pen)?, Ok(1));
    assert_eq!(store.put(&case)?, Ok(2));
    let invalid = Error::Invalid("negative price: -1.00".to_owned());
    assert_eq!(store.put(&bad)?, Err(invalid));
    assert_eq!(store.get(&Query::ById(2))?, Ok(vec![case.clone()]));
    assert_eq!(store.get(&Query::ById(9))?, Err(Error::NotFound(9)));
    let both = vec![pen, case];
    assert_eq!(store.get(&Query::ByTag("b".to_owned()))?, Ok(both.clone()));
    assert_eq!(store.get(&Query::All)?, Ok(both));
    assert_eq!(store.total()?, (2, 21.75));
    let writable = store.check(Perms::READ | Perms::WRITE)?;
    assert_eq!(writable.as_deref(), Some("writable"));
    assert_eq!(store.check(Perms::EXEC)?, None);

    let five = Counter::new(&mut python, 5)?;
    let minus_two = Counter::new(&mut python, -2)?;
    assert_eq!(five.add(&mut python, 10)?, 15);
    assert_eq!(Counter::sum(&mut python, &five, &minus_two)?, 13);
    assert_eq!(python.host().log, ["put 1 pen", "put 2 box"]);
    Ok(())
}
