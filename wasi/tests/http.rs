//! `wasi:http`: components that answer requests, well and badly, behind a socket and
//! without one, and a component that makes requests. The programs are
//! `guests/incoming.c` and `guests/outgoing.c`.
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full};
use linkspan::{Component, Engine, Linker, Store, Val};
use linkspan_wasi::p2::http::{Client as _, ErrorCode, Handler, Http1Client, HttpLimits, Server};
use linkspan_wasi::{MemoryOutput, WasiCtx, WasiCtxBuilder, p2};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// More than anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);

fn guest(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    fs::read(folder.join(format!("{name}.wasm"))).unwrap()
}

type Failures = Arc<Mutex<Vec<String>>>;

fn handler_of(binary: &[u8], limits: HttpLimits) -> (Handler<WasiCtx>, Failures) {
    let engine = Engine::default();
    let component = Component::new(&engine, binary).unwrap();
    let mut linker = Linker::<WasiCtx>::new(&engine);
    p2::add_to_linker(&mut linker).unwrap();
    p2::http::add_to_linker(&mut linker).unwrap();
    let store = move || Ok(Store::new(&engine, WasiCtx::builder().build()));
    let failures = Failures::default();
    let failed = Arc::clone(&failures);
    let handler = Handler::new(&component, &linker, store).unwrap();
    let handler = handler.limits(limits).on_failure(move |uri, error| {
        let text = format!("{uri}: {error}");
        failed.lock().unwrap().push(text);
    });
    (handler, failures)
}

fn handler(limits: HttpLimits) -> (Handler<WasiCtx>, Failures) {
    handler_of(&guest("incoming"), limits)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A server on a thread of its own.
struct Service {
    address: SocketAddr,
    failures: Failures,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<bool>,
}

impl Service {
    fn start(limits: HttpLimits) -> Service {
        let (handler, failures) = handler(limits);
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            runtime().block_on(async {
                let server = Server::bind("127.0.0.1:0", handler).await.unwrap();
                ready.send(server.local_addr().unwrap()).unwrap();
                server.run(async { drop(stopped.await) }).await
            })
        });
        Service {
            address: address.recv().unwrap(),
            failures,
            stop,
            thread,
        }
    }

    /// Shuts it down; whether all requests have ended.
    fn stop(self) -> bool {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What comes back for some bytes, to the end of the connection.
    fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_ref()).unwrap();
        let mut answer = Vec::new();
        // A server that has seen enough may reset the connection.
        drop(stream.read_to_end(&mut answer));
        String::from_utf8(answer).unwrap()
    }

    fn get(&self, path: &str) -> String {
        self.raw(format!(
            "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
        ))
    }
}

/// The bytes of a chunked body.
fn joined(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        body += &rest[..length];
        chunks = &rest[length + 2..];
    }
    body
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn a_request_arrives_and_its_answer_comes_back() {
    let service = Service::start(HttpLimits::default());
    let answer = service.raw(
        "PUT /echo?a=b HTTP/1.1\r\nHost: here\r\nX-One: 1\r\nConnection: close\r\n\
         Keep-Alive: 5\r\nContent-Length: 4\r\n\r\nbody",
    );
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    // Whether the length is known when the head goes depends on who is faster.
    let body = match head.contains("chunked") {
        true => joined(body),
        false => body.to_owned(),
    };
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"),
        "{head}"
    );
    assert!(head.contains("x-twice: one\r\nx-twice: two\r\n"), "{head}");
    // What is the connection's is no business of the guest's.
    for line in [
        "PUT /echo?a=b\n",
        "x-one: 1\n",
        "content-length: 4\n",
        "body",
    ] {
        assert!(body.contains(line), "{answer}");
    }
    for line in ["keep-alive", "connection", "host"] {
        assert!(!body.contains(line), "{answer}");
    }
    assert_eq!(status(&service.get("/status?404")), "404");
    assert_eq!(status(&service.get("/status?101")), "500");
    assert!(service.stop());
}

