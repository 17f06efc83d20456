//! Sockets of WASI 0.2 with the host at the other end: grants, limits, hostile ends and
//! interruption. The guest is `guests/peer.c`; what a program does with itself is in
//! the test `guests`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use linkspan::core::InterruptHandle;
use linkspan::{Component, Engine, Error, Linker, Store, Trap, Val};
use linkspan_wasi::{Denial, Limits, MemoryOutput, SocketUse, WasiCtx, WasiCtxBuilder, p2};

/// Codes of `wasi:sockets/network`.
const ACCESS_DENIED: &str = "1\n";
const NEW_SOCKET_LIMIT: &str = "10\n";
const CONNECTION_REFUSED: &str = "14\n";

/// A time after which a test has failed.
const TOO_LONG: Duration = Duration::from_secs(60);

/// A guest that runs on a thread of its own.
struct Guest {
    stdout: MemoryOutput,
    interrupt: InterruptHandle,
    thread: JoinHandle<(Result<(), Error>, Vec<Denial>)>,
}

impl Guest {
    /// Starts the guest to do something, with a number.
    fn start(what: &str, number: u64, ctx: WasiCtxBuilder) -> Guest {
        let stdout = MemoryOutput::new(1 << 20);
        let ctx = ctx.args([what.to_owned(), number.to_string()]);
        let engine = Engine::default();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/peer.wasm");
        let component = Component::from_file(&engine, path).unwrap();
        let mut linker = Linker::new(&engine);
        p2::add_to_linker(&mut linker).unwrap();
        let mut store = Store::<WasiCtx>::new(&engine, ctx.stdout(stdout.clone()).build());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let interrupt = store.interrupt_handle();
        let thread = thread::spawn(move || {
            let run = instance.get_func(&mut store, ("wasi:cli/run@0.2.12", "run"));
            let result = run.unwrap().call(&mut store, &[], &mut [Val::Bool(false)]);
            (result, store.data().denials())
        });
        Guest {
            stdout,
            interrupt,
            thread,
        }
    }

    /// The port that the guest prints first.
    fn port(&self) -> SocketAddr {
        for _ in 0..60_000 {
            let printed = String::from_utf8(self.stdout.contents()).unwrap();
            if let Some((port, _)) = printed.split_once('\n') {
                return ([127, 0, 0, 1], port.parse::<u16>().unwrap()).into();
            }
            assert!(!self.thread.is_finished(), "the guest ended before");
            thread::sleep(Duration::from_millis(1));
        }
        panic!("the guest tells no port");
    }

    /// How the guest ends, if it does by itself.
    fn end(self) -> (Result<(), Error>, String, Vec<Denial>) {
        for _ in 0..60_000 {
            if self.thread.is_finished() {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.interrupt.interrupt();
        let (result, denials) = self.thread.join().unwrap();
        let printed = String::from_utf8(self.stdout.take()).unwrap();
        (result, printed, denials)
    }

    /// What the guest prints, if it ends well.
    fn output(self) -> String {
        let (result, printed, _) = self.end();
        result.unwrap();
        printed
    }

    /// Checks that the guest waits, and that an interruption ends that.
    fn ends_when_interrupted(self) {
        thread::sleep(Duration::from_millis(100));
        assert!(!self.thread.is_finished(), "the guest waits for nothing");
        self.interrupt.interrupt();
        let (result, _, _) = self.end();
        assert_eq!(result.unwrap_err().trap(), Some(Trap::Interrupted));
    }
}

fn all() -> WasiCtxBuilder {
    WasiCtx::builder().inherit_network()
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TOO_LONG)).unwrap();
    stream
}

#[test]
fn a_guest_serves_the_host() {
    let guest = Guest::start("serve", 2, all());
    let address = guest.port();
    for text in ["ping", "pong"] {
        let mut stream = connect(address);
        stream.write_all(text.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, text);
    }
    guest.output();
}

#[test]
fn a_guest_connects_to_the_host() {
    let (listener, port) = listener();
    let guest = Guest::start("greet", port.into(), all());
    let (mut stream, _) = listener.accept().unwrap();
    let mut greeting = [0; 5];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"hello");
    stream.write_all(b"welcome").unwrap();
    drop(stream);
    assert_eq!(guest.output(), "welcome closed\n");
}

#[test]
fn a_connection_that_is_reset_fails() {
    let (listener, port) = listener();
    let guest = Guest::start("greet", port.into(), all());
    let (stream, _) = listener.accept().unwrap();
    // Once the greeting is there, leaving without reading it is a reset.
    stream.peek(&mut [0]).unwrap();
    drop(stream);
    assert_eq!(guest.output(), " failed\n");
}

