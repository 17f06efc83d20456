//! Bindings of a host's own world that take WASI from this crate.

use linkspan::{Bindings, Engine, Linker};
use linkspan_wasi::{WasiCtx, WasiView, p2};

linkspan::bindgen!({
    path: "wit",
    inline: "
        package test:ticker;
        world ticker {
            import wasi:clocks/monotonic-clock@0.2.12;
            import wasi:cli/stdout@0.2.12;
            import limit: func() -> u32;
            export tick: func() -> u64;
        }
    ",
    world: "test:ticker/ticker",
});

struct Host {
    wasi: WasiCtx,
}

impl WasiView for Host {
    fn wasi(&mut self) -> &mut WasiCtx {
        &mut self.wasi
    }
}

impl TickerImports for Host {
    fn limit(&mut self) -> u32 {
        7
    }
}

const GUEST: &str = r#"(component
    (import "limit" (func $limit (result u32)))
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (export "now" (func (result u64)))))
    (core func $limit' (canon lower (func $limit)))
    (core func $now (canon lower (func $clock "now")))
    (core module $Main
        (import "" "limit" (func $limit (result i32)))
        (import "" "now" (func $now (result i64)))
        (func (export "tick") (result i64)
            (if (i64.lt_s (call $now) (i64.const 0)) (then (unreachable)))
            (i64.extend_i32_u (call $limit))))
    (core instance $main (instantiate $Main (with "" (instance
        (export "limit" (func $limit')) (export "now" (func $now))))))
    (func (export "tick") (result u64) (canon lift (core func $main "tick"))))"#;

#[test]
fn a_world_of_ones_own_takes_wasi_from_here() -> linkspan::Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<Host>::new(&engine);
    Ticker::<Host>::link(&mut linker)?;
    let component = linkspan::Component::new(&engine, GUEST)?;
    let wasi = WasiCtx::builder().build();
    let mut ticker = TickerPre::<Host>::new(&component, &linker)?.instantiate(Host { wasi })?;
    assert_eq!(ticker.tick()?, 7);
    Ok(())
}

/// The world of programs, whole: every import comes from the crate, and the host
/// implements nothing. What a guest exports is generated, WASI or not.
mod command {
    linkspan::bindgen!({ path: "wit", world: "linkspan:wasi/command" });
}

/// An interface of WASI that is of the host's own making.
mod own {
    linkspan::bindgen!({
        path: "wit",
        inline: "package test:dice; world dice { import wasi:random/insecure@0.2.12; }",
        world: "test:dice/dice",
        wasi: none,
    });
}

#[test]
fn worlds_that_share_wasi_are_linked_one_after_the_other() -> linkspan::Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<Host>::new(&engine);
    command::Command::<Host>::link(&mut linker)?;
    p2::add_to_linker(&mut linker)?;
    Ticker::<Host>::link(&mut linker)?;

    let mut linker = Linker::<Host>::new(&engine);
    p2::add_to_linker(&mut linker)?;
    command::Command::<Host>::link(&mut linker)?;
    // What is the world's own stays an error.
    Ticker::<Host>::link(&mut linker)?;
    let error = Ticker::<Host>::link(&mut linker).expect_err("`limit` is there");
    assert!(error.to_string().contains("defined already"), "{error}");
    Ok(())
}

#[test]
fn a_host_may_make_its_own() {
    struct Dice;

    impl own::wasi::random::insecure::Host for Dice {
        fn get_insecure_random_bytes(&mut self, len: u64) -> Vec<u8> {
            (0..len).map(|_| 4).collect()
        }

        fn get_insecure_random_u64(&mut self) -> u64 {
            4
        }
    }

    let mut linker = Linker::<Dice>::new(&Engine::default());
    own::Dice::<Dice>::link(&mut linker).expect("an empty linker");
}
