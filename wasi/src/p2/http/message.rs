//! Requests and responses of both directions, and the options of requests.

use std::sync::Arc;
use std::time;

use http::uri::{Authority, PathAndQuery};
use http::{StatusCode, Uri, header};
use linkspan::HostError;

use super::bindings::wasi::http::types::{
    self, Duration, ErrorCode, HostIncomingRequest, HostIncomingResponse, HostOutgoingRequest,
    HostOutgoingResponse, HostRequestOptions, Method, Scheme,
};
use super::client::Timeouts;
use super::error::Message;
use super::exchange::{FutureIncomingResponse, State};
use super::fields::{Fields, Map, is_within, remove_forbidden};
use super::handler::ResponseOutparam;
use super::incoming::{FutureTrailers, IncomingBody, Reading};
use super::limits::HttpLimits;
use super::outgoing::{OutgoingBody, content_length};
use super::{Body, empty};
use crate::ctx::WasiView;
use crate::p2::stream::{Cause, Failure};

impl<T: WasiView + 'static> types::Host for T {
    type Fields = Fields;
    type IncomingRequest = IncomingRequest;
    type OutgoingRequest = OutgoingRequest;
    type RequestOptions = RequestOptions;
    type ResponseOutparam = ResponseOutparam;
    type IncomingResponse = IncomingResponse;
    type IncomingBody = IncomingBody;
    type FutureTrailers = FutureTrailers;
    type OutgoingResponse = OutgoingResponse;
    type OutgoingBody = OutgoingBody;
    type FutureIncomingResponse = FutureIncomingResponse;

    fn http_error_code(&mut self, err: &Failure) -> Option<ErrorCode> {
        match &err.0 {
            Cause::Http(code) => Some((**code).clone()),
            _ => None,
        }
    }
}

fn to_method(method: &http::Method) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn from_method(method: Method) -> Result<http::Method, ()> {
    Ok(match method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Delete => http::Method::DELETE,
        Method::Connect => http::Method::CONNECT,
        Method::Options => http::Method::OPTIONS,
        Method::Trace => http::Method::TRACE,
        Method::Patch => http::Method::PATCH,
        Method::Other(name) => http::Method::from_bytes(name.as_bytes()).map_err(drop)?,
    })
}

fn to_scheme(scheme: &http::uri::Scheme) -> Scheme {
    match scheme.as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}

fn from_scheme(scheme: Scheme) -> Result<http::uri::Scheme, ()> {
    match scheme {
        Scheme::Http => Ok(http::uri::Scheme::HTTP),
        Scheme::Https => Ok(http::uri::Scheme::HTTPS),
        Scheme::Other(name) => name.parse().map_err(drop),
    }
}

/// A request that a guest answers: the value of the resource `incoming-request`.
#[derive(Debug)]
pub struct IncomingRequest {
    method: http::Method,
    uri: Uri,
    authority: Option<String>,
    headers: Arc<Map>,
    body: Option<IncomingBody>,
}

impl IncomingRequest {
    pub(super) fn new(parts: http::request::Parts, body: Arc<Reading>) -> IncomingRequest {
        let mut headers = parts.headers;
        let authority = match parts.uri.authority() {
            Some(authority) => Some(authority.to_string()),
            None => {
                let host = headers.get(header::HOST);
                host.and_then(|host| host.to_str().ok()).map(str::to_owned)
            }
        };
        remove_forbidden(&mut headers);
        IncomingRequest {
            method: parts.method,
            uri: parts.uri,
            authority,
            headers: Arc::new(Map::given(headers)),
            body: Some(IncomingBody::new(body)),
        }
    }
}

impl<T: WasiView + 'static> HostIncomingRequest<T> for IncomingRequest {
    fn method(&mut self, _: &mut T) -> Method {
        to_method(&self.method)
    }

    fn path_with_query(&mut self, _: &mut T) -> Option<String> {
        let path = self.uri.path_and_query();
        path.map(|path| path.as_str().to_owned())
    }

    fn scheme(&mut self, _: &mut T) -> Option<Scheme> {
        Some(self.uri.scheme().map_or(Scheme::Http, to_scheme))
    }

    fn authority(&mut self, _: &mut T) -> Option<String> {
        self.authority.clone()
    }

    fn headers(&mut self, _: &mut T) -> Fields {
        Fields::immutable(Arc::clone(&self.headers))
    }

    fn consume(&mut self, _: &mut T) -> Result<IncomingBody, ()> {
        self.body.take().ok_or(())
    }
}

