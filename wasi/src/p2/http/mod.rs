//! `wasi:http` of WASI 0.2: guests that answer requests, and guests that make them.
//!
//! A [`Handler`] answers requests with a component: each request gets an instance and
//! a thread of its own, and a time after which it is stopped. [`Server`] gives it the
//! requests of a socket; with another server, call [`Handler::handle`]. What guests
//! ask of others goes through a [`Client`], to where
//! [`allow_http`](crate::WasiCtxBuilder::allow_http) lets it.
//!
//! Versions of HTTP beyond 1.1 and TLS are left to the host's own server and client.
//! HTTP/1.1 carries those trailers that the field `trailer` announces.
//!
//! # Map
//!
//! | module | job |
//! |---|---|
//! | [`bindings`] | traits and types, made from WASI's WIT |
//! | `error` | which error code a failure is |
//! | `fields` | headers and trailers |
//! | `message` | requests and responses |
//! | `incoming` | bodies that a guest reads |
//! | `outgoing` | bodies that a guest writes |
//! | `exchange` | requests that a guest makes |
//! | `client` | how they are sent |
//! | `handler` | requests that a guest answers |
//! | `server` | a socket of requests |
//! | `limits`, `held` | what all this may use at most |
//! | `transport` | connections and timers of tokio for hyper |

mod client;
mod error;
mod exchange;
mod fields;
mod handler;
mod held;
mod incoming;
mod limits;
mod message;
mod outgoing;
mod server;
mod transport;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use linkspan::{Bindings, Linker, Result};

use crate::ctx::WasiView;

pub use bindings::wasi::http::types::ErrorCode;
pub use client::{Client, Http1Client, Sent, Timeouts};
pub use exchange::FutureIncomingResponse;
pub(crate) use exchange::{Grants, State};
pub use fields::Fields;
pub use handler::{Handler, ResponseOutparam};
pub use incoming::{FutureTrailers, IncomingBody};
pub use limits::HttpLimits;
pub use message::{
    IncomingRequest, IncomingResponse, OutgoingRequest, OutgoingResponse, RequestOptions,
};
pub use outgoing::OutgoingBody;
pub use server::{Answer, Server};

/// The body of a request or response on the host's side.
pub type Body = UnsyncBoxBody<Bytes, ErrorCode>;

/// The traits and types of `wasi:http`, as `bindgen!` makes them. Whatever is a
/// [`WasiView`] implements the traits. To have them in bindings of your own, give
/// `bindgen!` the option
/// `with: { "wasi:http": linkspan_wasi::p2::http::bindings::wasi::http }`.
pub mod bindings {
    linkspan::bindgen!({
        path: "wit",
        inline: "
            package linkspan:wasi-http;

            world service {
                import wasi:http/types@0.2.12;
                import wasi:http/outgoing-handler@0.2.12;
                export wasi:http/incoming-handler@0.2.12;
            }
        ",
        world: "linkspan:wasi-http/service",
        wasi: crate::p2::bindings::wasi,
        imports: {
            "wasi:http/types.fields.from-list": trap,
            "wasi:http/types.fields.set": trap,
            "wasi:http/types.fields.append": trap,
            "wasi:http/types.fields.delete": trap,
            "wasi:http/types.outgoing-request.body": trap,
            "wasi:http/types.outgoing-response.body": trap,
            "wasi:http/types.response-outparam.set": trap | store,
            "wasi:http/types.incoming-body.finish": trap,
            "wasi:http/types.outgoing-body.finish": trap | store,
            "wasi:http/outgoing-handler.handle": trap | store,
        },
    });
}

/// Defines the interfaces of `wasi:http` in a linker, beside those of
/// [`p2::add_to_linker`](crate::p2::add_to_linker).
///
/// # Errors
///
/// [`ErrorKind::Link`](linkspan::ErrorKind::Link) if one of them is defined already.
pub fn add_to_linker<T: WasiView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    bindings::Service::<T>::link(linker)
}

/// No bytes.
fn empty() -> Body {
    use http_body_util::{BodyExt as _, Empty};
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}