#[test]
fn only_what_is_granted_is_reached() {
    let (listener, port) = listener();
    let (_other, other) = self::listener();
    let grant = move || {
        WasiCtx::builder().allow_tcp(move |address, purpose| {
            address.port() == port && purpose == SocketUse::TcpConnect
        })
    };
    let (result, printed, denials) = Guest::start("greet", other.into(), grant()).end();
    result.unwrap();
    assert_eq!(printed, ACCESS_DENIED);
    let denied = Denial::Address {
        address: ([127, 0, 0, 1], other).into(),
        purpose: SocketUse::TcpConnect,
    };
    assert_eq!(denials, [denied]);

    let guest = Guest::start("greet", port.into(), grant());
    drop(listener.accept().unwrap());
    assert!(!guest.output().contains(ACCESS_DENIED));

    // To connect is not to bind, and what is not granted at all cannot be made.
    for ctx in [grant(), WasiCtx::builder().allow_udp(|_, _| true)] {
        let (result, printed, denials) = Guest::start("serve", 1, ctx).end();
        assert_eq!(result.unwrap_err().trap(), Some(Trap::Unreachable));
        assert_eq!(printed, "");
        assert_eq!(denials.len(), 1);
    }
}

#[test]
fn a_refused_connection_is_told() {
    let (listener, port) = listener();
    drop(listener);
    let guest = Guest::start("greet", port.into(), all());
    assert_eq!(guest.output(), CONNECTION_REFUSED);
}

#[test]
fn a_guest_that_waits_is_interrupted() {
    // For a connection.
    let guest = Guest::start("serve", 1, all());
    guest.port();
    guest.ends_when_interrupted();
    // For bytes that do not come.
    let (listener, port) = listener();
    let guest = Guest::start("greet", port.into(), all());
    let _stream = listener.accept().unwrap();
    guest.ends_when_interrupted();
    // For room, when the other end does not read.
    let guest = Guest::start("serve", 1, all());
    let mut stream = connect(guest.port());
    stream.set_nonblocking(true).unwrap();
    while stream.write(&[0; 65536]).is_ok() {
        thread::sleep(Duration::from_millis(1));
    }
    guest.ends_when_interrupted();
    // For a datagram.
    let guest = Guest::start("reflect", 1, all());
    guest.port();
    guest.ends_when_interrupted();
}

#[test]
fn a_connection_that_ends_makes_room() {
    // A socket that listens, and one connection at a time.
    let limits = Limits {
        open_files: 2,
        ..Limits::default()
    };
    let guest = Guest::start("serve", 3000, all().limits(limits));
    let address = guest.port();
    for n in 0..3000 {
        let mut stream = connect(address);
        if n % 2 == 0 {
            stream.write_all(b"x").unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
        // The guest closes its end.
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.len(), usize::from(n % 2 == 0));
    }
    guest.output();
}

#[test]
fn a_write_waits_for_nobody_and_arrives_after_the_end() {
    let (listener, port) = listener();
    let guest = Guest::start("fill", port.into(), all());
    let (mut stream, _) = listener.accept().unwrap();
    // Nobody reads until the guest has ended.
    let sent: usize = guest.output().trim().parse().unwrap();
    assert!(sent >= 4096, "{sent}");
    stream.set_read_timeout(Some(TOO_LONG)).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(received.len(), sent);
}

#[test]
fn datagrams_go_where_it_is_granted() {
    let socket = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(TOO_LONG)).unwrap();
        socket
    };
    let (friend, stranger) = (socket(), socket());
    let granted = friend.local_addr().unwrap();
    let ctx = WasiCtx::builder().allow_udp(move |address, purpose| match purpose {
        SocketUse::UdpBind => address.ip().is_loopback(),
        _ => address == granted,
    });
    let guest = Guest::start("reflect", 3, ctx);
    let address = guest.port();
    let largest = vec![7; 65507];
    for data in [&b"ping"[..], &largest] {
        friend.send_to(data, address).unwrap();
        let mut answer = vec![0; 65536];
        let (count, from) = friend.recv_from(&mut answer).unwrap();
        assert_eq!((&answer[..count], from), (data, address));
    }
    stranger.send_to(b"ping", address).unwrap();
    let (result, printed, denials) = guest.end();
    result.unwrap();
    assert!(printed.ends_with(ACCESS_DENIED), "{printed}");
    let denied = Denial::Address {
        address: stranger.local_addr().unwrap(),
        purpose: SocketUse::UdpSend,
    };
    assert_eq!(denials, [denied]);
}

#[test]
fn an_empty_datagram_is_one() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(TOO_LONG)).unwrap();
    let guest = Guest::start("reflect", 1, all());
    socket.send_to(b"", guest.port()).unwrap();
    assert_eq!(socket.recv(&mut [0; 10]).unwrap(), 0);
    guest.output();
}

#[test]
fn more_datagrams_than_permitted_end_the_guest() {
    let (result, _, _) = Guest::start("overrun", 0, all()).end();
    let error = result.unwrap_err().to_string();
    assert!(error.contains("expected at most 16 datagrams"), "{error}");
    assert!(error.contains("found 17"), "{error}");
}

#[test]
fn sockets_are_open_files() {
    let limits = Limits {
        open_files: 10,
        ..Limits::default()
    };
    let guest = Guest::start("hoard", 0, all().limits(limits));
    assert_eq!(guest.output(), format!("10\n{NEW_SOCKET_LIMIT}"));
}
