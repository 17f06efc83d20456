//! What components may use in a store: each limit answers with an error that
//! names it, long work is paid for and can be interrupted, and what is in use
//! is counted.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use linkspan::{
    Component, Config, Engine, Error, ErrorKind, Instance, Limits, Linker, Resource, ResourceAny,
    ResourceType, Store, Trap, Val,
};

struct File(#[expect(dead_code, reason = "only its drop matters")] u32);

/// A guest that calls its host, and another component, with one list of
/// strings whose elements all overlap, and answers with it.
const OVERLAPS: &str = r#"(component
    (import "host" (func $host (param "all" (list string))))
    (component $Sink
      (core module $m
        (memory (export "m") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
        (func (export "f") (param i32 i32)))
      (core instance $i (instantiate $m))
      (func (export "f") (param "all" (list string))
        (canon lift (core func $i "f") (memory (core memory $i "m"))
          (realloc (core func $i "realloc")))))
    (instance $sink (instantiate $Sink))
    (core module $mem (memory (export "m") 1))
    (core instance $mi (instantiate $mem))
    (core func $host' (canon lower (func $host) (memory (core memory $mi "m"))))
    (core func $sink' (canon lower (func $sink "f") (memory (core memory $mi "m"))))
    (core module $m
      (import "" "m" (memory 1))
      (import "" "host" (func $host (param i32 i32)))
      (import "" "sink" (func $sink (param i32 i32)))
      ;; 1000 strings of 32768 bytes, all of them the same.
      (func $fill (local $i i32)
        (loop $again
          (i32.store (local.get $i) (i32.const 16384))
          (i32.store offset=4 (local.get $i) (i32.const 32768))
          (local.set $i (i32.add (local.get $i) (i32.const 8)))
          (br_if $again (i32.lt_u (local.get $i) (i32.const 8000)))))
      (func (export "to-host") (call $fill) (call $host (i32.const 0) (i32.const 1000)))
      (func (export "to-sink") (call $fill) (call $sink (i32.const 0) (i32.const 1000)))
      (func (export "answer") (result i32)
        (call $fill)
        (i32.store (i32.const 8192) (i32.const 0))
        (i32.store (i32.const 8196) (i32.const 1000))
        (i32.const 8192)))
    (core instance $i (instantiate $m (with "" (instance
      (export "m" (memory $mi "m"))
      (export "host" (func $host')) (export "sink" (func $sink'))))))
    (func (export "to-host") (canon lift (core func $i "to-host")))
    (func (export "to-sink") (canon lift (core func $i "to-sink")))
    (func (export "answer") (result (list string))
      (canon lift (core func $i "answer") (memory (core memory $mi "m")))))"#;

/// How the host looks at the list.
#[derive(Clone, Copy, Debug)]
enum Flavour {
    Dynamic,
    Owned,
    Borrowed,
}

fn overlaps(engine: &Engine, flavour: Flavour) -> (Store<()>, Instance) {
    let component = Component::new(engine, OVERLAPS).unwrap();
    let mut linker = Linker::<()>::new(engine);
    let mut root = linker.root();
    match flavour {
        Flavour::Dynamic => root.func_new("host", |_, _, _| Ok(())),
        Flavour::Owned => root.func_wrap("host", |_, (_,): (Vec<String>,)| Ok(())),
        Flavour::Borrowed => root.host_func::<(Vec<&str>,), ()>("host", |(), (_,)| ()),
    }
    .unwrap();
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

fn call(store: &mut Store<()>, instance: Instance, name: &str) -> Result<(), Error> {
    let func = instance.get_func(&mut *store, name).unwrap();
    let mut results = [Val::Bool(false)];
    let results = &mut results[..usize::from(name == "answer")];
    func.call(store, &[], results)
}

#[test]
fn overlapping_lists_meet_the_budget_on_every_path() {
    let engine = Engine::default();
    let limited = |flavour| {
        let (mut store, instance) = overlaps(&engine, flavour);
        let mut limits = Limits::default();
        limits.lift_bytes_max = 1 << 20;
        limits.move_bytes_max = 1 << 20;
        store.extra_mut().set_limits(limits);
        (store, instance)
    };
    let refused = |error: Error, field: &str| {
        assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("1048576 bytes") && text.contains(field),
            "{text}"
        );
    };
    for flavour in [Flavour::Dynamic, Flavour::Owned, Flavour::Borrowed] {
        let (mut store, instance) = limited(flavour);
        refused(
            call(&mut store, instance, "to-host").unwrap_err(),
            "lift_bytes_max",
        );
    }
    let (mut store, instance) = limited(Flavour::Dynamic);
    refused(
        call(&mut store, instance, "to-sink").unwrap_err(),
        "move_bytes_max",
    );
    let (mut store, instance) = limited(Flavour::Dynamic);
    refused(
        call(&mut store, instance, "answer").unwrap_err(),
        "lift_bytes_max",
    );
    let (mut store, instance) = limited(Flavour::Dynamic);
    let answer = instance.get_func(&store, "answer").unwrap();
    let answer = answer.typed::<(), Vec<String>>(&store).unwrap();
    refused(answer.call(&mut store, ()).unwrap_err(), "lift_bytes_max");
    // Without the limit nothing is wrong with them.
    let (mut store, instance) = overlaps(&engine, Flavour::Borrowed);
    call(&mut store, instance, "to-host").unwrap();
}

#[test]
fn lifts_and_moves_cost_fuel() {
    let mut config = Config::new();
    config.fuel(true);
    let engine = Engine::new(&config).unwrap();
    // What the strings alone cost.
    let strings = 1000 * 32768 / 64;
    for (flavour, name) in [
        (Flavour::Dynamic, "to-host"),
        (Flavour::Owned, "to-host"),
        (Flavour::Borrowed, "to-host"),
        (Flavour::Dynamic, "to-sink"),
        (Flavour::Dynamic, "answer"),
    ] {
        let (mut store, instance) = overlaps(&engine, flavour);
        store.set_fuel(10 * strings).unwrap();
        call(&mut store, instance, name).unwrap();
        let spent = 10 * strings - store.fuel().unwrap();
        assert!(
            (strings..strings + strings / 4).contains(&spent),
            "{flavour:?} {name}: {spent} of {strings}"
        );
        let (mut store, instance) = overlaps(&engine, flavour);
        store.set_fuel(strings / 2).unwrap();
        let error = call(&mut store, instance, name).unwrap_err();
        assert_eq!(
            error.trap(),
            Some(Trap::OutOfFuel),
            "{flavour:?} {name}: {error}"
        );
    }
}

#[test]
fn long_lifts_are_interrupted() {
    for (flavour, name) in [
        (Flavour::Dynamic, "to-host"),
        (Flavour::Owned, "to-host"),
        (Flavour::Borrowed, "to-host"),
        (Flavour::Dynamic, "to-sink"),
        (Flavour::Dynamic, "answer"),
    ] {
        let (mut store, instance) = overlaps(&Engine::default(), flavour);
        let handle = store.interrupt_handle();
        // The loops of the guest are too short to see it.
        handle.interrupt();
        let error = call(&mut store, instance, name).unwrap_err();
        assert_eq!(
            error.trap(),
            Some(Trap::Interrupted),
            "{flavour:?} {name}: {error}"
        );
        assert!(!handle.is_interrupted(), "the request is answered");
    }
}

/// A guest that makes resources without end.
const FLOOD: &str = r#"(component
    (type $R (resource (rep i32)))
    (export $Re "r" (type $R))
    (core func $new (canon resource.new $R))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "flood") (loop $again (drop (call $new (i32.const 0))) (br $again)))
      (func (export "make") (result i32) (call $new (i32.const 0))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (result (own $Re)) (canon lift (core func $i "make")))
    (func (export "flood") (canon lift (core func $i "flood"))))"#;

