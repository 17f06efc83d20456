//! Generated bindings at work: what `bindgen!` makes of the generator's own
//! fixtures compiles under the lints below, hosts and guests meet through it,
//! and the macro says where and why it cannot.
//!
//! The texts for which it fails are compiled by rustc when the tests run,
//! against the library that this test was built with.
#![forbid(unsafe_code)]
#![deny(warnings)]
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use linkspan::{Bindings, Component, Engine, Error, ErrorKind, GuestHandle, Linker, Store};
use linkspan_tests::{compile, upstream};
use linkspan_wit::Loader;
use linkspan_wit::bindgen::Generator;

mod hello {
    linkspan::bindgen!({ path: "../wit/tests/bindgen/hello.wit" });
}

mod types {
    linkspan::bindgen!({ path: "../wit/tests/bindgen/types.wit", world: "all-types" });
}

mod resources {
    linkspan::bindgen!({ path: "../wit/tests/bindgen/resources.wit" });
}

mod names {
    linkspan::bindgen!({ path: ["../wit/tests/bindgen/names.wit"] });
}

mod versions {
    linkspan::bindgen!("versions" in "../wit/tests/bindgen/versions");
}

mod world_items {
    linkspan::bindgen!(in "../wit/tests/bindgen/world-items.wit");
}

mod empty {
    linkspan::bindgen!({ inline: "package test:empty; world empty {}" });
}

/// A guest that passes on what it gets, and has a resource of its own.
mod guest {
    linkspan::bindgen!({
        wit: {
            package test:guest;

            interface host {
              resource cell {
                constructor(value: u32);
                join: func(other: borrow<cell>) -> u32;
                get: func() -> u32;
                empty: static func() -> option<cell>;
              }
              sum: func(
                a1: u8, a2: u8, a3: u8, a4: u8, a5: u8, a6: u8, a7: u8, a8: u8, a9: u8,
                a10: u8, a11: u8, a12: u8, a13: u8, a14: u8, a15: u8, a16: u8, a17: u64,
              ) -> u64;
              fail: func();
            }

            interface things {
              resource thing { constructor(n: u32); get: func() -> u32; }
              alive: func() -> u32;
            }

            world guest {
              use host.{cell};
              import host;
              export things;
              export join: func(a: u32, same: bool) -> u32;
              export sum: func() -> u64;
              export fail: func();
              export get: func(c: borrow<cell>) -> u32;
            }
        }
    });
}

const GUEST: &str = include_str!("../guests/bindings.wat");

struct Host;

struct Cell(u32);

use guest::test::guest::host;

impl host::Host for Host {
    type Cell = Cell;

    fn sum(
        &mut self,
        a1: u8,
        a2: u8,
        a3: u8,
        a4: u8,
        a5: u8,
        a6: u8,
        a7: u8,
        a8: u8,
        a9: u8,
        a10: u8,
        a11: u8,
        a12: u8,
        a13: u8,
        a14: u8,
        a15: u8,
        a16: u8,
        a17: u64,
    ) -> u64 {
        let all = [
            a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,
        ];
        all.iter().map(|n| u64::from(*n)).sum::<u64>() + a17
    }

    fn fail(&mut self) {
        panic!("the host gives up");
    }
}

impl host::HostCell<Host> for Cell {
    fn new(_: &mut Host, value: u32) -> Self {
        Self(value)
    }

    fn join(&mut self, _: &mut Host, other: &Cell) -> u32 {
        self.0 += other.0;
        self.0
    }

    fn get(&mut self, _: &mut Host) -> u32 {
        self.0
    }

    fn empty(_: &mut Host) -> Option<Cell> {
        None
    }
}

fn load() -> guest::Guest<Host> {
    let component = Component::new(&Engine::default(), GUEST).unwrap();
    guest::Guest::from_component(&component, Host).unwrap()
}

#[test]
fn functions_may_have_more_parameters_than_a_tuple() {
    // 1 + 2 + … + 17, through the guest's memory.
    assert_eq!(load().sum().unwrap(), 153);
}

#[test]
fn a_value_in_use_is_not_lent_again() {
    let mut guest = load();
    assert_eq!(guest.join(40, false).unwrap(), 42);
    let error = guest.join(1, true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Resource);
    let text = error.to_string();
    assert!(text.contains("in use by a call"), "{text}");
    assert!(text.contains("[method]cell.join"), "{text}");
    // The guest is lost, its values are not.
    let later = guest.sum().unwrap_err().to_string();
    assert!(later.contains("in use by a call"), "{later}");
    assert_eq!(guest.store().extra().table().len(), 4);
}

#[test]
fn a_panic_of_the_host_is_an_error() {
    let error = load().fail().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Host);
    assert!(error.to_string().contains("the host gives up"), "{error}");
}

#[test]
fn values_of_the_host_are_lent_and_taken_back() {
    let mut guest = load();
    let cell = guest.push::<host::Cell>(Cell(7)).unwrap();
    // An export wins over a method of `Bindings` of the same name.
    assert_eq!(guest.get(&cell).unwrap(), 7);
    Bindings::get(&mut guest, &cell).unwrap().0 = 8;
    assert_eq!(guest.get(&cell).unwrap(), 8);
    let copy = cell.borrow();
    assert_eq!(guest.take(cell).unwrap().0, 8);
    let error = Bindings::get(&mut guest, &copy).map(|cell| cell.0);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Resource);
    let error = guest.get(&copy).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Resource, "{error}");
}

