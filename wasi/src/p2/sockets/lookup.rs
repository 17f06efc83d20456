//! `wasi:sockets/ip-name-lookup`.

use super::super::bindings::wasi::sockets::ip_name_lookup;
use super::super::io::Pollable;
use super::{Answer, IpAddress, Network, of_ip};
use crate::ctx::WasiView;
use crate::sockets::Lookup;

/// A look-up: the value of the resource `resolve-address-stream`.
#[derive(Debug)]
pub struct Names(Lookup);

impl<T: WasiView + 'static> ip_name_lookup::Host for T {
    type ResolveAddressStream = Names;

    fn resolve_addresses(&mut self, _: &Network, name: &str) -> Answer<Names> {
        Ok(Names(self.wasi().network.look_up(name)?))
    }
}

impl<T: WasiView + 'static> ip_name_lookup::HostResolveAddressStream<T> for Names {
    fn resolve_next_address(&mut self, _: &mut T) -> Answer<Option<IpAddress>> {
        Ok(self.0.next()?.map(of_ip))
    }

    fn subscribe(&mut self, _: &mut T) -> Pollable {
        Pollable(self.0.wait())
    }
}
