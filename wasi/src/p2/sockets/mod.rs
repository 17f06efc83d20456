//! `wasi:sockets`: TCP, UDP and the look-up of names, within what is granted.

mod lookup;
mod tcp;
mod udp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::bindings::wasi::sockets::network::{
    self, ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress,
    Ipv6SocketAddress,
};
use super::bindings::wasi::sockets::{instance_network, tcp_create_socket, udp_create_socket};
use super::stream::{Cause, Failure};
use crate::ctx::WasiView;
use crate::sockets::{self, Family};

pub use lookup::Names;
pub use tcp::TcpSocket;
pub use udp::{Incoming, Outgoing, UdpSocket};

type Answer<R = ()> = Result<R, ErrorCode>;

/// The codes that both have, by the same names.
macro_rules! codes {
    ($($name:ident)*) => {
        impl From<sockets::ErrorCode> for ErrorCode {
            fn from(code: sockets::ErrorCode) -> ErrorCode {
                match code {
                    $(sockets::ErrorCode::$name => ErrorCode::$name,)*
                }
            }
        }
    };
}

codes! {
    Unknown AccessDenied NotSupported InvalidArgument OutOfMemory Timeout ConcurrencyConflict
    NotInProgress WouldBlock InvalidState NewSocketLimit AddressNotBindable AddressInUse
    RemoteUnreachable ConnectionRefused ConnectionReset ConnectionAborted DatagramTooLarge
    NameUnresolvable TemporaryResolverFailure PermanentResolverFailure
}

/// The network: the value of the resource `network`. There is one, and what of it a
/// program may reach is up to its context.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl<T: WasiView + 'static> network::HostNetwork<T> for Network {}

impl<T: WasiView + 'static> network::Host for T {
    type Network = Network;

    fn network_error_code(&mut self, err: &Failure) -> Option<ErrorCode> {
        match err.0 {
            Cause::Socket(code) => Some(code.into()),
            Cause::File(_) | Cause::Stream(_) => None,
            #[cfg(feature = "http")]
            Cause::Http(_) => None,
        }
    }
}

impl<T: WasiView + 'static> instance_network::Host for T {
    fn instance_network(&mut self) -> Network {
        Network
    }
}

impl<T: WasiView + 'static> tcp_create_socket::Host for T {
    fn create_tcp_socket(&mut self, address_family: IpAddressFamily) -> Answer<TcpSocket> {
        let socket = self.wasi().network.tcp_socket(to_family(address_family));
        Ok(TcpSocket(socket?))
    }
}

impl<T: WasiView + 'static> udp_create_socket::Host for T {
    fn create_udp_socket(&mut self, address_family: IpAddressFamily) -> Answer<UdpSocket> {
        let socket = self.wasi().network.udp_socket(to_family(address_family));
        Ok(UdpSocket(socket?))
    }
}

fn to_family(family: IpAddressFamily) -> Family {
    match family {
        IpAddressFamily::Ipv4 => Family::Ipv4,
        IpAddressFamily::Ipv6 => Family::Ipv6,
    }
}

fn of_family(family: Family) -> IpAddressFamily {
    match family {
        Family::Ipv4 => IpAddressFamily::Ipv4,
        Family::Ipv6 => IpAddressFamily::Ipv6,
    }
}

fn to_address(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }) => {
            SocketAddrV4::new(<[u8; 4]>::from(address).into(), port).into()
        }
        IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port,
            flow_info,
            address,
            scope_id,
        }) => {
            let ip = Ipv6Addr::from(<[u16; 8]>::from(address));
            SocketAddrV6::new(ip, port, flow_info, scope_id).into()
        }
    }
}

fn of_address(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(address) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port: address.port(),
            address: of_ipv4(*address.ip()),
        }),
        SocketAddr::V6(address) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: address.port(),
            flow_info: address.flowinfo(),
            address: of_ipv6(*address.ip()),
            scope_id: address.scope_id(),
        }),
    }
}

fn of_ip(ip: IpAddr) -> IpAddress {
    match ip {
        IpAddr::V4(ip) => IpAddress::Ipv4(of_ipv4(ip)),
        IpAddr::V6(ip) => IpAddress::Ipv6(of_ipv6(ip)),
    }
}

fn of_ipv4(ip: Ipv4Addr) -> (u8, u8, u8, u8) {
    ip.octets().into()
}

fn of_ipv6(ip: Ipv6Addr) -> (u16, u16, u16, u16, u16, u16, u16, u16) {
    ip.segments().into()
}
