//! Canonicalisation: which groups are equal, and when their ids are free.

use std::sync::Arc;

use super::*;

fn registry() -> Arc<TypeRegistry> {
    Arc::default()
}

fn to(heap: HeapType) -> FieldType {
    FieldType::mutable(ValType::Ref(RefType::nullable(heap)))
}

fn own_struct(position: u32) -> HeapType {
    HeapType::ConcreteStruct(TypeId::in_group(position))
}

/// A structure that refers to the member `to` of its group.
fn node(to_position: u32) -> SubType {
    SubType::plain(StructType::new([to(own_struct(to_position))]))
}

fn ids(types: &[DefinedType]) -> Vec<TypeId> {
    types.iter().map(DefinedType::id).collect()
}

#[test]
fn equal_types_share_one_id_and_the_last_drop_frees_it() {
    let registry = registry();
    let ty = FuncType::new([ValType::I32], [ValType::I64]);
    let a = registry.register(&ty).unwrap();
    let b = registry
        .register(&FuncType::new([ValType::I32], [ValType::I64]))
        .unwrap();
    let other = registry.register(&FuncType::new([], [])).unwrap();
    assert_eq!(a.id(), b.id());
    assert_eq!(a, b);
    assert_ne!(a.id(), other.id());
    assert_eq!(registry.len(), 2);
    let id = a.id();
    drop(a);
    assert_eq!(registry.len(), 2);
    drop(b);
    assert_eq!(registry.len(), 1);
    assert!(registry.find(id).is_none());
    let reused = registry
        .register(&FuncType::new([ValType::F32], []))
        .unwrap();
    assert_eq!(reused.id(), id);
}

#[test]
fn ids_start_behind_the_reserved_ones() {
    let registry = registry();
    let first = registry.register(&FuncType::new([], [])).unwrap();
    assert_eq!(first.id(), TypeId(rtt::HOST_TYPE.0 + 1));
    assert!(registry.find(TypeId(0)).is_none());
    assert!(registry.find(rtt::HOST_TYPE).is_none());
    assert!(registry.find(TypeId(u32::MAX)).is_none());
}

#[test]
fn recursive_groups_are_equal_if_they_are_written_alike() {
    let registry = registry();
    let list = registry.register_group(vec![node(0)]).unwrap();
    let again = registry.register_group(vec![node(0)]).unwrap();
    assert_eq!(ids(&list), ids(&again));
    // The definition names the type itself by its id.
    let expected = SubType::plain(StructType::new([to(list[0].heap_type())]));
    assert_eq!(list[0].definition(), &expected);

    let pair = registry.register_group(vec![node(1), node(0)]).unwrap();
    let same = registry.register_group(vec![node(1), node(0)]).unwrap();
    assert_eq!(ids(&pair), ids(&same));
    assert_ne!(pair[0].id(), pair[1].id());
}

#[test]
fn grouping_and_order_make_other_types() {
    let registry = registry();
    let alone = registry.register_group(vec![node(0)]).unwrap();
    // The same infinite unfolding, in a group of two.
    let both = registry.register_group(vec![node(0), node(1)]).unwrap();
    assert!(!ids(&both).contains(&alone[0].id()));
    // A reference to the type from outside is not one from inside.
    let outside = SubType::plain(StructType::new([to(alone[0].heap_type())]));
    let outside = registry.register_group(vec![outside]).unwrap();
    assert_ne!(outside[0].id(), alone[0].id());

    let number = || SubType::plain(StructType::new([FieldType::constant(ValType::I32)]));
    let func = || SubType::plain(FuncType::new([], []));
    let a = registry.register_group(vec![number(), func()]).unwrap();
    let b = registry.register_group(vec![func(), number()]).unwrap();
    assert!(ids(&a).iter().all(|id| !ids(&b).contains(id)));
    let open = SubType::open(None, FuncType::new([], []));
    let open = registry.register_group(vec![open]).unwrap();
    let host = registry.register(&FuncType::new([], [])).unwrap();
    assert_ne!(open[0].id(), host.id());
    assert_eq!(registry.register_group(vec![func()]).unwrap()[0], host);
}

