//! TCP sockets: the states that `wasi:sockets/tcp` prescribes, and connections.

use std::net::SocketAddr;
use std::sync::Arc;

use super::system::{Socket, Watched};
use super::{
    BACKLOG, BACKLOG_MAX, Direction, ErrorCode, Family, Network, Property, Result, SocketUse,
    address,
};
use crate::poll::Wait;
use crate::sleeper::Interest;

/// What the system surely takes of a write once it takes anything.
const ROOM_MIN: u64 = 4096;

/// A TCP socket of a program.
#[derive(Debug)]
pub(crate) struct TcpSocket {
    socket: Arc<Socket>,
    network: Network,
    state: State,
    /// What the program waits for in this state.
    watched: Arc<Watched>,
    backlog: u32,
}

#[derive(Clone, Debug)]
enum State {
    Unbound,
    BindInProgress,
    Bound,
    ListenInProgress,
    Listening,
    ConnectInProgress,
    Connected(Arc<Connection>),
    Closed,
}

impl TcpSocket {
    pub(super) fn new(network: Network, family: Family) -> Result<TcpSocket> {
        let socket = Socket::new(family, true, network.0.sockets.take()?)?;
        Ok(TcpSocket::of(socket, network))
    }

    fn of(socket: Socket, network: Network) -> TcpSocket {
        let socket = Arc::new(socket);
        TcpSocket {
            watched: Watched::new(&socket, None),
            socket,
            network,
            state: State::Unbound,
            backlog: BACKLOG,
        }
    }

