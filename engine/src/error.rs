//! The crate's one error type: a boxed word with a kind, a message, and what
//! is known beside it (offset, path, trap, backtrace, the host's own error).

use core::any::Any;
use core::fmt;
use std::sync::{Mutex, PoisonError};

use crate::config::Proposal;
use crate::runtime::{Backtrace, Exception};
use crate::trap::Trap;

/// What went wrong, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text format could not be parsed.
    Text,
    /// The bytes are not a WebAssembly module.
    Malformed,
    /// The module breaks a rule of validation.
    Invalid,
    /// The module, or the configuration, needs a proposal that is off or not
    /// built.
    Unsupported,
    /// Imports are missing or have other types.
    Link,
    /// A guest trapped.
    Trap,
    /// An exception was thrown that no guest has caught.
    Exception,
    /// A limit of the engine or of the store was reached.
    Limit,
    /// A host function failed or panicked.
    Host,
    /// The embedder used the interface in a way that has no meaning: a
    /// handle of another store, arguments of other types.
    Usage,
    /// A file could not be read.
    Io,
}

/// An error, with all that is known about its cause.
///
/// `Display` prints one message with its place: `failed to validate module:
/// type mismatch (at offset 0x1f)`. The backtrace is printed by the
/// alternate form `{:#}` only.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    /// Context, outermost last.
    path: Vec<String>,
    offset: Option<u64>,
    proposal: Option<Proposal>,
    trap: Option<Trap>,
    exception: Option<Exception>,
    backtrace: Option<Backtrace>,
    source: Option<Box<dyn core::error::Error + Send + Sync>>,
    panic: Option<Mutex<Option<Box<dyn Any + Send>>>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    #[cold]
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            path: Vec::new(),
            offset: None,
            proposal: None,
            trap: None,
            exception: None,
            backtrace: None,
            source: None,
            panic: None,
        }))
    }

    /// An error of the host, for host functions to answer with. It comes out
    /// unchanged where the host called the guest, and
    /// [`downcast_ref`](Error::downcast_ref) finds `source` again.
    #[cold]
    #[must_use]
    pub fn host(source: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Error {
        Error::boxed(ErrorKind::Host, source.into())
    }

    /// An error of `kind` that carries `source` and says what it says.
    #[cold]
    pub(crate) fn from_source(
        kind: ErrorKind,
        source: impl core::error::Error + Send + Sync + 'static,
    ) -> Error {
        Error::boxed(kind, Box::new(source))
    }

    fn boxed(kind: ErrorKind, source: Box<dyn core::error::Error + Send + Sync>) -> Error {
        let mut error = Error::new(kind, source.to_string());
        error.0.source = Some(source);
        error
    }

    /// An error of the host that says `message`.
    #[cold]
    #[must_use]
    pub fn msg(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Host, message)
    }

    #[cold]
    pub(crate) fn usage(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Usage, message)
    }

    #[cold]
    pub(crate) fn limit(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Limit, message)
    }

    #[cold]
    pub(crate) fn link(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Link, message)
    }

    /// A host function panicked with `payload`.
    #[cold]
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Error {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("(no text)");
        let mut error = Error::new(ErrorKind::Host, format!("host function panicked: {text}"));
        error.0.panic = Some(Mutex::new(Some(payload)));
        error
    }

    /// Nobody has caught `exception`.
    #[cold]
    pub(crate) fn uncaught(exception: Exception) -> Error {
        let message = format!("uncaught exception: {exception}");
        let mut error = Error::new(ErrorKind::Exception, message);
        error.0.exception = Some(exception);
        error
    }

    /// The same failure, but a host function that answers with it stops the
    /// guest instead of throwing again.
    #[cold]
    #[must_use]
    pub fn without_exception(mut self) -> Error {
        self.0.exception = None;
        self
    }

    #[cold]
    pub(crate) fn with_offset(mut self, offset: u64) -> Error {
        self.0.offset = Some(offset);
        self
    }

    #[cold]
    pub(crate) fn with_proposal(mut self, proposal: Proposal) -> Error {
        self.0.proposal = Some(proposal);
        self
    }

    /// Says around which task the error happened: `context` is printed in
    /// front of everything said so far.
    #[cold]
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Error {
        self.0.path.push(context.into());
        self
    }

    /// What went wrong, in one word.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message without its context.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The context, outermost first.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.0.path.iter().rev().map(String::as_str)
    }

    /// Where in the binary the error is, in bytes from its start.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The proposal that would have to be on.
    #[must_use]
    pub fn proposal(&self) -> Option<Proposal> {
        self.0.proposal
    }

    /// The trap, if a guest trapped.
    #[must_use]
    pub fn trap(&self) -> Option<Trap> {
        self.0.trap
    }

    /// The exception, if one was thrown that no guest has caught. A host
    /// function that answers with the error throws it again.
    #[must_use]
    pub fn exception(&self) -> Option<&Exception> {
        self.0.exception.as_ref()
    }

    /// Where the guest was when it trapped or threw, or when its host call failed.
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }

    /// The host's error that this one carries, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: core::error::Error + 'static>(&self) -> Option<&E> {
        self.0.source.as_ref()?.downcast_ref()
    }

    /// What a host function panicked with, once: for an embedder that would
    /// rather unwind (`std::panic::resume_unwind`) than handle an error.
    #[must_use]
    pub fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        let cell = self.0.panic.as_ref()?;
        cell.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The backtrace, made if there is none, for the driver to add frames.
    pub(crate) fn backtrace_mut(&mut self) -> &mut Backtrace {
        self.0.backtrace.get_or_insert_default()
    }
}

impl From<Trap> for Error {
    #[cold]
    fn from(trap: Trap) -> Error {
        let mut error = Error::new(ErrorKind::Trap, trap.text());
        error.0.trap = Some(trap);
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.path() {
            write!(f, "{context}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(offset) = self.0.offset {
            write!(f, " (at offset 0x{offset:x})")?;
        }
        if f.alternate()
            && let Some(backtrace) = &self.0.backtrace
        {
            write!(f, "\n{backtrace}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self:#}", self.0.kind)
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        // `Display` already prints what the source says, so the chain goes
        // on behind it.
        self.0.source.as_ref()?.source()
    }
}

/// The crate's result.
pub type Result<T, E = Error> = core::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_prints_path_message_offset() {
        let error = Error::new(ErrorKind::Invalid, "type mismatch")
            .with_offset(31)
            .context("function 3")
            .context("failed to validate module");
        assert_eq!(
            error.to_string(),
            "failed to validate module: function 3: type mismatch (at offset 0x1f)"
        );
        assert_eq!(error.path().next(), Some("failed to validate module"));
    }

    #[test]
    fn error_is_one_word_and_crosses_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn host_errors_come_back() {
        let error = Error::host(std::io::Error::other("disk"));
        assert!(error.downcast_ref::<std::io::Error>().is_some());
        assert!(error.downcast_ref::<fmt::Error>().is_none());
        assert_eq!(error.to_string(), "disk");
    }

    #[test]
    fn panics_are_handed_out_once() {
        let error = Error::panicked(Box::new("boom"));
        assert_eq!(error.to_string(), "host function panicked: boom");
        assert!(error.take_panic().is_some());
        assert!(error.take_panic().is_none());
    }
}