#[test]
fn handles_of_guests_are_rust_values() {
    use guest::exports::test::guest::things::Thing;
    let mut guest = load();
    let things: Vec<Thing> = (0..3).map(|n| Thing::new(&mut guest, n).unwrap()).collect();
    assert_eq!(things[2].get(&mut guest).unwrap(), 2);
    assert_eq!(guest.things().alive().unwrap(), 3);
    let mut things = things.into_iter();
    // Closed now, or with the next call after it was dropped.
    GuestHandle::close(things.next().unwrap(), &mut guest).unwrap();
    drop(things);
    assert_eq!(guest.things().alive().unwrap(), 0);
    // A handle is of no use with another guest of the same world.
    let thing = Thing::new(&mut guest, 1).unwrap();
    let mut other = load();
    assert!(thing.get(&mut other).is_err());
    let _own = Thing::new(&mut other, 2).unwrap();
    assert!(thing.get(&mut other).is_err());
    assert_eq!(thing.get(&mut guest).unwrap(), 1);
}

#[test]
fn one_store_holds_many_guests() {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST).unwrap();
    let mut linker = Linker::new(&engine);
    guest::Guest::<Host>::link(&mut linker).unwrap();
    let pre = guest::GuestPre::new(&component, &linker).unwrap();
    let mut store = Store::new(&engine, Host);
    let one = pre.instantiate_in(&mut store).unwrap();
    let two = pre.instantiate_in(&mut store).unwrap();
    assert_eq!(one.on(&mut store).sum().unwrap(), 153);
    one.on(&mut store).fail().unwrap_err();
    assert!(one.on(&mut store).sum().is_err(), "it has trapped");
    assert_eq!(two.on(&mut store).sum().unwrap(), 153);
    let mut other = Store::new(&engine, Host);
    let error = one.on(&mut other).sum().unwrap_err();
    assert!(error.to_string().contains("another store"), "{error}");
}

#[test]
fn exports_are_checked_all_at_once() {
    mod wanted {
        linkspan::bindgen!({
            inline: "package a:b; interface i { f: func(); } world w {
                export run: func(n: u8); export tick: func(); export i; }"
        });
    }
    let component = r#"
        (component
          (core module $m (func (export "f")))
          (core instance $i (instantiate $m))
          (func (export "run") (canon lift (core func $i "f")))
          (func (export "tock") (canon lift (core func $i "f"))))
    "#;
    let component = Component::new(&Engine::default(), component).unwrap();
    let error = wanted::W::from_component(&component, ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    let text = error.to_string();
    for part in [
        "world a:b/w",
        "3 exports are missing or do not match",
        "export \"run\": expected no parameters, found 1",
        "export \"tick\": expected a func, found nothing; the component has \"tock\"",
        "export \"a:b/i\": expected an instance, found nothing",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn imports_are_compared_with_rust_types() -> Result<(), Error> {
    let engine = Engine::default();
    let import = r#"(component (import "f" (func (param "s" string))))"#;
    let component = Component::new(&engine, import)?;
    let mut linker = Linker::<()>::new(&engine);
    linker.root().func_wrap("f", |_, (_,): (u32,)| Ok(()))?;
    let text = linker.instantiate_pre(&component).unwrap_err().to_string();
    assert!(text.contains("s: expected string, found u32"), "{text}");
    Ok(())
}

#[test]
fn worlds_are_named_as_in_wit() {
    struct NoHost;
    impl hello::HelloImports for NoHost {
        fn name(&mut self) -> String {
            String::new()
        }
    }
    assert_eq!(hello::Hello::<NoHost>::WORLD, "example:hello/hello");
    assert_eq!(empty::Empty::<()>::WORLD, "test:empty/empty");
}

/// Compiles a library as a person would have it in a file.
fn rustc(name: &str, source: &str) -> Output {
    let folder = upstream::target_folder().unwrap().join("bindings-suite");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{name}.rs"));
    fs::write(&file, source).unwrap();
    compile::rustc(&folder, &file).output().unwrap()
}

/// Writes bindings for each world of the sources, as modules of one library.
fn library_of(paths: &[PathBuf]) -> (String, usize) {
    let mut text = String::from(
        "//! Bindings.\n#![forbid(unsafe_code)]\n#![deny(warnings)]\n\
         #![warn(missing_docs, missing_debug_implementations, unreachable_pub)]\n\
         #![warn(elided_lifetimes_in_paths, unused_lifetimes)]\n",
    );
    let mut count = 0;
    for path in paths {
        let Ok(set) = Loader::new().path(path).all_features(true).load() else {
            continue;
        };
        let worlds: Vec<String> = set
            .packages()
            .flat_map(|package| package.worlds().map(|world| world.id()))
            .collect();
        for world in worlds {
            let output = Generator::new(set.clone()).world(&world).generate();
            let output = output.unwrap_or_else(|error| panic!("{world}: {error:#}"));
            if output.code.is_empty() {
                // What is refused says so; the generator's own tests look at it.
                assert!(!output.diagnostics.is_empty(), "{world}");
                continue;
            }
            count += 1;
            text += &format!("/// {world}\npub mod world_{count} {{\n{}}}\n", output.code);
        }
    }
    (text, count)
}

#[test]
fn worlds_of_the_parser_compile_as_files() {
    let folder = upstream::folder("wit-parser", "0.263.0", "tests/ui").unwrap();
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut paths: Vec<PathBuf> = entries
        .filter(|path| path.is_dir() || path.extension() == Some(OsStr::new("wit")))
        .filter(|path| path.file_name() != Some(OsStr::new("parse-fail")))
        .collect();
    paths.sort();
    let (text, count) = library_of(&paths);
    assert!(count >= 90, "{count} worlds");
    let output = rustc("parser_worlds", &text);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}
