//! Paths into types and values, as errors print them (`req.headers[].1`).
//!
//! A path is built from the inside out while an error travels up, so that the
//! good path never pays for it. It is not a way to address values.

use std::borrow::Cow;
use std::fmt;

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A parameter, record field or variant case, by its name.
    Name(Cow<'static, str>),
    /// A field of a tuple, or a field or case whose name is not at hand.
    Position(u32),
    /// The elements of a list type.
    Element,
    /// One element of a list value.
    Index(u64),
}

/// Where in a type or value an error stands, outermost step first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// The steps, innermost first: the order in which they are pushed.
    steps: Vec<Step>,
}

impl Path {
    /// The path of the value itself.
    pub const fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Whether the path names the value itself.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().rev()
    }

    /// Adds a step outside all steps so far.
    pub fn push_outer(&mut self, step: Step) {
        self.steps.push(step);
    }
}

/// Steps listed outermost first.
impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(iter: I) -> Self {
        let mut steps: Vec<Step> = iter.into_iter().collect();
        steps.reverse();
        Self { steps }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            match step {
                Step::Name(name) => write!(f, "{dot}{name}")?,
                Step::Position(n) => write!(f, "{dot}{n}")?,
                Step::Element => f.write_str("[]")?,
                Step::Index(n) => write!(f, "[{n}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_outermost_first() {
        let mut path = Path::new();
        path.push_outer(Step::Position(1));
        path.push_outer(Step::Element);
        path.push_outer(Step::Name("headers".into()));
        path.push_outer(Step::Name("req".into()));
        assert_eq!(path.to_string(), "req.headers[].1");
        let same: Path = path.steps().cloned().collect();
        assert_eq!(same, path);
    }
}
