//! The crate's one error: a boxed word with a kind, a path that says where,
//! an offset if the error is about bytes, and what the layer below reported.
//!
//! Errors of the engine and of the canonical ABI are converted here, and
//! errors of this crate that travel through guest frames come out unchanged.

use std::fmt;

use linkspan_canon_abi as abi;
use linkspan_engine as core;

use crate::features::Accepted;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes or the text are not a component.
    Parse,
    /// The component breaks a rule of validation.
    Validate,
    /// An import is missing or is not what the component asks for.
    Link,
    /// A value or a Rust type does not fit a component-level type.
    Type,
    /// A guest trapped, or its instance has trapped before.
    Trap,
    /// A handle of the host is stale, of another type, or in use.
    Resource,
    /// Text is not a value in the WebAssembly value encoding.
    Wave,
    /// Text is not a value in JSON.
    Json,
    /// A host function failed or panicked, or the host misused the interface.
    Host,
    /// A file could not be read.
    Io,
    /// A limit was reached.
    Limit,
    /// The component needs a part of the component model that is not built.
    Unsupported,
}

/// Any failure of decoding, linking, instantiating or calling a component.
///
/// `Display` prints one line: the path from the outside in, the message, and
/// the offset in the binary. The alternate form (`{:#}`) adds the guest's
/// backtrace.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    /// Innermost first, as an error collects it on its way out.
    path: Vec<String>,
    offset: Option<u64>,
    cause: Option<Cause>,
    /// The guest's frames, if the engine's error is not the cause.
    backtrace: Option<core::Backtrace>,
}

enum Cause {
    Engine(core::Error),
    Abi(abi::Trap),
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An error of the given kind.
    #[cold]
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            path: Vec::new(),
            offset: None,
            cause: None,
            backtrace: None,
        }))
    }

    /// An error of a host function, with the text that the caller of the
    /// guest shall see.
    #[cold]
    #[must_use]
    pub fn msg(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Host, message)
    }

    /// An error of a host function, wrapped: [`Error::downcast_ref`] gives it
    /// back to the caller of the guest.
    #[cold]
    #[must_use]
    pub fn host(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let source = source.into();
        let mut error = Error::new(ErrorKind::Host, source.to_string());
        error.0.cause = Some(Cause::Other(source));
        error
    }

    /// Puts a segment in front of the path.
    #[cold]
    #[must_use]
    pub fn within(mut self, segment: impl Into<String>) -> Error {
        self.0.path.push(segment.into());
        self
    }

    /// Sets the offset in the binary, unless one is known.
    #[cold]
    #[must_use]
    pub(crate) fn at(mut self, offset: u64) -> Error {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Whether the host made a mistake that says nothing about the guest: a
    /// value of another type, a stale handle.
    pub(crate) fn is_misuse(&self) -> bool {
        match self.0.kind {
            ErrorKind::Type | ErrorKind::Resource => true,
            ErrorKind::Parse
            | ErrorKind::Validate
            | ErrorKind::Link
            | ErrorKind::Trap
            | ErrorKind::Wave
            | ErrorKind::Json
            | ErrorKind::Host
            | ErrorKind::Io
            | ErrorKind::Limit
            | ErrorKind::Unsupported => false,
        }
    }

    /// Moves an offset that counts from `base`.
    #[cold]
    #[must_use]
    pub(crate) fn shifted(mut self, base: u64) -> Error {
        self.0.offset = self.0.offset.map(|offset| offset.saturating_add(base));
        self
    }

    /// What the error is about.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message without path and offset.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where the error happened, outermost first: imports, instances,
    /// functions, parameters, fields.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.0.path.iter().rev().map(String::as_str)
    }

    /// Where in the binary, if the error is about bytes.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The trap of core WebAssembly, if a guest caused one.
    #[must_use]
    pub fn trap(&self) -> Option<core::Trap> {
        match &self.0.cause {
            Some(Cause::Engine(error)) => error.trap(),
            Some(Cause::Abi(_) | Cause::Other(_)) | None => None,
        }
    }

    /// The trap of the canonical ABI, if a guest caused one.
    #[must_use]
    pub fn abi_trap(&self) -> Option<&abi::Trap> {
        match &self.0.cause {
            Some(Cause::Abi(trap)) => Some(trap),
            Some(Cause::Engine(_) | Cause::Other(_)) | None => None,
        }
    }

    /// The frames of the guest when it stopped.
    #[must_use]
    pub fn backtrace(&self) -> Option<&core::Backtrace> {
        match &self.0.cause {
            Some(Cause::Engine(error)) => error.backtrace(),
            Some(Cause::Abi(_) | Cause::Other(_)) | None => None,
        }
        .or(self.0.backtrace.as_ref())
    }

    /// What a host function failed with, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        match &self.0.cause {
            Some(Cause::Engine(error)) => error.downcast_ref(),
            Some(Cause::Other(error)) => error.downcast_ref(),
            Some(Cause::Abi(_)) | None => None,
        }
    }

    /// The payload of a host function's panic, once: pass it to
    /// [`std::panic::resume_unwind`] to let the panic go on.
    #[must_use]
    pub fn take_panic(&self) -> Option<Box<dyn std::any::Any + Send>> {
        match &self.0.cause {
            Some(Cause::Engine(error)) => error.take_panic(),
            Some(Cause::Abi(_) | Cause::Other(_)) | None => None,
        }
    }
}