#[test]
fn a_connection_is_kept_for_more_requests() {
    let service = Service::start(HttpLimits::default());
    let mut stream = BufReader::new(service.connect());
    for n in 1..4 {
        let request = format!("GET /body?{n} HTTP/1.1\r\nHost: here\r\n\r\n");
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut length = None;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().ok(),
                None if line == "\r\n" => break,
                _ => {}
            }
        }
        // Whether the length is known when the head goes depends on who is faster.
        let mut body = vec![0; length.unwrap_or(n)];
        if length.is_none() {
            let mut rest = Vec::new();
            while !rest.ends_with(b"0\r\n\r\n") {
                stream.read_until(b'\n', &mut rest).unwrap();
            }
            assert!(rest.windows(n).any(|bytes| bytes == vec![b'x'; n]));
            continue;
        }
        stream.read_exact(&mut body).unwrap();
        assert_eq!(body, vec![b'x'; n]);
    }
}

/// A body of some frames, the last of which may be a failure.
fn frames<E: Send + 'static>(
    frames: Vec<Result<Frame<Bytes>, E>>,
) -> impl http_body::Body<Data = Bytes, Error = E> + Send + 'static {
    struct Frames<E>(std::vec::IntoIter<Result<Frame<Bytes>, E>>);
    impl<E: Send + 'static> http_body::Body for Frames<E> {
        type Data = Bytes;
        type Error = E;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, E>>> {
            std::task::Poll::Ready(self.0.next())
        }
    }
    impl<E> Unpin for Frames<E> {}
    Frames(frames.into_iter())
}

fn data(bytes: &[u8]) -> Frame<Bytes> {
    Frame::data(Bytes::copy_from_slice(bytes))
}

fn post<B>(path: &str, body: B) -> Request<B> {
    Request::post(path).body(body).unwrap()
}

#[test]
fn trailers_go_both_ways() {
    let (handler, _) = handler(HttpLimits::default());
    runtime().block_on(async {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-last", "word".parse().unwrap());
        trailers.insert("connection", "close".parse().unwrap());
        let body = frames::<Infallible>(vec![
            Ok(data(b"some ")),
            Ok(data(b"bytes")),
            Ok(Frame::trailers(trailers)),
        ]);
        let response = handler.handle(post("/mirror", body)).await;
        let body = response.into_body().collect().await.unwrap();
        let trailers = body.trailers().unwrap();
        assert_eq!(trailers["x-last"], "word");
        assert_eq!(trailers.len(), 1);
        assert_eq!(body.to_bytes(), "some bytes");

        let response = handler.handle(post("/trailers", Empty::new())).await;
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-after"], "all is said");
    });
}

#[test]
fn a_response_starts_before_it_ends() {
    let (handler, _) = handler(HttpLimits::default());
    runtime().block_on(async {
        let mut body = handler
            .handle(post("/slow", Empty::new()))
            .await
            .into_body();
        let start = Instant::now();
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            "a"
        );
        let first = start.elapsed();
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            "b"
        );
        assert!(start.elapsed() >= first + Duration::from_millis(150));
        assert!(body.frame().await.is_none());
    });
}

#[test]
fn guests_that_fail_are_reported_and_answered_for() {
    let service = Service::start(HttpLimits::default());
    for (path, expected, cause) in [
        ("/trap", "500", "unreachable"),
        (
            "/never",
            "500",
            "the guest has not called `response-outparam.set`",
        ),
        (
            "/huge-headers",
            "500",
            "expected at most 131072 bytes of fields",
        ),
    ] {
        assert_eq!(status(&service.get(path)), expected, "{path}");
        let failures = std::mem::take(&mut *service.failures.lock().unwrap());
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].contains(cause), "{failures:?}");
    }
    // An error of the guest's choice is no failure.
    assert_eq!(status(&service.get("/error")), "508");
    assert_eq!(*service.failures.lock().unwrap(), [""; 0]);
    // A body that is shorter than announced does not look whole.
    let (handler, _) = handler(HttpLimits::default());
    runtime().block_on(async {
        let response = handler.handle(post("/short", Empty::new())).await;
        assert_eq!(response.headers()["content-length"], "10");
        let error = response.into_body().collect().await.unwrap_err();
        assert_eq!(error, ErrorCode::HttpResponseBodySize(Some(4)));
    });
    let answer = service.get("/short");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    assert!(body.is_none_or(|body| "four".starts_with(body)), "{answer}");
}

