//! Sockets and the look-up of names: what a program may reach, and the operations
//! that every face offers.
//!
//! No socket exists unless the host grants addresses, and each bind, connect and
//! send asks about its own. All sockets are non-blocking; a program that waits
//! sleeps where it waits for anything else.

#[cfg(not(unix))]
#[path = "absent.rs"]
mod system;
#[cfg(unix)]
mod system;

mod address;
mod error;
mod grants;
mod lookup;
mod tcp;
mod udp;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::denial::{Denial, Denials, shortened};
use crate::limits::{Limits, Tickets};

pub(crate) use error::{ErrorCode, Result};
pub(crate) use grants::Grants;
pub use grants::SocketUse;
pub(crate) use lookup::Lookup;
pub(crate) use tcp::{Connection, TcpSocket};
pub(crate) use udp::{Incoming, Outgoing, UdpSocket};

/// How many connections may wait to be accepted at most, and how many do if the
/// program does not say.
const BACKLOG_MAX: u32 = 4096;
const BACKLOG: u32 = 128;

/// How many datagrams one call moves at most.
const DATAGRAMS_MAX: usize = 16;

/// The version of the internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// What a connection does in one of its directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Receive,
    Send,
    Both,
}

/// A number that a program may read and set: a truth, nanoseconds, or a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Property {
    KeepAlive,
    KeepAliveIdle,
    KeepAliveInterval,
    KeepAliveCount,
    HopLimit,
    ReceiveBuffer,
    SendBuffer,
}

impl Property {
    /// All of them, in no order.
    #[cfg(all(unix, not(target_os = "linux")))]
    const ALL: [Property; 7] = [
        Property::KeepAlive,
        Property::KeepAliveIdle,
        Property::KeepAliveInterval,
        Property::KeepAliveCount,
        Property::HopLimit,
        Property::ReceiveBuffer,
        Property::SendBuffer,
    ];
}

/// The part of the network that one program may reach. Clones share it.
#[derive(Clone)]
pub(crate) struct Network(Arc<Reach>);

struct Reach {
    grants: Grants,
    sockets: Tickets,
    lookups: Tickets,
    denials: Denials,
}

impl Network {
    /// What is granted, within limits; sockets count among open files.
    pub(crate) fn new(
        grants: Grants,
        limits: Limits,
        open_files: &Tickets,
        denials: &Denials,
    ) -> Network {
        Network(Arc::new(Reach {
            grants,
            sockets: open_files.clone(),
            lookups: Tickets::new(limits.name_lookups),
            denials: denials.clone(),
        }))
    }

    /// A TCP socket that is not bound.
    pub(crate) fn tcp_socket(&self, family: Family) -> Result<TcpSocket> {
        match self.0.grants.tcp {
            Some(_) => TcpSocket::new(self.clone(), family),
            None => self.deny(Denial::Socket { protocol: "TCP" }),
        }
    }

    /// A UDP socket that is not bound.
    pub(crate) fn udp_socket(&self, family: Family) -> Result<UdpSocket> {
        match self.0.grants.udp {
            Some(_) => UdpSocket::new(self.clone(), family),
            None => self.deny(Denial::Socket { protocol: "UDP" }),
        }
    }

    /// Starts to look a name up. An address that is written out is its own answer,
    /// and needs no grant but one of some part of the network.
    pub(crate) fn look_up(&self, name: &str) -> Result<Lookup> {
        let grants = &self.0.grants;
        let is_allowed = match name.parse::<IpAddr>() {
            Ok(address) if grants.tcp.is_some() || grants.udp.is_some() => {
                return Ok(Lookup::known(address));
            }
            Ok(_) => grants.names.as_ref().is_some_and(|check| check(name)),
            Err(_) => {
                lookup::check_name(name)?;
                grants.names.as_ref().is_some_and(|check| check(name))
            }
        };
        match is_allowed {
            true => Lookup::start(name, &self.0.lookups),
            false => self.deny(Denial::Name {
                name: shortened(name),
            }),
        }
    }

    /// Asks the host about an address.
    fn check(&self, address: SocketAddr, purpose: SocketUse) -> Result<()> {
        let grants = &self.0.grants;
        let check = match purpose {
            SocketUse::TcpBind | SocketUse::TcpConnect => &grants.tcp,
            SocketUse::UdpBind | SocketUse::UdpConnect | SocketUse::UdpSend => &grants.udp,
        };
        match check {
            Some(check) if check(address, purpose) => Ok(()),
            _ => self.deny(Denial::Address { address, purpose }),
        }
    }

    fn deny<R>(&self, denial: Denial) -> Result<R> {
        self.0.denials.add(denial);
        Err(ErrorCode::AccessDenied)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grants = &self.0.grants;
        f.debug_struct("Network")
            .field("tcp", &grants.tcp.is_some())
            .field("udp", &grants.udp.is_some())
            .field("names", &grants.names.is_some())
            .finish()
    }
}

/// The whole network, for tests of the parts.
#[cfg(all(test, unix))]
fn open() -> Network {
    let grants = Grants {
        tcp: Some(Box::new(|_, _| true)),
        udp: Some(Box::new(|_, _| true)),
        names: None,
    };
    let (limits, denials) = (Limits::default(), Denials::default());
    Network::new(grants, limits, &Tickets::new(10), &denials)
}
