//! `wasi:sockets/udp`.

use linkspan::HostError;

use super::super::bindings::wasi::sockets::udp::{self, IncomingDatagram, OutgoingDatagram};
use super::super::io::Pollable;
use super::{
    Answer, ErrorCode, IpAddressFamily, IpSocketAddress, Network, of_address, of_family, to_address,
};
use crate::ctx::WasiView;
use crate::poll::Wait;
use crate::sockets::{self, Property};

/// A UDP socket: the value of the resource `udp-socket`.
#[derive(Debug)]
pub struct UdpSocket(pub(super) sockets::UdpSocket);

/// Where datagrams come from: the value of the resource `incoming-datagram-stream`.
#[derive(Debug)]
pub struct Incoming(sockets::Incoming);

/// Where datagrams go: the value of the resource `outgoing-datagram-stream`.
#[derive(Debug)]
pub struct Outgoing(sockets::Outgoing);

impl<T: WasiView + 'static> udp::Host for T {
    type UdpSocket = UdpSocket;
    type IncomingDatagramStream = Incoming;
    type OutgoingDatagramStream = Outgoing;
}

impl<T: WasiView + 'static> udp::HostUdpSocket<T> for UdpSocket {
    fn start_bind(&mut self, _: &mut T, _: &Network, local: IpSocketAddress) -> Answer {
        Ok(self.0.start_bind(to_address(local))?)
    }

    fn finish_bind(&mut self, _: &mut T) -> Answer {
        Ok(self.0.finish_bind()?)
    }

    fn stream(
        &mut self,
        _: &mut T,
        remote: Option<IpSocketAddress>,
    ) -> Answer<(Incoming, Outgoing)> {
        let (incoming, outgoing) = self.0.stream(remote.map(to_address))?;
        Ok((Incoming(incoming), Outgoing(outgoing)))
    }

    fn local_address(&mut self, _: &mut T) -> Answer<IpSocketAddress> {
        Ok(of_address(self.0.local_address()?))
    }

    fn remote_address(&mut self, _: &mut T) -> Answer<IpSocketAddress> {
        Ok(of_address(self.0.remote_address()?))
    }

    fn address_family(&mut self, _: &mut T) -> IpAddressFamily {
        of_family(self.0.family())
    }

    fn unicast_hop_limit(&mut self, _: &mut T) -> Answer<u8> {
        let hops = self.0.get(Property::HopLimit)?;
        Ok(u8::try_from(hops).unwrap_or(u8::MAX))
    }

    fn set_unicast_hop_limit(&mut self, _: &mut T, value: u8) -> Answer {
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

    /// A bind is finished as soon as it has been started.
    fn subscribe(&mut self, _: &mut T) -> Pollable {
        Pollable(Wait::Settled(Ok(0)))
    }
}

impl<T: WasiView + 'static> udp::HostIncomingDatagramStream<T> for Incoming {
    fn receive(&mut self, host: &mut T, max_results: u64) -> Answer<Vec<IncomingDatagram>> {
        let bytes_max = host.wasi().limits().transfer_bytes;
        let datagrams = self.0.receive(max_results, bytes_max)?;
        let datagrams = datagrams.into_iter().map(|datagram| IncomingDatagram {
            data: datagram.data,
            remote_address: of_address(datagram.from),
        });
        Ok(datagrams.collect())
    }

    fn subscribe(&mut self, _: &mut T) -> Pollable {
        Pollable(self.0.wait())
    }
}

impl<T: WasiView + 'static> udp::HostOutgoingDatagramStream<T> for Outgoing {
    fn check_send(&mut self, _: &mut T) -> Answer<u64> {
        Ok(self.0.check_send()? as u64)
    }

    fn send(
        &mut self,
        _: &mut T,
        datagrams: &[OutgoingDatagram],
    ) -> Result<u64, HostError<ErrorCode>> {
        let permit = self.0.permit();
        if datagrams.len() > permit {
            return Err(HostError::trap(format!(
                "expected at most {permit} datagrams, as `check-send` has permitted, found {}",
                datagrams.len()
            )));
        }
        let datagrams = datagrams.iter().map(|datagram| {
            let to = datagram.remote_address.map(to_address);
            (&*datagram.data, to)
        });
        let sent = self.0.send(datagrams).map_err(ErrorCode::from)?;
        Ok(sent)
    }

    fn subscribe(&mut self, _: &mut T) -> Pollable {
        Pollable(self.0.wait())
    }
}
