//! Types that modules define: what is equal, what matches at an import or a
//! call, who keeps a type, and hostile type sections.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use linkspan_engine::{
    CompositeType, Config, Engine, Error, ErrorKind, Extern, ExternType, FieldType, Func, FuncType,
    Global, GlobalType, HeapType, Instance, Linker, Module, RefType, Store, StructType, SubType,
    Table, Trap, TypeId, Val, ValType,
};

fn engine() -> Engine {
    Engine::new(Config::new().wasm_gc(true)).unwrap()
}

fn instance(store: &mut Store<()>, text: &str) -> Instance {
    let module = Module::new(&store.engine().clone(), text).unwrap();
    Instance::new(store, &module, &[]).unwrap()
}

/// The export `name` of a module in text, offered to a module that imports
/// it.
fn import(offers: &str, name: &str, wants: &str) -> Result<Instance, Error> {
    let engine = engine();
    let mut store = Store::<()>::new(&engine, ());
    let item = instance(&mut store, offers)
        .get_export(&store, name)
        .unwrap();
    let module = Module::new(&engine, wants).unwrap();
    Instance::new(&mut store, &module, &[item])
}

fn heap_of(ty: ValType) -> HeapType {
    ty.as_ref_type().unwrap().heap
}

/// The type of the first parameter of the function exported as `f`.
fn first_param(module: &Module) -> ValType {
    match module.get_export("f").unwrap() {
        ExternType::Func(ty) => ty.params()[0],
        other => panic!("expected a function, found {other}"),
    }
}

