//! UDP sockets, and the two streams of datagrams that one has at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::system::{Socket, Watched};
use super::{DATAGRAMS_MAX, ErrorCode, Family, Network, Property, Result, SocketUse, address};
use crate::poll::Wait;
use crate::sleeper::Interest;

/// The bytes of the longest datagram.
const DATAGRAM_BYTES_MAX: usize = 65535;

/// A UDP socket of a program.
#[derive(Debug)]
pub(crate) struct UdpSocket {
    socket: Arc<Socket>,
    network: Network,
    state: State,
    /// Where the streams go; nowhere in particular if there is no address.
    remote: Option<SocketAddr>,
    /// Counts the pairs of streams: the last one alone is of use.
    pair: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unbound,
    BindInProgress,
    Bound,
}

/// A datagram that has come.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) data: Vec<u8>,
    pub(crate) from: SocketAddr,
}

/// What both streams of a pair know.
#[derive(Debug)]
struct Stream {
    socket: Arc<Socket>,
    remote: Option<SocketAddr>,
    watched: Arc<Watched>,
    pair: u64,
    last_pair: Arc<AtomicU64>,
}

/// Where datagrams come from.
#[derive(Debug)]
pub(crate) struct Incoming(Stream);

/// Where datagrams go.
#[derive(Debug)]
pub(crate) struct Outgoing {
    stream: Stream,
    network: Network,
    /// How many the program may send without asking again.
    permit: usize,
}

impl UdpSocket {
    pub(super) fn new(network: Network, family: Family) -> Result<UdpSocket> {
        let socket = Socket::new(family, false, network.0.sockets.take()?)?;
        Ok(UdpSocket {
            socket: Arc::new(socket),
            network,
            state: State::Unbound,
            remote: None,
            pair: Arc::default(),
        })
    }

    /// Binds the socket; [`finish_bind`](Self::finish_bind) says no more than that.
    pub(crate) fn start_bind(&mut self, local: SocketAddr) -> Result<()> {
        match self.state {
            State::Unbound => {}
            State::BindInProgress => return Err(ErrorCode::ConcurrencyConflict),
            State::Bound => return Err(ErrorCode::InvalidState),
        }
        address::of_family(local, self.socket.family())?;
        self.network.check(local, SocketUse::UdpBind)?;
        self.socket.bind(local, false)?;
        self.state = State::BindInProgress;
        Ok(())
    }

    pub(crate) fn finish_bind(&mut self) -> Result<()> {
        match self.state {
            State::BindInProgress => self.state = State::Bound,
            _ => return Err(ErrorCode::NotInProgress),
        }
        Ok(())
    }

    /// A pair of streams, to one address or to all. Those from before answer
    /// `invalid-state` from now on.
    pub(crate) fn stream(&mut self, remote: Option<SocketAddr>) -> Result<(Incoming, Outgoing)> {
        if self.state != State::Bound {
            return Err(ErrorCode::InvalidState);
        }
        if let Some(remote) = remote {
            address::of_family(remote, self.socket.family())?;
            address::remote(remote)?;
            self.network.check(remote, SocketUse::UdpConnect)?;
        }
        let pair = self.pair.fetch_add(1, Ordering::Relaxed) + 1;
        if self.remote.take().is_some() {
            self.disconnect()?;
        }
        if let Some(remote) = remote {
            self.socket.connect(remote)?;
            self.remote = Some(remote);
        }
        let stream = |interest| Stream {
            socket: Arc::clone(&self.socket),
            remote,
            watched: Watched::new(&self.socket, Some(interest)),
            pair,
            last_pair: Arc::clone(&self.pair),
        };
        let outgoing = Outgoing {
            stream: stream(Interest::Write),
            network: self.network.clone(),
            permit: 0,
        };
        Ok((Incoming(stream(Interest::Read)), outgoing))
    }