/// Little time, and one guest at a time.
fn strict() -> HttpLimits {
    let mut limits = HttpLimits::default();
    limits.request_time = Duration::from_millis(200);
    limits.concurrent_requests = 1;
    limits
}

#[test]
fn guests_that_take_too_long_are_stopped() {
    let service = Service::start(strict());
    let start = Instant::now();
    for _ in 0..3 {
        assert_eq!(status(&service.get("/spin")), "504");
    }
    // The only place is free again; here the response has begun when the time is up.
    let answer = service.get("/slow");
    assert_eq!(status(&answer), "200");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    assert_eq!(status(&service.get("/status?200")), "200");
    let failures = service.failures.lock().unwrap().join("\n");
    assert!(
        failures.contains("/spin: the guest was stopped: no response within 200ms"),
        "{failures}"
    );
    assert!(
        failures.contains("/slow: the guest was stopped: its time was up"),
        "{failures}"
    );
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn clients_that_go_away_leave_nothing_behind() {
    let mut limits = strict();
    limits.request_time = PATIENCE;
    let service = Service::start(limits);
    let start = Instant::now();
    for _ in 0..3 {
        let mut stream = service.connect();
        let request = "POST /mirror HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nfew";
        stream.write_all(request.as_bytes()).unwrap();
        // The guest has begun.
        stream.read_exact(&mut [0]).unwrap();
        drop(stream);
        let mut stream = service.connect();
        stream
            .write_all(b"GET /spin HTTP/1.1\r\nHost: here\r\n\r\n")
            .unwrap();
        thread::sleep(Duration::from_millis(50));
        drop(stream);
    }
    assert_eq!(status(&service.get("/status?200")), "200");
    assert!(start.elapsed() < PATIENCE / 2);
    assert!(service.stop());
}

#[test]
fn a_guest_learns_that_a_body_has_failed() {
    let (handler, failures) = handler(HttpLimits::default());
    runtime().block_on(async {
        let gone = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let body = frames(vec![Ok(data(b"half of ")), Err(gone)]);
        let response = handler.handle(post("/mirror", body)).await;
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "half of ");
    });
    assert_eq!(*failures.lock().unwrap(), [""; 0]);
}

#[test]
fn a_client_that_reads_slowly_makes_the_guest_wait() {
    const BYTES: usize = 3 << 20;
    let mut limits = HttpLimits::default();
    limits.buffered_bytes = 10_000;
    let (handler, _) = handler(limits);
    runtime().block_on(async {
        let request = post(&format!("/body?{BYTES}"), Empty::new());
        let mut body = handler.handle(request).await.into_body();
        let mut count = 0;
        while let Some(frame) = body.frame().await {
            if count == 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let chunk = frame.unwrap().into_data().unwrap();
            assert!(chunk.len() <= 10_000, "{}", chunk.len());
            count += chunk.len();
        }
        assert_eq!(count, BYTES);
    });
}