#[test]
fn floods_of_handles_end_at_their_limit() {
    let engine = Engine::default();
    let component = Component::new(&engine, FLOOD).unwrap();
    let linker = Linker::<()>::new(&engine);
    let mut store = Store::new(&engine, ());
    let mut limits = Limits::default();
    limits.handles_max = 100;
    limits.host_handles_max = 10;
    store.extra_mut().set_limits(limits);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let make = instance.get_func(&store, "make").unwrap();
    let mut results = [Val::Bool(false)];
    let mut made = Vec::new();
    for _ in 0..10 {
        make.call(&mut store, &[], &mut results).unwrap();
        made.push(ResourceAny::from_val(&results[0]).unwrap());
    }
    made.pop().unwrap().resource_drop(&mut store).unwrap();
    make.call(&mut store, &[], &mut results).unwrap();
    let error = make.call(&mut store, &[], &mut results).unwrap_err();
    assert!(error.to_string().contains("`host_handles_max`"), "{error}");
    assert_eq!(
        store.extra().metrics().guest_handles.live,
        1,
        "what the host could not take is the guest's again"
    );

    let other = linker.instantiate(&mut store, &component).unwrap();
    let error = call(&mut store, other, "flood").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
    assert!(error.to_string().contains("100 handles"), "{error}");
    assert!(error.to_string().contains("`handles_max`"), "{error}");
}

