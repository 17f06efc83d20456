//! A socket of HTTP/1.1 requests that a handler answers.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Body;
use super::handler::Handler;
use super::limits::HttpLimits;
use super::transport::{Clock, Connection};
use crate::ctx::WasiView;

/// How many fields hyper reads without an allocation for each request.
const FIELDS: usize = 100;

/// How long to wait when the system has no more files for connections.
const PAUSE: Duration = Duration::from_millis(50);

/// What a request was answered with.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// Who has asked.
    pub peer: SocketAddr,
    /// The method of the request.
    pub method: &'a Method,
    /// Its path and query.
    pub uri: &'a Uri,
    /// The status of the response, whose body may be under way.
    pub status: StatusCode,
    /// How long it took to the response.
    pub time: Duration,
}

type Log = dyn Fn(&Answer<'_>) + Send + Sync;

/// A socket whose requests a [`Handler`] answers.
pub struct Server<T: WasiView + 'static> {
    listener: TcpListener,
    handler: Handler<T>,
    log: Option<Arc<Log>>,
}

impl<T: WasiView + 'static> Server<T> {
    /// Listens on an address; the system chooses the port 0.
    ///
    /// # Errors
    ///
    /// If the address is in use, or none of this machine.
    pub async fn bind(address: impl ToSocketAddrs, handler: Handler<T>) -> io::Result<Server<T>> {
        Ok(Server::new(TcpListener::bind(address).await?, handler))
    }

    /// A server on a socket that listens already.
    #[must_use]
    pub fn new(listener: TcpListener, handler: Handler<T>) -> Server<T> {
        Server {
            listener,
            handler,
            log: None,
        }
    }

    /// Tells `log` of each response when it starts.
    #[must_use]
    pub fn on_answer(mut self, log: impl Fn(&Answer<'_>) + Send + Sync + 'static) -> Server<T> {
        self.log = Some(Arc::new(log));
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until `shutdown` is there. Then no more are accepted, and
    /// those under way have [`HttpLimits::grace_time`] to end. Answers whether all
    /// have.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> bool {
        let limits = self.handler.http_limits();
        let permits = limits.connections.min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(permits));
        let (closing, closed) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let mut accepted = pin!(self.accept(&permits));
            let accepted = poll_fn(|cx| match shutdown.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => accepted.as_mut().poll(cx).map(Some),
            });
            let Some((stream, peer, permit)) = accepted.await else {
                break;
            };
            // Those that have ended.
            while connections.try_join_next().is_some() {}
            let handler = self.handler.clone();
            let log = self.log.clone();
            let closed = closed.clone();
            connections.spawn(async move {
                let _permit = permit;
                connection(stream, peer, handler, log, closed).await;
            });
        }
        drop((self.listener, closing, closed));
        let all = async { while connections.join_next().await.is_some() {} };
        timeout(limits.grace_time, all).await.is_ok()
    }

    /// The next connection, once there may be one more.
    async fn accept(
        &self,
        permits: &Arc<Semaphore>,
    ) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            let Ok(permit) = Arc::clone(permits).acquire_owned().await else {
                // Nobody closes the semaphore.
                std::future::pending::<()>().await;
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, peer)) => return (stream, peer, permit),
                // A client that went away at once, or a system that is at its limits.
                Err(_) => sleep(PAUSE).await,
            }
        }
    }
}

impl<T: WasiView + 'static> fmt::Debug for Server<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("handler", &self.handler)
            .finish_non_exhaustive()
    }
}

fn protocol(limits: &HttpLimits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .timer(Clock)
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.header_bytes.max(8192));
    if limits.header_count != FIELDS {
        protocol.max_headers(limits.header_count);
    }
    protocol
}

/// Answers the requests of one connection, until it or the server ends.
async fn connection<T: WasiView + 'static>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: Handler<T>,
    log: Option<Arc<Log>>,
    mut closed: watch::Receiver<()>,
) {
    let limits = handler.http_limits();
    // A connection that answers late is better than none.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let (handler, log) = (handler.clone(), log.clone());
        async move { Ok::<_, Infallible>(answer(&handler, peer, log.as_deref(), request).await) }
    });
    let stream = Connection::new(stream, limits.write_time);
    let mut connection = pin!(protocol(&limits).serve_connection(stream, service));
    let mut closing = pin!(closed.changed());
    let mut is_closing = false;
    let served = poll_fn(|cx| {
        if !is_closing && closing.as_mut().poll(cx).is_ready() {
            is_closing = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    });
    // What a client does wrong is answered where it can be, and its problem otherwise.
    let _ = served.await;
}

async fn answer<T: WasiView + 'static>(
    handler: &Handler<T>,
    peer: SocketAddr,
    log: Option<&Log>,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(log) = log else {
        return handler.handle(request).await;
    };
    let start = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = handler.handle(request).await;
    log(&Answer {
        peer,
        method: &method,
        uri: &uri,
        status: response.status(),
        time: start.elapsed(),
    });
    response
}
