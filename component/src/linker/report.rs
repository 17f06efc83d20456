//! What linking found out about each import, as data: all of it at once,
//! whether it is fine or not.
//!
//! A report is made by [`Linker::check`](super::Linker::check) and carried by
//! the error of a failed link. It prints for people; programs read its fields.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::names::ItemPath;

/// One import of a component and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkImport {
    /// Its interface, if it has one, then its name.
    pub path: ItemPath,
    /// What the component asks for.
    pub expected: String,
    /// Whether it was found.
    pub state: LinkState,
}

/// What became of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkState {
    /// A definition of the right type was found.
    Satisfied {
        /// Its name, which may be that of a compatible version or of the
        /// interface that the import implements.
        by: ItemPath,
        /// What it is.
        source: LinkSource,
        /// What compatible versions of the interface share, such as `0.2` or
        /// `1`, if its name has a version.
        track: Option<String>,
    },
    /// There is no definition; the problem of the same path says more.
    Missing,
    /// There is a definition of another kind or type; the problem of the
    /// same path says more.
    Mismatched,
}

/// What an import is satisfied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkSource {
    /// A function of the host.
    HostFunc,
    /// A function that another instance exports.
    InstanceFunc,
    /// A function that stands in for one that nobody defined.
    Stub,
    /// A resource type.
    Resource,
    /// A core module.
    Module,
    /// A component.
    Component,
    /// A value.
    Value,
}

impl LinkSource {
    /// A word or two for people and tools.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LinkSource::HostFunc => "host func",
            LinkSource::InstanceFunc => "instance func",
            LinkSource::Stub => "stub",
            LinkSource::Resource => "resource",
            LinkSource::Module => "core module",
            LinkSource::Component => "component",
            LinkSource::Value => "value",
        }
    }
}

/// One place at which a definition is of another type than the import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkDifference {
    /// Where in the type, from the parameter or `result` inwards, such as
    /// `req.headers[].1`; empty for the type as a whole.
    pub path: String,
    /// What the component asks for at that place.
    pub expected: String,
    /// What is defined there.
    pub found: String,
}

