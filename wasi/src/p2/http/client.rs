//! How requests of guests are sent: a trait for the host's own client, and a small one
//! for HTTP/1.1 without TLS.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::error::{Message, connect_code, dns_code};
use super::limits::HttpLimits;
use super::transport::Connection;
use super::{Body, ErrorCode};

/// How long a request may take. Dropping the future of a [`Client`] gives it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// From then on, until the response starts.
    pub first_byte: Duration,
    /// Between any two parts of the body of the response.
    pub between_bytes: Duration,
}

/// A request that was sent: the future of its response.
pub type Sent = Pin<Box<dyn Future<Output = Result<Response<Body>, ErrorCode>> + Send>>;

/// Sends requests of guests. What it is given was allowed by the host already.
pub trait Client: Send + Sync {
    /// Sends a request with a whole URI, on the runtime of tokio that polls the
    /// future. The client sets what belongs to the connection, such as `host`.
    fn send(&self, request: Request<Body>, timeouts: Timeouts, limits: HttpLimits) -> Sent;
}

/// A client for HTTP/1.1 without TLS, which makes a connection for each request.
///
/// A request of the scheme `https` answers `TLS-protocol-error`.
#[derive(Clone, Default)]
pub struct Http1Client {
    check: Option<Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>>,
}

impl Http1Client {
    /// A client that connects to whatever address a name leads to.
    #[must_use]
    pub fn new() -> Http1Client {
        Http1Client::default()
    }

    /// A client that connects to those addresses alone for which `check` answers
    /// `true`. A name may lead anywhere, also into the host's own network.
    #[must_use]
    pub fn only(check: impl Fn(SocketAddr) -> bool + Send + Sync + 'static) -> Http1Client {
        Http1Client {
            check: Some(Arc::new(check)),
        }
    }

    /// Connects to the first address that lets it.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, ErrorCode> {
        let found = lookup_host((host, port)).await;
        let addresses: Vec<SocketAddr> = found.map_err(|_| dns_code())?.collect();
        if addresses.is_empty() {
            return Err(ErrorCode::DestinationNotFound);
        }
        let is_allowed = |address: &SocketAddr| self.check.as_ref().is_none_or(|c| c(*address));
        let mut code = ErrorCode::DestinationIpProhibited;
        for address in addresses.into_iter().filter(is_allowed) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => code = connect_code(&error),
            }
        }
        Err(code)
    }

    async fn exchange(
        self,
        mut request: Request<Body>,
        timeouts: Timeouts,
        limits: HttpLimits,
    ) -> Result<Response<Body>, ErrorCode> {
        if *request.uri().scheme().unwrap_or(&Scheme::HTTP) != Scheme::HTTP {
            return Err(ErrorCode::TlsProtocolError);
        }
        let (host, port) = origin(&mut request)?;
        let connected = timeout(timeouts.connect, self.connect(&host, port)).await;
        let stream = connected.map_err(|_| ErrorCode::ConnectionTimeout)??;
        // A connection that answers late is better than none.
        let _ = stream.set_nodelay(true);
        let handshake = http1::Builder::new()
            .max_headers(limits.header_count)
            .max_buf_size(limits.header_bytes.max(8192))
            .handshake(Connection::new(stream, limits.write_time));
        let code = |error: hyper::Error| Message::Response.code(error.into());
        let (mut sender, connection) = handshake.await.map_err(code)?;
        let connection = Task(tokio::spawn(async move {
            // What fails here fails the request or the body of the response, too.
            let _ = connection.await;
        }));
        let answered = timeout(timeouts.first_byte, sender.send_request(request)).await;
        let response = answered.map_err(|_| ErrorCode::ConnectionReadTimeout)?;
        Ok(response.map_err(code)?.map(|body| {
            let body = Timed {
                body,
                time: timeouts.between_bytes,
                sleep: Box::pin(sleep(timeouts.between_bytes)),
                is_waiting: false,
                _connection: connection,
            };
            body.boxed_unsync()
        }))
    }
}

impl Client for Http1Client {
    fn send(&self, request: Request<Body>, timeouts: Timeouts, limits: HttpLimits) -> Sent {
        Box::pin(self.clone().exchange(request, timeouts, limits))
    }
}

impl fmt::Debug for Http1Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1Client").finish_non_exhaustive()
    }
}

/// Where a request goes; leaves of the URI what a server is told, and sets `host`.
fn origin(request: &mut Request<Body>) -> Result<(String, u16), ErrorCode> {
    let invalid = || ErrorCode::HttpRequestUriInvalid;
    let parts = std::mem::take(request.uri_mut()).into_parts();
    let authority = parts.authority.ok_or_else(invalid)?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let port = match authority.port() {
        Some(_) => authority.port_u16().ok_or_else(invalid)?,
        None => 80,
    };
    // A name and a password are no part of it.
    let target = authority.as_str().rsplit('@').next().unwrap_or_default();
    let value = HeaderValue::from_str(target).map_err(|_| invalid())?;
    request.headers_mut().insert(HOST, value);
    let path = parts.path_and_query;
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Ok((host, port))
}

/// A task that ends when it is dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of a response, with a time for each part of it.
struct Timed {
    body: hyper::body::Incoming,
    time: Duration,
    sleep: Pin<Box<Sleep>>,
    /// Whether the time is running: only while somebody waits.
    is_waiting: bool,
    _connection: Task,
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        if let Poll::Ready(frame) = pin!(&mut self.body).poll_frame(cx) {
            self.is_waiting = false;
            let code = |error: hyper::Error| Message::Response.code(error.into());
            return Poll::Ready(frame.map(|frame| frame.map_err(code)));
        }
        if !self.is_waiting {
            self.is_waiting = true;
            // What the clock cannot count never comes.
            if let Some(end) = Instant::now().checked_add(self.time) {
                self.sleep.as_mut().reset(end);
            }
        }
        ready!(self.sleep.as_mut().poll(cx));
        Poll::Ready(Some(Err(ErrorCode::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a connection that was given up fails with.
pub(super) fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the other side takes nothing")
}
