//! `wasi:http/incoming-handler`: requests that a guest answers.
//!
//! A guest is synchronous: it runs on a thread that may block, and the response
//! starts once it is set, while the guest goes on. Nothing of one request is there for
//! the next: each has an instance of its own.

use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, request};
use http_body_util::{BodyExt as _, Full};
use linkspan::bound::Pre;
use linkspan::{
    Component, Error, HostValues as _, InterruptHandle, Linker, Resource, Result, Store,
    StoreContextMut,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{self, JoinHandle};
use tokio::time::{Instant, timeout, timeout_at};

use super::Body;
use super::bindings::Service;
use super::bindings::wasi::http::types::{self, ErrorCode, HostResponseOutparam};
use super::error::{Message, status};
use super::fields::is_within;
use super::incoming::Reading;
use super::limits::HttpLimits;
use super::message::IncomingRequest;
use super::outgoing::content_length;
use crate::ctx::WasiView;

type Set = Result<Response<Body>, ErrorCode>;

/// Where a guest puts its response: the value of the resource `response-outparam`.
#[derive(Debug)]
pub struct ResponseOutparam {
    sender: oneshot::Sender<Set>,
    is_set: Arc<AtomicBool>,
}

impl<T: WasiView + 'static> HostResponseOutparam<T> for ResponseOutparam {
    fn set(
        mut store: StoreContextMut<'_, T>,
        param: Resource<types::ResponseOutparam>,
        response: Result<Resource<types::OutgoingResponse>, ErrorCode>,
    ) -> Result<()> {
        let param = store.take_value(param)?;
        param.is_set.store(true, Ordering::Relaxed);
        let response = match response {
            Ok(response) => store.take_value(response)?.into_response(),
            Err(code) => Err(code),
        };
        // A client that went away misses nothing.
        let _ = param.sender.send(response);
        Ok(())
    }
}

/// Answers HTTP requests with a component that exports `wasi:http/incoming-handler`,
/// of any version 0.2.x. Clones share it.
///
/// # Examples
///
/// ```no_run
/// use linkspan::{Component, Engine, Linker, Store};
/// use linkspan_wasi::{WasiCtx, p2};
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::default();
/// let component = Component::from_file(&engine, "service.wasm")?;
/// let mut linker = Linker::<WasiCtx>::new(&engine);
/// p2::add_to_linker(&mut linker)?;
/// p2::http::add_to_linker(&mut linker)?;
/// let handler = p2::http::Handler::new(&component, &linker, move || {
///     Ok(Store::new(&engine, WasiCtx::builder().build()))
/// })?;
/// let server = p2::http::Server::bind("127.0.0.1:8080", handler).await?;
/// server.run(std::future::pending()).await;
/// # Ok(())
/// # }
/// ```
pub struct Handler<T: WasiView + 'static>(Arc<Shared<T>>);