impl LinkDifference {
    pub(crate) fn new(
        path: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> LinkDifference {
        LinkDifference {
            path: path.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// Differences on their way to a report, as the cause of an error whose path
/// says where they stand.
#[derive(Debug)]
pub(crate) struct Differences(pub(crate) Vec<LinkDifference>);

impl Differences {
    /// The differences as an error.
    pub(crate) fn into_error(self) -> Error {
        Error::caused(ErrorKind::Link, Box::new(self))
    }

    /// One difference without a path, as an error.
    pub(crate) fn error(expected: impl Into<String>, found: impl Into<String>) -> Error {
        Differences(vec![LinkDifference::new("", expected, found)]).into_error()
    }

    /// The differences behind an error, each with the error's path in front of
    /// its own.
    pub(crate) fn of(error: &Error) -> Option<Vec<LinkDifference>> {
        let Differences(differences) = error.downcast_ref()?;
        let path: Vec<&str> = error.path().collect();
        let place = |inner: &str| {
            let mut segments = path.clone();
            segments.extend((!inner.is_empty()).then_some(inner));
            segments.join(" ")
        };
        let differences = differences.iter();
        let differences = differences.map(|difference| LinkDifference {
            path: place(&difference.path),
            ..difference.clone()
        });
        Some(differences.collect())
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, difference) in self.0.iter().enumerate() {
            let lead = if i == 0 { "" } else { "; " };
            write!(f, "{lead}{difference}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Differences {}

impl From<linkspan_canon_abi::Error> for LinkDifference {
    fn from(error: linkspan_canon_abi::Error) -> LinkDifference {
        let path = error.path().to_string();
        match error.kind() {
            linkspan_canon_abi::ErrorKind::Mismatch { expected, found } => {
                LinkDifference::new(path, expected.as_str(), found.as_str())
            }
            _ => LinkDifference::new(path, "types that can be compared", error.to_string()),
        }
    }
}

impl fmt::Display for LinkDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        let (expected, found) = (short(&self.expected), short(&self.found));
        write!(f, "expected {expected}, found {found}")
    }
}

/// A definition that could be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkOffer {
    /// A name that a typing mistake could have made of the one asked for.
    Similar(ItemPath),
    /// The same name in a version that is not compatible.
    OtherVersion(ItemPath),
    /// A definition of the same name in another interface.
    Elsewhere(ItemPath),
}

impl LinkOffer {
    /// The definition.
    #[must_use]
    pub fn path(&self) -> &ItemPath {
        match self {
            LinkOffer::Similar(path)
            | LinkOffer::OtherVersion(path)
            | LinkOffer::Elsewhere(path) => path,
        }
    }
}

/// One import that is missing or does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkProblem {
    /// The import: its interface, if it has one, then its name. Empty if the
    /// problem is with the component as a whole.
    pub path: ItemPath,
    /// What the component asks for.
    pub expected: String,
    /// What is defined in its place; `None` if nothing is.
    pub found: Option<String>,
    /// Where the type of the definition differs, each place once.
    pub differences: Vec<LinkDifference>,
    /// What is defined instead, the most likely first.
    pub offers: Vec<LinkOffer>,
    /// What could be meant or done, in words.
    pub hint: Option<String>,
}

impl LinkProblem {
    pub(crate) fn new(path: ItemPath, expected: String) -> LinkProblem {
        LinkProblem {
            path,
            expected,
            found: None,
            differences: Vec::new(),
            offers: Vec::new(),
            hint: None,
        }
    }

    /// The problem behind `lead`, which names the import. Lines that follow
    /// start with `indent`.
    fn print(
        &self,
        f: &mut fmt::Formatter<'_>,
        lead: &str,
        indent: &str,
        shared_hint: bool,
    ) -> fmt::Result {
        f.write_str(lead)?;
        let hint = self.hint.as_deref().filter(|_| !shared_hint);
        let expected = short(&self.expected);
        let Some(found) = &self.found else {
            write!(f, "expected {expected}, found nothing")?;
            return hint.map_or(Ok(()), |hint| write!(f, ": {hint}"));
        };
        match self.differences.as_slice() {
            [] => write!(f, "expected {expected}, found {}", short(found))?,
            differences => {
                f.write_str("the definition is of another type")?;
                for difference in differences {
                    write!(f, "{indent}{difference}")?;
                }
                // Places in a type mean little to whoever has not the type at
                // hand; modules and components have none that fits a line.
                if self.expected.contains('(') {
                    write!(f, "{indent}the component asks for {expected}")?;
                    write!(f, "{indent}the definition is {}", short(found))?;
                }
                return hint.map_or(Ok(()), |hint| write!(f, "{indent}{hint}"));
            }
        }
        hint.map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

impl fmt::Display for LinkProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lead = match self.path.names() {
            [] => String::new(),
            _ => format!("{}: ", self.path),
        };
        self.print(f, &lead, "\n  ", false)
    }
}

/// Characters of a type that a line of a report shows; the problem itself has
/// all of it.
const TYPE_CHARS_MAX: usize = 100;

/// A type, cut to what fits into a line.
fn short(ty: &str) -> String {
    match ty.char_indices().nth(TYPE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &ty[..end]),
        None => ty.to_owned(),
    }
}

/// Problems of one interface, or of the imports that stand in none: a hint
/// that all share is said once.
fn print_group(
    f: &mut fmt::Formatter<'_>,
    interface: &str,
    problems: &[&LinkProblem],
) -> fmt::Result {
    let (mut indent, mut skip, mut shared) = ("\n  ", 0, None);
    if !interface.is_empty() {
        write!(f, "\n  {interface}")?;
        (indent, skip) = ("\n    ", 1);
        shared = problems.first().and_then(|first| first.hint.as_deref());
        shared = shared.filter(|hint| problems.iter().all(|p| p.hint.as_deref() == Some(hint)));
        if let Some(hint) = shared {
            write!(f, ": {hint}")?;
        }
    }
    for problem in problems {
        let lead = match problem.path.names() {
            [] => indent.to_owned(),
            names => format!("{indent}{}: ", names[skip..].join(" → ")),
        };
        problem.print(f, &lead, &format!("{indent}  "), shared.is_some())?;
    }
    Ok(())
}

/// Everything that is known about linking one component with one linker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkReport {
    imports: Vec<LinkImport>,
    problems: Vec<LinkProblem>,
}

impl LinkReport {
    /// All imports in the order of the component, satisfied or not.
    #[must_use]
    pub fn imports(&self) -> &[LinkImport] {
        &self.imports
    }

    /// What keeps the component from being linked, in the order of its
    /// imports.
    #[must_use]
    pub fn problems(&self) -> &[LinkProblem] {
        &self.problems
    }

    /// Whether the component can be linked.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// The report behind an error, or the error as the only problem.
    pub(crate) fn of(error: &Error) -> LinkReport {
        match error.downcast_ref::<LinkReport>() {
            Some(report) => report.clone(),
            None => LinkReport {
                imports: Vec::new(),
                problems: vec![whole(error)],
            },
        }
    }