/// A response that a guest gets: the value of the resource `incoming-response`.
#[derive(Debug)]
pub struct IncomingResponse {
    status: StatusCode,
    headers: Arc<Map>,
    body: Option<IncomingBody>,
}

impl IncomingResponse {
    pub(super) fn new(
        response: http::Response<Body>,
        limits: HttpLimits,
        http: &State,
    ) -> Result<IncomingResponse, ErrorCode> {
        let (mut parts, body) = response.into_parts();
        remove_forbidden(&mut parts.headers);
        let headers = match is_within(&parts.headers, &limits) {
            true => Map::asked_for(parts.headers, http).ok(),
            false => None,
        };
        let headers = headers.ok_or_else(|| Message::Response.header_section_size())?;
        let body = Arc::new(Reading::new(body, Message::Response, limits));
        Ok(IncomingResponse {
            status: parts.status,
            headers: Arc::new(headers),
            body: Some(IncomingBody::new(body)),
        })
    }
}

impl<T: WasiView + 'static> HostIncomingResponse<T> for IncomingResponse {
    fn status(&mut self, _: &mut T) -> u16 {
        self.status.as_u16()
    }

    fn headers(&mut self, _: &mut T) -> Fields {
        Fields::immutable(Arc::clone(&self.headers))
    }

    fn consume(&mut self, _: &mut T) -> Result<IncomingBody, ()> {
        self.body.take().ok_or(())
    }
}

/// The body of a message that a guest makes: there is none unless it asks for it.
#[derive(Debug, Default)]
struct Outgoing(Option<Body>);

impl Outgoing {
    fn start(
        &mut self,
        message: Message,
        expected: Option<u64>,
        http: &State,
    ) -> Result<OutgoingBody, HostError<()>> {
        if self.0.is_some() {
            return Err(().into());
        }
        let body = OutgoingBody::new(message, expected, http);
        let (writing, taking) = body.map_err(HostError::Trap)?;
        self.0 = Some(taking);
        Ok(writing)
    }

    fn into_body(self) -> Body {
        self.0.unwrap_or_else(empty)
    }
}

/// A response that a guest makes: the value of the resource `outgoing-response`.
#[derive(Debug)]
pub struct OutgoingResponse {
    status: StatusCode,
    headers: Fields,
    body: Outgoing,
}

impl OutgoingResponse {
    /// The response as a host has it.
    pub(super) fn into_response(self) -> Result<http::Response<Body>, ErrorCode> {
        content_length(self.headers.map())?;
        if self.status.is_informational() {
            // The client would go on waiting for the response.
            return Err(ErrorCode::HttpProtocolError);
        }
        let mut response = http::Response::new(self.body.into_body());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.into_map();
        Ok(response)
    }
}

impl<T: WasiView + 'static> HostOutgoingResponse<T> for OutgoingResponse {
    fn new(_: &mut T, headers: Fields) -> OutgoingResponse {
        OutgoingResponse {
            status: StatusCode::OK,
            headers,
            body: Outgoing::default(),
        }
    }

    fn status_code(&mut self, _: &mut T) -> u16 {
        self.status.as_u16()
    }

    fn set_status_code(&mut self, _: &mut T, status_code: u16) -> Result<(), ()> {
        self.status = StatusCode::from_u16(status_code).map_err(drop)?;
        Ok(())
    }

    fn headers(&mut self, _: &mut T) -> Fields {
        self.headers.share()
    }

    fn body(&mut self, host: &mut T) -> Result<OutgoingBody, HostError<()>> {
        let http = &host.wasi().http;
        // What a response to HEAD announces is not sent.
        let expected = match http.answers_head {
            true => None,
            false => content_length(self.headers.map()).map_err(drop)?,
        };
        self.body.start(Message::Response, expected, http)
    }
}

/// A request that a guest makes: the value of the resource `outgoing-request`.
#[derive(Debug)]
pub struct OutgoingRequest {
    method: http::Method,
    path: Option<PathAndQuery>,
    scheme: Option<http::uri::Scheme>,
    authority: Option<Authority>,
    headers: Fields,
    body: Outgoing,
}

