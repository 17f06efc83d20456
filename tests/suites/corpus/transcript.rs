//! What a guest was seen to do, line by line, against what it must do.

use linkspan::Val;
use linkspan::types::Type;
use linkspan_tests::harness::Failure;
use linkspan_tests::notation;

/// The lines of an expectation and how far it was met.
pub(crate) struct Transcript<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    pub(crate) failures: Vec<Failure>,
}

impl<'a> Transcript<'a> {
    pub(crate) fn new(text: &'a str) -> Transcript<'a> {
        Transcript {
            lines: text.lines().enumerate(),
            failures: Vec::new(),
        }
    }

    fn next(&mut self) -> (u32, &'a str) {
        for (index, line) in self.lines.by_ref() {
            if !line.starts_with('#') && !line.trim().is_empty() {
                return (u32::try_from(index + 1).unwrap_or(u32::MAX), line);
            }
        }
        (0, "")
    }

    /// The next line is this text.
    pub(crate) fn line(&mut self, found: &str) {
        let (line, expected) = self.next();
        if expected.trim() != found.trim() {
            self.failures.push(Failure::at(
                line,
                format!("expected {expected:?}, found {found:?}"),
            ));
        }
    }

    /// The next line is `label`, a space, and this value.
    pub(crate) fn value(&mut self, label: &str, ty: Type<'_>, found: &Val) {
        let (line, expected) = self.next();
        let outcome = match expected.strip_prefix(label) {
            None => Err(format!("expected {expected:?}, found {label} {found:?}")),
            Some(text) => notation::read(text)
                .and_then(|node| notation::typed(&node, ty))
                .and_then(|value| match value == *found {
                    true => Ok(()),
                    false => Err(format!("{label}: expected {value:?}, found {found:?}")),
                }),
        };
        if let Err(text) = outcome {
            self.failures.push(Failure::at(line, text));
        }
    }

    /// There are no more lines; all that was wrong.
    pub(crate) fn end(mut self) -> Vec<Failure> {
        let (line, rest) = self.next();
        if !rest.is_empty() {
            self.failures.push(Failure::at(
                line,
                format!("expected {rest:?}, found the end"),
            ));
        }
        self.failures
    }
}