    /// Adds an error that is about the component as a whole.
    pub(crate) fn push_error(&mut self, error: &Error) {
        match error.downcast_ref::<LinkReport>() {
            Some(report) => self.problems.extend(report.problems.iter().cloned()),
            None => self.problems.push(whole(error)),
        }
    }

    pub(crate) fn push(&mut self, problem: LinkProblem) {
        self.problems.push(problem);
    }

    pub(super) fn push_import(&mut self, import: LinkImport) {
        self.imports.push(import);
    }

    /// Makes the state of each import agree with its problem.
    pub(super) fn settle(&mut self) {
        let problems: BTreeMap<&ItemPath, &LinkProblem> = self
            .problems
            .iter()
            .map(|problem| (&problem.path, problem))
            .collect();
        for import in &mut self.imports {
            if let Some(problem) = problems.get(&import.path) {
                import.state = match problem.found {
                    None => LinkState::Missing,
                    Some(_) => LinkState::Mismatched,
                };
            }
        }
    }

    /// The report as the error of a failed link.
    pub(crate) fn into_error(self) -> Error {
        Error::caused(ErrorKind::Link, Box::new(self))
    }
}

/// An error as the problem of a component.
fn whole(error: &Error) -> LinkProblem {
    let mut problem = LinkProblem::new(
        ItemPath::default(),
        "a component that can be linked".to_owned(),
    );
    problem.found = Some(format!("this one: {error}"));
    problem
}

/// One line for a single problem without details; otherwise one for each
/// interface, and those of each problem in it. Satisfied imports are not told.
impl fmt::Display for LinkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = &self.problems[..] {
            let word = if problem.path.names().is_empty() {
                ""
            } else {
                "import "
            };
            return write!(f, "{word}{problem}");
        }
        write!(
            f,
            "{} imports are missing or do not match",
            self.problems.len()
        )?;
        let mut groups: BTreeMap<&str, Vec<&LinkProblem>> = BTreeMap::new();
        let mut order = Vec::new();
        for problem in &self.problems {
            let group = match problem.path.names() {
                [interface, _, ..] => interface.as_str(),
                [_] | [] => "",
            };
            let group_problems = groups.entry(group).or_default();
            if group_problems.is_empty() {
                order.push(group);
            }
            group_problems.push(problem);
        }
        for interface in order {
            let problems = groups.get(interface).map_or(&[][..], Vec::as_slice);
            print_group(f, interface, problems)?;
        }
        Ok(())
    }
}

impl std::error::Error for LinkReport {}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: ItemPath, found: Option<&str>) -> LinkProblem {
        let mut problem = LinkProblem::new(path, "func() -> u32".into());
        problem.found = found.map(Into::into);
        problem
    }

    #[test]
    fn one_problem_is_one_line() {
        let mut report = LinkReport::default();
        report.push(problem(ItemPath::root("a:b/c").child("f"), None));
        assert_eq!(
            report.to_string(),
            "import \"a:b/c\" → \"f\": expected func() -> u32, found nothing"
        );
    }

    #[test]
    fn each_difference_has_its_line() {
        let mut report = LinkReport::default();
        let mut problem = problem(ItemPath::root("f"), Some("func() -> u8"));
        problem.differences = vec![LinkDifference::new("result", "u32", "u8")];
        report.push(problem);
        assert_eq!(
            report.to_string(),
            "import \"f\": the definition is of another type\n  \
             result: expected u32, found u8\n  \
             the component asks for func() -> u32\n  \
             the definition is func() -> u8"
        );
    }

    #[test]
    fn a_shared_hint_is_said_once_and_long_types_are_cut() {
        let mut report = LinkReport::default();
        for name in ["f", "g"] {
            let mut problem = problem(ItemPath::root("a:b/c").child(name), None);
            problem.hint = Some("define it".into());
            problem.expected = "x".repeat(1000);
            report.push(problem);
        }
        let text = report.to_string();
        assert_eq!(text.matches("define it").count(), 1, "{text}");
        assert!(text.contains("a:b/c: define it\n"), "{text}");
        assert!(text.len() < 400, "{text}");
    }

    #[test]
    fn problems_are_grouped_by_interface() {
        let mut report = LinkReport::default();
        report.push(problem(ItemPath::root("a:b/c").child("f"), None));
        report.push(problem(ItemPath::root("plain"), Some("func()")));
        report.push(problem(ItemPath::root("a:b/c").child("g"), None));
        assert_eq!(
            report.to_string(),
            "3 imports are missing or do not match\n  \
             a:b/c\n    \
             f: expected func() -> u32, found nothing\n    \
             g: expected func() -> u32, found nothing\n  \
             plain: expected func() -> u32, found func()"
        );
    }
}
