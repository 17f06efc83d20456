//! A host whose function has other types than WIT.
linkspan::bindgen! {
    package acme:app;

    world app { import log-line: func(line: string) -> u32; }
}

struct Host;

impl AppImports for Host {
    fn log_line(&mut self, _: String) -> u32 {
        0
    }
}