#[test]
fn functions_are_imported_by_declared_subtyping() {
    let offers = "(module
        (type $a (sub (func (result anyref))))
        (type $b (sub $a (func (result eqref))))
        (func (export \"a\") (type $a) (ref.null any))
        (func (export \"b\") (type $b) (ref.null eq)))";
    let wants = |kind: &str| {
        format!(
            "(module
                (type $a (sub (func (result anyref))))
                (type $b (sub $a (func (result eqref))))
                (import \"\" \"\" (func (type {kind}))))"
        )
    };
    assert!(import(offers, "a", &wants("$a")).is_ok());
    assert!(import(offers, "b", &wants("$a")).is_ok());
    assert!(import(offers, "b", &wants("$b")).is_ok());
    let error = import(offers, "a", &wants("$b")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    // Written alike, but final.
    let last = "(module (import \"\" \"\" (func (result anyref))))";
    let error = import(offers, "a", last).unwrap_err().to_string();
    assert!(
        error.contains("supertypes, finality or recursion group"),
        "{error}"
    );
}

#[test]
fn constant_globals_may_hold_less_and_variable_ones_may_not() {
    let offers = |ty: &str, init: &str| format!("(module (global (export \"g\") {ty} ({init})))");
    let wants = |ty: &str| format!("(module (import \"\" \"\" (global {ty})))");
    let none = offers("nullfuncref", "ref.null nofunc");
    assert!(import(&none, "g", &wants("funcref")).is_ok());
    assert!(import(&none, "g", &wants("(mut funcref)")).is_err());
    assert!(import(&none, "g", &wants("externref")).is_err());
    let wide = offers("funcref", "ref.null func");
    assert!(import(&wide, "g", &wants("(ref func)")).is_err());
    let variable = offers("(mut nullfuncref)", "ref.null nofunc");
    assert!(import(&variable, "g", &wants("(mut funcref)")).is_err());
    assert!(import(&variable, "g", &wants("(mut nullfuncref)")).is_ok());
}

#[test]
fn tables_are_imported_with_equal_elements() {
    let offers = "(module (type $f (func)) (table (export \"t\") 1 (ref null $f)))";
    let wants = |ty: &str| format!("(module (type $f (func)) (import \"\" \"\" (table 1 {ty})))");
    assert!(import(offers, "t", &wants("(ref null $f)")).is_ok());
    let error = import(offers, "t", &wants("funcref"))
        .unwrap_err()
        .to_string();
    // What the numbers of types mean stands behind them.
    assert!(error.contains(" = (func)"), "{error}");
}

#[test]
fn host_functions_have_the_types_of_modules() {
    let engine = engine();
    let text = "(module
        (type $callback (func (param i32) (result i32)))
        (import \"host\" \"twice\" (func $twice (param (ref $callback) i32) (result i32)))
        (func $double (type $callback) (i32.mul (local.get 0) (i32.const 2)))
        (elem declare func $double)
        (func (export \"run\") (result i32) (call $twice (ref.func $double) (i32.const 5))))";
    let module = Module::new(&engine, text).unwrap();
    let callback = engine
        .define_type(FuncType::new([ValType::I32], [ValType::I32]))
        .unwrap();
    let reference = ValType::Ref(RefType::non_null(callback.heap_type()));
    let ty = FuncType::new([reference, ValType::I32], [ValType::I32]);
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_new("host", "twice", ty, |mut caller, params, results| {
            let Val::FuncRef(Some(callback)) = params[0] else {
                return Err(Error::host("expected a function"));
            };
            callback.call(&mut caller, &params[1..], results)?;
            let first = results[0];
            callback.call(&mut caller, &[first], results)
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_typed_func::<(), i32>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 20);
}

#[test]
fn values_of_the_host_are_compared_with_their_actual_type() {
    let engine = engine();
    let mut store = Store::<()>::new(&engine, ());
    let instance = instance(
        &mut store,
        "(module
            (type $f (func (result i32)))
            (type $open (sub (func (result i32))))
            (type $below (sub $open (func (result i32))))
            (func (export \"f\") (type $f) (i32.const 1))
            (func (export \"open\") (type $open) (i32.const 2))
            (func (export \"below\") (type $below) (i32.const 3))
            (func (export \"call-f\") (param (ref $f)) (result i32) (call_ref $f (local.get 0)))
            (func (export \"call-open\") (param (ref null $open)) (result i32)
                (call_ref $open (local.get 0))))",
    );
    let func = |store: &Store<()>, name: &str| instance.get_func(store, name).unwrap();
    let mut call = |name: &str, value: Option<&str>| {
        let value = Val::FuncRef(value.map(|name| func(&store, name)));
        let mut results = [Val::I32(0)];
        func(&store, name).call(&mut store, &[value], &mut results)?;
        Ok::<_, Error>(results[0].i32().unwrap())
    };
    assert_eq!(call("call-f", Some("f")).unwrap(), 1);
    assert_eq!(call("call-open", Some("open")).unwrap(), 2);
    assert_eq!(call("call-open", Some("below")).unwrap(), 3);
    for (callee, value) in [
        ("call-f", None),
        ("call-f", Some("open")),
        ("call-f", Some("call-f")),
        ("call-open", Some("f")),
    ] {
        let error = call(callee, value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{callee} {value:?}");
    }
    let null = call("call-open", None).unwrap_err();
    assert_eq!(null.trap(), Some(Trap::NullFunctionReference));
}

#[test]
fn indirect_calls_accept_subtypes_alone() {
    let engine = engine();
    let mut store = Store::<()>::new(&engine, ());
    // Nine supertypes: more than a display has room for at once.
    let types: String = (1..10)
        .map(|i| format!("(type $t{i} (sub $t{} (func (result i32))))", i - 1))
        .collect();
    let text = format!(
        "(module
            (type $t0 (sub (func (result i32)))) {types}
            (type $other (sub $t0 (func (result i32))))
            (table funcref (elem $f0 $f9 $other))
            (func $f0 (type $t0) (i32.const 0))
            (func $f9 (type $t9) (i32.const 9))
            (func $other (type $other) (i32.const 10))
            (func (export \"t0\") (param i32) (result i32)
                (call_indirect (type $t0) (local.get 0)))
            (func (export \"t8\") (param i32) (result i32)
                (return_call_indirect (type $t8) (local.get 0))))"
    );
    let instance = instance(&mut store, &text);
    let mut call = |name: &str, element: i32| {
        let func = instance.get_typed_func::<i32, i32>(&store, name).unwrap();
        func.call(&mut store, element).map_err(|error| error.trap())
    };
    assert_eq!(call("t0", 0), Ok(0));
    assert_eq!(call("t0", 1), Ok(9));
    assert_eq!(call("t0", 2), Ok(10));
    assert_eq!(call("t8", 1), Ok(9));
    let mismatch = Some(Trap::IndirectCallTypeMismatch);
    assert_eq!(call("t8", 0), Err(mismatch));
    assert_eq!(call("t8", 2), Err(mismatch));
}

#[test]
fn tables_and_globals_of_the_host_keep_the_types_that_they_name() {
    let engine = engine();
    let mut store = Store::<()>::new(&engine, ());
    let defined = engine
        .define_type(FuncType::new([ValType::F64], []))
        .unwrap();
    let (id, ty) = (defined.id(), RefType::nullable(defined.heap_type()));
    let global = GlobalType {
        content: ty.into(),
        mutable: false,
    };
    Global::new(&mut store, global, Val::FuncRef(None)).unwrap();
    drop(defined);
    assert!(engine.defined_type(id).is_some());
    let text = "(module (type (func (param f64))) (table (export \"t\") 1 (ref null 0)))";
    let table = instance(&mut store, text).get_table(&store, "t").unwrap();
    let table = table.ty(&store).unwrap();
    assert_eq!(table.element, ty);
    drop(store);
    assert!(engine.defined_type(id).is_none());
    let mut store = Store::<()>::new(&engine, ());
    assert!(Global::new(&mut store, global, Val::FuncRef(None)).is_err());
    assert!(Table::new(&mut store, table, Val::FuncRef(None)).is_err());
}

#[test]
fn references_of_another_kind_than_they_say_are_refused() {
    let engine = engine();
    let mut store = Store::<()>::new(&engine, ());
    let func = engine.define_type(FuncType::new([], [])).unwrap();
    for heap in [
        HeapType::ConcreteStruct(func.id()),
        HeapType::ConcreteArray(func.id()),
        HeapType::ConcreteFunc(TypeId::in_group(0)),
    ] {
        let ty = RefType::nullable(heap);
        let ty = FuncType::new([ty.into()], []);
        let error = Func::new(&mut store, ty, |_, _, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}

#[test]
fn hosts_define_recursive_types_that_modules_share() {
    let engine = engine();
    let text = "(module
        (rec (type $list (sub (struct (field i32) (field (mut (ref null $list))))))
             (type $f (func (param (ref $list)))))
        (func (export \"f\") (type $f)))";
    let module = Module::new(&engine, text).unwrap();
    let list = HeapType::ConcreteStruct(TypeId::in_group(0));
    let fields = [
        FieldType::constant(ValType::I32),
        FieldType::mutable(ValType::Ref(RefType::nullable(list))),
    ];
    let list_type = SubType::open(None, StructType::new(fields));
    let func = FuncType::new([RefType::non_null(list).into()], []);
    let group = [list_type.clone(), SubType::plain(func)];
    let types = engine.define_types(group).unwrap();
    assert_eq!(heap_of(first_param(&module)), types[0].heap_type());
    let alone = engine.define_types([list_type]).unwrap();
    assert_ne!(alone[0].id(), types[0].id());
    match &types[0].definition().composite {
        CompositeType::Struct(ty) => {
            let next = ty.fields()[1].storage.unpacked();
            assert_eq!(heap_of(next), types[0].heap_type());
        }
        other => panic!("expected a structure, found {other}"),
    }
}

#[test]
fn branches_on_null_carry_operands_past_aliased_locals() {
    let engine = engine();
    let mut store = Store::<()>::new(&engine, ());
    let instance = instance(
        &mut store,
        "(module
            (type $f (func (result i32)))
            (func $seven (type $f) (i32.const 7))
            (elem declare func $seven)
            ;; The operand below stays where it is, the local changes behind it.
            (func (export \"null\") (param $pick i32) (result i32)
                (local $r (ref null $f)) (local $n i32)
                (local.set $n (i32.const 100))
                (if (local.get $pick) (then (local.set $r (ref.func $seven))))
                (i32.const 1000)
                (block $out (result i32)
                    (local.get $n)
                    (local.get $r)
                    (br_on_null $out)
                    (local.set $r (ref.null $f))
                    (call_ref $f)
                    (i32.add))
                (i32.add))
            (func (export \"non-null\") (param $pick i32) (result i32)
                (local $r (ref null $f))
                (if (local.get $pick) (then (local.set $r (ref.func $seven))))
                (block $out (result i32 (ref $f))
                    (i32.const 1)
                    (i32.const 2)
                    (local.get $r)
                    (br_on_non_null $out)
                    (return (i32.sub)))
                (call_ref $f)
                (i32.add))
            (func (export \"loop\") (param $n i32) (result i32)
                (local $sum i32)
                (loop $again (result i32)
                    (local.set $sum (i32.add (local.get $sum) (i32.const 3)))
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (if (result (ref null $f)) (local.get $n)
                        (then (ref.null $f)) (else (ref.func $seven)))
                    (br_on_null $again)
                    (drop)
                    (local.get $sum)))
            (func (export \"checked\") (param $pick i32) (result i32)
                (local $r (ref null $f))
                (if (local.get $pick) (then (local.set $r (ref.func $seven))))
                (call_ref $f (ref.as_non_null (local.get $r)))))",
    );
    let mut call = |name: &str, value: i32| {
        let func = instance.get_typed_func::<i32, i32>(&store, name).unwrap();
        func.call(&mut store, value).map_err(|error| error.trap())
    };
    assert_eq!(call("null", 1), Ok(1107));
    assert_eq!(call("null", 0), Ok(1100));
    assert_eq!(call("non-null", 1), Ok(9));
    assert_eq!(call("non-null", 0), Ok(-1));
    assert_eq!(call("loop", 5), Ok(15));
    assert_eq!(call("checked", 1), Ok(7));
    assert_eq!(call("checked", 0), Err(Some(Trap::NullReference)));
}

#[test]
fn segments_of_expressions_last_until_they_are_dropped() {
    let engine = engine();
    let mut store = Store::<()>::new(&engine, ());
    let instance = instance(
        &mut store,
        "(module
            (type $f (func (result i32)))
            (func $one (type $f) (i32.const 1))
            (global $g (ref $f) (ref.func $one))
            (table $t 2 (ref null $f))
            (elem $e (ref null $f) (global.get $g) (ref.null $f))
            (func (export \"init\") (param i32)
                (table.init $t $e (i32.const 0) (i32.const 0) (local.get 0)))
            (func (export \"drop\") (elem.drop $e))
            (func (export \"call\") (param i32) (result i32)
                (call_ref $f (table.get $t (local.get 0)))))",
    );
    let init = instance.get_typed_func::<i32, ()>(&store, "init").unwrap();
    let call = instance.get_typed_func::<i32, i32>(&store, "call").unwrap();
    init.call(&mut store, 2).unwrap();
    assert_eq!(call.call(&mut store, 0).unwrap(), 1);
    let null = call.call(&mut store, 1).unwrap_err();
    assert_eq!(null.trap(), Some(Trap::NullFunctionReference));
    let drop = instance.get_typed_func::<(), ()>(&store, "drop").unwrap();
    drop.call(&mut store, ()).unwrap();
    init.call(&mut store, 0).unwrap();
    let bounds = init.call(&mut store, 1).unwrap_err();
    assert_eq!(bounds.trap(), Some(Trap::TableOutOfBounds));
}

#[test]
fn references_of_exports_match_what_rust_asks_for() {
    let engine = engine();
    let mut store = Store::<()>::new(&engine, ());
    let text = "(module
        (func $f (export \"f\") (result (ref func)) (ref.func $f))
        (func (export \"g\") (param (ref null $t)))
        (type $t (func)))";
    let instance = instance(&mut store, text);
    let f = instance
        .get_typed_func::<(), Option<Func>>(&store, "f")
        .unwrap();
    assert!(f.call(&mut store, ()).unwrap().is_some());
    let error = instance
        .get_typed_func::<Option<Func>, ()>(&store, "g")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let _ = Extern::from(*f.func());
}

/// A type index where a heap type stands: a signed number.
fn heap_index(value: u32, out: &mut Vec<u8>) {
    for shift in [0, 7, 14] {
        out.push((value >> shift) as u8 | 0x80);
    }
    out.push((value >> 21) as u8 & 0x3f);
}

fn leb(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A module of `count` types; with `grouped` they are one recursion group.
fn many_types(count: u32, grouped: bool, each: impl Fn(u32, &mut Vec<u8>)) -> Vec<u8> {
    let mut section = Vec::new();
    if grouped {
        leb(1, &mut section);
        section.push(0x4e);
    }
    leb(count, &mut section);
    (0..count).for_each(|i| each(i, &mut section));
    let mut binary = b"\0asm\x01\0\0\0\x01".to_vec();
    leb(u32::try_from(section.len()).unwrap(), &mut binary);
    binary.extend(section);
    binary
}

#[test]
fn huge_type_sections_take_time_in_proportion() {
    const COUNT: u32 = 100_000;
    let engine = engine();
    let refers = |to: u32, out: &mut Vec<u8>| {
        // A structure with one field: a nullable reference.
        out.extend([0x5f, 1, 0x63]);
        heap_index(to, out);
        out.push(1);
    };
    // A chain: each type keeps the one before it.
    let chain = many_types(COUNT, false, |i, out| refers(i.saturating_sub(1), out));
    drop(Module::from_binary(&engine, &chain).unwrap());
    // One group, in which each type refers to the last.
    let group = many_types(COUNT, true, |_, out| refers(COUNT - 1, out));
    let first = Module::from_binary(&engine, &group).unwrap();
    drop(Module::from_binary(&engine, &group).unwrap());
    drop(first);
    // Towers of supertypes as high as allowed.
    let towers = many_types(COUNT, false, |i, out| {
        out.push(0x50);
        if i % 64 == 0 {
            out.push(0);
        } else {
            out.push(1);
            leb(i - 1, out);
        }
        out.extend([0x5f, 0]);
    });
    let module = Module::from_binary(&engine, &towers).unwrap();
    drop(module);
}