/// Constructors for this crate.
impl Error {
    #[cold]
    pub(crate) fn malformed(error: wasmparser::Error) -> Error {
        Error::refused(ErrorKind::Parse, &error)
    }

    #[cold]
    pub(crate) fn invalid(error: wasmparser::Error) -> Error {
        Error::refused(ErrorKind::Validate, &error)
    }

    /// What the validator says; a proposal that is off is named.
    fn refused(kind: ErrorKind, error: &wasmparser::Error) -> Error {
        let message = error.message();
        match error.missing_wasm_feature().and_then(Accepted::advice) {
            Some(advice) => Error::new(ErrorKind::Unsupported, format!("{advice}: {message}")),
            None => Error::new(kind, message),
        }
        .at(error.offset())
    }

    #[cold]
    pub(crate) fn not_a_component() -> Error {
        Error::new(
            ErrorKind::Parse,
            "expected a component, found a core module: load it with `linkspan::core::Module`, \
             or turn it into a component with `wasm-tools component new`",
        )
    }

    #[cold]
    pub(crate) fn limit(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Limit, message)
    }

    #[cold]
    pub(crate) fn link(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Link, message)
    }

    #[cold]
    pub(crate) fn ty(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Type, message)
    }

    #[cold]
    pub(crate) fn resource(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Resource, message)
    }

    #[cold]
    pub(crate) fn unsupported(what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Unsupported, format!("{what} not supported yet"))
    }

    /// An error that says what `source` says, and carries it.
    #[cold]
    pub(crate) fn caused(
        kind: ErrorKind,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> Error {
        let mut error = Error::new(kind, source.to_string());
        error.0.cause = Some(Cause::Other(source));
        error
    }

    /// For facts that validation guarantees: an answer instead of a panic
    /// should a validator ever let one slip.
    #[cold]
    pub(crate) fn inconsistent(what: &str) -> Error {
        Error::new(
            ErrorKind::Validate,
            format!("inconsistent component: {what}"),
        )
    }
}

impl From<core::Error> for Error {
    /// An error of this crate that crossed guest frames is unwrapped; any
    /// other is kept as the cause.
    #[cold]
    fn from(error: core::Error) -> Error {
        if let Some(carried) = error.downcast_ref::<Carried>() {
            return carried.take(&error);
        }
        let kind = match error.kind() {
            core::ErrorKind::Text | core::ErrorKind::Malformed => ErrorKind::Parse,
            core::ErrorKind::Invalid => ErrorKind::Validate,
            core::ErrorKind::Unsupported => ErrorKind::Unsupported,
            core::ErrorKind::Link => ErrorKind::Link,
            // Components do not see each other's exceptions, and neither
            // does the host: at a component's boundary they are traps.
            core::ErrorKind::Trap | core::ErrorKind::Exception => ErrorKind::Trap,
            core::ErrorKind::Limit => ErrorKind::Limit,
            core::ErrorKind::Io => ErrorKind::Io,
            // The engine's list of kinds may grow.
            _ => ErrorKind::Host,
        };
        let mut out = Error::new(kind, error.message());
        out.0.path = error.path().map(String::from).collect();
        out.0.path.reverse();
        out.0.offset = error.offset();
        out.0.cause = Some(Cause::Engine(error));
        out
    }
}