impl OutgoingRequest {
    /// The request as a host has it, with a whole URI.
    pub(super) fn into_request(self) -> Result<http::Request<Body>, ErrorCode> {
        content_length(self.headers.map())?;
        let authority = self.authority.ok_or(ErrorCode::HttpRequestUriInvalid)?;
        let path = self.path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri = Uri::builder()
            .scheme(self.scheme.unwrap_or(http::uri::Scheme::HTTPS))
            .authority(authority)
            .path_and_query(path)
            .build();
        let mut request = http::Request::new(self.body.into_body());
        *request.method_mut() = self.method;
        *request.uri_mut() = uri.map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
        *request.headers_mut() = self.headers.into_map();
        Ok(request)
    }
}

impl<T: WasiView + 'static> HostOutgoingRequest<T> for OutgoingRequest {
    fn new(_: &mut T, headers: Fields) -> OutgoingRequest {
        OutgoingRequest {
            method: http::Method::GET,
            path: None,
            scheme: None,
            authority: None,
            headers,
            body: Outgoing::default(),
        }
    }

    fn body(&mut self, host: &mut T) -> Result<OutgoingBody, HostError<()>> {
        let expected = content_length(self.headers.map()).map_err(drop)?;
        self.body
            .start(Message::Request, expected, &host.wasi().http)
    }

    fn method(&mut self, _: &mut T) -> Method {
        to_method(&self.method)
    }

    fn set_method(&mut self, _: &mut T, method: Method) -> Result<(), ()> {
        self.method = from_method(method)?;
        Ok(())
    }

    fn path_with_query(&mut self, _: &mut T) -> Option<String> {
        self.path.as_ref().map(|path| path.as_str().to_owned())
    }

    fn set_path_with_query(&mut self, _: &mut T, path: Option<&str>) -> Result<(), ()> {
        let path = path.map(str::parse::<PathAndQuery>).transpose();
        self.path = path.map_err(drop)?;
        Ok(())
    }

    fn scheme(&mut self, _: &mut T) -> Option<Scheme> {
        self.scheme.as_ref().map(to_scheme)
    }

    fn set_scheme(&mut self, _: &mut T, scheme: Option<Scheme>) -> Result<(), ()> {
        self.scheme = scheme.map(from_scheme).transpose()?;
        Ok(())
    }

    fn authority(&mut self, _: &mut T) -> Option<String> {
        let authority = self.authority.as_ref();
        authority.map(|authority| authority.as_str().to_owned())
    }

    fn set_authority(&mut self, _: &mut T, authority: Option<&str>) -> Result<(), ()> {
        let authority = authority.map(str::parse::<Authority>).transpose();
        self.authority = authority.map_err(drop)?;
        Ok(())
    }

    fn headers(&mut self, _: &mut T) -> Fields {
        self.headers.share()
    }
}

/// The times that a guest grants a request: the value of the resource
/// `request-options`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestOptions {
    connect: Option<Duration>,
    first_byte: Option<Duration>,
    between_bytes: Option<Duration>,
}

impl RequestOptions {
    /// The times, none of them longer than the host's.
    pub(super) fn timeouts(self, max: time::Duration) -> Timeouts {
        let time =
            |time: Option<u64>| time.map_or(max, |time| time::Duration::from_nanos(time).min(max));
        Timeouts {
            connect: time(self.connect),
            first_byte: time(self.first_byte),
            between_bytes: time(self.between_bytes),
        }
    }
}

impl<T: WasiView + 'static> HostRequestOptions<T> for RequestOptions {
    fn new(_: &mut T) -> RequestOptions {
        RequestOptions::default()
    }

    fn connect_timeout(&mut self, _: &mut T) -> Option<Duration> {
        self.connect
    }

    fn set_connect_timeout(&mut self, _: &mut T, duration: Option<Duration>) -> Result<(), ()> {
        self.connect = duration;
        Ok(())
    }

    fn first_byte_timeout(&mut self, _: &mut T) -> Option<Duration> {
        self.first_byte
    }

    fn set_first_byte_timeout(&mut self, _: &mut T, duration: Option<Duration>) -> Result<(), ()> {
        self.first_byte = duration;
        Ok(())
    }

    fn between_bytes_timeout(&mut self, _: &mut T) -> Option<Duration> {
        self.between_bytes
    }

    fn set_between_bytes_timeout(
        &mut self,
        _: &mut T,
        duration: Option<Duration>,
    ) -> Result<(), ()> {
        self.between_bytes = duration;
        Ok(())
    }
}
