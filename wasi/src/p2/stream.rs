//! Streams of bytes as components hold them: standard streams, files, and what
//! other threads or machines are at the other end of.

use std::fmt;
use std::sync::Arc;

use crate::error::ErrorCode;
use crate::fs::FileHandle;
use crate::poll::{Stream, Wait};
use crate::sockets;

/// What a write that waits takes, as `wasi:io/streams` says; also what a stream of
/// the system takes without waiting once it takes anything.
pub(super) const BLOCKING_MAX: u64 = 4096;

/// Why an operation of a stream failed: the value of the resource `error`.
#[derive(Clone, Debug)]
pub struct Failure(pub(super) Cause);

/// Where a failure comes from: interfaces tell more about their own.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    /// A file.
    File(ErrorCode),
    /// A connection.
    Socket(sockets::ErrorCode),
    /// Another stream.
    Stream(ErrorCode),
    /// The body of a request or response.
    #[cfg(feature = "http")]
    Http(Box<super::http::ErrorCode>),
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Failure {
        Failure(Cause::Stream(code))
    }
}

impl Failure {
    pub(super) fn file(code: ErrorCode) -> Failure {
        Failure(Cause::File(code))
    }

    pub(super) fn socket(code: sockets::ErrorCode) -> Failure {
        Failure(Cause::Socket(code))
    }

    #[cfg(feature = "http")]
    pub(super) fn http(code: super::http::ErrorCode) -> Failure {
        Failure(Cause::Http(Box::new(code)))
    }

    /// That nobody is at the other end.
    pub(super) fn end() -> Failure {
        Failure(Cause::Stream(ErrorCode::Pipe))
    }

    /// Whether it says no more than that nobody is at the other end.
    pub(super) fn is_end(&self) -> bool {
        matches!(self.0, Cause::Stream(ErrorCode::Pipe))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::File(code) | Cause::Stream(code) => code.fmt(f),
            Cause::Socket(code) => code.fmt(f),
            #[cfg(feature = "http")]
            Cause::Http(code) => code.fmt(f),
        }
    }
}

/// The near end of a stream whose far end is another thread or machine.
pub(super) trait Readable: Send + Sync {
    /// Some bytes, at most `len`, without waiting: none if there are none now, and
    /// nothing at all at the end.
    fn read(&self, len: usize) -> Result<Option<Vec<u8>>, Failure>;

    /// What to wait for until a read has something to tell.
    fn wait(&self) -> Wait;
}

/// As [`Readable`], for bytes that go there.
pub(super) trait Writable: Send + Sync {
    /// How many bytes it takes now without waiting.
    fn room(&self) -> Result<u64, Failure>;

    /// Takes some of the bytes, without waiting.
    fn write(&self, bytes: &[u8]) -> Result<usize, Failure>;

    /// What to wait for until there is room, or a failure to tell.
    fn wait(&self) -> Wait;
}

/// Where bytes come from: the value of the resource `input-stream`.
#[derive(Clone)]
pub struct Input {
    pub(super) origin: Origin,
    pub(super) is_closed: bool,
}

#[derive(Clone)]
pub(super) enum Origin {
    Standard,
    File(Arc<FileHandle>, u64),
    Other(Arc<dyn Readable>),
}

impl Input {
    pub(super) fn stdin() -> Input {
        Input::new(Origin::Standard)
    }

    pub(super) fn file(file: Arc<FileHandle>, position: u64) -> Input {
        Input::new(Origin::File(file, position))
    }

    /// The near end of something else.
    pub(super) fn other(readable: Arc<dyn Readable>) -> Input {
        Input::new(Origin::Other(readable))
    }

    fn new(origin: Origin) -> Input {
        Input {
            origin,
            is_closed: false,
        }
    }

    pub(super) fn wait(&self) -> Wait {
        match &self.origin {
            _ if self.is_closed => Wait::Settled(Ok(0)),
            Origin::Standard => Wait::Stream(Stream::In),
            Origin::File(..) => Wait::Settled(Ok(0)),
            Origin::Other(readable) => readable.wait(),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match self.origin {
            Origin::Standard => "standard input",
            Origin::File(..) => "file",
            Origin::Other(_) => "other",
        };
        f.debug_struct("Input")
            .field("origin", &origin)
            .field("is_closed", &self.is_closed)
            .finish()
    }
}

/// Where bytes go: the value of the resource `output-stream`.
#[derive(Clone)]
pub struct Output {
    pub(super) sink: Sink,
    /// How many bytes the program may write without asking again.
    pub(super) permit: u64,
    pub(super) is_closed: bool,
}

#[derive(Clone)]
pub(super) enum Sink {
    Standard(Stream),
    File(Arc<FileHandle>, u64),
    Append(Arc<FileHandle>),
    Other(Arc<dyn Writable>),
}

impl Output {
    pub(super) fn standard(stream: Stream) -> Output {
        Output::new(Sink::Standard(stream))
    }

    pub(super) fn file(file: Arc<FileHandle>, position: u64) -> Output {
        Output::new(Sink::File(file, position))
    }

    pub(super) fn append(file: Arc<FileHandle>) -> Output {
        Output::new(Sink::Append(file))
    }

    /// The near end of something else.
    pub(super) fn other(writable: Arc<dyn Writable>) -> Output {
        Output::new(Sink::Other(writable))
    }

    fn new(sink: Sink) -> Output {
        Output {
            sink,
            permit: 0,
            is_closed: false,
        }
    }

    pub(super) fn wait(&self) -> Wait {
        match &self.sink {
            _ if self.is_closed => Wait::Settled(Ok(0)),
            Sink::Standard(stream) => Wait::Stream(*stream),
            Sink::File(..) | Sink::Append(_) => Wait::Settled(Ok(0)),
            Sink::Other(writable) => writable.wait(),
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sink = match self.sink {
            Sink::Standard(_) => "standard output or error",
            Sink::File(..) | Sink::Append(_) => "file",
            Sink::Other(_) => "other",
        };
        f.debug_struct("Output")
            .field("sink", &sink)
            .field("permit", &self.permit)
            .field("is_closed", &self.is_closed)
            .finish()
    }
}
