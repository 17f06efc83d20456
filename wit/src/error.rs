//! Errors and diagnostics of this crate, with places in WIT sources.
//!
//! A [`Diagnostic`] is data: a message, labelled places, notes and help. [`Error`] is one word
//! that owns a diagnostic and a kind. Nothing here reads files or knows the parser; rendering as
//! text is in the module `render`.
//!
//! Invariants: messages are lower case without a full stop; a label carries its own line of
//! source, so that an error outlives the sources it speaks of.

use std::fmt;

use crate::render;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an [`Error`] is about; tools choose exit codes and colours by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file or folder could not be read.
    Io,
    /// Text is not WIT: the lexical or syntactic rules, or a name unknown inside its package.
    Parse,
    /// Packages do not fit together: an unknown package, a cycle, a conflict.
    Resolve,
    /// A WebAssembly binary (or its text form) is malformed or is no component.
    Decode,
    /// A world or interface that was asked for does not exist or is not unique.
    Select,
    /// A limit of [`Limits`](crate::load::Limits) was exceeded.
    Limit,
    /// Options or names with which no bindings can be generated.
    Generate,
    /// The parser underneath gave up in a way it should not: a bug.
    Internal,
}

/// An error of this crate: one word, with a [`Diagnostic`] inside.
///
/// `{}` shows one line with the first place; `{:#}` shows the whole report with source lines.
///
/// ```
/// let error = linkspan_wit::PackageSet::from_text("a.wit", "package a:b; interface i { f: func( }")
///     .unwrap_err();
/// assert_eq!(error.kind(), linkspan_wit::ErrorKind::Parse);
/// assert_eq!(error.diagnostic().labels[0].location.to_string(), "a.wit:1:37");
/// assert!(format!("{error:#}").contains("--> a.wit:1:37"));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    diagnostic: Diagnostic,
    source: Option<std::io::Error>,
    option: Option<(&'static str, String)>,
}

impl Error {
    /// An error with a message and nothing else.
    #[cold]
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::from_diagnostic(kind, Diagnostic::error(message))
    }

    /// An error that says what `diagnostic` says.
    #[cold]
    pub(crate) fn from_diagnostic(kind: ErrorKind, diagnostic: Diagnostic) -> Self {
        Self(Box::new(Inner {
            kind,
            diagnostic,
            source: None,
            option: None,
        }))
    }

    /// An error about a file that could not be read.
    #[cold]
    pub(crate) fn io(message: impl Into<String>, source: std::io::Error) -> Self {
        let mut error = Self::new(ErrorKind::Io, message);
        error.0.diagnostic.notes.push(source.to_string());
        error.0.source = Some(source);
        error
    }

    /// Adds a line of advice.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.diagnostic.help.push(help.into());
        self
    }

    /// Adds a line of background.
    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.0.diagnostic.notes.push(note.into());
        self
    }

    /// Adds a place.
    pub(crate) fn with_label(mut self, label: impl Into<Option<Label>>) -> Self {
        self.0.diagnostic.labels.extend(label.into());
        self
    }

    /// Says which option of the bindings, and which key of it, the error is about.
    pub(crate) fn with_option(mut self, option: &'static str, key: impl Into<String>) -> Self {
        self.0.option = Some((option, key.into()));
        self
    }

    /// The option of the bindings, as a field of [`Options`](crate::bindgen::Options), and the key
    /// in it that the error is about, as it was given; the key is empty for an option without keys.
    #[must_use]
    pub fn option(&self) -> Option<(&str, &str)> {
        let option = self.0.option.as_ref();
        option.map(|(option, key)| (*option, key.as_str()))
    }

    /// What the error is about.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message, places, notes and help as data.
    #[must_use]
    pub fn diagnostic(&self) -> &Diagnostic {
        &self.0.diagnostic
    }

    /// The whole report as plain text, ending in a line feed.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.diagnostic.render()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.write_str(self.render().trim_end());
        }
        self.0.diagnostic.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `unwrap` and `main` show errors by `Debug`: a person reads it.
        f.write_str(self.render().trim_end())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}

/// How much a [`Diagnostic`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Probably not what was meant.
    Warning,
    /// The operation failed.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Something to tell a person, with the places it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// One line: what was expected, what was found.
    pub message: String,
    /// Places; the first is the one the message is about.
    pub labels: Vec<Label>,
    /// Lines of background, such as the causes of the failure, outermost first.
    pub notes: Vec<String>,
    /// Lines of advice.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic without places.
    #[must_use]
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// An error without places.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// The whole report as plain text, ending in a line feed.
    #[must_use]
    pub fn render(&self) -> String {
        render::diagnostic(self)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = self.labels.first() {
            write!(f, "{}: ", label.location)?;
        }
        f.write_str(&self.message)
    }
}

/// A place in a source, with the line that it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where the marked text begins.
    pub location: Location,
    /// How many characters are marked, on this line; at least 1.
    pub width: u32,
    /// The line, without its line feed.
    pub line_text: String,
    /// What is to be said about the marked text; may be empty.
    pub message: String,
}

/// A position in a source file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file as it was named to the loader.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Offset in bytes from the start of the file.
    pub offset: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
