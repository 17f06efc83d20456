//! `linkspan serve` from outside: a process, its socket and its end.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

/// A server, ended with the test.
struct Server {
    process: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

impl Server {
    fn start(guest: &str, options: &[&str]) -> Server {
        let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wasi/tests/guests");
        let mut process = Command::new(env!("CARGO_BIN_EXE_linkspan"))
            .args(["serve", "--addr", "127.0.0.1:0"])
            .args(options)
            .arg(guests.join(guest))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://");
        Server {
            process,
            address: address.unwrap().trim_end_matches('/').to_owned(),
            stderr,
        }
    }

    /// Asks for a path.
    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        self.ask(path).read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .args([name, &self.process.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Waits for the end: the status, and what was printed.
    fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.stderr.read_to_string(&mut text).unwrap();
        (self.process.wait().unwrap().code(), text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn requests_under_way_are_answered_before_the_end() {
    let server = Server::start("incoming.wasm", &["--log", "--timeout", "1"]);
    assert!(server.get("/status?404").starts_with("HTTP/1.1 404 "));
    assert!(server.get("/trap").starts_with("HTTP/1.1 500 "));
    assert!(server.get("/spin").starts_with("HTTP/1.1 504 "));
    let mut slow = server.ask("/slow");
    slow.read_exact(&mut [0]).unwrap();
    server.signal("-TERM");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
    let (status, text) = server.end();
    assert_eq!(status, Some(0), "{text}");
    for line in [
        " GET /status?404 404 ",
        "/trap: unreachable\n",
        "/spin: the guest was stopped: no response within 1s\n",
        " GET /slow 200 ",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let server = Server::start("incoming.wasm", &[]);
    let spin = server.ask("/spin");
    server.signal("-INT");
    // The first one is there when no more connections are accepted.
    while TcpStream::connect(&server.address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    server.signal("-INT");
    let (status, text) = server.end();
    assert_eq!(status, Some(130), "{text}");
    drop(spin);
}

#[test]
fn limits_are_those_of_one_request() {
    let server = Server::start("incoming.wasm", &["--fuel", "100000", "--max-body", "3"]);
    for _ in 0..3 {
        assert!(server.get("/status?201").starts_with("HTTP/1.1 201 "));
        assert!(server.get("/spin").starts_with("HTTP/1.1 500 "));
    }
    let small = Server::start("incoming.wasm", &["--max-memory", "1000"]);
    assert!(small.get("/status?201").starts_with("HTTP/1.1 500 "));
}