    /// Leaves the address that the socket was connected to, and keeps its own port:
    /// Linux forgets one that it has chosen itself.
    fn disconnect(&self) -> Result<()> {
        let mut local = self.socket.local_address()?;
        self.socket.disconnect()?;
        let now = self.socket.local_address()?;
        if now.port() == local.port() {
            return Ok(());
        }
        local.set_ip(now.ip());
        self.socket.bind(local, false)
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr> {
        match self.state {
            State::Bound => self.socket.local_address(),
            State::Unbound | State::BindInProgress => Err(ErrorCode::InvalidState),
        }
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr> {
        self.remote.ok_or(ErrorCode::InvalidState)
    }

    pub(crate) fn family(&self) -> Family {
        self.socket.family()
    }

    pub(crate) fn get(&self, property: Property) -> Result<u64> {
        self.socket.get(property)
    }

    pub(crate) fn set(&self, property: Property, value: u64) -> Result<()> {
        self.socket.set(property, value)
    }
}

impl Stream {
    /// Whether no other pair has been made since.
    fn check(&self) -> Result<()> {
        match self.last_pair.load(Ordering::Relaxed) == self.pair {
            true => Ok(()),
            false => Err(ErrorCode::InvalidState),
        }
    }

    fn wait(&self) -> Wait {
        match self.check() {
            Ok(()) => self.watched.wait(),
            Err(_) => Wait::Settled(Ok(0)),
        }
    }
}

impl Incoming {
    /// Datagrams that are there, at most `max`, and no more once they have
    /// `bytes_max` bytes together.
    pub(crate) fn receive(&self, max: u64, bytes_max: usize) -> Result<Vec<Datagram>> {
        self.0.check()?;
        let mut datagrams = Vec::new();
        let mut bytes = 0;
        let mut buffer = Vec::new();
        // Those that are dropped count, so that a flood of them holds nobody up.
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        for _ in 0..max.min(DATAGRAMS_MAX) {
            if bytes >= bytes_max {
                break;
            }
            buffer.resize(DATAGRAM_BYTES_MAX, 0);
            let (count, from) = match self.0.socket.receive_from(&mut buffer) {
                Ok(received) => received,
                Err(ErrorCode::WouldBlock) => break,
                Err(error) if datagrams.is_empty() => return Err(error),
                Err(_) => break,
            };
            // What came from others before the socket was connected.
            let is_stranger =
                |remote: SocketAddr| (remote.ip(), remote.port()) != (from.ip(), from.port());
            if self.0.remote.is_some_and(is_stranger) {
                continue;
            }
            bytes += count;
            let data = buffer[..count].to_vec();
            datagrams.push(Datagram { data, from });
        }
        Ok(datagrams)
    }

    /// What to wait for until there is a datagram.
    pub(crate) fn wait(&self) -> Wait {
        self.0.wait()
    }
}

impl Outgoing {
    /// How many datagrams may be sent now.
    pub(crate) fn check_send(&mut self) -> Result<usize> {
        self.stream.check()?;
        self.permit = match self.stream.socket.is_writable()? {
            true => DATAGRAMS_MAX,
            false => 0,
        };
        Ok(self.permit)
    }

    /// How many datagrams are permitted still, as [`check_send`](Self::check_send)
    /// has said.
    pub(crate) fn permit(&self) -> usize {
        self.permit
    }

    /// Sends datagrams one after the other, until one cannot be sent; tells how many
    /// were. They use the permit up.
    pub(crate) fn send<'a>(
        &mut self,
        datagrams: impl ExactSizeIterator<Item = (&'a [u8], Option<SocketAddr>)>,
    ) -> Result<u64> {
        self.permit = self.permit.saturating_sub(datagrams.len());
        self.stream.check()?;
        let mut sent = 0;
        for (data, to) in datagrams {
            match self.send_one(data, to) {
                Ok(()) => sent += 1,
                Err(ErrorCode::WouldBlock) => break,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn send_one(&self, data: &[u8], to: Option<SocketAddr>) -> Result<()> {
        let socket = &self.stream.socket;
        match (self.stream.remote, to) {
            (Some(_), None) => socket.send_to(data, None),
            (Some(remote), Some(to)) if remote == to => socket.send_to(data, None),
            (Some(_), Some(_)) | (None, None) => Err(ErrorCode::InvalidArgument),
            (None, Some(to)) => {
                address::of_family(to, socket.family())?;
                address::remote(to)?;
                self.network.check(to, SocketUse::UdpSend)?;
                socket.send_to(data, Some(to))
            }
        }
    }

    /// What to wait for until something can be sent.
    pub(crate) fn wait(&self) -> Wait {
        self.stream.wait()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sockets::open;

    fn bound() -> (UdpSocket, SocketAddr) {
        let mut socket = open().udp_socket(Family::Ipv4).expect("a socket");
        socket
            .start_bind(([127, 0, 0, 1], 0).into())
            .expect("a port");
        socket.finish_bind().expect("bound");
        let address = socket.local_address().expect("an address");
        (socket, address)
    }

    #[test]
    fn a_socket_keeps_its_port_and_the_last_streams_alone_work() {
        let ((mut socket, address), (_peer, remote)) = (bound(), bound());
        let (old, mut old_outgoing) = socket.stream(Some(remote)).expect("bound");
        assert_eq!(socket.remote_address(), Ok(remote));
        let (incoming, mut outgoing) = socket.stream(None).expect("bound");
        assert_eq!(socket.remote_address(), Err(ErrorCode::InvalidState));
        assert_eq!(socket.local_address(), Ok(address));
        assert_eq!(
            old.receive(1, 1).map(|list| list.len()),
            Err(ErrorCode::InvalidState)
        );
        assert_eq!(old_outgoing.check_send(), Err(ErrorCode::InvalidState));
        assert!(matches!(old.wait(), Wait::Settled(_)));
        outgoing.check_send().expect("room");
        let to_itself = [(&b"x"[..], Some(address))];
        assert_eq!(outgoing.send(to_itself.into_iter()), Ok(1));
        let received = incoming.receive(u64::MAX, 1).expect("loopback");
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].from, address);
    }

    #[test]
    fn strangers_are_not_heard() {
        let ((mut socket, address), (mut peer, remote)) = (bound(), bound());
        let (mut stranger, _) = bound();
        let send = |from: &mut UdpSocket, data: &[u8]| {
            let (_, mut outgoing) = from.stream(None).expect("bound");
            assert_eq!(outgoing.send([(data, Some(address))].into_iter()), Ok(1));
        };
        send(&mut stranger, b"stranger");
        send(&mut peer, b"peer");
        let (incoming, _) = socket.stream(Some(remote)).expect("bound");
        let received = incoming.receive(10, 1000).expect("loopback");
        let received: Vec<&[u8]> = received.iter().map(|one| &*one.data).collect();
        assert_eq!(received, [b"peer"]);
        assert_eq!(incoming.receive(0, 1000).expect("nothing").len(), 0);
    }

    #[test]
    fn a_datagram_may_be_too_large() {
        let (mut socket, address) = bound();
        let (_, mut outgoing) = socket.stream(None).expect("bound");
        let large = vec![0; 70_000];
        let list = [(&*large, Some(address))];
        assert_eq!(
            outgoing.send(list.into_iter()),
            Err(ErrorCode::DatagramTooLarge)
        );
        let nowhere = [(&b""[..], None)];
        assert_eq!(
            outgoing.send(nowhere.into_iter()),
            Err(ErrorCode::InvalidArgument)
        );
    }
}
