//! Sockets of the system: non-blocking, closed in child processes, without signals.

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    self, AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketType, sockopt,
};

use super::{Direction, ErrorCode, Family, Property, Result};
use crate::limits::Ticket;
use crate::poll::{Wait, Watch};
use crate::sleeper::Interest;

/// The bytes that the system may keep for one direction of a socket at most,
/// whatever a program asks for.
const BUFFER_MAX: u64 = 1 << 20;

/// The most that systems take for keep-alive: seconds, and packets.
const KEEP_ALIVE_SECONDS_MAX: u64 = 32767;
const KEEP_ALIVE_COUNT_MAX: u64 = 127;

/// Whether the system tells twice the size of a buffer, for its own needs.
const BUFFERS_ARE_DOUBLED: bool = cfg!(target_os = "linux");

#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    family: Family,
    _ticket: Ticket,
}

impl Socket {
    pub(super) fn new(family: Family, is_tcp: bool, ticket: Ticket) -> Result<Socket> {
        let kind = match is_tcp {
            true => SocketType::STREAM,
            false => SocketType::DGRAM,
        };
        let domain = match family {
            Family::Ipv4 => AddressFamily::INET,
            Family::Ipv6 => AddressFamily::INET6,
        };
        let fd = open(domain, kind)?;
        if family == Family::Ipv6 {
            sockopt::set_ipv6_v6only(&fd, true)?;
        }
        Ok(Socket {
            fd,
            family,
            _ticket: ticket,
        })
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }

    /// Binds the socket. Where `reuses`, connections of the past do not keep a port.
    pub(super) fn bind(&self, address: SocketAddr, reuses: bool) -> Result<()> {
        if reuses {
            sockopt::set_socket_reuseaddr(&self.fd, true)?;
        }
        Ok(net::bind(&self.fd, &address)?)
    }

    /// Connects the socket, or starts to.
    pub(super) fn connect(&self, address: SocketAddr) -> Result<()> {
        match net::connect(&self.fd, &address) {
            // A connection goes on in the background after a signal, too.
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(()),
            // What is wrong with the local address is that there is no port left.
            Err(Errno::ADDRNOTAVAIL | Errno::AGAIN) => Err(ErrorCode::AddressInUse),
            Err(error) => Err(error.into()),
        }
    }

