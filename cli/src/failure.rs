//! How a command fails: an exit status and a report for people.

use std::io;

/// What went wrong, as far as the exit status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A check did not hold, or two things differ.
    Difference,
    /// The command line asks for something that is not there.
    Usage,
    /// A file is unreadable or not what it should be.
    Input,
    /// A component needs an import that nobody offers.
    Link,
    /// A guest trapped.
    Trap,
    /// A program ended itself with this status.
    Exited(u8),
    /// Nobody reads the output any more.
    ClosedOutput,
}

impl Kind {
    /// The exit status.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Difference => 1,
            Self::Usage => 2,
            Self::Input => 3,
            Self::Link => 4,
            // As a shell reports a process that aborted.
            Self::Trap => 134,
            Self::Exited(status) => status,
            Self::ClosedOutput => 0,
        }
    }
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    report: String,
}

/// The result of a command.
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure with a message; the report adds `error: `.
    pub(crate) fn new(kind: Kind, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            report: format!("error: {}", message.as_ref()),
        }
    }

    /// The end of a program that was not content, which has said why; `note` may help.
    pub(crate) fn exited(status: u8, note: &str) -> Self {
        Self {
            kind: Kind::Exited(status),
            report: note.to_owned(),
        }
    }

    /// The failure with more to say.
    pub(crate) fn with_notes(mut self, notes: &str) -> Self {
        if !notes.is_empty() {
            self.report = format!("{}\n{notes}", self.report.trim_end());
        }
        self
    }

    /// The text for standard error; none if there is nothing to say.
    pub(crate) fn report(&self) -> &str {
        &self.report
    }
}

impl From<io::Error> for Failure {
    /// Commands read through libraries that have errors of their own: what fails by itself is
    /// the output.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Kind::ClosedOutput, "nobody reads the output");
        }
        Self::new(Kind::Input, format!("cannot write the output: {error}"))
    }
}

impl From<linkspan_wit::Error> for Failure {
    fn from(error: linkspan_wit::Error) -> Self {
        use linkspan_wit::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::Select => Kind::Usage,
            _ if error.option().is_some() => Kind::Usage,
            _ => Kind::Input,
        };
        Self {
            kind,
            report: error.render(),
        }
    }
}

impl From<linkspan::Error> for Failure {
    fn from(error: linkspan::Error) -> Self {
        use linkspan::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::Link => Kind::Link,
            ErrorKind::Trap => Kind::Trap,
            ErrorKind::Wave => Kind::Usage,
            _ => Kind::Input,
        };
        let help = match error.downcast_ref::<linkspan::LinkReport>() {
            Some(_) => {
                "\n  = help: `--plug FILE` fills imports with the exports of another component"
            }
            None => "",
        };
        Self::new(kind, format!("{error:#}{help}"))
    }
}
