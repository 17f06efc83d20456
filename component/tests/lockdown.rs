//! After a trap: which instances are locked, what every way into them answers,
//! what becomes of handles that were on their way, and destructors that trap.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use linkspan::bound::New;
use linkspan::{
    Component, Engine, Error, ErrorKind, GuestResource, Instance, Linker, Mut, Own, Resource,
    ResourceAny, ResourceType, Store, StoreContextMut, Trap, Val,
};

/// Two components: `def` defines a resource whose destructor traps for the
/// representation 13, `user` calls it and drops handles of it.
const PAIR: &str = r#"(component
    (import "host" (func $host))
    (component $Def
      (core module $d
        (global $dropped (mut i32) (i32.const 0))
        (func $explode (unreachable))
        (func (export "dtor") (param i32)
          (if (i32.eq (local.get 0) (i32.const 13)) (then (call $explode)))
          (global.set $dropped (i32.add (global.get $dropped) (local.get 0))))
        (func (export "dropped") (result i32) (global.get $dropped))
        (func (export "bad") (call $explode)))
      (core instance $i (instantiate $d))
      (type $R (resource (rep i32) (dtor (core func $i "dtor"))))
      (export $Re "r" (type $R))
      (core func $new (canon resource.new $R))
      (func (export "make") (param "rep" u32) (result (own $Re)) (canon lift (core func $new)))
      (func (export "dropped") (result u32) (canon lift (core func $i "dropped")))
      (func (export "bad") (canon lift (core func $i "bad"))))
    (component $User
      (import "def" (instance $def
        (export "r" (type $R (sub resource)))
        (export "bad" (func))))
      (import "host" (func $host))
      (alias export $def "r" (type $R))
      (core func $bad (canon lower (func $def "bad")))
      (core func $host' (canon lower (func $host)))
      (core func $drop (canon resource.drop $R))
      (core module $m
        (import "" "bad" (func $bad))
        (import "" "host" (func $host))
        (import "" "drop" (func $drop (param i32)))
        (func (export "bad") (call $bad))
        (func (export "host") (call $host))
        (func (export "take") (param i32) (call $drop (local.get 0)))
        (func (export "ping") (result i32) (i32.const 1)))
      (core instance $i (instantiate $m (with "" (instance
        (export "bad" (func $bad)) (export "host" (func $host'))
        (export "drop" (func $drop))))))
      (func (export "bad") (canon lift (core func $i "bad")))
      (func (export "host") (canon lift (core func $i "host")))
      (func (export "take") (param "r" (own $R)) (canon lift (core func $i "take")))
      (func (export "ping") (result u32) (canon lift (core func $i "ping"))))
    (instance $def (instantiate $Def))
    (instance $user (instantiate $User (with "def" (instance $def)) (with "host" (func $host))))
    (export $r "r" (type $def "r"))
    (export "make" (func $def "make") (func (param "rep" u32) (result (own $r))))
    (export "dropped" (func $def "dropped"))
    (export "def-bad" (func $def "bad"))
    (export "user-bad" (func $user "bad"))
    (export "host" (func $user "host"))
    (export "take" (func $user "take") (func (param "r" (own $r))))
    (export "ping" (func $user "ping")))"#;

struct Pair {
    store: Store<Option<Instance>>,
    instance: Instance,
}

impl Pair {
    fn new() -> Pair {
        Pair::with_host(|_| Ok(()))
    }

    fn with_host(
        host: impl Fn(StoreContextMut<'_, Option<Instance>>) -> Result<(), Error>
        + Send
        + Sync
        + 'static,
    ) -> Pair {
        let engine = Engine::default();
        let component = Component::new(&engine, PAIR).unwrap();
        let mut linker = Linker::new(&engine);
        linker
            .root()
            .func_wrap("host", move |store: StoreContextMut<'_, _>, ()| host(store))
            .unwrap();
        let mut store = Store::new(&engine, None);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        *store.data_mut() = Some(instance);
        Pair { store, instance }
    }

    fn call(&mut self, name: &str, params: &[Val]) -> Result<Val, Error> {
        let func = self.instance.get_func(&self.store, name).unwrap();
        let mut results = [Val::Bool(false)];
        let count = func
            .with_type(&self.store, |ty| usize::from(ty.result().is_some()))
            .unwrap();
        func.call(&mut self.store, params, &mut results[..count])?;
        let [result] = results;
        Ok(result)
    }

    fn make(&mut self, rep: u32) -> ResourceAny {
        let made = self.call("make", &[Val::U32(rep)]).unwrap();
        ResourceAny::from_val(&made).unwrap()
    }
}

/// The first trap is quoted, with the function in which it happened.
fn assert_locked(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
    let text = error.to_string();
    assert!(
        text.contains(
            "cannot enter component instance: it trapped before: unreachable in `explode`"
        ),
        "{text}"
    );
}

#[test]
fn every_way_into_a_trapped_instance_quotes_the_trap() {
    let mut pair = Pair::new();
    let (kept, given) = (pair.make(1), pair.make(2));
    let error = pair.call("def-bad", &[]).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::Unreachable));
    // Dynamic and typed calls, with and without a frame.
    assert_locked(&pair.call("dropped", &[]).unwrap_err());
    assert_locked(&pair.call("make", &[Val::U32(1)]).unwrap_err());
    let dropped = pair.instance.get_func(&pair.store, "dropped").unwrap();
    let typed = dropped.typed::<(), u32>(&pair.store).unwrap();
    assert_locked(&typed.call(&mut pair.store, ()).unwrap_err());
    // A destructor that the host asks for.
    assert_locked(&kept.resource_drop(&mut pair.store).unwrap_err());
    // The other instance ran nothing when that happened.
    assert_eq!(pair.call("ping", &[]).unwrap(), Val::U32(1));
    // A destructor that another guest asks for traps that guest, too.
    assert_locked(&pair.call("take", &[given.into_own()]).unwrap_err());
    let error = pair.call("ping", &[]).unwrap_err();
    assert!(
        error.to_string().contains("trapped before: cannot enter"),
        "{error}"
    );
    assert_eq!(pair.store.extra().metrics().trapped_instances, 2);
}

#[test]
fn an_adapter_quotes_the_trap() {
    let mut pair = Pair::new();
    pair.call("def-bad", &[]).unwrap_err();
    assert_locked(&pair.call("user-bad", &[]).unwrap_err());
}

#[test]
fn whoever_ran_is_locked() {
    let mut pair = Pair::new();
    let error = pair.call("user-bad", &[]).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::Unreachable));
    for name in ["ping", "dropped"] {
        let error = pair.call(name, &[]).unwrap_err();
        assert_locked(&error);
    }
}