#[test]
fn a_group_keeps_the_groups_that_it_refers_to() {
    let registry = registry();
    let list = registry.register_group(vec![node(0)]).unwrap();
    let heap = list[0].heap_type();
    let array = ArrayType { element: to(heap) };
    let array = registry
        .register_group(vec![SubType::plain(array)])
        .unwrap();
    drop(list);
    assert_eq!(registry.len(), 2);
    let still = registry.register_group(vec![node(0)]).unwrap();
    assert_eq!(still[0].heap_type(), heap);
    drop(still);
    drop(array);
    assert_eq!(registry.len(), 0);
    assert!(registry.check_ref(RefType::nullable(heap)).is_err());
}

#[test]
fn a_long_chain_of_groups_is_dropped_without_recursion() {
    let registry = registry();
    let mut last = registry.register_group(vec![node(0)]).unwrap();
    for _ in 0..50_000 {
        let next = SubType::plain(StructType::new([to(last[0].heap_type())]));
        last = registry.register_group(vec![next]).unwrap();
    }
    assert_eq!(registry.len(), 50_001);
    drop(last);
    assert_eq!(registry.len(), 0);
}

#[test]
fn subtypes_lay_out_inherited_fields_alike_and_know_their_supertypes() {
    let registry = registry();
    let fields = [
        FieldType::constant(StorageType::I8),
        FieldType::mutable(ValType::I64),
        FieldType::mutable(ValType::FUNCREF),
        FieldType::mutable(ValType::ANYREF),
    ];
    let mut types: Vec<DefinedType> = Vec::new();
    for count in 0..=fields.len() {
        let supertype = types.last().map(DefinedType::id);
        let ty = StructType::new(fields[..count].iter().copied());
        let group = vec![SubType::open(supertype, ty)];
        types.extend(registry.define_group(group).unwrap());
    }
    for (depth, ty) in types.iter().enumerate() {
        assert_eq!(usize::from(ty.rtt().depth), depth);
        assert!(ty.rtt().path().eq(ids(&types[..=depth])));
    }
    let rtt::Shape::Fields { fields, refs, .. } = &types[4].rtt().shape else {
        panic!("a structure has fields");
    };
    let offsets: Vec<u32> = fields.iter().map(|field| field.offset_bytes).collect();
    assert_eq!(offsets, [4, 8, 16, 20]);
    assert_eq!(**refs, [20]);
}

#[test]
fn supertypes_have_a_limit() {
    let registry = registry();
    let chain = |count: u32| {
        let ty = |position: u32| {
            let supertype = position.checked_sub(1).map(TypeId::in_group);
            SubType::open(supertype, StructType::new([]))
        };
        registry.register_group((0..count).map(ty).collect())
    };
    let deepest = chain(64).unwrap();
    assert!(deepest[63].rtt().inherits(deepest[0].id()));
    assert!(!deepest[0].rtt().inherits(deepest[63].id()));
    assert!(chain(65).is_err());
}

#[test]
fn definitions_of_the_host_are_checked() {
    let registry = registry();
    let define = |ty: SubType| {
        registry
            .define_group(vec![ty])
            .map(|mut types| types.remove(0))
    };
    let base = define(SubType::open(
        None,
        StructType::new([FieldType::mutable(ValType::I32)]),
    ))
    .unwrap();
    let last = define(SubType::plain(StructType::new([]))).unwrap();
    let below = |ty: &DefinedType, fields: &[FieldType]| {
        SubType::open(Some(ty.id()), StructType::new(fields.iter().copied()))
    };
    let i32_field = FieldType::mutable(ValType::I32);
    assert!(define(below(&base, &[i32_field, i32_field])).is_ok());
    assert!(define(below(&base, &[])).is_err());
    assert!(define(below(&base, &[FieldType::mutable(ValType::I64)])).is_err());
    assert!(define(below(&base, &[FieldType::constant(ValType::I32)])).is_err());
    assert!(define(below(&last, &[])).is_err());
    assert!(define(SubType::open(Some(base.id()), FuncType::new([], []))).is_err());
    // Of another kind than the reference says, not there, or not before.
    let wrong = HeapType::ConcreteFunc(base.id());
    assert!(define(SubType::plain(StructType::new([to(wrong)]))).is_err());
    assert!(
        registry
            .register(&FuncType::new([RefType::nullable(wrong).into()], []))
            .is_err()
    );
    assert!(define(node(1)).is_err());
    let own = SubType::open(Some(TypeId::in_group(0)), StructType::new([]));
    assert!(define(own).is_err());
    assert_eq!(registry.len(), 2);
}

