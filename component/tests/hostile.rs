//! Damaged components: whatever the bytes, decoding, linking and
//! instantiating answer an error or a working component, within limits.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use linkspan::{Component, Config, Engine, Linker, Store, Val};

/// Components with a bit of everything.
const SEEDS: [&str; 2] = [
    r#"(component
        (import "host" (instance $h
          (export "r" (type $r (sub resource)))
          (export "f" (func (param "a" (list u8)) (result string)))
          (export "g" (func (param "r" (borrow $r)) (result (option (own $r)))))))
        (core module $mem
          (memory (export "mem") 1)
          (global $next (mut i32) (i32.const 1024))
          (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $p i32)
            (local.set $p (i32.and
              (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
              (i32.sub (i32.const 0) (local.get 2))))
            (global.set $next (i32.add (local.get $p) (local.get 3)))
            (local.get $p)))
        (core instance $mi (instantiate $mem))
        (core func $f (canon lower (func $h "f")
          (memory (core memory $mi "mem")) (realloc (core func $mi "realloc"))))
        (core module $m
          (import "" "f" (func $f (param i32 i32 i32)))
          (import "" "mem" (memory 1))
          (func (export "run") (param i32 i32) (result i32)
            (call $f (local.get 0) (local.get 1) (i32.const 16))
            (i32.const 16)))
        (core instance $i (instantiate $m (with "" (instance
          (export "f" (func $f)) (export "mem" (memory $mi "mem"))))))
        (func (export "run") (param "a" (list u8)) (result string)
          (canon lift (core func $i "run")
            (memory (core memory $mi "mem")) (realloc (core func $mi "realloc")))))"#,
    r#"(component
        (component $Def
          (core module $m
            (func (export "dtor") (param i32))
            (func (export "make") (param i32) (result i32) (local.get 0)))
          (core instance $i (instantiate $m))
          (type $R (resource (rep i32) (dtor (core func $i "dtor"))))
          (export $Re "r" (type $R))
          (core func $new (canon resource.new $R))
          (func (export "make") (param "rep" u32) (result (own $Re))
            (canon lift (core func $new))))
        (component $User
          (import "def" (instance $def
            (export "r" (type $R (sub resource)))
            (export "make" (func (param "rep" u32) (result (own $R))))))
          (alias export $def "r" (type $R))
          (core func $make (canon lower (func $def "make")))
          (core func $drop (canon resource.drop $R))
          (core module $m
            (import "" "make" (func $make (param i32) (result i32)))
            (import "" "drop" (func $drop (param i32)))
            (func $run (export "run") (call $drop (call $make (i32.const 1))))
            (start $run))
          (core instance $i (instantiate $m (with "" (instance
            (export "make" (func $make)) (export "drop" (func $drop))))))
          (func (export "run") (canon lift (core func $i "run"))))
        (instance $d (instantiate $Def))
        (instance $u (instantiate $User (with "def" (instance $d))))
        (type $v (variant (case "x") (case "y" string)))
        (export $ve "v" (type $v))
        (type $rec (record (field "a" u8) (field "b" $ve)))
        (export "t" (type $rec))
        (export "run" (func $u "run")))"#,
];

/// Numbers that differ from test to test but not from run to run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

fn damage(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(out.len());
        match random.below(5) {
            0 => out[at] = random.next().to_le_bytes()[0],
            1 => out[at] ^= 1 << random.below(8),
            2 => out.truncate(at.max(1)),
            3 => {
                let end = (at + random.below(16)).min(out.len());
                let copy = out[at..end].to_vec();
                let to = random.below(out.len());
                out.splice(to..to, copy);
            }
            _ => {
                out.remove(at);
                if out.is_empty() {
                    out.push(0);
                }
            }
        }
    }
    out
}

/// Links everything that a component asks for by the names of the seeds.
fn linker(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    let mut host = linker.instance("host").unwrap();
    host.table_resource("r", linkspan::ResourceType::numbered(1))
        .unwrap();
    host.func_new("f", |_, params, results| {
        results[0] = Val::from(format!("{params:?}"));
        Ok(())
    })
    .unwrap();
    host.func_new("g", |_, _, results| {
        results[0] = Val::Option(None);
        Ok(())
    })
    .unwrap();
    linker
}

/// How far a damaged component came.
fn run(engine: &Engine, linker: &Linker<()>, bytes: &[u8]) -> linkspan::Result<()> {
    let component = Component::from_binary(engine, bytes)?;
    let mut store = Store::new(engine, ());
    store.set_fuel(100_000)?;
    let instance = linker.instantiate(&mut store, &component)?;
    if let Some(run) = instance.get_func(&store, "run") {
        let params = run.with_type(&store, |ty| ty.params().len())?;
        let results = run.with_type(&store, |ty| usize::from(ty.result().is_some()))?;
        let params = vec![Val::from(vec![1_u8, 2, 3]); params];
        run.call(&mut store, &params, &mut vec![Val::Bool(false); results])?;
    }
    Ok(())
}

#[test]
fn damaged_components_answer() {
    let mut config = Config::new();
    config.fuel(true);
    let engine = Engine::new(&config).unwrap();
    let linker = linker(&engine);
    let (mut whole, mut refused) = (0, 0);
    for (seed, text) in (1..).zip(SEEDS) {
        let bytes = wat_bytes(text);
        run(&engine, &linker, &bytes).unwrap();
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
        for _ in 0..1500 {
            match run(&engine, &linker, &damage(&bytes, &mut random)) {
                Ok(()) => whole += 1,
                Err(error) => {
                    assert!(!error.to_string().contains("panicked"), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(
        refused > 1000 && whole > 10,
        "{refused} refused, {whole} whole"
    );
}

fn wat_bytes(text: &str) -> Vec<u8> {
    // The text is turned into bytes by the same crate that the library uses.
    wat::parse_str(text).unwrap()
}

#[test]
fn memories_that_the_canonical_abi_cannot_use_are_refused() {
    let engine = Engine::new(&Config::new()).unwrap();
    for (memory, pointer, expected) in [
        ("1", "i32", None),
        ("i64 1", "i64", None),
        ("1 1 shared", "i32", Some("shared")),
    ] {
        let text = format!(
            r#"(component
              (core module $m
                (memory (export "mem") {memory})
                (func (export "realloc") (param {pointer} {pointer} {pointer} {pointer})
                  (result {pointer}) ({pointer}.const 8))
                (func (export "run") (param {pointer} {pointer}) (result {pointer})
                  ({pointer}.const 8)))
              (core instance $i (instantiate $m))
              (func (export "run") (param "a" (list u8)) (result string)
                (canon lift (core func $i "run")
                  (memory (core memory $i "mem")) (realloc (core func $i "realloc")))))"#
        );
        let run = || {
            let component = Component::new(&engine, &text)?;
            let mut store = Store::new(&engine, ());
            let linker = Linker::<()>::new(&engine);
            linker.instantiate(&mut store, &component).map(drop)
        };
        let found = run().err().map(|error| error.to_string());
        match (&found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) if found.contains(expected) => {}
            _ => panic!("expected {expected:?}, found {found:?}"),
        }
    }
}