    /// How a connection that was started has ended.
    pub(super) fn connected(&self) -> Result<()> {
        if !self.is_ready(PollFlags::OUT)? {
            return Err(ErrorCode::WouldBlock);
        }
        match sockopt::socket_error(&self.fd)? {
            Ok(()) => Ok(()),
            Err(Errno::ADDRNOTAVAIL) => Err(ErrorCode::AddressInUse),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a UDP socket talk to everybody again.
    pub(super) fn disconnect(&self) -> Result<()> {
        match net::connect_unspec(&self.fd) {
            // Some systems say that there is no such family, and do it.
            Ok(()) | Err(Errno::AFNOSUPPORT | Errno::INVAL) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn listen(&self, backlog: u32) -> Result<()> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        Ok(net::listen(&self.fd, backlog)?)
    }

    pub(super) fn accept(&self, ticket: Ticket) -> Result<Socket> {
        let accepted = Socket {
            fd: accept(self.fd.as_fd()).map_err(|error| match error {
                // Linux tells here what became of the connection that waited.
                Errno::CONNRESET
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NETDOWN
                | Errno::NETRESET
                | Errno::NETUNREACH
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP
                | Errno::PROTO => ErrorCode::ConnectionAborted,
                error => error.into(),
            })?,
            family: self.family,
            _ticket: ticket,
        };
        #[cfg(not(target_os = "linux"))]
        for property in Property::ALL {
            // Where the system does not let connections inherit.
            accepted.set(property, self.get(property)?)?;
        }
        Ok(accepted)
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr> {
        address(net::getsockname(&self.fd)?)
    }

    pub(super) fn remote_address(&self) -> Result<SocketAddr> {
        address(net::getpeername(&self.fd)?.ok_or(ErrorCode::InvalidState)?)
    }

    pub(super) fn shut_down(&self, direction: Direction) -> Result<()> {
        let how = match direction {
            Direction::Receive => Shutdown::Read,
            Direction::Send => Shutdown::Write,
            Direction::Both => Shutdown::Both,
        };
        match net::shutdown(&self.fd, how) {
            // The other side may have ended the connection before.
            Ok(()) | Err(Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn receive(&self, bytes: &mut [u8]) -> Result<usize> {
        let flags = RecvFlags::empty();
        let (_, count) = retry_on_intr(|| net::recv(&self.fd, &mut *bytes, flags))?;
        Ok(count)
    }

    /// Sends some of the bytes; nothing if the connection takes none any more.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<Option<usize>> {
        match retry_on_intr(|| net::send(&self.fd, bytes, SEND_FLAGS)) {
            Ok(count) => Ok(Some(count)),
            Err(Errno::PIPE) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn receive_from(&self, bytes: &mut [u8]) -> Result<(usize, SocketAddr)> {
        let flags = RecvFlags::empty();
        let (_, count, from) = retry_on_intr(|| net::recvfrom(&self.fd, &mut *bytes, flags))?;
        Ok((count, address(from.ok_or(ErrorCode::Unknown)?)?))
    }

    /// Sends a datagram, to where the socket is connected if there is no address.
    pub(super) fn send_to(&self, bytes: &[u8], to: Option<SocketAddr>) -> Result<()> {
        retry_on_intr(|| match &to {
            Some(to) => net::sendto(&self.fd, bytes, SEND_FLAGS, to),
            None => net::send(&self.fd, bytes, SEND_FLAGS),
        })?;
        Ok(())
    }

    /// Whether something can be sent now.
    pub(super) fn is_writable(&self) -> Result<bool> {
        self.is_ready(PollFlags::OUT)
    }

    fn is_ready(&self, flags: PollFlags) -> Result<bool> {
        let now = Timespec::default();
        let mut polled = [PollFd::new(&self.fd, flags)];
        retry_on_intr(|| poll(&mut polled, Some(&now)))?;
        Ok(!polled[0].revents().is_empty())
    }

    /// Reads a property.
    pub(super) fn get(&self, property: Property) -> Result<u64> {
        let fd = &self.fd;
        Ok(match property {
            Property::KeepAlive => sockopt::socket_keepalive(fd)?.into(),
            Property::KeepAliveIdle => nanoseconds(sockopt::tcp_keepidle(fd)?),
            Property::KeepAliveInterval => nanoseconds(sockopt::tcp_keepintvl(fd)?),
            Property::KeepAliveCount => sockopt::tcp_keepcnt(fd)?.into(),
            Property::HopLimit => match self.family {
                Family::Ipv4 => sockopt::ip_ttl(fd)?.into(),
                Family::Ipv6 => sockopt::ipv6_unicast_hops(fd)?.into(),
            },
            Property::ReceiveBuffer => buffer(sockopt::socket_recv_buffer_size(fd)?),
            Property::SendBuffer => buffer(sockopt::socket_send_buffer_size(fd)?),
        })
    }

    /// Sets a property, to the nearest value that the system takes. Nothing but the
    /// truth may be zero.
    pub(super) fn set(&self, property: Property, value: u64) -> Result<()> {
        if value == 0 && property != Property::KeepAlive {
            return Err(ErrorCode::InvalidArgument);
        }
        let fd = &self.fd;
        let seconds = value.div_ceil(1_000_000_000).min(KEEP_ALIVE_SECONDS_MAX);
        let seconds = Duration::from_secs(seconds);
        match property {
            Property::KeepAlive => sockopt::set_socket_keepalive(fd, value != 0),
            Property::KeepAliveIdle => sockopt::set_tcp_keepidle(fd, seconds),
            Property::KeepAliveInterval => sockopt::set_tcp_keepintvl(fd, seconds),
            Property::KeepAliveCount => {
                sockopt::set_tcp_keepcnt(fd, value.min(KEEP_ALIVE_COUNT_MAX) as u32)
            }
            Property::HopLimit => {
                let hops = u8::try_from(value).unwrap_or(u8::MAX);
                match self.family {
                    Family::Ipv4 => sockopt::set_ip_ttl(fd, hops.into()),
                    Family::Ipv6 => sockopt::set_ipv6_unicast_hops(fd, Some(hops)),
                }
            }
            Property::ReceiveBuffer => {
                sockopt::set_socket_recv_buffer_size(fd, value.min(BUFFER_MAX) as usize)
            }
            Property::SendBuffer => {
                sockopt::set_socket_send_buffer_size(fd, value.min(BUFFER_MAX) as usize)
            }
        }
        .map_err(ErrorCode::from)
    }
}

fn buffer(size: usize) -> u64 {
    match BUFFERS_ARE_DOUBLED {
        true => size as u64 / 2,
        false => size as u64,
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn address(address: SocketAddrAny) -> Result<SocketAddr> {
    Ok(SocketAddr::try_from(address)?)
}

/// A write to a connection that has ended is an error, and no signal.
#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: SendFlags = SendFlags::empty();

#[cfg(not(target_vendor = "apple"))]
const OPEN_FLAGS: net::SocketFlags = net::SocketFlags::CLOEXEC.union(net::SocketFlags::NONBLOCK);

#[cfg(not(target_vendor = "apple"))]
fn open(domain: AddressFamily, kind: SocketType) -> rustix::io::Result<OwnedFd> {
    net::socket_with(domain, kind, OPEN_FLAGS, None)
}

#[cfg(not(target_vendor = "apple"))]
fn accept(fd: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    net::accept_with(fd, OPEN_FLAGS)
}

#[cfg(target_vendor = "apple")]
fn open(domain: AddressFamily, kind: SocketType) -> rustix::io::Result<OwnedFd> {
    prepared(net::socket(domain, kind, None)?)
}

#[cfg(target_vendor = "apple")]
fn accept(fd: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    prepared(net::accept(fd)?)
}

/// What other systems do while they make a socket.
#[cfg(target_vendor = "apple")]
fn prepared(fd: OwnedFd) -> rustix::io::Result<OwnedFd> {
    rustix::io::ioctl_fioclex(&fd)?;
    rustix::io::ioctl_fionbio(&fd, true)?;
    sockopt::set_socket_nosigpipe(&fd, true)?;
    Ok(fd)
}

/// A socket and what a program waits for there, which may change meanwhile.
pub(super) struct Watched {
    socket: Arc<Socket>,
    interest: Mutex<Option<Interest>>,
}

impl Watched {
    /// Nothing to wait for means that whoever waits is done.
    pub(super) fn new(socket: &Arc<Socket>, interest: Option<Interest>) -> Arc<Watched> {
        Arc::new(Watched {
            socket: Arc::clone(socket),
            interest: Mutex::new(interest),
        })
    }

    pub(super) fn set(&self, interest: Option<Interest>) {
        *self.lock() = interest;
    }

    pub(super) fn is_done(&self) -> bool {
        self.lock().is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Interest>> {
        // An interest is whole at any moment.
        self.interest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait(self: &Arc<Self>) -> Wait {
        let watched: Arc<dyn Watch> = Arc::<Watched>::clone(self);
        Wait::System(watched)
    }
}

impl Watch for Watched {
    fn watched(&self) -> Option<(BorrowedFd<'_>, Interest)> {
        let interest = *self.lock();
        Some((self.socket.fd.as_fd(), interest?))
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.interest).finish()
    }
}
