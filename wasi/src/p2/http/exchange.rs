//! `wasi:http/outgoing-handler`: requests that a guest makes, where the host lets it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use http_body_util::BodyExt as _;
use linkspan::{HostError, HostValues as _, Resource, StoreContextMut};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::Body;
use super::bindings::wasi::http::outgoing_handler;
use super::bindings::wasi::http::types::{
    self, ErrorCode, HostFutureIncomingResponse, RequestOptions,
};
use super::client::{Client, Http1Client};
use super::held::{Account, Held};
use super::limits::HttpLimits;
use super::message::IncomingResponse;
use crate::ctx::{WasiCtxBuilder, WasiView};
use crate::denial::{Denial, shortened};
use crate::p2::io::Pollable;
use crate::poll::{Source, Wait};

type Check = dyn Fn(&http::request::Parts) -> bool + Send + Sync;

/// What a program is granted of HTTP.
#[derive(Clone, Default)]
pub(crate) struct Grants {
    check: Option<Arc<Check>>,
    client: Option<Arc<dyn Client>>,
    runtime: Option<Handle>,
    limits: HttpLimits,
}

/// # HTTP
impl WasiCtxBuilder {
    /// Lets the program make the HTTP requests that `check` answers with `true`. It
    /// gets the request with its whole URI; the scheme is `https` if the program has
    /// named none. Without a check there are no requests.
    #[must_use]
    pub fn allow_http(
        mut self,
        check: impl Fn(&http::request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.http.check = Some(Arc::new(check));
        self
    }

    /// Sends the program's HTTP requests through `client` instead of an
    /// [`Http1Client`], which knows no TLS.
    #[must_use]
    pub fn http_client(mut self, client: Arc<dyn Client>) -> Self {
        self.http.client = Some(client);
        self
    }

    /// Sends the program's HTTP requests on this runtime of tokio, whose input, output
    /// and time must be enabled. Otherwise it is that of the
    /// [`Handler`](super::Handler) whose request the program answers, or else a thread
    /// that the first request starts.
    #[must_use]
    pub fn http_runtime(mut self, runtime: Handle) -> Self {
        self.http.runtime = Some(runtime);
        self
    }

    /// What requests and responses may use at most.
    #[must_use]
    pub fn http_limits(mut self, limits: HttpLimits) -> Self {
        self.http.limits = limits;
        self
    }
}

/// The state of one program.
pub(crate) struct State {
    grants: Grants,
    /// Requests under way.
    running: Arc<AtomicUsize>,
    held: Account,
    /// Whether the request that the program answers is a HEAD.
    pub(super) answers_head: bool,
}

impl State {
    pub(crate) fn new(grants: Grants) -> State {
        State {
            grants,
            running: Arc::default(),
            held: Account::default(),
            answers_head: false,
        }
    }

    pub(super) fn limits(&self) -> HttpLimits {
        self.grants.limits
    }

    /// Holds so many bytes for the program.
    pub(super) fn hold(&self, bytes: usize) -> linkspan::Result<Held> {
        self.held.hold(bytes, self.grants.limits.held_bytes)
    }

    /// What is told once a request is answered on a runtime.
    pub(super) fn serve(&mut self, limits: HttpLimits, runtime: &Handle, is_head: bool) {
        self.grants.limits = limits;
        self.grants.runtime.get_or_insert_with(|| runtime.clone());
        self.answers_head = is_head;
    }

    fn runtime(&self) -> Result<Handle, ErrorCode> {
        match &self.grants.runtime {
            Some(runtime) => Ok(runtime.clone()),
            None => background(),
        }
    }
}

/// A runtime on a thread of its own, for hosts that have none.
fn background() -> Result<Handle, ErrorCode> {
    static RUNTIME: OnceLock<Option<Handle>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new().name("http".to_owned());
        let started = thread.spawn(move || runtime.block_on(std::future::pending::<()>()));
        started.is_ok().then_some(handle)
    });
    runtime.clone().ok_or_else(|| {
        ErrorCode::InternalError(Some("no thread could be started for HTTP".to_owned()))
    })
}

