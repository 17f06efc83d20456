//! `wasi:sockets`: there is no network. What would make a socket or look a name up
//! answers `access-denied`, so that no socket ever exists; the functions of sockets
//! are defined for the sake of components that import them.

use linkspan::{Error, Linker, Resource, ResourceType, Result, Val};

use crate::ctx::WasiView;

/// The network; it leads nowhere.
enum Network {}
enum TcpSocket {}
enum UdpSocket {}
enum IncomingDatagrams {}
enum OutgoingDatagrams {}
enum Addresses {}

/// The position of `access-denied` among the cases of `error-code`.
const ACCESS_DENIED: u32 = 1;

const TCP: &str = "start-bind finish-bind start-connect finish-connect start-listen \
    finish-listen accept local-address remote-address is-listening address-family \
    set-listen-backlog-size keep-alive-enabled set-keep-alive-enabled keep-alive-idle-time \
    set-keep-alive-idle-time keep-alive-interval set-keep-alive-interval keep-alive-count \
    set-keep-alive-count hop-limit set-hop-limit receive-buffer-size set-receive-buffer-size \
    send-buffer-size set-send-buffer-size subscribe shutdown";

const UDP: &str = "start-bind finish-bind stream local-address remote-address address-family \
    unicast-hop-limit set-unicast-hop-limit receive-buffer-size set-receive-buffer-size \
    send-buffer-size set-send-buffer-size subscribe";

/// Defines the interfaces.
pub(super) fn link<T: WasiView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    linker
        .instance("wasi:sockets/network@0.2.12")?
        .table_resource("network", ResourceType::host::<Network>())?;
    linker
        .instance("wasi:sockets/instance-network@0.2.12")?
        .func_wrap::<(), Resource<Network>>("instance-network", |mut store, ()| {
            let handle = store.extra_mut().table_mut().push(())?;
            Ok(Resource::new_own(handle.rep()))
        })?;
    let tcp = ResourceType::host::<TcpSocket>();
    resource(linker, "tcp", "tcp-socket", tcp, TCP)?;
    let udp = ResourceType::host::<UdpSocket>();
    resource(linker, "udp", "udp-socket", udp, UDP)?;
    let incoming = ResourceType::host::<IncomingDatagrams>();
    resource(
        linker,
        "udp",
        "incoming-datagram-stream",
        incoming,
        "receive subscribe",
    )?;
    let outgoing = ResourceType::host::<OutgoingDatagrams>();
    resource(
        linker,
        "udp",
        "outgoing-datagram-stream",
        outgoing,
        "check-send send subscribe",
    )?;
    let addresses = ResourceType::host::<Addresses>();
    let methods = "resolve-next-address subscribe";
    resource(
        linker,
        "ip-name-lookup",
        "resolve-address-stream",
        addresses,
        methods,
    )?;
    denied(linker, "ip-name-lookup", "resolve-addresses")?;
    denied(linker, "tcp-create-socket", "create-tcp-socket")?;
    denied(linker, "udp-create-socket", "create-udp-socket")
}

/// A function that nobody may call with success.
fn denied<T: 'static>(linker: &mut Linker<T>, interface: &str, name: &str) -> Result<()> {
    let interface = format!("wasi:sockets/{interface}@0.2.12");
    linker
        .instance(&interface)?
        .func_new(name, |_, _, results| {
            // A component that imports it with another type gets an error of types.
            if let Some(result) = results.first_mut() {
                *result = Val::Result(Err(Some(Box::new(Val::Enum(ACCESS_DENIED)))));
            }
            Ok(())
        })?;
    Ok(())
}

/// A resource of which there is none, with its methods.
fn resource<T: 'static>(
    linker: &mut Linker<T>,
    interface: &str,
    name: &str,
    ty: ResourceType,
    methods: &str,
) -> Result<()> {
    let interface = format!("wasi:sockets/{interface}@0.2.12");
    let mut at = linker.instance(&interface)?;
    at.table_resource(name, ty)?;
    for method in methods.split_whitespace() {
        at.func_new(&format!("[method]{name}.{method}"), |_, _, _| {
            Err(Error::msg(
                "expected no socket, found one: there is no network",
            ))
        })?;
    }
    Ok(())
}
