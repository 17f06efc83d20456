//! Which addresses mean something to a socket.

use std::net::{IpAddr, SocketAddr};

use super::{ErrorCode, Family, Result};

/// An address of the socket's own family. One of IPv4 in the clothes of IPv6 is
/// none: the checks of a host would have to look through that.
pub(super) fn of_family(address: SocketAddr, family: Family) -> Result<()> {
    let fits = match address.ip() {
        IpAddr::V4(_) => family == Family::Ipv4,
        IpAddr::V6(ip) => family == Family::Ipv6 && ip.to_ipv4_mapped().is_none(),
    };
    valid(fits)
}

/// An address of one machine.
pub(super) fn unicast(address: SocketAddr) -> Result<()> {
    let is_broadcast = matches!(address.ip(), IpAddr::V4(ip) if ip.is_broadcast());
    valid(!is_broadcast && !address.ip().is_multicast())
}

/// An address that something can be sent to.
pub(super) fn remote(address: SocketAddr) -> Result<()> {
    valid(!address.ip().is_unspecified() && address.port() != 0)
}

fn valid(is_valid: bool) -> Result<()> {
    match is_valid {
        true => Ok(()),
        false => Err(ErrorCode::InvalidArgument),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        let of = |text: &str| text.parse::<SocketAddr>().expect("an address");
        for (text, family, fits) in [
            ("1.2.3.4:5", Family::Ipv4, true),
            ("1.2.3.4:5", Family::Ipv6, false),
            ("[::1]:5", Family::Ipv6, true),
            ("[::1]:5", Family::Ipv4, false),
            ("[::ffff:1.2.3.4]:5", Family::Ipv6, false),
            ("[::ffff:1.2.3.4]:5", Family::Ipv4, false),
        ] {
            assert_eq!(of_family(of(text), family).is_ok(), fits, "{text}");
        }
        for (text, is_unicast) in [
            ("0.0.0.0:0", true),
            ("255.255.255.255:1", false),
            ("224.0.0.1:1", false),
            ("[ff02::1]:1", false),
        ] {
            assert_eq!(unicast(of(text)).is_ok(), is_unicast, "{text}");
        }
        for (text, is_remote) in [
            ("1.2.3.4:5", true),
            ("1.2.3.4:0", false),
            ("0.0.0.0:5", false),
            ("[::]:5", false),
        ] {
            assert_eq!(remote(of(text)).is_ok(), is_remote, "{text}");
        }
    }
}
