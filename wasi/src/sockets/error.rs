//! Why an operation on a socket failed, in the words of `wasi:sockets`.

use std::fmt;

/// Why an operation on a socket, or the look-up of a name, failed: the cases of
/// `error-code` of `wasi:sockets/network`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    Unknown,
    AccessDenied,
    NotSupported,
    InvalidArgument,
    OutOfMemory,
    Timeout,
    ConcurrencyConflict,
    NotInProgress,
    WouldBlock,
    InvalidState,
    NewSocketLimit,
    AddressNotBindable,
    AddressInUse,
    RemoteUnreachable,
    ConnectionRefused,
    ConnectionReset,
    ConnectionAborted,
    DatagramTooLarge,
    NameUnresolvable,
    TemporaryResolverFailure,
    PermanentResolverFailure,
}

/// What operations on sockets answer.
pub(crate) type Result<T> = std::result::Result<T, ErrorCode>;

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorCode::Unknown => "the network failed",
            ErrorCode::AccessDenied => "access denied",
            ErrorCode::NotSupported => "not supported",
            ErrorCode::InvalidArgument => "invalid argument",
            ErrorCode::OutOfMemory => "not enough memory",
            ErrorCode::Timeout => "timed out",
            ErrorCode::ConcurrencyConflict => "another operation is in progress",
            ErrorCode::NotInProgress => "the operation is not in progress",
            ErrorCode::WouldBlock => "the operation would have to wait",
            ErrorCode::InvalidState => "not valid in the socket's state",
            ErrorCode::NewSocketLimit => "too many sockets",
            ErrorCode::AddressNotBindable => "not an address to bind to",
            ErrorCode::AddressInUse => "the address is in use",
            ErrorCode::RemoteUnreachable => "the remote address is not reachable",
            ErrorCode::ConnectionRefused => "the connection was refused",
            ErrorCode::ConnectionReset => "the connection was reset",
            ErrorCode::ConnectionAborted => "the connection was aborted",
            ErrorCode::DatagramTooLarge => "the datagram is too large",
            ErrorCode::NameUnresolvable => "the name has no address",
            ErrorCode::TemporaryResolverFailure => "the look-up failed for now",
            ErrorCode::PermanentResolverFailure => "the look-up failed for good",
        })
    }
}

/// What the tickets of open files say is about sockets here.
impl From<crate::ErrorCode> for ErrorCode {
    fn from(code: crate::ErrorCode) -> ErrorCode {
        match code {
            crate::ErrorCode::TooManyFiles => ErrorCode::NewSocketLimit,
            _ => ErrorCode::Unknown,
        }
    }
}

#[cfg(unix)]
impl From<rustix::io::Errno> for ErrorCode {
    fn from(error: rustix::io::Errno) -> ErrorCode {
        use rustix::io::Errno;

        match error {
            Errno::ACCESS | Errno::PERM => ErrorCode::AccessDenied,
            Errno::AFNOSUPPORT
            | Errno::NOPROTOOPT
            | Errno::NOSYS
            | Errno::OPNOTSUPP
            | Errno::PROTONOSUPPORT => ErrorCode::NotSupported,
            Errno::INVAL => ErrorCode::InvalidArgument,
            Errno::NOBUFS | Errno::NOMEM => ErrorCode::OutOfMemory,
            Errno::TIMEDOUT => ErrorCode::Timeout,
            Errno::ALREADY => ErrorCode::ConcurrencyConflict,
            Errno::AGAIN | Errno::INPROGRESS | Errno::INTR => ErrorCode::WouldBlock,
            Errno::DESTADDRREQ | Errno::ISCONN | Errno::NOTCONN => ErrorCode::InvalidState,
            Errno::MFILE | Errno::NFILE => ErrorCode::NewSocketLimit,
            Errno::ADDRNOTAVAIL => ErrorCode::AddressNotBindable,
            Errno::ADDRINUSE => ErrorCode::AddressInUse,
            Errno::HOSTDOWN | Errno::HOSTUNREACH | Errno::NETDOWN | Errno::NETUNREACH => {
                ErrorCode::RemoteUnreachable
            }
            #[cfg(target_os = "linux")]
            Errno::NONET => ErrorCode::RemoteUnreachable,
            Errno::CONNREFUSED => ErrorCode::ConnectionRefused,
            Errno::CONNRESET | Errno::NETRESET => ErrorCode::ConnectionReset,
            Errno::CONNABORTED => ErrorCode::ConnectionAborted,
            Errno::MSGSIZE => ErrorCode::DatagramTooLarge,
            _ => ErrorCode::Unknown,
        }
    }
}