#[test]
fn what_is_too_much_is_refused() {
    let mut limits = HttpLimits::default();
    limits.concurrent_requests = 1;
    limits.waiting_requests = 0;
    limits.request_body_bytes = 10;
    let service = Service::start(limits);
    let too_long = "POST /mirror HTTP/1.1\r\nHost: here\r\nContent-Length: 11\r\n\
                    Connection: close\r\n\r\n0123456789x";
    assert_eq!(status(&service.raw(too_long)), "413");
    for head in [
        format!("X: {}\r\n", "y".repeat(200_000)),
        "X: y\r\n".repeat(200),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: here\r\n{head}\r\n");
        assert_eq!(status(&service.raw(request)), "431");
    }
    for nonsense in ["nonsense\r\n\r\n", "GET /\u{1} HTTP/1.1\r\n\r\n"] {
        assert_eq!(status(&service.raw(nonsense)), "400", "{nonsense:?}");
    }
    let mut busy = service.connect();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n")
        .unwrap();
    busy.read_exact(&mut [0]).unwrap();
    assert_eq!(status(&service.get("/status?200")), "503");
}

#[test]
fn what_a_guest_makes_the_host_hold_is_limited() {
    // The buffer of a body alone, and fields alone, are too much.
    for (held_bytes, path) in [(10_000, "/body?1"), (300, "/echo")] {
        let mut limits = HttpLimits::default();
        limits.held_bytes = held_bytes;
        let (handler, failures) = handler(limits);
        let response = runtime().block_on(handler.handle(post(path, Empty::new())));
        assert_eq!(response.status(), 500);
        let failures = failures.lock().unwrap().join("\n");
        let cause = format!("expected fields and bodies of at most {held_bytes} bytes together");
        assert!(failures.contains(&cause), "{failures}");
    }
}

#[test]
fn a_body_without_a_length_is_limited_too() {
    let mut limits = HttpLimits::default();
    limits.request_body_bytes = 10;
    let (handler, _) = handler(limits);
    runtime().block_on(async {
        let body = frames::<Infallible>(vec![Ok(data(b"01234567")), Ok(data(b"89x"))]);
        let response = handler.handle(post("/mirror", body)).await;
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "01234567");
    });
}