struct Shared<T: WasiView + 'static> {
    pre: Pre<Service<T>>,
    store: Box<dyn Fn() -> Result<Store<T>> + Send + Sync>,
    failed: Box<dyn Fn(&Uri, &Error) + Send + Sync>,
    limits: HttpLimits,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl<T: WasiView + 'static> Handler<T> {
    /// Prepares a component once for all requests. `store` makes the store of one
    /// request, with its data and limits, on the thread that the guest will run on.
    ///
    /// # Errors
    ///
    /// As [`Pre::new`].
    pub fn new(
        component: &Component,
        linker: &Linker<T>,
        store: impl Fn() -> Result<Store<T>> + Send + Sync + 'static,
    ) -> Result<Handler<T>> {
        let limits = HttpLimits::default();
        Ok(Handler(Arc::new(Shared {
            pre: Pre::new(component, linker)?,
            store: Box::new(store),
            failed: Box::new(|_, _| {}),
            limits,
            permits: Arc::new(Semaphore::new(limits.concurrent_requests)),
            waiting: AtomicUsize::new(0),
        })))
    }

    /// With these limits, also for the requests that guests make.
    ///
    /// # Panics
    ///
    /// If the handler was cloned already.
    #[must_use]
    pub fn limits(mut self, limits: HttpLimits) -> Handler<T> {
        let permits = limits.concurrent_requests.min(Semaphore::MAX_PERMITS);
        let shared = self.only();
        shared.limits = limits;
        shared.permits = Arc::new(Semaphore::new(permits));
        self
    }

    /// Tells `failed` of each request whose guest traps, ends without a response or
    /// is stopped. It is called on the guest's thread.
    ///
    /// # Panics
    ///
    /// If the handler was cloned already.
    #[must_use]
    pub fn on_failure(
        mut self,
        failed: impl Fn(&Uri, &Error) + Send + Sync + 'static,
    ) -> Handler<T> {
        self.only().failed = Box::new(failed);
        self
    }

    fn only(&mut self) -> &mut Shared<T> {
        Arc::get_mut(&mut self.0).expect("a handler is set up before it is cloned")
    }

    pub(super) fn http_limits(&self) -> HttpLimits {
        self.0.limits
    }

    /// Answers a request. What goes wrong is a status: 413 and 431 for a request that
    /// is too large, 503 if too many wait, 504 for a guest that takes too long, 500
    /// for one that fails. A guest that fails later fails the body of the response.
    ///
    /// If the future is dropped before there is a response, the guest is stopped.
    ///
    /// # Panics
    ///
    /// Outside a runtime of tokio, or in one without time.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if let Err(code) = self.check(&parts) {
            return refusal(status(&code));
        }
        let Some(permit) = self.permit().await else {
            return refusal(StatusCode::SERVICE_UNAVAILABLE);
        };
        let body = Arc::new(Reading::new(body, Message::Request, self.0.limits));
        let (sender, receiver) = oneshot::channel();
        let control = Arc::new(Control::default());
        let run = Run {
            shared: Arc::clone(&self.0),
            control: Arc::clone(&control),
            runtime: Handle::current(),
            sender,
            body: Arc::clone(&body),
            parts,
            permit,
        };
        let deadline = Instant::now() + self.0.limits.request_time;
        let guest = task::spawn_blocking(move || run.run());
        let mut stop = StopOnDrop(Some(control));
        match timeout_at(deadline, receiver).await {
            Ok(Ok(set)) => {
                if let Some(control) = stop.0.take() {
                    watch(guest, deadline, control);
                }
                set.unwrap_or_else(|code| refusal(status(&code)))
            }
            // There will be none: the guest has ended, or does so now.
            Ok(Err(_)) => {
                drop(guest.await);
                stop.0 = None;
                refusal(match body.failure() {
                    Some(code) if status(&code).is_client_error() => status(&code),
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                })
            }
            Err(_) => {
                if let Some(control) = stop.0.take() {
                    control.stop(Reason::Time(self.0.limits.request_time));
                }
                refusal(StatusCode::GATEWAY_TIMEOUT)
            }
        }
    }

    /// Whether a request is within the limits, as far as its head tells.
    fn check(&self, parts: &request::Parts) -> Result<(), ErrorCode> {
        let limits = &self.0.limits;
        if !is_within(&parts.headers, limits) {
            return Err(Message::Request.header_section_size());
        }
        match content_length(&parts.headers) {
            Ok(Some(length)) if length > limits.request_body_bytes => {
                Err(Message::Request.body_size(length))
            }
            _ => Ok(()),
        }
    }

    /// The right to run a guest; none if too many want it.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let permits = Arc::clone(&self.0.permits);
        if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
            return Some(permit);
        }
        let waiting = Waiting(&self.0.waiting);
        if waiting.0.fetch_add(1, Ordering::Relaxed) >= self.0.limits.waiting_requests {
            return None;
        }
        let permit = timeout(self.0.limits.waiting_time, permits.acquire_owned()).await;
        permit.ok()?.ok()
    }
}

impl<T: WasiView + 'static> Clone for Handler<T> {
    fn clone(&self) -> Handler<T> {
        Handler(Arc::clone(&self.0))
    }
}

impl<T: WasiView + 'static> fmt::Debug for Handler<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("component", &self.0.pre)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

