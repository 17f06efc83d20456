//! Why an operation failed, in the words of WASI: the error codes that both faces
//! of the crate turn into their own.

use std::fmt;
use std::io;

/// Why an operation on a file, a directory, a stream or a socket failed.
///
/// These are the cases of `error-code` of `wasi:filesystem/types`, and what WASI
/// 0.1 says beyond them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Permission denied.
    Access,
    /// The operation would have to wait.
    WouldBlock,
    /// It is under way already.
    Already,
    /// The descriptor is not open, or not for this.
    BadDescriptor,
    /// In use.
    Busy,
    /// It would wait for itself.
    Deadlock,
    /// A quota is used up.
    Quota,
    /// Exists already.
    Exist,
    /// The file would be too large.
    FileTooLarge,
    /// Bytes that are no text.
    IllegalByteSequence,
    /// The operation was begun.
    InProgress,
    /// Interrupted.
    Interrupted,
    /// An argument has no meaning.
    Invalid,
    /// The device failed.
    Io,
    /// It is a directory.
    IsDirectory,
    /// Too many symbolic links in a path.
    Loop,
    /// Too many links to one file.
    TooManyLinks,
    /// The message is too large.
    MessageSize,
    /// A name is too long.
    NameTooLong,
    /// No such device.
    NoDevice,
    /// No such file or directory.
    NoEntry,
    /// No locks are left.
    NoLock,
    /// Not enough memory.
    InsufficientMemory,
    /// No space is left.
    InsufficientSpace,
    /// It is not a directory.
    NotDirectory,
    /// The directory is not empty.
    NotEmpty,
    /// The state cannot be recovered.
    NotRecoverable,
    /// Not supported.
    Unsupported,
    /// It is not a terminal.
    NoTty,
    /// No such device or address.
    NoSuchDevice,
    /// The value is too large for its type.
    Overflow,
    /// Not permitted: the sandbox forbids it.
    NotPermitted,
    /// Nobody reads any more.
    Pipe,
    /// The file system is read-only.
    ReadOnly,
    /// There are no positions in it.
    InvalidSeek,
    /// The program's text is in use.
    TextFileBusy,
    /// The two are on different devices.
    CrossDevice,
    /// It is not a socket (WASI 0.1).
    NotSocket,
    /// Too many files are open (WASI 0.1).
    TooManyFiles,
    /// An address in memory is out of bounds (WASI 0.1).
    Fault,
}

/// What operations of this crate answer.
pub type Result<T> = std::result::Result<T, ErrorCode>;