/// A request under way, which counts until it is dropped.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn start(count: &Arc<AtomicUsize>, max: usize) -> Result<Running, ErrorCode> {
        let running = Running(Arc::clone(count));
        match count.fetch_add(1, Ordering::Relaxed) < max {
            true => Ok(running),
            false => Err(ErrorCode::ConnectionLimitReached),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T: WasiView + 'static> outgoing_handler::Host for T {
    fn handle(
        mut store: StoreContextMut<'_, T>,
        request: Resource<types::OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> Result<Resource<types::FutureIncomingResponse>, HostError<ErrorCode>> {
        let request = store.take_value(request).map_err(HostError::Trap)?;
        let options = match options {
            Some(options) => store.take_value(options).map_err(HostError::Trap)?,
            None => super::RequestOptions::default(),
        };
        let ctx = store.data_mut().wasi();
        let (parts, body) = request.into_request()?.into_parts();
        let granted = ctx.http.grants.check.as_ref();
        if !granted.is_some_and(|check| check(&parts)) {
            ctx.denials.add(Denial::Http {
                uri: shortened(&parts.uri.to_string()),
            });
            return Err(ErrorCode::HttpRequestDenied.into());
        }
        let request = http::Request::from_parts(parts, body);
        let limits = ctx.http.limits();
        let running = Running::start(&ctx.http.running, limits.outgoing_requests)?;
        let client = match &ctx.http.grants.client {
            Some(client) => Arc::clone(client),
            None => Arc::new(Http1Client::new()),
        };
        let timeouts = options.timeouts(limits.outgoing_time);
        let sent = client.send(request, timeouts, limits);
        let response = FutureIncomingResponse::start(&ctx.http.runtime()?, sent, limits, running);
        store.push_value(response).map_err(HostError::Trap)
    }
}

/// A request counts until the body of its response has ended.
fn count(response: http::Response<Body>, running: Running) -> http::Response<Body> {
    response.map(|body| {
        let counted = body.map_frame(move |frame| {
            let _ = &running;
            frame
        });
        counted.boxed_unsync()
    })
}

type Answer = Result<http::Response<Body>, ErrorCode>;

/// The value of the resource `future-incoming-response`: dropping it gives the request
/// up.
pub struct FutureIncomingResponse {
    answer: Arc<Waiting>,
    task: AbortHandle,
    limits: HttpLimits,
    is_taken: bool,
}

/// The answer on its way from the runtime's thread.
struct Waiting(Mutex<Slot>);

enum Slot {
    Empty(oneshot::Receiver<Answer>),
    Full(Option<Answer>),
}

impl Waiting {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.fill(&mut slot, cx).map(|()| match &mut *slot {
            Slot::Full(answer) => answer.take(),
            Slot::Empty(_) => None,
        })
    }

    fn fill(&self, slot: &mut Slot, cx: &mut Context<'_>) -> Poll<()> {
        let Slot::Empty(receiver) = slot else {
            return Poll::Ready(());
        };
        Pin::new(receiver).poll(cx).map(|answer| {
            // The runtime was shut down, or a client has panicked.
            let lost = || ErrorCode::InternalError(Some("the request was given up".to_owned()));
            *slot = Slot::Full(Some(answer.unwrap_or_else(|_| Err(lost()))));
        })
    }
}

impl Source for Waiting {
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.fill(&mut slot, cx)
    }
}

impl FutureIncomingResponse {
    fn start(
        runtime: &Handle,
        sent: super::Sent,
        limits: HttpLimits,
        running: Running,
    ) -> FutureIncomingResponse {
        let (sender, receiver) = oneshot::channel();
        let task = runtime.spawn(async move {
            // If nobody waits any more, nobody misses the answer.
            let _ = sender.send(sent.await.map(|response| count(response, running)));
        });
        FutureIncomingResponse {
            answer: Arc::new(Waiting(Mutex::new(Slot::Empty(receiver)))),
            task: task.abort_handle(),
            limits,
            is_taken: false,
        }
    }
}

impl Drop for FutureIncomingResponse {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for FutureIncomingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureIncomingResponse")
            .finish_non_exhaustive()
    }
}

impl<T: WasiView + 'static> HostFutureIncomingResponse<T> for FutureIncomingResponse {
    fn subscribe(&mut self, _: &mut T) -> Pollable {
        Pollable(Wait::Source(Arc::clone(&self.answer) as Arc<dyn Source>))
    }

    fn get(&mut self, host: &mut T) -> Option<Result<Result<IncomingResponse, ErrorCode>, ()>> {
        if self.is_taken {
            return Some(Err(()));
        }
        let answer = self.answer.poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Some(answer)) = answer else {
            return None;
        };
        self.is_taken = true;
        let http = &host.wasi().http;
        Some(Ok(answer.and_then(|response| {
            IncomingResponse::new(response, self.limits, http)
        })))
    }
}
