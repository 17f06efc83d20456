//! What a program may reach of the network.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use linkspan_wasi::p2::http::Http1Client;
use linkspan_wasi::{SocketUse, WasiCtxBuilder};

use crate::failure::{Failure, Kind, Result};

#[derive(Debug, Args)]
pub(super) struct Network {
    /// Let the program use the network: all addresses, and all names.
    #[arg(long)]
    allow_network: bool,

    /// Let the program use these addresses alone, over TCP, UDP and HTTP, to connect and send to and
    /// to listen at: those of a host, or of a network as in `10.0.0.0/8`, with one port or all. It may
    /// look the name of the host up; may be given several times.
    #[arg(long = "allow-address", value_name = "HOST[/BITS][:PORT]")]
    addresses: Vec<Rule>,
}

/// Addresses that a program may use.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    /// The addresses that have the first bits of this one.
    Network(IpAddr, u32),
}

impl Network {
    /// Looks the names of hosts up.
    pub(super) fn find(&self) -> Result<Reach> {
        if self.allow_network {
            return Ok(Reach::All);
        }
        let mut networks = Vec::new();
        let mut names = Vec::new();
        for Rule { host, port } in &self.addresses {
            match host {
                Host::Network(address, bits) => networks.push((*address, *bits, *port)),
                Host::Name(name) => {
                    let found = look_up(name)?;
                    networks.extend(found.map(|address| (address, bits_of(address), *port)));
                    names.push(name.clone());
                }
            }
        }
        Ok(Reach::Networks(networks.into(), names.into()))
    }

    /// Whether some part of the network is granted.
    pub(super) fn is_granted(&self) -> bool {
        self.allow_network || !self.addresses.is_empty()
    }
}

/// What was found of it, for any number of programs.
#[derive(Clone)]
pub(super) enum Reach {
    All,
    /// Those networks, a port of them or all, and names that may be looked up.
    Networks(Arc<[(IpAddr, u32, Option<u16>)]>, Arc<[String]>),
}

impl Reach {
    /// Grants it.
    pub(super) fn grant(&self, ctx: WasiCtxBuilder) -> WasiCtxBuilder {
        let (networks, names) = match self {
            Reach::All => return ctx.inherit_network().allow_http(|_| true),
            Reach::Networks(networks, _) if networks.is_empty() => return ctx,
            Reach::Networks(networks, names) => (Arc::clone(networks), Arc::clone(names)),
        };
        let is_granted = move |address: SocketAddr| {
            networks.iter().any(|(network, bits, port)| {
                port.is_none_or(|port| port == address.port())
                    && is_in(address.ip(), *network, *bits)
            })
        };
        let client = Http1Client::only(is_granted.clone());
        let check = move |address: SocketAddr, purpose: SocketUse| {
            // A socket that sends datagrams must be somewhere, no matter where.
            let is_anywhere = address.ip().is_unspecified() && address.port() == 0;
            purpose == SocketUse::UdpBind && is_anywhere || is_granted(address)
        };
        let is_known = move |name: &str| {
            let name = name.strip_suffix('.').unwrap_or(name);
            names.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        ctx.allow_tcp(check.clone())
            .allow_udp(check)
            .allow_name_lookup(is_known.clone())
            .allow_http(move |request| {
                // A name is looked up for a request; its addresses are checked then.
                let host = request.uri.host().unwrap_or_default();
                is_known(host) || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            })
            .http_client(Arc::new(client))
    }
}

/// The addresses of a host, as they are now.
fn look_up(name: &str) -> Result<impl Iterator<Item = IpAddr>> {
    match (name, 0).to_socket_addrs() {
        Ok(found) => Ok(found.map(|address| address.ip())),
        Err(error) => {
            let message = format!("cannot look up the host `{name}`: {error}");
            Err(Failure::new(Kind::Input, message))
        }
    }
}

fn bits_of(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    // No bits at all are all shifted out.
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differing = address.to_bits() ^ network.to_bits();
            differing.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differing = address.to_bits() ^ network.to_bits();
            differing.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Rule, String> {
        let one = |address: IpAddr| Host::Network(address, bits_of(address));
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Rule {
                host: one(address),
                port: None,
            });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Rule {
                host: one(address.ip()),
                port: Some(address.port()),
            });
        }
        if let Some((address, rest)) = text.split_once('/') {
            let (bits, port) = with_port(rest)?;
            let host = network(address, bits)?;
            return Ok(Rule { host, port });
        }
        let (host, port) = with_port(text)?;
        // The dot at the end of a whole name says no more than that it is whole.
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match !host.is_empty() && host.bytes().all(is_part) {
            true => Ok(Rule {
                host: Host::Name(host.to_owned()),
                port,
            }),
            false => Err(format!(
                "expected an address or the name of a host, found `{host}`"
            )),
        }
    }
}

