//! `serve`: requests per second of `linkspan serve` beside `wasmtime serve`, on the same
//! component, from this process.
//!
//! Each server is started on a free port, asked once, and then given so many requests by
//! so many connections, in turns with the other; every answer is compared with the
//! first. What a server holds in memory is read from the system after half of each round
//! and at its end.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Bar: we answer at least this share of the peer's requests per second.
const BAR: f64 = 0.5;
/// How much larger a server may be at the end than in the middle, in KiB.
const GROWTH_MAX: u64 = 4096;
/// How long a server may take to listen, and to give one answer.
const PATIENCE: Duration = Duration::from_secs(60);

const HELP: &str = "\
serve: requests per second of `linkspan serve` beside `wasmtime serve`.

Usage: serve --linkspan PATH [--wasmtime PATH] [OPTIONS]

  --linkspan PATH      the command, built for release
  --wasmtime PATH      the peer's command; without it there is no ratio
  --guest PATH         a component that answers GET / (wasi/tests/guests/hello.wasm)
  --requests N         requests of each round (20000)
  --connections N      connections at a time (64)
  --rounds N           rounds of each server (3)";

struct Options {
    linkspan: PathBuf,
    wasmtime: Option<PathBuf>,
    guest: PathBuf,
    requests: usize,
    connections: usize,
    rounds: usize,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let hello = "../wasi/tests/guests/hello.wasm";
    let mut options = Options {
        linkspan: PathBuf::new(),
        wasmtime: None,
        guest: Path::new(env!("CARGO_MANIFEST_DIR")).join(hello),
        requests: 20_000,
        connections: 64,
        rounds: 3,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
        let number = |text: String| {
            let number = text.parse().ok().filter(|number| *number > 0);
            number.ok_or(format!("expected a number above 0, found `{text}`"))
        };
        match name.as_str() {
            "--linkspan" => options.linkspan = value()?.into(),
            "--wasmtime" => options.wasmtime = Some(value()?.into()),
            "--guest" => options.guest = value()?.into(),
            "--requests" => options.requests = number(value()?)?,
            "--connections" => options.connections = number(value()?)?,
            "--rounds" => options.rounds = number(value()?)?,
            _ => return Err(HELP.to_owned()),
        }
    }
    match options.linkspan.as_os_str().is_empty() {
        true => Err(HELP.to_owned()),
        false => Ok(options),
    }
}

fn run(options: &Options) -> Result<bool, String> {
    let mut servers = vec![Server::start(
        "linkspan",
        &options.linkspan,
        &options.guest,
    )?];
    if let Some(path) = &options.wasmtime {
        servers.push(Server::start("wasmtime", path, &options.guest)?);
    }
    println!("server     round  requests/s   p50 ms   p99 ms   max ms  errors  memory KiB");
    let mut is_fine = true;
    for round in 1..=options.rounds {
        for server in &mut servers {
            is_fine &= server.round(round, options)?;
        }
    }
    if let [ours, peer] = &servers[..] {
        let ratio = ours.best / peer.best;
        println!("ratio of the best rounds: {ratio:.2}   bar {BAR}");
        is_fine &= ratio >= BAR;
    }
    Ok(is_fine)
}