#[test]
fn a_response_to_head_announces_what_it_does_not_send() {
    let (handler, failures) = handler(HttpLimits::default());
    runtime().block_on(async {
        let request = Request::head("/short").body(Empty::new()).unwrap();
        let response = handler.handle(request).await;
        assert_eq!(response.headers()["content-length"], "10");
        // The guest has promised ten bytes, and is believed.
        assert!(response.into_body().collect().await.is_ok());
    });
    assert_eq!(*failures.lock().unwrap(), [""; 0]);
    let service = Service::start(HttpLimits::default());
    let answer = service.raw("HEAD /short HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("content-length: 10\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn connections_are_few_and_must_say_what_they_want() {
    let mut limits = HttpLimits::default();
    limits.connections = 1;
    limits.head_time = Duration::from_millis(200);
    let service = Service::start(limits);
    let start = Instant::now();
    let mut slow = service.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    // The next one has to wait until the first is given up.
    assert_eq!(status(&service.get("/status?200")), "200");
    assert!(start.elapsed() >= limits.head_time);
    assert!(start.elapsed() < PATIENCE);
    // It may have been told why.
    let mut answer = Vec::new();
    drop(slow.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP/1.1 2"));
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let mut limits = HttpLimits::default();
    limits.connections = 1;
    limits.write_time = Duration::from_millis(200);
    let service = Service::start(limits);
    let start = Instant::now();
    let mut deaf = service.connect();
    deaf.write_all(b"GET /body?1000000000 HTTP/1.1\r\nHost: here\r\n\r\n")
        .unwrap();
    assert_eq!(status(&service.get("/status?200")), "200");
    assert!(start.elapsed() < limits.request_time);
    drop(deaf);
}

#[test]
fn a_server_that_is_shut_down_ends_what_it_has_begun() {
    let service = Service::start(HttpLimits::default());
    let address = service.address;
    let mut stream = service.connect();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n")
        .unwrap();
    stream.read_exact(&mut [0]).unwrap();
    // This one has asked for nothing yet.
    let idle = service.connect();
    assert!(service.stop());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("1\r\nb\r\n0\r\n\r\n"), "{answer}");
    assert!(TcpStream::connect(address).is_err());
    drop(idle);
}

#[test]
fn a_server_gives_up_what_does_not_end() {
    let mut limits = HttpLimits::default();
    limits.grace_time = Duration::from_millis(100);
    let service = Service::start(limits);
    let mut stream = service.connect();
    stream
        .write_all(b"GET /spin HTTP/1.1\r\nHost: here\r\n\r\n")
        .unwrap();
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    assert!(!service.stop());
    assert!(start.elapsed() < HttpLimits::default().request_time);
}

#[test]
fn any_compatible_version_is_served() {
    let mut binary = guest("hello");
    for n in 0..binary.len() - 6 {
        if &binary[n..n + 6] == b"0.2.12" {
            binary[n..n + 6].copy_from_slice(b"0.2.10");
        }
    }
    let (handler, _) = handler_of(&binary, HttpLimits::default());
    runtime().block_on(async {
        let response = handler.handle(post("/", Empty::new())).await;
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "Hello from a guest!\n");
    });
}

/// Runs `outgoing`; whether it was content, and what it printed.
fn ask(arguments: &[&str], ctx: WasiCtxBuilder) -> (bool, String) {
    let engine = Engine::default();
    let component = Component::new(&engine, guest("outgoing")).unwrap();
    let mut linker = Linker::<WasiCtx>::new(&engine);
    p2::add_to_linker(&mut linker).unwrap();
    p2::http::add_to_linker(&mut linker).unwrap();
    let stdout = MemoryOutput::new(1 << 20);
    let ctx = ctx.args(arguments.iter().copied()).stdout(stdout.clone());
    let mut store = Store::new(&engine, ctx.build());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance
        .get_func(&mut store, ("wasi:cli/run@0.2.12", "run"))
        .unwrap();
    let mut results = [Val::Bool(false)];
    run.call(&mut store, &[], &mut results).unwrap();
    let text = String::from_utf8(stdout.take()).unwrap();
    (results == [Val::Result(Ok(None))], text)
}

fn anywhere() -> WasiCtxBuilder {
    WasiCtx::builder().allow_http(|_| true)
}

/// A server that takes one request and says this.
fn says(answer: Vec<u8>) -> (String, JoinHandle<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            head.read_line(&mut line).unwrap();
        }
        // A client that has seen enough goes away.
        drop(stream.write_all(&answer));
        stream
    });
    (authority, thread)
}

#[test]
fn fields_and_requests_are_as_they_should_be() {
    let (is_content, text) = ask(&[], WasiCtx::builder());
    assert!(is_content, "{text}");
    assert!(
        text.lines().count() > 30 && !text.contains("FAILED"),
        "{text}"
    );
}

#[test]
fn a_guest_asks_another_server() {
    let service = Service::start(HttpLimits::default());
    let authority = service.address.to_string();
    let (is_content, text) = ask(&[&authority, "/echo?q", "a question"], anywhere());
    assert!(is_content, "{text}");
    assert!(text.starts_with("status 200\n"), "{text}");
    let lines = ["POST /echo?q\n", "x-guest: outgoing\n", "a question"];
    assert!(lines.iter().all(|line| text.contains(line)), "{text}");

    // Trailers that are announced arrive.
    let (authority, thread) = says(
        b"HTTP/1.1 200 OK\r\nTrailer: x-last\r\nTransfer-Encoding: chunked\r\n\r\n\
          3\r\nabc\r\n0\r\nx-last: word\r\n\r\n"
            .to_vec(),
    );
    let (is_content, text) = ask(&[&authority, "/"], anywhere());
    assert!(
        is_content && text.ends_with("abc\nx-last: word\n"),
        "{text}"
    );
    thread.join().unwrap();
}