#[test]
fn instances_types_and_values_end_at_their_limits() {
    let engine = Engine::default();
    let component = Component::new(&engine, FLOOD).unwrap();
    let linker = Linker::<()>::new(&engine);
    let mut store = Store::new(&engine, ());
    let mut limits = Limits::default();
    limits.component_instances_max = 1;
    limits.host_values_max = 2;
    store.extra_mut().set_limits(limits.clone());
    linker.instantiate(&mut store, &component).unwrap();
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(
        error.to_string().contains("`component_instances_max`"),
        "{error}"
    );

    limits.component_instances_max = 10;
    limits.resource_types_max = 1;
    store.extra_mut().set_limits(limits);
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert!(
        error.to_string().contains("`resource_types_max`"),
        "{error}"
    );

    let table = store.extra_mut().table_mut();
    let first = table.push(File(1)).unwrap();
    table.push(File(2)).unwrap();
    let error = table.push(File(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(error.to_string().contains("`host_values_max`"), "{error}");
    table.delete(first).unwrap();
    table.push(File(3)).unwrap();
}

#[test]
fn what_is_in_use_is_counted() {
    let engine = Engine::default();
    let text = r#"(component
      (import "r" (type $r (sub resource)))
      (core module $m (func (export "keep") (param i32)))
      (core instance $i (instantiate $m))
      (func (export "keep") (param "x" (own $r)) (canon lift (core func $i "keep"))))"#;
    let component = Component::new(&engine, text).unwrap();
    let ty = ResourceType::host::<File>();
    let mut linker = Linker::<()>::new(&engine);
    linker.root().table_resource("r", ty).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let keep = instance.get_func(&store, "keep").unwrap();
    let mut handles = Vec::new();
    for i in 0..3 {
        let file = store.extra_mut().table_mut().push(File(i)).unwrap();
        handles.push(ResourceAny::new_own(&mut store, ty, file.rep()).unwrap());
    }
    let typed = keep.typed::<(Resource<File>,), ()>(&store).unwrap();
    keep.call(&mut store, &[handles.pop().unwrap().into_own()], &mut [])
        .unwrap();
    let file = store.extra_mut().table_mut().push(File(9)).unwrap();
    typed.call(&mut store, (file,)).unwrap();
    handles.pop().unwrap().resource_drop(&mut store).unwrap();
    let metrics = store.extra().metrics();
    assert_eq!(metrics.component_instances, 1);
    assert_eq!(metrics.trapped_instances, 0);
    assert_eq!(
        (metrics.host_handles.live, metrics.host_handles.peak),
        (1, 3)
    );
    assert_eq!((metrics.host_values.live, metrics.host_values.peak), (3, 4));
    assert_eq!(
        (metrics.guest_handles.live, metrics.guest_handles.peak),
        (2, 2)
    );
    let [usage] = metrics.resources[..] else {
        panic!("{metrics:?}");
    };
    assert_eq!(usage.ty, ty);
    assert_eq!((usage.guest_own, usage.guest_borrow, usage.host), (2, 0, 1));
}

/// Lists whose elements are many and small, or take more in the host than in
/// the guest: `kind` is the type of the elements.
fn list_of(kind: &str, size: u32, count: u32) -> Result<Val, Error> {
    let pages = (u64::from(count) * u64::from(size)).div_ceil(65536) + 1;
    let text = format!(
        r#"(component
          (core module $m
            (memory (export "m") {pages})
            (func (export "f") (result i32)
              (i32.store (i32.const 0) (i32.const 16))
              (i32.store (i32.const 4) (i32.const {count}))
              (i32.const 0)))
          (core instance $i (instantiate $m))
          (type $list (list {kind}))
          (func (export "f") (result $list)
            (canon lift (core func $i "f") (memory (core memory $i "m")))))"#
    );
    let engine = Engine::default();
    let component = Component::new(&engine, text)?;
    let mut store = Store::new(&engine, ());
    let mut limits = Limits::default();
    limits.lift_bytes_max = 64 << 20;
    store.extra_mut().set_limits(limits);
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    let mut results = [Val::Bool(false)];
    let f = instance.get_func(&store, "f").unwrap();
    f.call(&mut store, &[], &mut results)?;
    let [result] = results;
    Ok(result)
}

#[test]
fn what_the_host_allocates_counts() {
    // A million values of the host for as many bytes of the guest.
    assert!(list_of("bool", 1, 1_000_000).is_ok());
    assert!(list_of("string", 8, 1_000_000).is_ok());
    for (kind, size) in [
        ("(option u8)", 2),
        (
            "(option (option (option (option (option (option u8))))))",
            7,
        ),
        ("(tuple bool bool bool bool)", 4),
        ("(list u8)", 8),
    ] {
        let error = list_of(kind, size, 4_000_000).unwrap_err();
        assert!(
            error.to_string().contains("`lift_bytes_max`"),
            "{kind}: {error}"
        );
    }
}
