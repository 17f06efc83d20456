//! What a host grants of the network: checks of its own.

use std::fmt;
use std::net::SocketAddr;

use crate::ctx::WasiCtxBuilder;

/// What a program wants to do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketUse {
    /// To wait there for TCP connections, or to connect from there. A socket that
    /// connects without it gets an address of the system's choice, about which
    /// nobody is asked.
    TcpBind,
    /// To open a TCP connection to there.
    TcpConnect,
    /// To receive datagrams there, and to send them from there.
    UdpBind,
    /// To exchange datagrams with this address alone.
    UdpConnect,
    /// To send a datagram there.
    UdpSend,
}

impl fmt::Display for SocketUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SocketUse::TcpBind => "to bind a TCP socket to",
            SocketUse::TcpConnect => "to connect over TCP to",
            SocketUse::UdpBind => "to bind a UDP socket to",
            SocketUse::UdpConnect => "to connect over UDP to",
            SocketUse::UdpSend => "to send a datagram to",
        })
    }
}

/// Whether an address may be used so.
type AddressCheck = Box<dyn Fn(SocketAddr, SocketUse) -> bool + Send + Sync>;

/// Whether a name may be looked up.
type NameCheck = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What a host grants of the network.
#[derive(Default)]
pub(crate) struct Grants {
    pub(super) tcp: Option<AddressCheck>,
    pub(super) udp: Option<AddressCheck>,
    pub(super) names: Option<NameCheck>,
}

impl WasiCtxBuilder {
    /// Grants the program TCP sockets; `check` tells for each bind and each
    /// connection which addresses it may use. What it forbids is `access-denied`.
    ///
    /// # Examples
    ///
    /// A program that may connect to servers on this machine:
    ///
    /// ```
    /// use linkspan_wasi::{SocketUse, WasiCtx};
    ///
    /// let ctx = WasiCtx::builder()
    ///     .allow_tcp(|address, purpose| {
    ///         address.ip().is_loopback() && purpose == SocketUse::TcpConnect
    ///     })
    ///     .build();
    /// # drop(ctx);
    /// ```
    #[must_use]
    pub fn allow_tcp(
        mut self,
        check: impl Fn(SocketAddr, SocketUse) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.network.tcp = Some(Box::new(check));
        self
    }

    /// Grants the program UDP sockets; `check` tells for each bind, each connection
    /// and each datagram that is sent which addresses it may use. Whoever may bind
    /// may receive from anywhere.
    #[must_use]
    pub fn allow_udp(
        mut self,
        check: impl Fn(SocketAddr, SocketUse) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.network.udp = Some(Box::new(check));
        self
    }

    /// Lets the program look names up if `check` says so. What it finds it may only
    /// use if [`allow_tcp`](Self::allow_tcp) or [`allow_udp`](Self::allow_udp) agree.
    #[must_use]
    pub fn allow_name_lookup(
        mut self,
        check: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.network.names = Some(Box::new(check));
        self
    }

    /// Grants the program the host's whole network: every address for every use, and
    /// every name.
    #[must_use]
    pub fn inherit_network(self) -> Self {
        self.allow_tcp(|_, _| true)
            .allow_udp(|_, _| true)
            .allow_name_lookup(|_| true)
    }
}
