//! Handles between host and guests: owning, lending, destructors, and what
//! happens to handles that are stale, lent or of another type.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use linkspan::{
    Component, Engine, ErrorKind, Func, Instance, Linker, ResourceAny, ResourceType, Store, Val,
};

/// A guest that defines a resource, counts the reps that its destructor got,
/// and can be asked for all kinds of handles.
const COUNTER: &str = r#"(component
    (core module $dtor
      (global $sum (mut i32) (i32.const 0))
      (func (export "dtor") (param i32)
        (global.set $sum (i32.add (global.get $sum) (local.get 0))))
      (func (export "dropped") (result i32) (global.get $sum)))
    (core instance $d (instantiate $dtor))
    (type $R (resource (rep i32) (dtor (core func $d "dtor"))))
    (export $Re "r" (type $R))
    (core func $new (canon resource.new $R))
    (core func $drop (canon resource.drop $R))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "rep") (param i32) (result i32) (local.get 0))
      (func (export "take") (param i32) (call $drop (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
      (export "new" (func $new)) (export "drop" (func $drop))))))
    (func (export "make") (param "rep" u32) (result (own $Re)) (canon lift (core func $i "make")))
    (func (export "rep") (param "r" (borrow $Re)) (result u32) (canon lift (core func $i "rep")))
    (func (export "take") (param "r" (own $Re)) (canon lift (core func $i "take")))
    (func (export "dropped") (result u32) (canon lift (core func $d "dropped"))))"#;

struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(engine: &Engine) -> Guest {
        let mut store = Store::new(engine, ());
        let component = Component::new(engine, COUNTER).unwrap();
        let instance = Linker::new(engine)
            .instantiate(&mut store, &component)
            .unwrap();
        Guest { store, instance }
    }

    fn func(&self, name: &str) -> Func {
        self.instance.get_func(&self.store, name).unwrap()
    }

    fn call(&mut self, name: &str, params: &[Val]) -> Result<Val, linkspan::Error> {
        let mut results = [Val::Bool(false)];
        self.func(name)
            .call(&mut self.store, params, &mut results)?;
        let [result] = results;
        Ok(result)
    }

    fn make(&mut self, rep: u32) -> ResourceAny {
        let made = self.call("make", &[Val::U32(rep)]).unwrap();
        ResourceAny::from_val(&made).unwrap()
    }

    fn take(&mut self, handle: Val) -> Result<(), linkspan::Error> {
        self.func("take").call(&mut self.store, &[handle], &mut [])
    }

    fn dropped(&mut self) -> Val {
        self.call("dropped", &[]).unwrap()
    }
}

#[test]
fn destructors_run_when_their_handle_goes() {
    let mut guest = Guest::new(&Engine::default());
    let (a, b) = (guest.make(3), guest.make(40));
    assert_eq!(guest.call("rep", &[a.into_borrow()]).unwrap(), Val::U32(3));
    assert!(a.owned(&guest.store).unwrap());
    assert!(a.rep(&guest.store).is_err(), "the rep is the guest's own");
    assert_eq!(guest.dropped(), Val::U32(0));
    a.resource_drop(&mut guest.store).unwrap();
    assert_eq!(guest.dropped(), Val::U32(3));
    guest.take(b.into_own()).unwrap();
    assert_eq!(guest.dropped(), Val::U32(43));
}

#[test]
fn stale_handles_are_the_hosts_mistake() {
    let mut guest = Guest::new(&Engine::default());
    let handle = guest.make(1);
    guest.take(handle.into_own()).unwrap();
    for error in [
        guest.take(handle.into_own()).unwrap_err(),
        guest.call("rep", &[handle.into_borrow()]).unwrap_err(),
        handle.resource_drop(&mut guest.store).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Resource, "{error}");
    }
    assert_eq!(
        guest.dropped(),
        Val::U32(1),
        "the instance is as usable as before"
    );
}

#[test]
fn each_instance_has_a_resource_type_of_its_own() {
    let engine = Engine::default();
    let mut guest = Guest::new(&engine);
    let component = Component::new(&engine, COUNTER).unwrap();
    let other = Linker::new(&engine)
        .instantiate(&mut guest.store, &component)
        .unwrap();
    let handle = guest.make(1);
    let types = (
        guest.instance.get_resource(&guest.store, "r"),
        other.get_resource(&guest.store, "r"),
    );
    assert_ne!(types.0, types.1);
    assert_eq!(handle.ty(&guest.store).ok(), types.0);
    let take = other.get_func(&guest.store, "take").unwrap();
    let error = take
        .call(&mut guest.store, &[handle.into_own()], &mut [])
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Resource);
    guest.take(handle.into_own()).unwrap();
}