/// A request that waits for its turn, until this is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A response of the host's own.
fn refusal(status: StatusCode) -> Response<Body> {
    let text = status.canonical_reason().unwrap_or_default();
    let body = Full::from(format!("{} {text}\n", status.as_u16()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// Stops a guest that goes on after its response, when its time is up.
fn watch(mut guest: JoinHandle<()>, deadline: Instant, control: Arc<Control>) {
    if guest.is_finished() {
        return;
    }
    task::spawn(async move {
        if timeout_at(deadline, &mut guest).await.is_err() {
            control.stop(Reason::Deadline);
        }
    });
}

/// Why a guest was stopped.
#[derive(Clone, Copy, Debug)]
enum Reason {
    Time(Duration),
    Deadline,
    ClientGone,
}

/// Stops a guest that may not have a store yet.
#[derive(Default)]
struct Control(Mutex<(Option<InterruptHandle>, Option<Reason>)>);

impl Control {
    fn lock(&self) -> MutexGuard<'_, (Option<InterruptHandle>, Option<Reason>)> {
        // The pair is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, handle: InterruptHandle) {
        let mut state = self.lock();
        if state.1.is_some() {
            handle.interrupt();
        }
        state.0 = Some(handle);
    }

    fn stop(&self, reason: Reason) {
        let mut state = self.lock();
        state.1.get_or_insert(reason);
        if let Some(handle) = &state.0 {
            handle.interrupt();
        }
    }

    fn reason(&self) -> Option<Reason> {
        self.lock().1
    }
}

/// Stops the guest of a request that nobody waits for any more.
struct StopOnDrop(Option<Arc<Control>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(control) = &self.0 {
            control.stop(Reason::ClientGone);
        }
    }
}

/// One request and what its guest needs to run.
struct Run<T: WasiView + 'static> {
    shared: Arc<Shared<T>>,
    control: Arc<Control>,
    runtime: Handle,
    sender: oneshot::Sender<Set>,
    body: Arc<Reading>,
    parts: request::Parts,
    /// Kept until the guest and its store are gone.
    permit: OwnedSemaphorePermit,
}

impl<T: WasiView + 'static> Run<T> {
    fn run(self) {
        let Run {
            shared,
            control,
            runtime,
            sender,
            body,
            parts,
            permit,
        } = self;
        let uri = parts.uri.clone();
        let ended = (shared.store)().and_then(|mut store| {
            control.start(store.interrupt_handle());
            let is_head = parts.method == Method::HEAD;
            let http = &mut store.data_mut().wasi().http;
            http.serve(shared.limits, &runtime, is_head);
            let request = IncomingRequest::new(parts, body);
            shared.answer(&mut store, request, sender)
        });
        if let Err(error) = ended {
            let error = match control.reason() {
                Some(Reason::Time(time)) => stopped(format_args!("no response within {time:?}")),
                Some(Reason::Deadline) => stopped(format_args!("its time was up")),
                Some(Reason::ClientGone) => stopped(format_args!("the client went away")),
                None => error,
            };
            (shared.failed)(&uri, &error);
        }
        drop(permit);
    }
}

fn stopped(why: fmt::Arguments<'_>) -> Error {
    Error::msg(format!("the guest was stopped: {why}"))
}

impl<T: WasiView + 'static> Shared<T> {
    /// Runs a guest in its store, to its end.
    fn answer(
        &self,
        store: &mut Store<T>,
        request: IncomingRequest,
        sender: oneshot::Sender<Set>,
    ) -> Result<()> {
        let exports = self.pre.instantiate_in(&mut *store)?;
        let request = store.push_value::<types::IncomingRequest>(request)?;
        let is_set = Arc::new(AtomicBool::new(false));
        let param = store.push_value::<types::ResponseOutparam>(ResponseOutparam {
            sender,
            is_set: Arc::clone(&is_set),
        })?;
        exports
            .on(&mut *store)
            .incoming_handler()
            .handle(request, param)?;
        match is_set.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(Error::msg(
                "expected a response, found none: the guest has not called \
                 `response-outparam.set`",
            )),
        }
    }
}