/// The host may go on after a trap of an instance that it has called from a
/// host function; those that wait for that host function are not locked.
#[test]
fn re_entry_locks_only_what_it_ran() {
    let mut pair = Pair::with_host(|mut store| {
        let instance = store.data().unwrap();
        let ping = instance.get_func(&store, "ping").unwrap();
        let mut results = [Val::Bool(false)];
        // Functions that are not `async` can be entered again.
        ping.call(&mut store, &[], &mut results)?;
        assert_eq!(results, [Val::U32(1)]);
        let bad = instance.get_func(&store, "def-bad").unwrap();
        bad.call(&mut store, &[], &mut []).unwrap_err();
        assert_locked(&bad.call(&mut store, &[], &mut []).unwrap_err());
        Ok(())
    });
    pair.call("host", &[]).unwrap();
    assert_eq!(pair.call("ping", &[]).unwrap(), Val::U32(1));
    assert_locked(&pair.call("dropped", &[]).unwrap_err());
}

#[test]
fn a_destructor_that_traps_locks_its_instance_and_loses_nothing() {
    let mut pair = Pair::new();
    let (bomb, other) = (pair.make(13), pair.make(4));
    let error = bomb.resource_drop(&mut pair.store).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::Unreachable), "{error}");
    assert!(error.to_string().contains("destructor"), "{error}");
    let stale = bomb.resource_drop(&mut pair.store).unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Resource, "{stale}");
    assert_locked(&other.resource_drop(&mut pair.store).unwrap_err());
    assert_eq!(pair.store.extra().metrics().host_handles.live, 0);

    let mut pair = Pair::new();
    let bomb = pair.make(13);
    let error = pair.call("take", &[bomb.into_own()]).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::Unreachable), "{error}");
    assert_locked(&pair.call("dropped", &[]).unwrap_err());
    assert_locked(&pair.call("ping", &[]).unwrap_err());
}

#[derive(Debug, PartialEq)]
struct Refused(u32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused {}", self.0)
    }
}

impl std::error::Error for Refused {}