impl From<abi::Error> for Error {
    #[cold]
    fn from(error: abi::Error) -> Error {
        let (kind, path) = error.into_parts();
        let path = path.to_string();
        let mut out = match kind {
            abi::ErrorKind::Trap(trap) => {
                let mut out = Error::new(ErrorKind::Trap, trap.to_string());
                out.0.cause = Some(Cause::Abi(trap));
                out
            }
            abi::ErrorKind::Guest(source) => match source.downcast::<Error>() {
                Ok(error) => *error,
                Err(source) => match source.downcast::<core::Error>() {
                    Ok(error) => Error::from(*error),
                    Err(source) => Error::host(source),
                },
            },
            abi::ErrorKind::Type(text) => Error::ty(text),
            abi::ErrorKind::Value { expected, found } => Error::ty(format!(
                "expected a value of type {expected}, found {found}"
            )),
            abi::ErrorKind::Mismatch { expected, found } => {
                Error::ty(format!("expected {expected}, found {found}"))
            }
        };
        if !path.is_empty() {
            out.0.path.push(path);
        }
        out
    }
}

impl From<abi::Trap> for Error {
    #[cold]
    fn from(trap: abi::Trap) -> Error {
        abi::Error::from(trap).into()
    }
}

impl From<std::io::Error> for Error {
    #[cold]
    fn from(error: std::io::Error) -> Error {
        let mut out = Error::new(ErrorKind::Io, error.to_string());
        out.0.cause = Some(Cause::Other(Box::new(error)));
        out
    }
}

/// An error of this crate on its way through guest frames, which carry only
/// the engine's error type. It is taken out where the guest was called.
struct Carried(std::sync::Mutex<Option<Error>>);

impl Carried {
    fn take(&self, carrier: &core::Error) -> Error {
        let inner = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        let mut error = inner.unwrap_or_else(|| Error::new(ErrorKind::Host, carrier.message()));
        // The innermost guest's frames are the ones that say most.
        if error.backtrace().is_none() {
            error.0.backtrace = carrier.backtrace().cloned();
        }
        error
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried")
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*guard {
            Some(error) => fmt::Display::fmt(error, f),
            None => f.write_str("error of a host function"),
        }
    }
}

impl std::error::Error for Carried {}

impl From<Error> for core::Error {
    /// The form in which an error crosses guest frames.
    #[cold]
    fn from(error: Error) -> core::Error {
        let inner = *error.0;
        match inner {
            // What the engine itself reported goes on as it was, except for
            // an exception, which the guest would see as thrown again.
            Inner {
                path,
                cause: Some(Cause::Engine(engine)),
                ..
            } if path.len() == engine.path().count() && engine.exception().is_none() => engine,
            inner => {
                core::Error::host(Carried(std::sync::Mutex::new(Some(Error(Box::new(inner))))))
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in self.path() {
            write!(f, "{segment}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(offset) = self.0.offset {
            write!(f, " (at offset {offset:#x})")?;
        }
        if f.alternate()
            && let Some(backtrace) = self.backtrace()
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

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Some(Cause::Engine(error)) => error.source(),
            Some(Cause::Other(error)) => error.source(),
            Some(Cause::Abi(_)) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_one_word_and_crosses_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Error>();
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn path_is_printed_from_the_outside_in() {
        let error = Error::ty("expected u32, found string")
            .at(31)
            .within("parameter \"a\"")
            .within("function \"f\"");
        assert_eq!(
            error.to_string(),
            "function \"f\": parameter \"a\": expected u32, found string (at offset 0x1f)"
        );
    }

    #[test]
    fn errors_cross_guest_frames_unchanged() {
        let error = Error::resource("stale handle").within("drop");
        let back = Error::from(core::Error::from(error));
        assert_eq!(back.kind(), ErrorKind::Resource);
        assert_eq!(back.to_string(), "drop: stale handle");
    }

    #[test]
    fn traps_of_the_engine_keep_their_code() {
        let error = Error::from(core::Error::from(core::Trap::Unreachable));
        assert_eq!(error.trap(), Some(core::Trap::Unreachable));
        let back = Error::from(core::Error::from(error));
        assert_eq!(back.trap(), Some(core::Trap::Unreachable));
    }

    #[test]
    fn traps_of_the_abi_are_data() {
        let error = Error::from(abi::Trap::CannotLeave);
        assert_eq!(error.abi_trap(), Some(&abi::Trap::CannotLeave));
        assert_eq!(error.kind(), ErrorKind::Trap);
    }
}
