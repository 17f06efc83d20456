//! Waivers: failures that are known, each with its reason.
//!
//! A suite has one file of them, `waivers/<suite>.txt`. A line waives either
//! one place, `path:line  # reason`, or a whole file, `path  # reason`. A
//! waiver whose test passes is itself a failure, so the list never grows stale.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::harness::Failure;

/// The waivers of one suite.
#[derive(Debug, Default)]
pub struct Waivers {
    /// Per path: the waived lines, or 0 for the whole file.
    lines: BTreeMap<String, BTreeSet<u32>>,
}

/// What the waivers make of the failures of one case.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing failed and nothing was waived.
    Passed,
    /// Everything that failed was waived, everything waived failed.
    Waived,
    /// What is wrong, one line each.
    Failed(Vec<String>),
}

impl Waivers {
    /// Reads `path`; a file that does not exist waives nothing.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or a line is not a waiver with a reason.
    pub fn read(path: &Path) -> Result<Waivers, String> {
        match fs::read_to_string(path) {
            Ok(text) => Waivers::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Waivers::default()),
            Err(error) => Err(format!("failed to read {}: {error}", path.display())),
        }
    }

    /// Parses the text of a waiver file.
    ///
    /// # Errors
    ///
    /// When a line is not a waiver with a reason.
    pub fn parse(text: &str) -> Result<Waivers, String> {
        let mut lines: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let at = index + 1;
            let reason = line
                .split_once('#')
                .map(|(place, reason)| (place.trim(), reason.trim()));
            let Some((place, reason)) = reason else {
                return Err(format!(
                    "line {at}: expected `path:line  # reason`, found no reason"
                ));
            };
            if reason.is_empty() || place.is_empty() {
                return Err(format!(
                    "line {at}: expected `path:line  # reason`, found {line:?}"
                ));
            }
            let (path, number) = match place.rsplit_once(':') {
                Some((path, number)) => match number.parse() {
                    Ok(number) if number > 0 => (path, number),
                    _ => {
                        return Err(format!(
                            "line {at}: expected a line number, found {number:?}"
                        ));
                    }
                },
                None => (place, 0),
            };
            if !lines.entry(path.to_owned()).or_default().insert(number) {
                return Err(format!("line {at}: {place} is waived twice"));
            }
        }
        Ok(Waivers { lines })
    }

    /// Complaints about waivers for files that the suite does not have.
    #[must_use]
    pub fn strangers(&self, paths: &BTreeSet<String>) -> Vec<String> {
        let unknown = self.lines.keys().filter(|path| !paths.contains(*path));
        unknown
            .map(|path| format!("the waiver for {path} names no file of this suite: delete it"))
            .collect()
    }

    /// Judges the failures of the case `path`.
    #[must_use]
    pub fn judge(&self, path: &str, failures: &[Failure]) -> Verdict {
        let none = BTreeSet::new();
        let waived = self.lines.get(path).unwrap_or(&none);
        let whole = waived.contains(&0);
        let mut wrong: Vec<String> = failures
            .iter()
            .filter(|failure| !whole && !waived.contains(&failure.line))
            .map(|failure| failure.describe(path))
            .collect();
        for line in waived {
            let still_fails = match line {
                0 => !failures.is_empty(),
                _ => failures.iter().any(|failure| failure.line == *line),
            };
            if !still_fails {
                let place = if *line == 0 {
                    path.to_owned()
                } else {
                    format!("{path}:{line}")
                };
                wrong.push(format!("{place} is waived and passes: delete its waiver"));
            }
        }
        match (wrong.is_empty(), waived.is_empty()) {
            (true, true) => Verdict::Passed,
            (true, false) => Verdict::Waived,
            (false, _) => Verdict::Failed(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(line: u32) -> Failure {
        Failure::at(line, "wrong")
    }

    #[test]
    fn failures_are_waived_by_line_or_by_file() {
        let waivers =
            Waivers::parse("# head\n\na.wast:3  # not built yet\nb.wast # open\n").unwrap();
        assert_eq!(waivers.judge("a.wast", &[failure(3)]), Verdict::Waived);
        assert_eq!(
            waivers.judge("b.wast", &[failure(9), failure(12)]),
            Verdict::Waived
        );
        assert_eq!(waivers.judge("c.wast", &[]), Verdict::Passed);
        assert_eq!(
            waivers.judge("a.wast", &[failure(3), failure(4)]),
            Verdict::Failed(vec!["a.wast:4: wrong".to_owned()])
        );
    }

    #[test]
    fn a_waiver_that_passes_fails() {
        let waivers = Waivers::parse("a.wast:3 # x\nb.wast # y").unwrap();
        for path in ["a.wast", "b.wast"] {
            let Verdict::Failed(wrong) = waivers.judge(path, &[]) else {
                panic!("{path} must fail");
            };
            assert!(wrong[0].contains("delete its waiver"), "{wrong:?}");
        }
    }

    #[test]
    fn a_waiver_needs_a_reason_a_number_and_a_file() {
        for text in [
            "a.wast:3",
            "a.wast #",
            "a.wast:x # y",
            "a.wast:0 # y",
            "a # y\na # z",
        ] {
            assert!(Waivers::parse(text).is_err(), "{text:?} must be refused");
        }
        let waivers = Waivers::parse("gone.wast # y").unwrap();
        assert_eq!(
            waivers
                .strangers(&BTreeSet::from(["a.wast".to_owned()]))
                .len(),
            1
        );
    }
}