#[test]
fn abstract_types_form_four_trees() {
    use HeapType as H;
    let registry = registry();
    let heap = |sub: H, sup: H| {
        let ty = |heap| ValType::Ref(RefType::non_null(heap));
        registry.matches(ty(sub), ty(sup))
    };
    for (chain, hierarchy) in [
        (&[H::None, H::I31, H::Eq, H::Any][..], Hierarchy::Any),
        (&[H::None, H::Struct, H::Eq, H::Any], Hierarchy::Any),
        (&[H::None, H::Array, H::Eq, H::Any], Hierarchy::Any),
        (&[H::NoFunc, H::Func], Hierarchy::Func),
        (&[H::NoExtern, H::Extern], Hierarchy::Extern),
        (&[H::NoExn, H::Exn], Hierarchy::Exn),
    ] {
        for (i, sub) in chain.iter().enumerate() {
            assert_eq!(sub.hierarchy(), hierarchy);
            for (j, sup) in chain.iter().enumerate() {
                assert_eq!(heap(*sub, *sup), i <= j, "{sub} {sup}");
            }
        }
    }
    assert!(!heap(H::I31, H::Struct) && !heap(H::Struct, H::Array) && !heap(H::Func, H::Any));
    let open = SubType::open(None, StructType::new([]));
    let base = registry.define_group(vec![open]).unwrap().remove(0);
    let below = SubType::plain(StructType::new([]));
    let below = SubType {
        supertype: Some(base.id()),
        ..below
    };
    let below = registry.define_group(vec![below]).unwrap().remove(0);
    let (base, below) = (base.heap_type(), below.heap_type());
    assert!(heap(below, base) && !heap(base, below) && heap(H::None, below));
    assert!(heap(below, H::Struct) && heap(below, H::Any) && !heap(below, H::Array));
    let nullable = ValType::Ref(RefType::nullable(below));
    let non_null = ValType::Ref(RefType::non_null(below));
    assert!(registry.matches(non_null, nullable) && !registry.matches(nullable, non_null));
    assert!(!registry.matches(ValType::I32, ValType::I64));
}

#[test]
fn parameters_and_results_are_told_apart() {
    let a = FuncType::new([ValType::I32, ValType::I32], []);
    let b = FuncType::new([ValType::I32], [ValType::I32]);
    assert_ne!(a, b);
    assert_eq!(b.to_string(), "(func (param i32) (result i32))");
    assert_eq!(FuncType::new([], []).to_string(), "(func)");
}

#[test]
fn definitions_print_as_text() {
    let fields = [
        FieldType::constant(StorageType::I8),
        FieldType::mutable(ValType::EQREF),
    ];
    let ty = SubType::open(Some(TypeId(7)), StructType::new(fields));
    let text = "(sub 7 (struct (field i8) (field (mut eqref))))";
    assert_eq!(ty.to_string(), text);
    let element = FieldType::mutable(StorageType::I16);
    let ty = SubType::plain(ArrayType { element });
    assert_eq!(ty.to_string(), "(array (mut i16))");
}

#[test]
fn too_many_parameters_and_fields_are_refused() {
    let registry = registry();
    let most = FuncType::new([ValType::I32; 1000], []);
    assert!(registry.register(&most).is_ok());
    let more = FuncType::new([ValType::I32; 1001], []);
    assert!(registry.register(&more).is_err());
    let fields = StructType::new([FieldType::constant(ValType::I32); 10_001]);
    assert!(registry.define_group(vec![SubType::plain(fields)]).is_err());
}

#[test]
fn threads_agree_on_ids() {
    let registry = registry();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for i in 0..500_usize {
                    let ty = FuncType::new(vec![ValType::I64; i % 7], []);
                    let a = registry.register(&ty).unwrap();
                    let b = registry.register(&ty).unwrap();
                    assert_eq!(a.id(), b.id());
                    let group = || vec![node(1), node(u32::from(i % 2 == 0))];
                    let a = registry.register_group(group()).unwrap();
                    let heap = a[0].heap_type();
                    let user = SubType::plain(StructType::new([to(heap)]));
                    let user = registry.register_group(vec![user]).unwrap();
                    let b = registry.register_group(group()).unwrap();
                    assert_eq!(ids(&a), ids(&b));
                    drop((a, b));
                    assert!(registry.check_ref(RefType::nullable(heap)).is_ok());
                    drop(user);
                }
            });
        }
    });
    assert_eq!(registry.len(), 0);
}
