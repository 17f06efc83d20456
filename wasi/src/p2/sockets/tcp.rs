//! `wasi:sockets/tcp`.

use std::sync::Arc;

use super::super::bindings::wasi::clocks::monotonic_clock::Duration;
use super::super::bindings::wasi::sockets::tcp::{self, ShutdownType};
use super::super::io::Pollable;
use super::super::stream::{Failure, Input, Output, Readable, Writable};
use super::{Answer, IpAddressFamily, IpSocketAddress, Network, of_address, of_family, to_address};
use crate::ctx::WasiView;
use crate::poll::Wait;
use crate::sockets::{self, Connection, Direction, Property};

/// A TCP socket: the value of the resource `tcp-socket`.
#[derive(Debug)]
pub struct TcpSocket(pub(super) sockets::TcpSocket);

impl Readable for Connection {
    fn read(&self, len: usize) -> Result<Option<Vec<u8>>, Failure> {
        self.read(len).map_err(Failure::socket)
    }

    fn wait(&self) -> Wait {
        self.wait_to_read()
    }
}

impl Writable for Connection {
    fn room(&self) -> Result<u64, Failure> {
        let room = self.room().map_err(Failure::socket)?;
        room.ok_or_else(Failure::end)
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, Failure> {
        let written = self.write(bytes).map_err(Failure::socket)?;
        written.ok_or_else(Failure::end)
    }

    fn wait(&self) -> Wait {
        self.wait_to_write()
    }
}

fn streams(connection: Arc<Connection>) -> (Input, Output) {
    let input = Input::other(Arc::<Connection>::clone(&connection));
    (input, Output::other(connection))
}

impl<T: WasiView + 'static> tcp::Host for T {
    type TcpSocket = TcpSocket;
}

impl<T: WasiView + 'static> tcp::HostTcpSocket<T> for TcpSocket {
    fn start_bind(&mut self, _: &mut T, _: &Network, local: IpSocketAddress) -> Answer {
        Ok(self.0.start_bind(to_address(local))?)
    }

    fn finish_bind(&mut self, _: &mut T) -> Answer {
        Ok(self.0.finish_bind()?)
    }

    fn start_connect(&mut self, _: &mut T, _: &Network, remote: IpSocketAddress) -> Answer {
        Ok(self.0.start_connect(to_address(remote))?)
    }

    fn finish_connect(&mut self, _: &mut T) -> Answer<(Input, Output)> {
        Ok(streams(self.0.finish_connect()?))
    }

    fn start_listen(&mut self, _: &mut T) -> Answer {
        Ok(self.0.start_listen()?)
    }

    fn finish_listen(&mut self, _: &mut T) -> Answer {
        Ok(self.0.finish_listen()?)
    }

    fn accept(&mut self, _: &mut T) -> Answer<(TcpSocket, Input, Output)> {
        let (socket, connection) = self.0.accept()?;
        let (input, output) = streams(connection);
        Ok((TcpSocket(socket), input, output))
    }

    fn local_address(&mut self, _: &mut T) -> Answer<IpSocketAddress> {
        Ok(of_address(self.0.local_address()?))
    }

    fn remote_address(&mut self, _: &mut T) -> Answer<IpSocketAddress> {
        Ok(of_address(self.0.remote_address()?))
    }

    fn is_listening(&mut self, _: &mut T) -> bool {
        self.0.is_listening()
    }

    fn address_family(&mut self, _: &mut T) -> IpAddressFamily {
        of_family(self.0.family())
    }

    fn set_listen_backlog_size(&mut self, _: &mut T, value: u64) -> Answer {
        Ok(self.0.set_backlog(value)?)
    }

    fn keep_alive_enabled(&mut self, _: &mut T) -> Answer<bool> {
        Ok(self.0.get(Property::KeepAlive)? != 0)
    }

    fn set_keep_alive_enabled(&mut self, _: &mut T, value: bool) -> Answer {
        Ok(self.0.set(Property::KeepAlive, value.into())?)
    }

    fn keep_alive_idle_time(&mut self, _: &mut T) -> Answer<Duration> {
        Ok(self.0.get(Property::KeepAliveIdle)?)
    }

    fn set_keep_alive_idle_time(&mut self, _: &mut T, value: Duration) -> Answer {
        Ok(self.0.set(Property::KeepAliveIdle, value)?)
    }

    fn keep_alive_interval(&mut self, _: &mut T) -> Answer<Duration> {
        Ok(self.0.get(Property::KeepAliveInterval)?)
    }

    fn set_keep_alive_interval(&mut self, _: &mut T, value: Duration) -> Answer {
        Ok(self.0.set(Property::KeepAliveInterval, value)?)
    }

    fn keep_alive_count(&mut self, _: &mut T) -> Answer<u32> {
        let count = self.0.get(Property::KeepAliveCount)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn set_keep_alive_count(&mut self, _: &mut T, value: u32) -> Answer {
        Ok(self.0.set(Property::KeepAliveCount, value.into())?)
    }

    fn hop_limit(&mut self, _: &mut T) -> Answer<u8> {
        let hops = self.0.get(Property::HopLimit)?;
        Ok(u8::try_from(hops).unwrap_or(u8::MAX))
    }

    fn set_hop_limit(&mut self, _: &mut T, value: u8) -> Answer {
        Ok(self.0.set(Property::HopLimit, value.into())?)
    }

    fn receive_buffer_size(&mut self, _: &mut T) -> Answer<u64> {
        Ok(self.0.get(Property::ReceiveBuffer)?)
    }

    fn set_receive_buffer_size(&mut self, _: &mut T, value: u64) -> Answer {
        Ok(self.0.set(Property::ReceiveBuffer, value)?)
    }

    fn send_buffer_size(&mut self, _: &mut T) -> Answer<u64> {
        Ok(self.0.get(Property::SendBuffer)?)
    }

    fn set_send_buffer_size(&mut self, _: &mut T, value: u64) -> Answer {
        Ok(self.0.set(Property::SendBuffer, value)?)
    }

    fn subscribe(&mut self, _: &mut T) -> Pollable {
        Pollable(self.0.wait())
    }

    fn shutdown(&mut self, _: &mut T, shutdown_type: ShutdownType) -> Answer {
        let direction = match shutdown_type {
            ShutdownType::Receive => Direction::Receive,
            ShutdownType::Send => Direction::Send,
            ShutdownType::Both => Direction::Both,
        };
        Ok(self.0.shut_down(direction)?)
    }
}