#[test]
fn a_guest_asks_nobody_unless_it_may() {
    let denied = "error 15\n";
    let authority = "127.0.0.1:1";
    assert_eq!(
        ask(&[authority, "/x"], WasiCtx::builder()),
        (false, denied.to_owned())
    );
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asking = Arc::clone(&asked);
    let ctx = WasiCtx::builder().allow_http(move |request| {
        asking.lock().unwrap().push(request.uri.to_string());
        false
    });
    assert_eq!(ask(&[authority, "/x"], ctx), (false, denied.to_owned()));
    assert_eq!(*asked.lock().unwrap(), ["http://127.0.0.1:1/x"]);
    let client = Arc::new(Http1Client::only(|address| !address.ip().is_loopback()));
    let prohibited = ask(&[authority, "/"], anywhere().http_client(client));
    assert_eq!(prohibited, (false, "error 4\n".to_owned()));
}

#[test]
fn what_goes_wrong_with_a_request_has_a_code() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let failed = |code: u32| (false, format!("error {code}\n"));
    assert_eq!(ask(&[&closed.to_string(), "/"], anywhere()), failed(6));

    let mut limits = HttpLimits::default();
    limits.outgoing_time = Duration::from_millis(100);
    let (authority, thread) = says(Vec::new());
    let patient = ask(&[&authority, "/"], anywhere().http_limits(limits));
    assert_eq!(patient, failed(9));
    drop(thread.join());

    let (authority, _thread) = says(b"nonsense\r\n\r\n".to_vec());
    assert_eq!(ask(&[&authority, "/"], anywhere()), failed(35));
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let (authority, _thread) = says(long.into_bytes());
    assert_eq!(ask(&[&authority, "/"], anywhere()), failed(26));

    // Less than announced, nothing more within the time, more than is allowed.
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour";
    let (authority, thread) = says(head.into());
    let text = thread::spawn(move || ask(&[&authority, "/"], anywhere()));
    drop(thread.join().unwrap());
    let (_, text) = text.join().unwrap();
    assert!(text.ends_with("fourerror 25\n"), "{text}");
    let (authority, _thread) = says(head.into());
    let (_, text) = ask(&[&authority, "/"], anywhere().http_limits(limits));
    assert!(text.ends_with("fourerror 9\n"), "{text}");
    limits.response_body_bytes = 3;
    let (authority, _thread) = says(head.into());
    let (_, text) = ask(&[&authority, "/"], anywhere().http_limits(limits));
    assert!(text.ends_with("error 28\n"), "{text}");
}

#[test]
fn the_small_client_knows_no_tls() {
    let request = Request::get("https://example.org/").body(());
    let request = request.unwrap().map(|()| {
        Full::from("")
            .map_err(|never| match never {})
            .boxed_unsync()
    });
    let time = Duration::from_secs(1);
    let timeouts = p2::http::Timeouts {
        connect: time,
        first_byte: time,
        between_bytes: time,
    };
    let sent = Http1Client::new().send(request, timeouts, HttpLimits::default());
    let answer: Result<Response<_>, _> = runtime().block_on(sent);
    assert_eq!(answer.err(), Some(ErrorCode::TlsProtocolError));
}

/// Bindings of a host's own world that take `wasi:http` from the crate.
mod own {
    linkspan::bindgen!({
        path: "wit",
        inline: "
            package test:gateway;
            world gateway {
                import wasi:http/types@0.2.12;
                import wasi:http/outgoing-handler@0.2.12;
                export wasi:http/incoming-handler@0.2.12;
            }
        ",
        world: "test:gateway/gateway",
        with: { "wasi:http": linkspan_wasi::p2::http::bindings::wasi::http },
    });
}

#[test]
fn a_world_of_ones_own_takes_http_from_here() {
    let engine = Engine::default();
    let mut linker = Linker::<WasiCtx>::new(&engine);
    <own::Gateway<WasiCtx> as linkspan::Bindings>::link(&mut linker).unwrap();
    let component = Component::new(&engine, guest("hello")).unwrap();
    own::GatewayPre::<WasiCtx>::new(&component, &linker).unwrap();
}
