//! Problems of linking as data, all at once.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::names::ItemPath;

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
    /// What could be meant or done.
    pub hint: Option<String>,
}

impl fmt::Display for LinkProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.names().is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        let found = self.found.as_deref().unwrap_or("nothing");
        write!(f, "expected {}, found {found}", self.expected)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

/// Characters of a type that a line of a long report shows; the problem
/// itself has all of it.
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
        f.write_str(indent)?;
        if !problem.path.names().is_empty() {
            f.write_str(&problem.path.names()[skip..].join(" → "))?;
            f.write_str(": ")?;
        }
        let found = problem.found.as_deref().unwrap_or("nothing");
        write!(
            f,
            "expected {}, found {}",
            short(&problem.expected),
            short(found)
        )?;
        match &problem.hint {
            Some(hint) if shared.is_none() => write!(f, ": {hint}")?,
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// Everything that keeps a component from being linked. Empty if nothing
/// does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkReport {
    problems: Vec<LinkProblem>,
}

impl LinkReport {
    /// The problems in the order of the component's imports.
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
                problems: vec![LinkProblem {
                    path: ItemPath::default(),
                    expected: "a component that can be linked".to_owned(),
                    found: Some(format!("this one: {error}")),
                    hint: None,
                }],
            },
        }
    }

    pub(crate) fn push(&mut self, problem: LinkProblem) {
        self.problems.push(problem);
    }

    /// The report as the error of a failed link.
    pub(crate) fn into_error(self) -> Error {
        Error::caused(ErrorKind::Link, Box::new(self))
    }
}

/// One line for a single problem; otherwise one for each interface and one
/// for each problem in it.
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
        LinkProblem {
            path,
            expected: "func() -> u32".into(),
            found: found.map(Into::into),
            hint: None,
        }
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
