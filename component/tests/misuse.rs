//! Hosts and guests that use handles and calls as they must not: whatever they
//! do, no handle outlives or changes what it stands for, and nothing runs in an
//! instance that has trapped.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::sync::{Arc, Mutex};

use linkspan::bound::Borrow;
use linkspan::{
    Component, Engine, ErrorKind, Func, Instance, Linker, Resource, ResourceAny, ResourceType,
    Store, Val,
};

type Log = Arc<Mutex<Vec<String>>>;

struct File;

/// A guest that gets two handles at once, and one that uses whatever handle
/// stands at an index.
const TWO: &str = r#"(component
    (import "r" (type $r (sub resource)))
    (import "use" (func $use (param "x" (borrow $r))))
    (core func $use' (canon lower (func $use)))
    (core module $m
      (import "" "use" (func $use (param i32)))
      (func (export "two") (param i32 i32) unreachable)
      (func (export "use-at") (param i32) (call $use (local.get 0)))
      (func (export "ping") (param i32)))
    (core instance $i (instantiate $m (with "" (instance (export "use" (func $use'))))))
    (func (export "lend-and-give") (param "a" (borrow $r)) (param "b" (own $r))
      (canon lift (core func $i "two")))
    (func (export "give-two") (param "a" (own $r)) (param "b" (own $r))
      (canon lift (core func $i "two")))
    (func (export "use-at") (param "i" u32) (canon lift (core func $i "use-at")))
    (func (export "ping") (param "i" u32) (canon lift (core func $i "ping"))))"#;

struct Two {
    store: Store<()>,
    instance: Instance,
    log: Log,
}

impl Two {
    fn new() -> Two {
        let engine = Engine::default();
        let mut linker = Linker::<()>::new(&engine);
        let log = Log::default();
        let (dropped, used) = (Arc::clone(&log), Arc::clone(&log));
        let mut root = linker.root();
        root.resource("r", ResourceType::host::<File>(), move |_, rep| {
            dropped.lock().unwrap().push(format!("drop {rep}"));
            Ok(())
        })
        .unwrap();
        root.func_new("use", move |store, params, _| {
            let rep = ResourceAny::from_val(&params[0]).unwrap().rep(&store)?;
            used.lock().unwrap().push(format!("use {rep}"));
            Ok(())
        })
        .unwrap();
        let component = Component::new(&engine, TWO).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Two {
            store,
            instance,
            log,
        }
    }

    fn func(&self, name: &str) -> Func {
        self.instance.get_func(&self.store, name).unwrap()
    }

    fn call(&mut self, name: &str, params: &[Val]) -> Result<(), linkspan::Error> {
        self.func(name).call(&mut self.store, params, &mut [])
    }

    fn own(&mut self, rep: u32) -> ResourceAny {
        ResourceAny::new_own(&mut self.store, ResourceType::host::<File>(), rep).unwrap()
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

#[test]
fn a_handle_passed_on_is_used_nowhere_else_in_the_call() {
    let mut two = Two::new();
    let handle = two.own(77);
    for (name, params) in [
        ("lend-and-give", [handle.into_borrow(), handle.into_own()]),
        ("give-two", [handle.into_own(), handle.into_own()]),
    ] {
        let error = two.call(name, &params).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Resource, "{error}");
        assert!(error.to_string().contains("second time"), "{error}");
    }
    two.call("ping", &[Val::U32(0)]).unwrap();
    handle.resource_drop(&mut two.store).unwrap();
    assert!(two.call("use-at", &[Val::U32(1)]).is_err());
    assert_eq!(two.log(), ["drop 77"], "the guest never had a handle");
}

#[test]
fn a_guest_keeps_no_borrow_of_a_call_that_never_was() {
    let mut two = Two::new();
    let file = Resource::<File>::new_own(77);
    let typed = two.func("lend-and-give");
    let typed = typed
        .typed::<(Borrow<Resource<File>>, Resource<File>), ()>(&two.store)
        .unwrap();
    // The second parameter is found to own nothing when the first was lowered.
    let error = typed
        .call(&mut two.store, (Borrow::of(&file).unwrap(), file.borrow()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Resource, "{error}");
    let error = two.call("use-at", &[Val::U32(1)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
    assert!(two.log().is_empty(), "{:?}", two.log());
}

#[test]
fn a_mistake_before_the_first_handle_traps_nobody() {
    let mut two = Two::new();
    let file = Resource::<File>::new_own(77);
    let typed = two.func("give-two");
    let typed = typed
        .typed::<(Resource<File>, Resource<File>), ()>(&two.store)
        .unwrap();
    let params = (file.borrow(), Resource::new_own(78));
    let error = typed.call(&mut two.store, params).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Resource, "{error}");
    two.call("ping", &[Val::U32(0)]).unwrap();
}

#[test]
fn a_handle_of_another_store_is_an_error() {
    let (mut a, mut b) = (Two::new(), Two::new());
    let (of_a, of_b) = (a.own(1), b.own(2));
    for error in [
        of_a.rep(&b.store).unwrap_err(),
        of_a.owned(&b.store).unwrap_err(),
        b.call("give-two", &[of_b.into_own(), of_a.into_own()])
            .unwrap_err(),
        of_a.resource_drop(&mut b.store).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Resource, "{error}");
        assert!(error.to_string().contains("another store"), "{error}");
    }
    assert_eq!(of_b.rep(&b.store).unwrap(), 2);
    assert_eq!(of_a.rep(&a.store).unwrap(), 1);
}

/// A guest that lends one handle many times over in one call.
#[test]
fn what_a_call_lends_is_limited() {
    let text = r#"(component
        (import "r" (type $r (sub resource)))
        (import "all" (func $all (param "x" (list (borrow $r)))))
        (core module $mem (memory (export "m") 128))
        (core instance $mi (instantiate $mem))
        (core func $all' (canon lower (func $all) (memory (core memory $mi "m"))))
        (core module $m
          (import "" "all" (func $all (param i32 i32)))
          (import "" "m" (memory 128))
          (func (export "go") (param $handle i32) (param $count i32)
            (local $bytes i32)
            (i32.store (i32.const 0) (local.get $handle))
            (local.set $bytes (i32.const 4))
            (loop $again
              (memory.copy (local.get $bytes) (i32.const 0) (local.get $bytes))
              (local.set $bytes (i32.shl (local.get $bytes) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get $bytes) (i32.const 8388608))))
            (call $all (i32.const 0) (local.get $count))))
        (core instance $i (instantiate $m (with "" (instance
          (export "all" (func $all')) (export "m" (memory $mi "m"))))))
        (func (export "go") (param "x" (own $r)) (param "count" u32)
          (canon lift (core func $i "go"))))"#;
    let engine = Engine::default();
    let mut linker = Linker::<usize>::new(&engine);
    let mut root = linker.root();
    let ty = ResourceType::host::<File>();
    root.resource("r", ty, |_, _| Ok(())).unwrap();
    root.func_wrap(
        "all",
        |mut store, (all,): (Vec<Borrow<Resource<File>>>,)| {
            *store.data_mut() = all.len();
            Ok(())
        },
    )
    .unwrap();
    let component = Component::new(&engine, text).unwrap();
    let go = |count: u32| {
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let handle = ResourceAny::new_own(&mut store, ty, 1).unwrap();
        let go = instance.get_func(&store, "go").unwrap();
        let params = [handle.into_own(), Val::U32(count)];
        let result = go.call(&mut store, &params, &mut []);
        result.map(|()| *store.data())
    };
    assert_eq!(go(1000).unwrap(), 1000);
    let error = go((1 << 20) + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

/// A guest that calls out, and goes on when that returns; the host calls back
/// into it.
#[test]
fn an_instance_that_trapped_goes_on_nowhere() {
    let text = r#"(component
        (import "r" (type $r (sub resource)))
        (import "host" (func $host))
        (core func $host' (canon lower (func $host)))
        (core func $drop (canon resource.drop $r))
        (core module $m
          (import "" "host" (func $host))
          (import "" "drop" (func $drop (param i32)))
          (func (export "go") (result i32) (call $host) (i32.const 7))
          (func (export "drop") (param i32) (result i32)
            (call $drop (local.get 0)) (i32.const 7))
          (func (export "bad") unreachable))
        (core instance $i (instantiate $m (with "" (instance
          (export "host" (func $host')) (export "drop" (func $drop))))))
        (func (export "go") (result u32) (canon lift (core func $i "go")))
        (func (export "drop") (param "r" (own $r)) (result u32)
          (canon lift (core func $i "drop")))
        (func (export "bad") (canon lift (core func $i "bad"))))"#;
    let engine = Engine::default();
    let component = Component::new(&engine, text).unwrap();
    let ty = ResourceType::host::<File>();
    let bad = |mut store: linkspan::StoreContextMut<'_, Option<Instance>>| {
        let instance = store.data().unwrap();
        let bad = instance.get_func(&store, "bad").unwrap();
        let error = bad.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
        Ok(())
    };
    for (typed, export) in [(false, "go"), (true, "go"), (true, "drop")] {
        let mut linker = Linker::<Option<Instance>>::new(&engine);
        let mut root = linker.root();
        root.resource("r", ty, move |store, _| bad(store)).unwrap();
        if typed {
            root.func_wrap("host", move |store, ()| bad(store)).unwrap();
        } else {
            root.func_new("host", move |store, _, _| bad(store))
                .unwrap();
        }
        let mut store = Store::new(&engine, None);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        *store.data_mut() = Some(instance);
        let params = match export {
            "drop" => vec![ResourceAny::new_own(&mut store, ty, 1).unwrap().into_own()],
            _ => Vec::new(),
        };
        let func = instance.get_func(&store, export).unwrap();
        let mut results = [Val::U32(0)];
        let error = func.call(&mut store, &params, &mut results).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
        assert!(error.to_string().contains("trapped before"), "{error}");
        assert_eq!(results, [Val::U32(0)]);
    }
}

/// One component returns a string to another, whose `realloc` looks at its
/// storage while the first one's call has not ended.
#[test]
fn realloc_has_storage_of_its_own() {
    let text = r#"(component
        (component $Callee
          (core func $set (canon context.set i32 0))
          (core module $m
            (import "" "set" (func $set (param i32)))
            (memory (export "m") 1)
            (func (export "f") (result i32)
              (call $set (i32.const 42))
              (i32.store (i32.const 0) (i32.const 16))
              (i32.store (i32.const 4) (i32.const 1))
              (i32.const 0)))
          (core instance $i (instantiate $m (with "" (instance (export "set" (func $set))))))
          (func (export "f") (result string)
            (canon lift (core func $i "f") (memory (core memory $i "m")))))
        (component $Caller
          (import "f" (func $f (result string)))
          (core func $get (canon context.get i32 0))
          (core func $set (canon context.set i32 0))
          (core module $mem
            (import "" "get" (func $get (result i32)))
            (import "" "set" (func $set (param i32)))
            (memory (export "m") 1)
            (global $seen (mut i32) (i32.const -1))
            (func (export "seen") (result i32) (global.get $seen))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
              (global.set $seen (call $get))
              (call $set (i32.const 5))
              (i32.const 64)))
          (core instance $mi (instantiate $mem (with "" (instance
            (export "get" (func $get)) (export "set" (func $set))))))
          (core func $f' (canon lower (func $f)
            (memory (core memory $mi "m")) (realloc (core func $mi "realloc"))))
          (core module $m
            (import "" "f" (func $f (param i32)))
            (import "" "seen" (func $seen (result i32)))
            (import "" "get" (func $get (result i32)))
            (import "" "set" (func $set (param i32)))
            (func (export "go") (result i32)
              (call $set (i32.const 300))
              (call $f (i32.const 0))
              (i32.add (call $get) (call $seen))))
          (core instance $i (instantiate $m (with "" (instance
            (export "f" (func $f')) (export "seen" (func $mi "seen"))
            (export "get" (func $get)) (export "set" (func $set))))))
          (func (export "go") (result u32) (canon lift (core func $i "go"))))
        (instance $callee (instantiate $Callee))
        (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
        (export "go" (func $caller "go")))"#;
    let engine = Engine::default();
    let component = Component::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::<()>::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let go = instance.get_func(&store, "go").unwrap();
    let go = go.typed::<(), u32>(&store).unwrap();
    assert_eq!(
        go.call(&mut store, ()).unwrap(),
        300,
        "the caller's own, and nothing seen in `realloc`"
    );
}