/// A server that runs until it is dropped.
struct Server {
    name: &'static str,
    process: Child,
    address: SocketAddr,
    /// What it answers.
    expected: Vec<u8>,
    /// The most requests per second of any round.
    best: f64,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(name: &'static str, command: &Path, guest: &Path) -> Result<Server, String> {
        let failed = |error| format!("{}: {error}", command.display());
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
        let address = free.map_err(failed)?;
        let process = Command::new(command)
            .arg("serve")
            .arg(format!("--addr={address}"))
            .arg(guest)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let mut server = Server {
            name,
            process,
            address,
            expected: Vec::new(),
            best: 0.0,
        };
        let start = Instant::now();
        let connection = loop {
            match Connection::open(address) {
                Ok(connection) => break connection,
                Err(error) if start.elapsed() > PATIENCE => return Err(failed(error)),
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        };
        let mut connection = connection;
        server.expected = connection.get().map_err(failed)?;
        Ok(server)
    }

    /// Gives the server its requests, and prints how it did.
    fn round(&mut self, round: usize, options: &Options) -> Result<bool, String> {
        let halves = [
            options.requests / 2,
            options.requests - options.requests / 2,
        ];
        let start = Instant::now();
        let mut times = Vec::with_capacity(options.requests);
        let mut errors = 0;
        let mut memory = [0; 2];
        let mut work = Duration::ZERO;
        for (requests, memory) in halves.into_iter().zip(&mut memory) {
            let start = Instant::now();
            let (mut part, wrong) = self.load(requests, options.connections);
            work += start.elapsed();
            times.append(&mut part);
            errors += wrong;
            *memory = resident(self.process.id());
        }
        if times.is_empty() {
            return Err(format!(
                "{} answered nothing in {:?}",
                self.name,
                start.elapsed()
            ));
        }
        times.sort_unstable();
        let at = |share: f64| {
            let place = (times.len() as f64 * share) as usize;
            times[place.min(times.len() - 1)].as_secs_f64() * 1e3
        };
        let rate = times.len() as f64 / work.as_secs_f64();
        self.best = self.best.max(rate);
        println!(
            "{:<10} {round:>5}  {rate:>10.0} {:>8.2} {:>8.2} {:>8.2}  {errors:>6}  {} then {}",
            self.name,
            at(0.5),
            at(0.99),
            at(1.0),
            memory[0],
            memory[1]
        );
        // The first round fills what the server keeps.
        let is_flat = round == 1 || memory[1] <= memory[0] + GROWTH_MAX;
        Ok(errors == 0 && is_flat)
    }

    /// How long each request took, and how many failed.
    fn load(&self, requests: usize, connections: usize) -> (Vec<Duration>, usize) {
        let left = AtomicUsize::new(requests);
        let errors = AtomicUsize::new(0);
        let one = || {
            let mut times = Vec::new();
            let mut connection = Connection::open(self.address);
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
            {
                let start = Instant::now();
                let body = connection
                    .as_mut()
                    .map_err(|_| ())
                    .and_then(|connection| connection.get().map_err(|_| ()));
                match body {
                    Ok(body) if body == self.expected => times.push(start.elapsed()),
                    Ok(_) | Err(()) => {
                        errors.fetch_add(1, Ordering::Relaxed);
                        connection = Connection::open(self.address);
                    }
                }
            }
            times
        };
        let times = thread::scope(|scope| {
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(one)).collect();
            let times = threads.into_iter().filter_map(|thread| thread.join().ok());
            times.flatten().collect()
        });
        (times, errors.into_inner())
    }
}

/// A connection that is kept for many requests.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: SocketAddr) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// The body of the answer to one request, whose status must be 200.
    fn get(&mut self) -> std::io::Result<Vec<u8>> {
        let wrong = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
        self.0
            .get_mut()
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        if !line.starts_with("HTTP/1.1 200 ") {
            return Err(wrong("expected the status 200"));
        }
        let (mut length, mut is_chunked) = (0, false);
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let header = line.trim_end().to_ascii_lowercase();
            match header.split_once(':') {
                Some(("content-length", value)) => {
                    let value = value.trim().parse();
                    length = value.map_err(|_| wrong("expected a length"))?;
                }
                Some(("transfer-encoding", value)) => is_chunked = value.trim() == "chunked",
                Some(_) => {}
                None if header.is_empty() => break,
                None => return Err(wrong("expected a header")),
            }
        }
        let mut body = Vec::new();
        if !is_chunked {
            body.resize(length, 0);
            self.0.read_exact(&mut body)?;
            return Ok(body);
        }
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim_end(), 16);
            let length = length.map_err(|_| wrong("expected the length of a chunk"))?;
            let start = body.len();
            body.resize(start + length + 2, 0);
            self.0.read_exact(&mut body[start..])?;
            body.truncate(start + length);
            if length == 0 {
                return Ok(body);
            }
        }
    }
}

/// What a process holds in memory, in KiB; zero where the system does not tell.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
