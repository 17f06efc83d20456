//! Core modules and components that a component exports, and what becomes of
//! them: the host instantiates them, or provides them to other components.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use linkspan::core::Module;
use linkspan::{Component, Engine, ErrorKind, Instance, Linker, Store, Val};

fn component(engine: &Engine, text: &str) -> Component {
    Component::new(engine, text).unwrap()
}

fn call(store: &mut Store<()>, instance: &Instance, name: &str) -> Val {
    let func = instance.get_func(&*store, name).unwrap();
    let mut results = [Val::Bool(false)];
    func.call(store, &[], &mut results).unwrap();
    let [result] = results;
    result
}

/// Exports modules and components, of its own and imported, some of which
/// refer to what stands around them.
const SHELF: &str = r#"(component
    (import "given" (core module $given (export "get" (func (result i32)))))
    (import "brought" (component $brought (export "get" (func (result u32)))))
    (core module $own (func (export "get") (result i32) (i32.const 1)))
    (type $answer (record (field "n" u32)))
    (component $plain
      (core module $m (func (export "get") (result i32) (i32.const 2)))
      (core instance $i (instantiate $m))
      (func (export "get") (result u32) (canon lift (core func $i "get"))))
    (component $closure
      (import "from" (func $from (result u32)))
      (alias outer 1 $given (core module $given'))
      (alias outer 1 $answer (type $answer'))
      (export $t "answer" (type $answer'))
      (core instance $i (instantiate $given'))
      (func (export "get") (result $t) (canon lift (core func $i "get")))
      (export "again" (func $from))
      (component $inner
        (alias outer 2 $given (core module $given''))
        (core instance $i (instantiate $given''))
        (func (export "get") (result u32) (canon lift (core func $i "get"))))
      (export "inner" (component $inner)))
    (instance $shelf
      (export "own" (core module $own))
      (export "given" (core module $given))
      (export "plain" (component $plain))
      (export "brought" (component $brought))
      (export "closure" (component $closure)))
    (export "shelf" (instance $shelf))
    (export "plain" (component $plain)))"#;

fn shelf(engine: &Engine) -> (Store<()>, Instance) {
    let mut linker = Linker::<()>::new(engine);
    let given = r#"(module (func (export "get") (result i32) (i32.const 3)))"#;
    let brought = r#"(component
        (core module $m (func (export "get") (result i32) (i32.const 4)))
        (core instance $i (instantiate $m))
        (func (export "get") (result u32) (canon lift (core func $i "get"))))"#;
    let given = Module::new(engine, given).unwrap();
    linker.root().module("given", &given).unwrap();
    let brought = component(engine, brought);
    linker.root().component("brought", &brought).unwrap();
    let mut store = Store::new(engine, ());
    let shelf = component(engine, SHELF);
    let instance = linker.instantiate(&mut store, &shelf).unwrap();
    (store, instance)
}

#[test]
fn exported_modules_are_taken_out() {
    let engine = Engine::default();
    let (mut store, instance) = shelf(&engine);
    let run = |store: &mut Store<()>, module: &Module| {
        let instance = linkspan::core::Instance::new(&mut *store, module, &[]).unwrap();
        let get = instance.get_typed_func::<(), i32>(&*store, "get").unwrap();
        get.call(store, ()).unwrap()
    };
    let own = instance.get_module(&store, ("shelf", "own")).unwrap();
    let given = instance.get_module(&store, ("shelf", "given")).unwrap();
    assert_eq!((run(&mut store, &own), run(&mut store, &given)), (1, 3));

    let shelf = component(&engine, SHELF);
    let own = shelf.exported_module(("shelf", "own")).unwrap();
    assert_eq!(run(&mut store, &own), 1);
    let error = shelf.exported_module(("shelf", "given")).unwrap_err();
    assert!(error.to_string().contains("is an import"), "{error}");
    let error = shelf.exported_module("nothing").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
}

#[test]
fn exported_components_are_taken_out() {
    let engine = Engine::default();
    let (mut store, instance) = shelf(&engine);
    let linker = Linker::<()>::new(&engine);
    for (name, expected) in [("plain", 2), ("brought", 4)] {
        let found = instance.get_component(&store, ("shelf", name)).unwrap();
        let found = linker.instantiate(&mut store, &found).unwrap();
        assert_eq!(call(&mut store, &found, "get"), Val::U32(expected));
    }
    let shelf = component(&engine, SHELF);
    let plain = shelf.exported_component("plain").unwrap();
    let found = linker.instantiate(&mut store, &plain).unwrap();
    assert_eq!(call(&mut store, &found, "get"), Val::U32(2));
    let error = shelf.exported_component(("shelf", "brought")).unwrap_err();
    assert!(error.to_string().contains("is an import"), "{error}");
    let error = shelf.exported_component(("shelf", "closure")).unwrap_err();
    assert!(
        error.to_string().contains("imported core module"),
        "{error}"
    );
    let error = instance.get_component(&store, "shelf").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
}

#[test]
fn exported_components_keep_what_is_around_them() {
    let engine = Engine::default();
    let (mut store, instance) = shelf(&engine);
    let closure = instance
        .get_component(&store, ("shelf", "closure"))
        .unwrap();
    let names: Vec<&str> = closure.imports().iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["from"]);
    let mut linker = Linker::<()>::new(&engine);
    let from = |_: linkspan::StoreContextMut<'_, ()>, (): ()| Ok(9_u32);
    linker.root().func_wrap("from", from).unwrap();
    let found = linker.instantiate(&mut store, &closure).unwrap();
    assert_eq!(call(&mut store, &found, "again"), Val::U32(9));
    let expected = Val::Record(Box::new([Val::U32(3)]));
    assert_eq!(call(&mut store, &found, "get"), expected);
    // One more level.
    let inner = found.get_component(&store, "inner").unwrap();
    let inner = linker.instantiate(&mut store, &inner).unwrap();
    assert_eq!(call(&mut store, &inner, "get"), Val::U32(3));
}

#[test]
fn exported_components_are_provided_to_others() {
    let engine = Engine::default();
    let (mut store, instance) = shelf(&engine);
    let user = component(
        &engine,
        r#"(component
             (import "c" (component $c (export "get" (func (result u32)))))
             (component $between
               (import "d" (component $d (export "get" (func (result u32)))))
               (instance $i (instantiate $d))
               (export "get" (func $i "get")))
             (instance $i (instantiate $between (with "d" (component $c))))
             (export "get" (func $i "get")))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    let mut root = linker.root();
    root.reexport(&store, "c", &instance, "plain").unwrap();
    let found = linker.instantiate(&mut store, &user).unwrap();
    assert_eq!(call(&mut store, &found, "get"), Val::U32(2));
    let closure = instance
        .get_component(&store, ("shelf", "closure"))
        .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker.root().component("c", &closure).unwrap();
    // It imports what the declared type does not mention.
    assert!(linker.instantiate_pre(&user).is_err());
}
