//! What a program asked for and was not granted: for hosts that want to say what is
//! missing.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many denials are kept of one program. The first ones tell most.
const KEPT: usize = 16;

/// How much of a name that a program made up is kept.
const NAME_MAX: usize = 200;

/// Something that a program asked for and was not granted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Denial {
    /// To change what is at `path` in a directory that it may only read.
    Write {
        /// The program's name for the directory.
        dir: String,
        /// The path in it.
        path: String,
    },
    /// To read what is at `path` in a directory that it may not read.
    Read {
        /// The program's name for the directory.
        dir: String,
        /// The path in it.
        path: String,
    },
    /// To follow a path that leads out of a directory, or where the host's system
    /// forbids it.
    Outside {
        /// The program's name for the directory.
        dir: String,
        /// The path from there.
        path: String,
    },
    /// To make a socket, where no address is granted for its protocol.
    #[cfg(feature = "p2")]
    Socket {
        /// `TCP` or `UDP`.
        protocol: &'static str,
    },
    /// To use an address.
    #[cfg(feature = "p2")]
    Address {
        /// The address.
        address: std::net::SocketAddr,
        /// What for.
        purpose: crate::SocketUse,
    },
    /// To look a name up.
    #[cfg(feature = "p2")]
    Name {
        /// The name.
        name: String,
    },
    /// To make an HTTP request.
    #[cfg(feature = "http")]
    Http {
        /// Where to.
        uri: String,
    },
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denial::Write { dir, path } => {
                write!(
                    f,
                    "to change {path:?} in the directory {dir:?}, which it may only read"
                )
            }
            Denial::Read { dir, path } => {
                write!(
                    f,
                    "to read {path:?} in the directory {dir:?}, which it may not read"
                )
            }
            Denial::Outside { dir, path } => {
                write!(
                    f,
                    "to follow the path {path:?} out of the directory {dir:?}"
                )
            }
            #[cfg(feature = "p2")]
            Denial::Socket { protocol } => write!(f, "to make a {protocol} socket"),
            #[cfg(feature = "p2")]
            Denial::Address { address, purpose } => write!(f, "{purpose} {address}"),
            #[cfg(feature = "p2")]
            Denial::Name { name } => write!(f, "to look the name {name:?} up"),
            #[cfg(feature = "http")]
            Denial::Http { uri } => write!(f, "to make an HTTP request to {uri:?}"),
        }
    }
}

/// The denials of one program. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Denials(Arc<Mutex<BTreeSet<Denial>>>);

impl Denials {
    /// Keeps a denial, unless there are many.
    pub(crate) fn add(&self, denial: Denial) {
        let mut kept = self.lock();
        if kept.len() < KEPT {
            kept.insert(denial);
        }
    }

    /// Those that are kept.
    pub(crate) fn list(&self) -> Vec<Denial> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Denial>> {
        // The set is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As much of a name as is kept.
pub(crate) fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_a_bound() {
        let denials = Denials::default();
        for n in 0..1000 {
            denials.add(Denial::Outside {
                dir: "/".to_owned(),
                path: shortened(&format!("../{}", "ä".repeat(n))),
            });
        }
        let kept = denials.list();
        assert_eq!(kept.len(), KEPT);
        assert!(
            kept.iter()
                .all(|denial| denial.to_string().len() < 3 * NAME_MAX)
        );
        assert_eq!(shortened(&"ä".repeat(1000)).chars().count(), NAME_MAX + 1);
    }
}