/// What stands before a port, and the port if there is one.
fn with_port(text: &str) -> std::result::Result<(&str, Option<u16>), String> {
    let Some((rest, port)) = text.rsplit_once(':') else {
        return Ok((text, None));
    };
    match port.parse::<u16>() {
        Ok(port) => Ok((rest, Some(port))),
        Err(_) => Err(format!("expected a port, found `{port}`")),
    }
}

fn network(address: &str, bits: &str) -> std::result::Result<Host, String> {
    let bare = address
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'));
    let address = bare.unwrap_or(address);
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(format!("expected an address, found `{address}`"));
    };
    let max = bits_of(address);
    match bits.parse::<u32>() {
        Ok(bits) if bits <= max => Ok(Host::Network(address, bits)),
        _ => Err(format!("expected at most {max} bits, found `{bits}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a rule covers an address.
    fn covers(rule: &str, address: &str) -> bool {
        let Rule { host, port } = rule.parse().expect("a rule");
        let Host::Network(network, bits) = host else {
            panic!("{rule} is a name");
        };
        let address: SocketAddr = address.parse().expect("an address");
        is_in(address.ip(), network, bits) && port.is_none_or(|port| port == address.port())
    }

    #[test]
    fn rules_cover_what_they_say() {
        for (rule, address, is_covered) in [
            ("127.0.0.1", "127.0.0.1:80", true),
            ("127.0.0.1", "127.0.0.2:80", false),
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("10.0.0.0/8", "10.255.0.1:1", true),
            ("10.0.0.0/8", "11.0.0.1:1", false),
            ("10.0.0.0/8:443", "10.1.2.3:443", true),
            ("10.0.0.0/8:443", "10.1.2.3:444", false),
            ("0.0.0.0/0", "255.1.2.3:4", true),
            ("0.0.0.0/0", "[::1]:4", false),
            ("::1", "[::1]:9", true),
            ("[::1]:8", "[::1]:9", false),
            ("fd00::/8:9", "[fdff::1]:9", true),
            ("[fd00::]/8:9", "[fe00::1]:9", false),
            ("::/0", "[ff02::1]:1", true),
        ] {
            assert_eq!(covers(rule, address), is_covered, "{rule} and {address}");
        }
        let name: Rule = "example.com.:443".parse().expect("a name");
        assert_eq!(name.host, Host::Name("example.com".to_owned()));
        assert_eq!(name.port, Some(443));
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for (text, error) in [
            ("1.2.3.4/33", "expected at most 32 bits, found `33`"),
            ("1.2.3.4/", "expected at most 32 bits, found ``"),
            ("host/8", "expected an address, found `host`"),
            ("host:http", "expected a port, found `http`"),
            ("host:65536", "expected a port, found `65536`"),
            ("", "expected an address or the name of a host, found ``"),
            (
                "a b",
                "expected an address or the name of a host, found `a b`",
            ),
        ] {
            assert_eq!(text.parse::<Rule>(), Err(error.to_owned()), "{text}");
        }
    }
}
