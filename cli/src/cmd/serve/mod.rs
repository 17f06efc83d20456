//! `linkspan serve`: answer HTTP requests with a component.

mod output;

use std::io;
use std::path::PathBuf;

use clap::Args;
use linkspan::{Component, Linker, Store};
use linkspan_wasi::p2::http::{Answer, Handler, HttpLimits, Server};
use linkspan_wasi::{WasiCtx, p2};

use output::{Output, Shared};

use super::granting::Granting;
use super::running::Running;
use crate::failure::{Failure, Kind, Result};
use crate::input;

/// Answer HTTP requests with a component of the world `wasi:http/proxy` of WASI 0.2.
///
/// Each request gets an instance of its own, with clocks, random bytes, the command's standard
/// output and error, and what is granted here. A guest that traps or takes too long is stopped:
/// its client gets the status 500 or 504, and the cause stands on standard error.
///
/// The first SIGINT or SIGTERM ends the server once the requests under way are answered, the
/// second one at once.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// A component, in binary or text form.
    #[arg(value_name = "FILE")]
    path: PathBuf,

    /// Where to listen; the system chooses the port 0. The address is printed to standard error.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    addr: String,

    /// The requests that are answered at a time, each with a thread; more wait.
    #[arg(long, value_name = "N", default_value_t = HttpLimits::default().concurrent_requests)]
    max_concurrent: usize,

    /// The bytes that the body of a request may have; the status is 413 for more.
    #[arg(long, value_name = "BYTES", default_value_t = HttpLimits::default().request_body_bytes)]
    max_body: u64,

    /// Print a line for each response to standard error.
    #[arg(long)]
    log: bool,

    #[command(flatten)]
    granting: Granting,

    #[command(flatten)]
    running: Running,
}

const EXAMPLES: &str = "\
Examples:
  linkspan serve service.wasm
  linkspan serve service.wasm --addr 0.0.0.0:80 --log
  linkspan serve service.wasm --dir-read-only site::/ --env MODE=live
  linkspan serve service.wasm --timeout 2 --max-memory 16000000 --max-concurrent 8

Limits are those of one request; `--timeout` is 30 seconds unless given.";

/// Threads for what is neither a guest nor a connection, such as looking names up.
const OTHER_THREADS: usize = 16;

impl Serve {
    pub(crate) fn run(self) -> Result {
        let stderr = Shared::stderr().map_err(unusable)?;
        let limits = self.limits();
        let addr = self.addr.clone();
        let log = self.log.then(|| stderr.clone());
        let handler = self.handler(limits, &stderr)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .max_blocking_threads(limits.concurrent_requests.saturating_add(OTHER_THREADS))
            .build();
        let runtime = runtime.map_err(|e| failed(&format!("cannot start threads: {e}")))?;
        let served = runtime.block_on(serve(&addr, handler, log, &stderr));
        // Guests that are still there were given up.
        runtime.shutdown_background();
        served
    }

    fn limits(&self) -> HttpLimits {
        let mut limits = HttpLimits::default();
        limits.concurrent_requests = self.max_concurrent.max(1);
        limits.request_body_bytes = self.max_body;
        limits.request_time = self.running.time().unwrap_or(limits.request_time);
        limits
    }

    /// Loads and links the component, once.
    fn handler(self, limits: HttpLimits, stderr: &Shared) -> Result<Handler<WasiCtx>> {
        let name = input::short_name(&self.path);
        let bytes = input::read(&self.path)?;
        let binary = input::binary(&name, bytes)?;
        let Some(binary) = binary.filter(|binary| !wasmparser::Parser::is_core_wasm(binary)) else {
            return Err(failed(&format!("`{name}` is not a component")));
        };
        let engine = self.running.engine()?;
        let component = Component::new(&engine, &binary).map_err(|e| e.within(&*name))?;
        let mut linker = Linker::<WasiCtx>::new(&engine);
        p2::add_to_linker(&mut linker)?;
        p2::http::add_to_linker(&mut linker)?;
        let exports = component.exports();
        let mut exports = exports.iter().map(|(export, _)| export);
        if !exports.any(|export| export.starts_with("wasi:http/incoming-handler@0.2.")) {
            return Err(failed(&format!(
                "`{name}` answers no HTTP requests: expected an interface \
                 `wasi:http/incoming-handler@0.2.x`, found none\n  = help: `linkspan run` runs \
                 programs, `linkspan invoke` calls functions of components"
            )));
        }
        let granted = self.granting.find()?;
        let stdout = Shared::stdout().map_err(unusable)?;
        let (guests_stderr, failures) = (stderr.clone(), stderr.clone());
        let store = move || {
            let ctx = granted
                .ctx()
                .arg(&*name)
                .stdout(Output::new(&stdout))
                .stderr(Output::new(&guests_stderr));
            let mut store = Store::new(&engine, ctx.build());
            self.granting.limit_memory(&mut store);
            self.running.set_fuel(&mut store)?;
            Ok(store)
        };
        let handler = Handler::new(&component, &linker, store)?;
        let handler = handler.on_failure(move |uri, error| {
            failures.print(&format!("{uri}: {}\n", error.to_string().trim_end()));
        });
        Ok(handler.limits(limits))
    }
}

fn failed(message: &str) -> Failure {
    Failure::new(Kind::Input, message)
}

fn unusable(error: io::Error) -> Failure {
    failed(&format!(
        "cannot pass standard output and error on: {error}"
    ))
}

/// Listens until a signal comes.
async fn serve(
    addr: &str,
    handler: Handler<WasiCtx>,
    log: Option<Shared>,
    stderr: &Shared,
) -> Result {
    let listening = Server::bind(addr, handler).await.and_then(|server| {
        let address = server.local_addr()?;
        Ok((server, address))
    });
    let (server, address) =
        listening.map_err(|e| failed(&format!("cannot listen on `{addr}`: {e}")))?;
    let server = match log {
        Some(log) => server.on_answer(move |answer| log.print(&line(answer))),
        None => server,
    };
    let mut signals =
        Signals::new().map_err(|e| failed(&format!("cannot wait for signals: {e}")))?;
    stderr.print(&format!("listening on http://{address}/\n"));
    let has_ended = server
        .run(async {
            signals.next().await;
            tokio::spawn(async move {
                signals.next().await;
                std::process::exit(130);
            });
        })
        .await;
    if !has_ended {
        stderr.print("some requests took too long to end and were given up\n");
    }
    Ok(())
}

/// A response in a line.
fn line(answer: &Answer<'_>) -> String {
    let Answer {
        peer,
        method,
        uri,
        status,
        time,
        ..
    } = answer;
    let milliseconds = time.as_secs_f64() * 1e3;
    format!(
        "{peer} {method} {uri} {} {milliseconds:.1} ms\n",
        status.as_u16()
    )
}

/// The signals that end a server.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        std::future::poll_fn(|cx| match self.interrupt.poll_recv(cx) {
            std::task::Poll::Pending => self.terminate.poll_recv(cx),
            ready => ready,
        })
        .await;
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {})
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
