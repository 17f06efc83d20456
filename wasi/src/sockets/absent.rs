//! Systems whose sockets are not known: there is none, and nothing to do with it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Direction, ErrorCode, Family, Property, Result};
use crate::limits::Ticket;
use crate::poll::Wait;
use crate::sleeper::Interest;

#[derive(Debug)]
pub(crate) struct Socket(Infallible);

/// The functions of a socket that there is none of.
macro_rules! absent {
    ($($name:ident($($arg:ty),*) -> $answer:ty;)*) => {
        impl Socket {
            $(pub(super) fn $name(&self, $(_: $arg),*) -> $answer {
                match self.0 {}
            })*
        }
    };
}

absent! {
    family() -> Family;
    bind(SocketAddr, bool) -> Result<()>;
    connect(SocketAddr) -> Result<()>;
    connected() -> Result<()>;
    disconnect() -> Result<()>;
    listen(u32) -> Result<()>;
    accept(Ticket) -> Result<Socket>;
    local_address() -> Result<SocketAddr>;
    remote_address() -> Result<SocketAddr>;
    shut_down(Direction) -> Result<()>;
    receive(&mut [u8]) -> Result<usize>;
    send(&[u8]) -> Result<Option<usize>>;
    receive_from(&mut [u8]) -> Result<(usize, SocketAddr)>;
    send_to(&[u8], Option<SocketAddr>) -> Result<()>;
    is_writable() -> Result<bool>;
    get(Property) -> Result<u64>;
    set(Property, u64) -> Result<()>;
}

impl Socket {
    pub(super) fn new(_: Family, _: bool, _: Ticket) -> Result<Socket> {
        Err(ErrorCode::NotSupported)
    }
}

#[derive(Debug)]
pub(super) struct Watched(Arc<Socket>);

impl Watched {
    pub(super) fn new(socket: &Arc<Socket>, _: Option<Interest>) -> Arc<Watched> {
        Arc::new(Watched(Arc::clone(socket)))
    }

    pub(super) fn set(&self, _: Option<Interest>) {
        match self.0.0 {}
    }

    pub(super) fn is_done(&self) -> bool {
        match self.0.0 {}
    }

    pub(super) fn wait(self: &Arc<Self>) -> Wait {
        match self.0.0 {}
    }
}
