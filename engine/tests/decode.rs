//! Loading modules: what is kept, what is refused, and how refusals read.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use linkspan_engine::{
    Config, Engine, Error, ErrorKind, ExternType, Features, Module, Proposal, ValType,
};

fn refuse(config: &Config, text: &str) -> Error {
    let engine = Engine::new(config).unwrap();
    let binary = wat::parse_str(text).unwrap();
    Module::from_binary(&engine, &binary).expect_err("the module should be refused")
}

#[test]
fn imports_exports_and_names_are_kept() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module $greeter
            (import "host" "log" (func (param i32 i64)))
            (import "host" "memory" (memory 1 2))
            (table (export "t") 3 10 funcref)
            (global (export "g") (mut f64) (f64.const 1))
            (func (export "b") (result f32) (f32.const 0))
            (func (export "a")))"#,
    )
    .unwrap();
    assert_eq!(module.name(), Some("greeter"));
    let imports: Vec<_> = module
        .imports()
        .map(|i| format!("{} {} {}", i.module, i.name, i.ty))
        .collect();
    assert_eq!(
        imports,
        [
            "host log (func (param i32 i64))",
            "host memory (memory 1 2)"
        ]
    );
    let exports: Vec<_> = module
        .exports()
        .map(|e| format!("{} {}", e.name, e.ty))
        .collect();
    assert_eq!(
        exports,
        [
            "t (table 3 10 funcref)",
            "g (global (mut f64))",
            "b (func (result f32))",
            "a (func)"
        ]
    );
    assert_eq!(module.export_position("a"), Some(3));
    assert_eq!(module.export_position("c"), None);
    let Some(ExternType::Func(ty)) = module.get_export("b") else {
        panic!("expected a function");
    };
    assert_eq!(ty.results(), [ValType::F32]);
}

#[test]
fn each_proposal_that_is_off_is_named_with_its_offset() {
    let cases = [
        ("(module (func (param v128)))", Proposal::Simd),
        (
            "(module (func (drop (i8x16.splat (i32.const 1)))))",
            Proposal::Simd,
        ),
        (
            "(module (func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0))))",
            Proposal::RelaxedSimd,
        ),
        (
            "(module (type $f (func)) (func (param (ref $f))))",
            Proposal::FunctionReferences,
        ),
        (
            "(module (type $f (func)) (func (param (ref null $f)) (call_ref $f (local.get 0))))",
            Proposal::FunctionReferences,
        ),
        ("(module (type (struct (field i32))))", Proposal::Gc),
        (
            "(module (func (drop (ref.i31 (i32.const 0)))))",
            Proposal::Gc,
        ),
        (
            "(module (memory 1 (pagesize 1)))",
            Proposal::CustomPageSizes,
        ),
        (
            "(module (func (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)) drop drop))",
            Proposal::WideArithmetic,
        ),
    ];
    for (text, proposal) in cases {
        let mut config = Config::new();
        config.proposal(proposal, false);
        if proposal == Proposal::FunctionReferences {
            // It contains the other.
            config.wasm_gc(false);
        }
        let error = refuse(&config, text);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{text}: {error}");
        assert_eq!(error.proposal(), Some(proposal), "{text}: {error}");
        assert!(error.offset().is_some(), "{text}: {error}");
        let message = error.to_string();
        assert!(message.contains(proposal.name()), "{message}");
        assert!(message.contains("(at offset 0x"), "{message}");
    }
}

#[test]
fn each_supported_proposal_can_be_switched_off() {
    let cases = [
        ("(module (memory 1 1 shared))", Proposal::Threads),
        (
            "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))",
            Proposal::Threads,
        ),
        ("(module (tag))", Proposal::Exceptions),
        (
            "(module (func (try_table (catch_all 0))))",
            Proposal::Exceptions,
        ),
        ("(module (memory i64 1))", Proposal::Memory64),
        ("(module (table i64 1 funcref))", Proposal::Memory64),
        (
            "(module (global (export \"g\") (mut i32) (i32.const 0)))",
            Proposal::MutableGlobal,
        ),
        (
            "(module (func (drop (i32.extend8_s (i32.const 0)))))",
            Proposal::SignExtension,
        ),
        (
            "(module (func (drop (i32.trunc_sat_f32_s (f32.const 0)))))",
            Proposal::SaturatingFloatToInt,
        ),
        (
            "(module (func (result i32 i32) (i32.const 0) (i32.const 0)))",
            Proposal::MultiValue,
        ),
        (
            "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
            Proposal::BulkMemory,
        ),
        (
            "(module (func (param externref)))",
            Proposal::ReferenceTypes,
        ),
        ("(module (func $f (return_call $f)))", Proposal::TailCall),
        (
            "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
            Proposal::ExtendedConst,
        ),
        ("(module (memory 1) (memory 1))", Proposal::MultiMemory),
    ];
    for (text, proposal) in cases {
        let engine = Engine::default();
        Module::new(&engine, text).unwrap();
        let mut config = Config::new();
        config.proposal(proposal, false);
        let error = refuse(&config, text);
        assert_eq!(error.proposal(), Some(proposal), "{text}: {error}");
        assert!(error.to_string().contains("switched off"), "{error}");
    }
}