impl ErrorCode {
    /// The code in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            ErrorCode::Access => "permission denied",
            ErrorCode::WouldBlock => "the operation would have to wait",
            ErrorCode::Already => "the operation is under way already",
            ErrorCode::BadDescriptor => "the descriptor is not open for this",
            ErrorCode::Busy => "in use",
            ErrorCode::Deadlock => "the operation would wait for itself",
            ErrorCode::Quota => "the quota is used up",
            ErrorCode::Exist => "exists already",
            ErrorCode::FileTooLarge => "the file would be too large",
            ErrorCode::IllegalByteSequence => "bytes that are not UTF-8",
            ErrorCode::InProgress => "the operation was begun",
            ErrorCode::Interrupted => "interrupted",
            ErrorCode::Invalid => "invalid argument",
            ErrorCode::Io => "input or output failed",
            ErrorCode::IsDirectory => "is a directory",
            ErrorCode::Loop => "too many symbolic links",
            ErrorCode::TooManyLinks => "too many links to one file",
            ErrorCode::MessageSize => "the message is too large",
            ErrorCode::NameTooLong => "the name is too long",
            ErrorCode::NoDevice => "no such device",
            ErrorCode::NoEntry => "no such file or directory",
            ErrorCode::NoLock => "no locks are left",
            ErrorCode::InsufficientMemory => "not enough memory",
            ErrorCode::InsufficientSpace => "no space is left",
            ErrorCode::NotDirectory => "not a directory",
            ErrorCode::NotEmpty => "the directory is not empty",
            ErrorCode::NotRecoverable => "the state cannot be recovered",
            ErrorCode::Unsupported => "not supported",
            ErrorCode::NoTty => "not a terminal",
            ErrorCode::NoSuchDevice => "no such device or address",
            ErrorCode::Overflow => "the value is too large",
            ErrorCode::NotPermitted => "not permitted by the sandbox",
            ErrorCode::Pipe => "nobody reads any more",
            ErrorCode::ReadOnly => "the file system is read-only",
            ErrorCode::InvalidSeek => "has no positions",
            ErrorCode::TextFileBusy => "the program's text is in use",
            ErrorCode::CrossDevice => "on different devices",
            ErrorCode::NotSocket => "not a socket",
            ErrorCode::TooManyFiles => "too many open files",
            ErrorCode::Fault => "an address is out of bounds",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for ErrorCode {}

impl From<io::Error> for ErrorCode {
    fn from(error: io::Error) -> ErrorCode {
        #[cfg(unix)]
        if let Some(code) = error.raw_os_error().and_then(of_errno) {
            return code;
        }
        of_kind(error.kind())
    }
}

/// The code for an error number of the system; those that say nothing more than
/// their kind are left to [`of_kind`].
#[cfg(unix)]
fn of_errno(number: i32) -> Option<ErrorCode> {
    use rustix::io::Errno;

    Some(match Errno::from_raw_os_error(number) {
        Errno::ACCESS => ErrorCode::Access,
        Errno::ALREADY => ErrorCode::Already,
        Errno::BADF => ErrorCode::BadDescriptor,
        Errno::DQUOT => ErrorCode::Quota,
        Errno::ILSEQ => ErrorCode::IllegalByteSequence,
        Errno::INPROGRESS => ErrorCode::InProgress,
        Errno::LOOP => ErrorCode::Loop,
        Errno::MFILE | Errno::NFILE => ErrorCode::TooManyFiles,
        Errno::MLINK => ErrorCode::TooManyLinks,
        Errno::MSGSIZE => ErrorCode::MessageSize,
        Errno::NAMETOOLONG => ErrorCode::NameTooLong,
        Errno::NODEV => ErrorCode::NoDevice,
        Errno::NOLCK => ErrorCode::NoLock,
        Errno::NOSYS | Errno::OPNOTSUPP => ErrorCode::Unsupported,
        Errno::NOTRECOVERABLE => ErrorCode::NotRecoverable,
        Errno::NOTSOCK => ErrorCode::NotSocket,
        Errno::NOTTY => ErrorCode::NoTty,
        Errno::NXIO => ErrorCode::NoSuchDevice,
        Errno::OVERFLOW => ErrorCode::Overflow,
        Errno::PERM => ErrorCode::NotPermitted,
        Errno::SPIPE => ErrorCode::InvalidSeek,
        _ => return None,
    })
}

/// The code for a kind of error. What cap-primitives says about a path that leads
/// out of its directory has no number, only the kind.
fn of_kind(kind: io::ErrorKind) -> ErrorCode {
    match kind {
        io::ErrorKind::NotFound => ErrorCode::NoEntry,
        io::ErrorKind::PermissionDenied => ErrorCode::NotPermitted,
        io::ErrorKind::BrokenPipe => ErrorCode::Pipe,
        io::ErrorKind::AlreadyExists => ErrorCode::Exist,
        io::ErrorKind::WouldBlock => ErrorCode::WouldBlock,
        io::ErrorKind::NotADirectory => ErrorCode::NotDirectory,
        io::ErrorKind::IsADirectory => ErrorCode::IsDirectory,
        io::ErrorKind::DirectoryNotEmpty => ErrorCode::NotEmpty,
        io::ErrorKind::ReadOnlyFilesystem => ErrorCode::ReadOnly,
        io::ErrorKind::InvalidInput => ErrorCode::Invalid,
        io::ErrorKind::InvalidData => ErrorCode::IllegalByteSequence,
        io::ErrorKind::StorageFull => ErrorCode::InsufficientSpace,
        io::ErrorKind::NotSeekable => ErrorCode::InvalidSeek,
        io::ErrorKind::QuotaExceeded => ErrorCode::Quota,
        io::ErrorKind::FileTooLarge => ErrorCode::FileTooLarge,
        io::ErrorKind::ResourceBusy => ErrorCode::Busy,
        io::ErrorKind::ExecutableFileBusy => ErrorCode::TextFileBusy,
        io::ErrorKind::Deadlock => ErrorCode::Deadlock,
        io::ErrorKind::CrossesDevices => ErrorCode::CrossDevice,
        io::ErrorKind::TooManyLinks => ErrorCode::TooManyLinks,
        io::ErrorKind::Interrupted => ErrorCode::Interrupted,
        io::ErrorKind::Unsupported => ErrorCode::Unsupported,
        io::ErrorKind::OutOfMemory => ErrorCode::InsufficientMemory,
        _ => ErrorCode::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_system_keep_their_meaning() {
        #[cfg(unix)]
        for (number, code) in [
            (rustix::io::Errno::ACCESS, ErrorCode::Access),
            (rustix::io::Errno::PERM, ErrorCode::NotPermitted),
            (rustix::io::Errno::NOTEMPTY, ErrorCode::NotEmpty),
            (rustix::io::Errno::XDEV, ErrorCode::CrossDevice),
        ] {
            let error = io::Error::from_raw_os_error(number.raw_os_error());
            assert_eq!(ErrorCode::from(error), code);
        }
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "a path led outside");
        assert_eq!(ErrorCode::from(escape), ErrorCode::NotPermitted);
    }
}
