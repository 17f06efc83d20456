//! A host that does not implement all that WIT asks for: the compiler points at the WIT.
linkspan::bindgen! {
    package acme:app;

    interface net {
        resource socket {
            constructor(address: string);
            send: func(data: list<u8>) -> u32;
        }
        now: func() -> u64;
        fetch: func(url: string) -> string;
    }
    world app { import net; import log: func(line: string); }
}

struct Host;
struct Socket;

impl AppImports for Host {}

impl acme::app::net::Host for Host {
    type Socket = Socket;

    fn now(&mut self) -> u64 {
        0
    }
}

impl acme::app::net::HostSocket<Host> for Socket {
    fn new(_: &mut Host, _: &str) -> Self {
        Self
    }
}