/// A component whose export `run` calls the function `f` that it imports, and
/// one around it that calls the export.
const CALLER: &str = r#"(component
    (import "f" (func $f (param "n" u32) (result u32)))
    (component $Inner
      (import "f" (func $f (param "n" u32) (result u32)))
      (core func $f' (canon lower (func $f)))
      (core module $m
        (import "" "f" (func $f (param i32) (result i32)))
        (func $middle (export "run") (param i32) (result i32) (call $f (local.get 0))))
      (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
      (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))
    (instance $inner (instantiate $Inner (with "f" (func $f))))
    (component $Outer
      (import "run" (func $run (param "n" u32) (result u32)))
      (core func $run' (canon lower (func $run)))
      (core module $m
        (import "" "run" (func $run (param i32) (result i32)))
        (func (export "outer") (param i32) (result i32) (call $run (local.get 0))))
      (core instance $i (instantiate $m (with "" (instance (export "run" (func $run'))))))
      (func (export "outer") (param "n" u32) (result u32)
        (canon lift (core func $i "outer"))))
    (instance $outer (instantiate $Outer (with "run" (func $inner "run"))))
    (export "run" (func $inner "run"))
    (export "outer" (func $outer "outer")))"#;

#[test]
fn errors_of_host_functions_come_out_as_they_were() {
    let engine = Engine::default();
    let component = Component::new(&engine, CALLER).unwrap();
    let mut flavours: Vec<Linker<()>> = Vec::new();
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap("f", |_, (n,): (u32,)| {
            Err::<u32, _>(Error::host(Refused(n)))
        })
        .unwrap();
    flavours.push(linker);
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_new("f", |_, _, _| Err(Error::host(Refused(7))))
        .unwrap();
    flavours.push(linker);
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .host_func_fallible::<(u32,), u32, u32>(
            "f",
            |(), (n,)| Err(Error::host(Refused(n))),
            |n, _: &mut New<'_>| n,
        )
        .unwrap();
    flavours.push(linker);
    for linker in flavours {
        for export in ["run", "outer"] {
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &component).unwrap();
            let func = instance.get_func(&store, export).unwrap();
            let mut results = [Val::U32(0)];
            let dynamic = func
                .call(&mut store, &[Val::U32(7)], &mut results)
                .unwrap_err();
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &component).unwrap();
            let func = instance.get_func(&store, export).unwrap();
            let typed = func.typed::<(u32,), u32>(&store).unwrap();
            let typed = typed.call(&mut store, (7,)).unwrap_err();
            for error in [dynamic, typed] {
                assert_eq!(error.kind(), ErrorKind::Host, "{error}");
                assert_eq!(
                    error.downcast_ref::<Refused>(),
                    Some(&Refused(7)),
                    "{error}"
                );
                assert!(
                    error.to_string().contains("import \"f\": refused 7"),
                    "{error}"
                );
                let trace = error.backtrace().expect("the guest's frames");
                assert_eq!(trace.frames()[0].func_name(), Some("middle"));
            }
            let error = func
                .call(&mut store, &[Val::U32(7)], &mut results)
                .unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("trapped before: refused 7 in `middle`"),
                "{error}"
            );
        }
    }
}

/// Counts itself.
struct Counted(Arc<AtomicU32>);

impl Counted {
    fn new(live: &Arc<AtomicU32>) -> Counted {
        live.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(live))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A guest that gives away a handle and something that is none.
const GIVER: &str = r#"(component
    (import "r" (type $r (sub resource)))
    (import "two" (func $two (param "a" (own $r)) (param "b" (own $r))))
    (import "one-and-bool" (func $mixed (param "a" (own $r)) (param "b" char)))
    (import "own-and-change" (func $change (param "a" (own $r)) (param "b" (borrow $r))))
    (core func $two' (canon lower (func $two)))
    (core func $mixed' (canon lower (func $mixed)))
    (core func $change' (canon lower (func $change)))
    (core module $m
      (import "" "two" (func $two (param i32 i32)))
      (import "" "mixed" (func $mixed (param i32 i32)))
      (import "" "change" (func $change (param i32 i32)))
      (memory (export "m") 1)
      (func (export "two") (param i32) (call $two (local.get 0) (i32.const 99)))
      (func (export "mixed") (param i32) (call $mixed (local.get 0) (i32.const 0xd800)))
      (func (export "change") (param i32) (call $change (local.get 0) (local.get 0)))
      (func (export "answer") (param i32) (result i32)
        (i32.store (i32.const 0) (local.get 0))
        (i32.store (i32.const 4) (i32.const 99))
        (i32.const 0)))
    (core instance $i (instantiate $m (with "" (instance
      (export "two" (func $two')) (export "mixed" (func $mixed'))
      (export "change" (func $change'))))))
    (func (export "two") (param "a" (own $r)) (canon lift (core func $i "two")))
    (func (export "mixed") (param "a" (own $r)) (canon lift (core func $i "mixed")))
    (func (export "change") (param "a" (own $r)) (canon lift (core func $i "change")))
    (func (export "answer") (param "a" (own $r)) (result (tuple (own $r) (own $r)))
      (canon lift (core func $i "answer") (memory (core memory $i "m")))))"#;

/// How the host takes what the guest gives.
#[derive(Clone, Copy, Debug)]
enum Taker {
    Dynamic,
    Typed,
    Values,
}

fn giver(engine: &Engine, taker: Taker) -> Linker<()> {
    type Borrowed = linkspan::Borrow<Resource<Counted>>;
    type Owned = Own<Counted, Counted>;
    let mut linker = Linker::<()>::new(engine);
    let mut root = linker.root();
    root.table_resource("r", ResourceType::host::<Counted>())
        .unwrap();
    match taker {
        Taker::Dynamic => {
            for name in ["two", "one-and-bool", "own-and-change"] {
                root.func_new(name, |_, _, _| Ok(())).unwrap();
            }
        }
        Taker::Typed => {
            root.func_wrap("two", |_, _: (Resource<Counted>, Resource<Counted>)| Ok(()))
                .unwrap();
            root.func_wrap("one-and-bool", |_, _: (Resource<Counted>, char)| Ok(()))
                .unwrap();
            root.func_wrap("own-and-change", |_, _: (Resource<Counted>, Borrowed)| {
                Ok(())
            })
            .unwrap();
        }
        Taker::Values => {
            root.host_func::<(Owned, Owned), ()>("two", |(), _| ())
                .unwrap();
            root.host_func::<(Owned, char), ()>("one-and-bool", |(), _| ())
                .unwrap();
            root.host_func::<(Owned, Mut<Counted, Counted>), ()>("own-and-change", |(), _| ())
                .unwrap();
        }
    }
    linker
}

/// A call that fails when some of its handles are lifted loses none of them:
/// they are the trapped instance's, until the store ends.
#[test]
fn handles_of_a_call_that_fails_are_not_lost() {
    let engine = Engine::default();
    let component = Component::new(&engine, GIVER).unwrap();
    for taker in [Taker::Dynamic, Taker::Typed, Taker::Values] {
        for export in ["two", "mixed", "change", "answer"] {
            let linker = giver(&engine, taker);
            let live = Arc::new(AtomicU32::new(0));
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &component).unwrap();
            let value = Counted::new(&live);
            let file = store.extra_mut().table_mut().push(value).unwrap();
            let ty = ResourceType::host::<Counted>();
            let func = instance.get_func(&store, export).unwrap();
            let error = if export == "answer" && matches!(taker, Taker::Typed) {
                let func = func
                    .typed::<(Resource<Counted>,), (Resource<Counted>, Resource<Counted>)>(&store)
                    .unwrap();
                func.call(&mut store, (file,)).map(drop).unwrap_err()
            } else {
                let handle = ResourceAny::new_own(&mut store, ty, file.rep()).unwrap();
                let mut results = [Val::Bool(false)];
                let count = usize::from(export == "answer");
                func.call(&mut store, &[handle.into_own()], &mut results[..count])
                    .unwrap_err()
            };
            assert_eq!(error.kind(), ErrorKind::Trap, "{taker:?} {export}: {error}");
            let metrics = store.extra().metrics();
            assert_eq!(metrics.guest_handles.live, 1, "{taker:?} {export}");
            assert_eq!(metrics.host_handles.live, 0, "{taker:?} {export}");
            assert_eq!(metrics.host_values.live, 1, "{taker:?} {export}");
            assert_eq!(live.load(Ordering::Relaxed), 1, "{taker:?} {export}");
            drop(store);
            assert_eq!(live.load(Ordering::Relaxed), 0, "{taker:?} {export}");
        }
    }
}

/// A handle that the guest has no room for is dropped by the next call.
#[test]
fn handles_that_the_guest_cannot_take_are_dropped() {
    let engine = Engine::default();
    let component = Component::new(&engine, GIVER).unwrap();
    let linker = giver(&engine, Taker::Typed);
    let live = Arc::new(AtomicU32::new(0));
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let mut limits = linkspan::Limits::default();
    limits.handles_max = 0;
    store.extra_mut().set_limits(limits);
    let file = store
        .extra_mut()
        .table_mut()
        .push(Counted::new(&live))
        .unwrap();
    let two = instance.get_func(&store, "two").unwrap();
    let typed = two.typed::<(Resource<Counted>,), ()>(&store).unwrap();
    let error = typed.call(&mut store, (file,)).unwrap_err();
    assert!(error.to_string().contains("no free keys"), "{error}");
    GuestResource::drop_pending(&mut store).unwrap();
    assert_eq!(live.load(Ordering::Relaxed), 0);
    // A handle of the store stays with the host instead.
    let file = store
        .extra_mut()
        .table_mut()
        .push(Counted::new(&live))
        .unwrap();
    let ty = ResourceType::host::<Counted>();
    let handle = ResourceAny::new_own(&mut store, ty, file.rep()).unwrap();
    let other = linker.instantiate(&mut store, &component).unwrap();
    let two = other.get_func(&store, "two").unwrap();
    two.call(&mut store, &[handle.into_own()], &mut [])
        .unwrap_err();
    handle.resource_drop(&mut store).unwrap();
    assert_eq!(live.load(Ordering::Relaxed), 0);
}