    /// Binds the socket; [`finish_bind`](Self::finish_bind) says no more than that.
    pub(crate) fn start_bind(&mut self, local: SocketAddr) -> Result<()> {
        match self.state {
            State::Unbound => {}
            State::BindInProgress => return Err(ErrorCode::ConcurrencyConflict),
            _ => return Err(ErrorCode::InvalidState),
        }
        address::of_family(local, self.socket.family())?;
        address::unicast(local)?;
        self.network.check(local, SocketUse::TcpBind)?;
        self.socket.bind(local, local.port() != 0)?;
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

    /// Starts a connection, which goes on in the system.
    pub(crate) fn start_connect(&mut self, remote: SocketAddr) -> Result<()> {
        match self.state {
            State::Unbound | State::Bound => {}
            State::ConnectInProgress => return Err(ErrorCode::ConcurrencyConflict),
            _ => return Err(ErrorCode::InvalidState),
        }
        address::of_family(remote, self.socket.family())?;
        address::unicast(remote)?;
        address::remote(remote)?;
        self.network.check(remote, SocketUse::TcpConnect)?;
        // A socket does not connect twice.
        self.state = State::Closed;
        self.socket.connect(remote)?;
        self.state = State::ConnectInProgress;
        self.watched.set(Some(Interest::Write));
        Ok(())
    }

    pub(crate) fn finish_connect(&mut self) -> Result<Arc<Connection>> {
        let State::ConnectInProgress = self.state else {
            return Err(ErrorCode::NotInProgress);
        };
        let connected = self.socket.connected();
        if connected == Err(ErrorCode::WouldBlock) {
            return Err(ErrorCode::WouldBlock);
        }
        self.watched.set(None);
        self.state = State::Closed;
        connected?;
        Ok(self.connect())
    }

    /// Enters the state of a socket that is connected.
    fn connect(&mut self) -> Arc<Connection> {
        let connection = Arc::new(Connection::new(&self.socket));
        self.state = State::Connected(Arc::clone(&connection));
        connection
    }

    /// Lets connections come; [`finish_listen`](Self::finish_listen) says no more
    /// than that.
    pub(crate) fn start_listen(&mut self) -> Result<()> {
        match self.state {
            State::Bound => {}
            State::ListenInProgress => return Err(ErrorCode::ConcurrencyConflict),
            _ => return Err(ErrorCode::InvalidState),
        }
        self.state = State::Closed;
        self.socket.listen(self.backlog)?;
        self.state = State::ListenInProgress;
        Ok(())
    }

    pub(crate) fn finish_listen(&mut self) -> Result<()> {
        let State::ListenInProgress = self.state else {
            return Err(ErrorCode::NotInProgress);
        };
        self.state = State::Listening;
        self.watched.set(Some(Interest::Read));
        Ok(())
    }

    /// A connection that has come. It has the properties of this socket.
    pub(crate) fn accept(&mut self) -> Result<(TcpSocket, Arc<Connection>)> {
        let State::Listening = self.state else {
            return Err(ErrorCode::InvalidState);
        };
        let accepted = self.socket.accept(self.network.0.sockets.take()?)?;
        let mut accepted = TcpSocket::of(accepted, self.network.clone());
        let connection = accepted.connect();
        Ok((accepted, connection))
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr> {
        match self.state {
            State::Unbound | State::BindInProgress | State::Closed => Err(ErrorCode::InvalidState),
            _ => self.socket.local_address(),
        }
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr> {
        match self.state {
            State::Connected(_) => self.socket.remote_address(),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    pub(crate) fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening)
    }

    pub(crate) fn family(&self) -> Family {
        self.socket.family()
    }

    pub(crate) fn set_backlog(&mut self, backlog: u64) -> Result<()> {
        let wanted = u32::try_from(backlog).unwrap_or(u32::MAX);
        match self.state {
            _ if wanted == 0 => return Err(ErrorCode::InvalidArgument),
            State::ConnectInProgress | State::Connected(_) | State::Closed => {
                return Err(ErrorCode::InvalidState);
            }
            _ => self.backlog = wanted.min(BACKLOG_MAX),
        }
        if let State::ListenInProgress | State::Listening = self.state {
            let changed = self.socket.listen(self.backlog);
            changed.map_err(|_| ErrorCode::NotSupported)?;
        }
        Ok(())
    }

    pub(crate) fn get(&self, property: Property) -> Result<u64> {
        match self.state {
            State::Closed => Err(ErrorCode::InvalidState),
            _ => self.socket.get(property),
        }
    }

    pub(crate) fn set(&self, property: Property, value: u64) -> Result<()> {
        match self.state {
            State::Closed => Err(ErrorCode::InvalidState),
            _ => self.socket.set(property, value),
        }
    }

    /// What to wait for, now and in any later state.
    pub(crate) fn wait(&self) -> Wait {
        self.watched.wait()
    }

    /// Ends the connection in a direction, at once for the program's own streams.
    pub(crate) fn shut_down(&self, direction: Direction) -> Result<()> {
        let State::Connected(connection) = &self.state else {
            return Err(ErrorCode::InvalidState);
        };
        if direction != Direction::Send {
            connection.receiving.set(None);
        }
        if direction != Direction::Receive {
            connection.sending.set(None);
        }
        self.socket.shut_down(direction)
    }
}

/// Both directions of a connection. It lasts as long as the socket or a stream of
/// it is there.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Arc<Socket>,
    receiving: Arc<Watched>,
    sending: Arc<Watched>,
}

impl Connection {
    fn new(socket: &Arc<Socket>) -> Connection {
        Connection {
            socket: Arc::clone(socket),
            receiving: Watched::new(socket, Some(Interest::Read)),
            sending: Watched::new(socket, Some(Interest::Write)),
        }
    }

    /// Some bytes, at most `len`; nothing at the end.
    pub(crate) fn read(&self, len: usize) -> Result<Option<Vec<u8>>> {
        if self.receiving.is_done() {
            return Ok(None);
        }
        let mut bytes = vec![0; len];
        match self.socket.receive(&mut bytes) {
            Ok(0) => Ok(None),
            Ok(count) => {
                bytes.truncate(count);
                Ok(Some(bytes))
            }
            Err(ErrorCode::WouldBlock) => Ok(Some(Vec::new())),
            Err(error) => Err(error),
        }
    }

    /// How many bytes the system surely takes; nothing if none ever again.
    pub(crate) fn room(&self) -> Result<Option<u64>> {
        if self.sending.is_done() {
            return Ok(None);
        }
        if !self.socket.is_writable()? {
            return Ok(Some(0));
        }
        // Linux calls a socket writable when a third of its buffer is free.
        let sure = match cfg!(target_os = "linux") {
            true => self.socket.get(Property::SendBuffer)? / 4,
            false => 0,
        };
        Ok(Some(sure.max(ROOM_MIN)))
    }

    /// Sends some of the bytes; nothing if the other end takes none ever again.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<Option<usize>> {
        if self.sending.is_done() {
            return Ok(None);
        }
        match self.socket.send(bytes) {
            Err(ErrorCode::WouldBlock) => Ok(Some(0)),
            sent => sent,
        }
    }

    /// What to wait for until there is something to read.
    pub(crate) fn wait_to_read(&self) -> Wait {
        self.receiving.wait()
    }

    /// What to wait for until there is room.
    pub(crate) fn wait_to_write(&self) -> Wait {
        self.sending.wait()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sockets::open;

    fn listener(port: u16) -> TcpSocket {
        let mut socket = open().tcp_socket(Family::Ipv4).expect("a socket");
        socket
            .start_bind(([127, 0, 0, 1], port).into())
            .expect("a port");
        socket.finish_bind().expect("bound");
        socket.set(Property::HopLimit, 42).expect("a hop limit");
        socket.start_listen().expect("bound");
        socket.finish_listen().expect("started");
        socket
    }

    fn settle<R>(mut call: impl FnMut() -> Result<R>) -> R {
        loop {
            match call() {
                Err(ErrorCode::WouldBlock) => std::thread::yield_now(),
                result => return result.expect("success"),
            }
        }
    }

    #[test]
    fn what_is_accepted_has_the_properties_of_the_listener() {
        let mut listener = listener(0);
        let mut client = open().tcp_socket(Family::Ipv4).expect("a socket");
        let address = listener.local_address().expect("an address");
        client.start_connect(address).expect("somebody listens");
        assert_eq!(
            client.start_connect(address),
            Err(ErrorCode::ConcurrencyConflict)
        );
        settle(|| client.finish_connect());
        let (accepted, _) = settle(|| listener.accept());
        assert_eq!(accepted.get(Property::HopLimit), Ok(42));
        assert_eq!(accepted.remote_address(), client.local_address());
    }

    #[test]
    fn a_port_is_free_again_at_once() {
        // A port that was free a moment ago.
        let free = listener(0).local_address().expect("an address");
        let mut first = listener(free.port());
        let address = first.local_address().expect("an address");
        let mut client = open().tcp_socket(Family::Ipv4).expect("a socket");
        client.start_connect(address).expect("somebody listens");
        let streams = settle(|| client.finish_connect());
        // Who ends a connection first keeps the port for minutes, but for this.
        drop((settle(|| first.accept()), first));
        assert_eq!(
            settle(|| streams.read(1).and_then(|read| match read {
                Some(_) => Err(ErrorCode::WouldBlock),
                None => Ok(()),
            })),
            ()
        );
        drop((client, streams));
        let mut second = open().tcp_socket(Family::Ipv4).expect("a socket");
        assert_eq!(second.start_bind(address), Ok(()));
    }

    #[test]
    fn a_failed_connection_closes_the_socket() {
        let listening = listener(0);
        let address = listening.local_address().expect("an address");
        drop(listening);
        let mut socket = open().tcp_socket(Family::Ipv4).expect("a socket");
        let failed = match socket.start_connect(address) {
            Ok(()) => loop {
                match socket.finish_connect() {
                    Err(ErrorCode::WouldBlock) => std::thread::yield_now(),
                    result => break result.map(drop),
                }
            },
            failed => failed,
        };
        assert_eq!(failed, Err(ErrorCode::ConnectionRefused));
        assert_eq!(socket.start_connect(address), Err(ErrorCode::InvalidState));
        assert_eq!(socket.get(Property::HopLimit), Err(ErrorCode::InvalidState));
        assert_eq!(socket.local_address(), Err(ErrorCode::InvalidState));
    }
}