/// A guest that forwards handles of a host resource.
const KEEPER: &str = r#"(component
    (import "file" (type $File (sub resource)))
    (import "size" (func $size (param "f" (borrow $File)) (result u32)))
    (import "open" (func $open (result (own $File))))
    (core func $size' (canon lower (func $size)))
    (core func $open' (canon lower (func $open)))
    (core func $drop (canon resource.drop $File))
    (core module $m
      (import "" "size" (func $size (param i32) (result i32)))
      (import "" "open" (func $open (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "size-of") (param $f i32) (result i32)
        (local $size i32)
        (local.set $size (call $size (local.get $f)))
        (call $drop (local.get $f))
        (local.get $size))
      (func (export "keep-borrow") (param i32))
      (func (export "open-and-drop") (result i32)
        (local $f i32) (local $size i32)
        (local.set $f (call $open))
        (local.set $size (call $size (local.get $f)))
        (call $drop (local.get $f))
        (local.get $size)))
    (core instance $i (instantiate $m (with "" (instance
      (export "size" (func $size')) (export "open" (func $open')) (export "drop" (func $drop))))))
    (func (export "size-of") (param "f" (borrow $File)) (result u32)
      (canon lift (core func $i "size-of")))
    (func (export "take") (param "f" (own $File)) (result u32)
      (canon lift (core func $i "size-of")))
    (func (export "keep-borrow") (param "f" (borrow $File))
      (canon lift (core func $i "keep-borrow")))
    (func (export "open-and-drop") (result u32)
      (canon lift (core func $i "open-and-drop"))))"#;

struct File(u32);

fn keeper() -> (Store<()>, Instance) {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let ty = ResourceType::host::<File>();
    let mut root = linker.root();
    root.table_resource("file", ty).unwrap();
    root.func_new("size", |mut store, params, results| {
        let rep = ResourceAny::from_val(&params[0]).unwrap();
        let file = rep.into_resource::<File>(&mut store)?;
        results[0] = Val::U32(store.extra().table().get(&file)?.0);
        Ok(())
    })
    .unwrap();
    root.func_new("open", move |mut store, _, results| {
        let file = store.extra_mut().table_mut().push(File(7))?;
        results[0] = ResourceAny::new_own(store, ty, file.rep())?.into_own();
        Ok(())
    })
    .unwrap();
    let component = Component::new(&engine, KEEPER).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

fn file(store: &mut Store<()>, size: u32) -> ResourceAny {
    let file = store.extra_mut().table_mut().push(File(size)).unwrap();
    ResourceAny::new_own(store, ResourceType::host::<File>(), file.rep()).unwrap()
}

#[test]
fn host_resources_go_in_and_come_back() {
    let (mut store, instance) = keeper();
    let func = |store: &Store<()>, name: &str| instance.get_func(store, name).unwrap();
    let mut results = [Val::Bool(false)];
    let lent = file(&mut store, 5);
    let size_of = func(&store, "size-of");
    size_of
        .call(&mut store, &[lent.into_borrow()], &mut results)
        .unwrap();
    assert_eq!(results, [Val::U32(5)]);
    assert_eq!(
        store.extra().table().len(),
        1,
        "a borrow ends, its resource does not"
    );
    let take = func(&store, "take");
    take.call(&mut store, &[lent.into_own()], &mut results)
        .unwrap();
    assert!(store.extra().table().is_empty(), "the guest dropped it");
    let open = func(&store, "open-and-drop");
    open.call(&mut store, &[], &mut results).unwrap();
    assert_eq!(results, [Val::U32(7)]);
    assert!(store.extra().table().is_empty());
}

/// A host function drops the borrow that it got, and keeps a new handle that
/// takes its place.
#[test]
fn a_dropped_borrow_takes_no_other_handle_along() {
    let engine = Engine::default();
    let ty = ResourceType::host::<File>();
    let mut linker = Linker::<Option<ResourceAny>>::new(&engine);
    let mut root = linker.root();
    root.table_resource("file", ty).unwrap();
    root.func_new("size", move |mut store, params, results| {
        let borrow = ResourceAny::from_val(&params[0]).unwrap();
        borrow.resource_drop(&mut store)?;
        let file = store.extra_mut().table_mut().push(File(9))?;
        *store.data_mut() = Some(ResourceAny::new_own(&mut store, ty, file.rep())?);
        results[0] = Val::U32(1);
        Ok(())
    })
    .unwrap();
    root.func_new("open", |_, _, _| Err(linkspan::Error::msg("not here")))
        .unwrap();
    let component = Component::new(&engine, KEEPER).unwrap();
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let file = store.extra_mut().table_mut().push(File(1)).unwrap();
    let lent = ResourceAny::new_own(&mut store, ty, file.rep()).unwrap();
    let size_of = instance.get_func(&store, "size-of").unwrap();
    let mut results = [Val::Bool(false)];
    size_of
        .call(&mut store, &[lent.into_borrow()], &mut results)
        .unwrap();
    let kept = store.data().expect("a handle");
    assert!(kept.owned(&store).unwrap());
    assert!(lent.owned(&store).unwrap());
    // An error of a host function comes out as it was.
    let open = instance.get_func(&store, "open-and-drop").unwrap();
    let error = open.call(&mut store, &[], &mut results).unwrap_err();
    assert_eq!(error.to_string(), "import \"open\": not here");
}

#[test]
fn borrows_must_be_dropped_before_a_call_ends() {
    let (mut store, instance) = keeper();
    let keep = instance.get_func(&store, "keep-borrow").unwrap();
    let lent = file(&mut store, 5);
    let error = keep
        .call(&mut store, &[lent.into_borrow()], &mut [])
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap);
    assert!(
        error.to_string().contains("borrow handles still remain"),
        "{error}"
    );
    lent.resource_drop(&mut store).unwrap();
    assert!(store.extra().table().is_empty());
}
