//! Bindings of a host's own world that take WASI from this crate: the option `with`.

use linkspan::{Bindings, Engine, Linker};
use linkspan_wasi::{WasiCtx, WasiView};

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
    with: { "wasi": linkspan_wasi::p2::bindings::wasi },
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
