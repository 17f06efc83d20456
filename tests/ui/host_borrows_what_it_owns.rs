//! Without borrowed parameters, a function of the host takes them as they are.
linkspan::bindgen!({
    wit: {
        package acme:app;

        world app { import log: func(line: string); }
    },
    borrow: none,
});

struct Host;

impl AppImports for Host {
    fn log(&mut self, _: &str) {}
}
