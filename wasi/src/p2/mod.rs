//! WASI 0.2: the interfaces that components import.
//!
//! One implementation serves all versions 0.2.x: what a component imports is found
//! by its compatible name.
//!
//! # Map
//!
//! | module | job |
//! |---|---|
//! | [`bindings`] | traits and types, made from WASI's WIT |
//! | `io` | errors, waiting, streams |
//! | `stream` | where the bytes of a stream come from and go |
//! | `clocks`, `random`, `cli`, `filesystem`, `sockets` | the interfaces of these names |
//! | `http` | the package of this name, with the feature `http` |

mod cli;
mod clocks;
mod filesystem;
#[cfg(feature = "http")]
pub mod http;
mod io;
mod random;
mod sockets;
mod stream;

use linkspan::{Bindings, Linker, Result};

use crate::ctx::WasiView;

pub use filesystem::{Descriptor, Listing};
pub use io::Pollable;
pub use sockets::{Incoming, Names, Network, Outgoing, TcpSocket, UdpSocket};
pub use stream::{Failure, Input, Output};

/// The traits and types of WASI 0.2, as `bindgen!` makes them. Whatever is a
/// [`WasiView`] implements the traits; name the modules in the option `with` of
/// `bindgen!` to use them in bindings of your own.
pub mod bindings {
    linkspan::bindgen!({
        path: "wit",
        inline: "
            package linkspan:wasi-host;

            world wasi02 {
                import wasi:cli/environment@0.2.12;
                import wasi:cli/exit@0.2.12;
                import wasi:cli/stdin@0.2.12;
                import wasi:cli/stdout@0.2.12;
                import wasi:cli/stderr@0.2.12;
                import wasi:cli/terminal-input@0.2.12;
                import wasi:cli/terminal-output@0.2.12;
                import wasi:cli/terminal-stdin@0.2.12;
                import wasi:cli/terminal-stdout@0.2.12;
                import wasi:cli/terminal-stderr@0.2.12;
                import wasi:clocks/monotonic-clock@0.2.12;
                import wasi:clocks/wall-clock@0.2.12;
                import wasi:filesystem/preopens@0.2.12;
                import wasi:filesystem/types@0.2.12;
                import wasi:io/error@0.2.12;
                import wasi:io/poll@0.2.12;
                import wasi:io/streams@0.2.12;
                import wasi:random/insecure-seed@0.2.12;
                import wasi:random/insecure@0.2.12;
                import wasi:random/random@0.2.12;
                import wasi:sockets/instance-network@0.2.12;
                import wasi:sockets/ip-name-lookup@0.2.12;
                import wasi:sockets/network@0.2.12;
                import wasi:sockets/tcp-create-socket@0.2.12;
                import wasi:sockets/tcp@0.2.12;
                import wasi:sockets/udp-create-socket@0.2.12;
                import wasi:sockets/udp@0.2.12;
            }
        ",
        world: "linkspan:wasi-host/wasi02",
        features: ["network-error-code"],
        imports: {
            "wasi:io/poll.*": trap | store,
            "wasi:io/streams.*": trap | store,
            "wasi:filesystem/types.descriptor.link-at": trap | store,
            "wasi:filesystem/types.descriptor.rename-at": trap | store,
            "wasi:filesystem/types.descriptor.is-same-object": trap | store,
            "wasi:cli/exit.*": trap,
            "wasi:random/random.*": trap,
            "wasi:random/insecure.*": trap,
            "wasi:random/insecure-seed.*": trap,
            "wasi:sockets/udp.outgoing-datagram-stream.send": trap,
        },
    });
}

/// Defines the interfaces of WASI 0.2 in a linker.
///
/// # Errors
///
/// [`ErrorKind::Link`](linkspan::ErrorKind::Link) if one of them is defined already.
///
/// # Examples
///
/// ```
/// use linkspan::{Engine, Linker};
/// use linkspan_wasi::{WasiCtx, p2};
///
/// let mut linker = Linker::<WasiCtx>::new(&Engine::default());
/// p2::add_to_linker(&mut linker)?;
/// # Ok::<(), linkspan::Error>(())
/// ```
pub fn add_to_linker<T: WasiView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    bindings::Wasi02::<T>::link(linker)
}
