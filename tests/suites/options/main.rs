//! Options of generated bindings at work, with a guest that passes on what it
//! gets: functions that trap, functions with the store, types of the user,
//! exports that are optional. What they do to resources is in `resources`.
//!
//! What options change in the text is pictured in the snapshots.
#![forbid(unsafe_code)]
#![deny(warnings)]
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../mirror/component.rs"]
mod component;
#[path = "../mirror/handles.rs"]
mod handles;
pub mod resources;

use std::fmt;

use linkspan::{Bindings, Component, Engine, Error, ErrorKind, HostError, OrTrap, StoreContextMut};

mod options {
    linkspan::bindgen!({
        inline: "
            package test:options;

            interface net {
              record point { x: u32, y: u32 }
              check: func(n: u32) -> result<u32, u32>;
              tick: func();
              turn: func(p: point) -> point;
              count: func(n: u32) -> u32;
            }

            world guest {
              use net.{point};
              import net;
              export check: func(n: u32) -> result<u32, u32>;
              export tick: func();
              export turn: func(p: point) -> point;
              export count: func(n: u32) -> u32;
            }
        ",
        imports: {
            "test:options/net": trap,
            "test:options/net.turn": none,
            "test:options/net.count": trap | store,
        },
        with: { "test:options/net.point": super::Vector },
    });
}

/// A point as the host has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    right: u32,
    up: u32,
}

linkspan::record! { Vector { "x" => right: u32, "y" => up: u32 } }

/// What a host fails with that is none of its guest's business.
#[derive(Debug, PartialEq)]
struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line is lost")
    }
}

impl std::error::Error for Lost {}

#[derive(Default)]
struct Host {
    count: u32,
}

impl options::test::options::net::Host for Host {
    fn check(&mut self, n: u32) -> Result<u32, HostError<u32>> {
        match n {
            0 => Err(7.into()),
            1 => Err(Lost).or_trap()?,
            n => Ok(n),
        }
    }

    fn tick(&mut self) -> linkspan::Result<()> {
        Err(Error::msg("no more ticks"))
    }

    fn turn(&mut self, p: Vector) -> Vector {
        Vector {
            right: p.up,
            up: p.right,
        }
    }

    fn count(mut store: StoreContextMut<'_, Self>, n: u32) -> linkspan::Result<u32> {
        let host = store.data_mut();
        host.count = host.count.checked_add(n).ok_or(Lost).or_trap()?;
        Ok(host.count)
    }
}

fn load() -> options::Guest<Host> {
    let guest = include_str!("../../guests/options.wat");
    let component = Component::new(&Engine::default(), guest).unwrap();
    options::Guest::from_component(&component, Host::default()).unwrap()
}

#[test]
fn an_error_is_the_guests_or_ends_it() {
    let mut guest = load();
    assert_eq!(guest.check(2).unwrap(), Ok(2));
    assert_eq!(guest.check(0).unwrap(), Err(7));
    let error = guest.check(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Host);
    assert_eq!(error.downcast_ref(), Some(&Lost));
    assert!(guest.check(2).is_err(), "the guest has trapped");
}

#[test]
fn a_function_without_an_error_can_trap() {
    let error = load().tick().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Host);
    assert!(error.to_string().contains("no more ticks"), "{error}");
}

#[test]
fn a_function_may_have_the_store() {
    let mut guest = load();
    assert_eq!(guest.count(2).unwrap(), 2);
    assert_eq!(guest.count(3).unwrap(), 5);
    assert_eq!(guest.host().count, 5);
    let error = guest.count(u32::MAX).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Lost));
}

#[test]
fn a_type_of_the_user_stands_for_one_of_wit() {
    let point = Vector { right: 1, up: 2 };
    let turned = load().turn(&point).unwrap();
    assert_eq!(turned, Vector { right: 2, up: 1 });
}

mod optional {
    linkspan::bindgen!({
        inline: "
            package test:optional;
            interface handler { handle: func() -> u32; }
            interface jobs { start: func() -> u32; stop: func() -> u32; }
            world plugin {
              export handler;
              export jobs;
              export cleanup: func() -> u32;
              export run: func() -> u32;
            }
        ",
        exports: {
            "test:optional/handler": optional,
            "test:optional/jobs.stop": optional,
            "cleanup": optional,
        },
    });
}

/// A guest that has the exports `run` and `jobs`, and these.
fn plugin(more: &str, jobs: &str) -> linkspan::Result<optional::Plugin<()>> {
    let text = format!(
        r#"(component
            (core module $m (func (export "f") (result i32) (i32.const 7)))
            (core instance $i (instantiate $m))
            (func $f (result u32) (canon lift (core func $i "f")))
            (instance $jobs (export "start" (func $f)) {jobs})
            (export "test:optional/jobs" (instance $jobs))
            (export "run" (func $f))
            {more})"#
    );
    let component = Component::new(&Engine::default(), text)?;
    optional::Plugin::from_component(&component, ())
}

#[test]
fn a_guest_may_lack_what_is_optional() {
    let mut poor = plugin("", "").unwrap();
    assert_eq!(poor.run().unwrap(), 7);
    assert_eq!(poor.cleanup().unwrap(), None);
    assert!(poor.handler().is_none());
    assert_eq!(poor.jobs().start().unwrap(), 7);
    assert_eq!(poor.jobs().stop().unwrap(), None);

    let handler = r#"
        (instance $handler (export "handle" (func $f)))
        (export "test:optional/handler" (instance $handler))
        (export "cleanup" (func $f))"#;
    let mut rich = plugin(handler, r#"(export "stop" (func $f))"#).unwrap();
    assert_eq!(rich.run().unwrap(), 7);
    assert_eq!(rich.cleanup().unwrap(), Some(7));
    assert_eq!(rich.handler().unwrap().handle().unwrap(), 7);
    assert_eq!(rich.jobs().stop().unwrap(), Some(7));
}

#[test]
fn what_is_optional_has_its_type_all_the_same() {
    let wrong = r#"
        (core module $c (func (export "f")))
        (core instance $c (instantiate $c))
        (func $c (canon lift (core func $c "f")))
        (export "cleanup" (func $c))"#;
    let error = plugin(wrong, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    assert!(error.to_string().contains("cleanup"), "{error}");
}
