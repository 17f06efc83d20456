//! With the flag `trap`, a function of the host answers a result.
linkspan::bindgen!({
    wit: {
        package acme:app;

        world app { import now: func() -> u64; }
    },
    imports: { default: trap },
});

struct Host;

impl AppImports for Host {
    fn now(&mut self) -> u64 {
        0
    }
}
