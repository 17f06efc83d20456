//! Asynchronous functions: shown with their types, linked, and refused by name
//! when they are called.
#![cfg(feature = "wat")]

use linkspan::types::Item;
use linkspan::{Component, ComponentConfig, ComponentProposal, Config, Engine, ErrorKind};
use linkspan::{Linker, Store};

const TEXT: &str = r#"(component
    (import "ask" (func $ask async (param "body" (stream u8)) (result (future string))))
    (core module $m
      (func (export "f") (result i32) (unreachable))
      (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
    (core instance $i (instantiate $m))
    (func $run async (canon lift (core func $i "f") async (callback (core func $i "callback"))))
    (instance $out (export "run" (func $run)))
    (export "a:b/c" (instance $out))
    (export "ask-again" (func $ask)))"#;

#[test]
fn asynchronous_functions_are_shown_and_answer() {
    let engine = Engine::default();
    let component = Component::new(&engine, TEXT).unwrap();
    let Some(Item::Func(ask)) = component.imports().get("ask") else {
        panic!("expected a function");
    };
    assert_eq!(
        ask.to_string(),
        "async func(body: stream<u8>) -> future<string>"
    );
    assert!(ask.is_async() && !ask.is_supported());
    let mut linker = Linker::<()>::new(&engine);
    linker.root().func_new("ask", |_, _, _| Ok(())).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_func(&store, ("a:b/c", "run")).unwrap();
    let error = run.call(&mut store, &[], &mut []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.to_string(),
        "\"a:b/c\" → \"run\": async is not supported yet"
    );
    let ask = instance.get_func(&store, "ask-again").unwrap();
    let error = ask.typed::<(), ()>(&store).unwrap_err();
    assert_eq!(error.to_string(), "\"ask\": async is not supported yet");
}

#[test]
fn a_proposal_that_is_off_is_named() {
    let mut config = Config::new();
    config.component_proposal(ComponentProposal::Async, false);
    let engine = Engine::new(&config).unwrap();
    let error = Component::new(&engine, TEXT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("the proposal cm-async"), "{text}");
    assert!(error.offset().is_some(), "{text}");
}