#[test]
fn a_proposal_that_is_not_built_cannot_be_switched_on() {
    for proposal in Proposal::ALL {
        let mut config = Config::new();
        config.proposal(*proposal, true);
        let result = Engine::new(&config);
        assert_eq!(result.is_ok(), proposal.is_supported(), "{proposal}");
        if let Err(error) = result {
            assert_eq!(error.proposal(), Some(*proposal));
        }
    }
}

#[test]
fn invalid_malformed_and_text_errors_are_told_apart() {
    let engine = Engine::default();
    let invalid = refuse(&Config::new(), "(module (func (result i32)))");
    assert_eq!(invalid.kind(), ErrorKind::Invalid);
    assert!(
        invalid
            .to_string()
            .starts_with("failed to load module: type mismatch")
    );
    let malformed = Module::new(&engine, b"\0asm\x01\0\0\0\x01\x7f").unwrap_err();
    assert_eq!(malformed.kind(), ErrorKind::Malformed);
    assert!(malformed.offset().is_some());
    let empty = Module::new(&engine, b"").unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::Malformed);
    let text = Module::new(&engine, "(module\n  (fnuc))").unwrap_err();
    assert_eq!(text.kind(), ErrorKind::Text);
    let layered = Module::new(&engine, b"\0asm\x0d\0\x01\0").unwrap_err();
    assert_eq!(layered.kind(), ErrorKind::Malformed, "{layered}");
}

#[test]
fn lengths_that_the_binary_only_claims_are_not_believed() {
    let engine = Engine::default();
    // A type section that announces four thousand million types.
    let types = b"\0asm\x01\0\0\0\x01\x05\xff\xff\xff\xff\x0f";
    // A code section with a body of four thousand million bytes.
    let code = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x06\x01\xff\xff\xff\xff\x0f";
    // A data section with as many segments.
    let data = b"\0asm\x01\0\0\0\x0b\x05\xff\xff\xff\xff\x0f";
    for bytes in [&types[..], &code[..], &data[..]] {
        assert!(Module::new(&engine, bytes).is_err());
    }
}

#[test]
fn every_prefix_and_every_flipped_byte_is_survived() {
    let binary = wat::parse_str(
        r#"(module (type (func (param i32) (result i32)))
            (import "a" "b" (func (type 0)))
            (table 2 funcref) (memory 1) (global i32 (i32.const 3))
            (export "f" (func 1)) (elem (i32.const 0) func 0 1) (data (i32.const 0) "xyz")
            (func $f (type 0) (block (br_if 0 (local.get 0))) (call 0 (i32.const 1))))"#,
    )
    .unwrap();
    let engine = Engine::default();
    let mut loaded = 0;
    for end in 0..binary.len() {
        // A cut between two sections can leave a module.
        loaded += u32::from(Module::from_binary(&engine, &binary[..end]).is_ok());
    }
    for at in 8..binary.len() {
        for flip in [1, 0x40, 0x80, 0xff] {
            let mut bytes = binary.clone();
            bytes[at] ^= flip;
            loaded += u32::from(Module::from_binary(&engine, &bytes).is_ok());
        }
    }
    assert!(loaded > 10, "some mutations leave a module: {loaded}");
}

#[test]
fn configured_limits_refuse_modules() {
    let mut config = Config::new();
    config.max_module_bytes(20);
    let error = refuse(&config, "(module (func) (func) (func) (func))");
    assert_eq!(error.kind(), ErrorKind::Limit);
    let mut config = Config::new();
    config.max_functions(2);
    let error = refuse(&config, r#"(module (import "" "" (func)) (func) (func))"#);
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    let mut locals = String::from("(module (func (local");
    locals.push_str(&" i32".repeat(50_001));
    locals.push_str(")))");
    let error = refuse(&Config::new(), &locals);
    assert!(error.to_string().contains("local"), "{error}");

    let mut config = Config::new();
    config.max_types(3);
    let group = "(rec (type (func)) (type (struct)) (type (array i8)))";
    let error = refuse(
        &config,
        &format!("(module {group} (type (func (param i32))))"),
    );
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(error.message(), "expected at most 3 types, found more");
    let binary = wat::parse_str(format!("(module {group})")).unwrap();
    assert!(Module::validate(&Engine::new(&config).unwrap(), binary).is_ok());
}

#[test]
fn wasm1_refuses_what_wasm2_brought() {
    let mut config = Config::new();
    config.features(Features::wasm1());
    let error = refuse(
        &config,
        "(module (func (drop (i32.extend8_s (i32.const 0)))))",
    );
    assert_eq!(error.proposal(), Some(Proposal::SignExtension));
    config.features(Features::wasm2());
    let engine = Engine::new(&config).unwrap();
    let text = "(module (func (drop (i32.extend8_s (i32.const 0)))))";
    assert!(Module::validate(&engine, text).is_ok());
}

#[test]
fn a_malformed_name_section_is_ignored() {
    let mut binary = wat::parse_str("(module $m (func $f))").unwrap();
    let engine = Engine::default();
    assert_eq!(
        Module::from_binary(&engine, &binary).unwrap().name(),
        Some("m")
    );
    // The module's name claims to be longer than its subsection.
    let at = binary.windows(4).position(|w| w == b"name").unwrap() + 4;
    assert_eq!(&binary[at..at + 3], b"\0\x02\x01");
    binary[at + 2] = 0x7f;
    let module = Module::from_binary(&engine, &binary).unwrap();
    assert_eq!(module.name(), None);
}
