//! The command line: what to measure, on which engines, how long.

use std::path::PathBuf;

/// How to call the program.
const USAGE: &str = "\
usage: bench kernels|calls|gc|programs [options]
  --engines A,B   which engines, the first is compared with the others
                  (linkspan,wasmi,wasmtime; gc: linkspan,wasmtime-gc)
  --filter TEXT   only what has TEXT in its name
  --rounds N      how often each engine does each job; the shortest run counts (7)
  --shrink N      divide the work by N, for a quick look
  --corpus PATH   where the guests of `programs`, and some of `calls`, are (../../shared/corpus)
  --check         fail if a row of `calls` needs more than its bar allows
  --json          print JSON";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The C programs of `kernels/`.
    Kernels,
    /// Calls between host and guest.
    Calls,
    /// Programs that make objects, of `gc/`.
    Gc,
    /// Commands that real toolchains made.
    Programs,
}

impl Mode {
    /// The name on the command line and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kernels => "kernels",
            Self::Calls => "calls",
            Self::Gc => "gc",
            Self::Programs => "programs",
        }
    }
}

/// The command line, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) mode: Mode,
    pub(crate) engines: Vec<String>,
    pub(crate) filter: String,
    pub(crate) rounds: u32,
    pub(crate) shrink: u32,
    pub(crate) corpus: PathBuf,
    pub(crate) json: bool,
    pub(crate) check: bool,
}

impl Arguments {
    /// Reads the words after the program's name.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let modes = [Mode::Kernels, Mode::Calls, Mode::Gc, Mode::Programs];
        let word = words.next().unwrap_or_default();
        let mode = modes.into_iter().find(|mode| mode.name() == word);
        let mode = mode.ok_or(USAGE)?;
        let mut arguments = Self {
            mode,
            engines: default_engines(mode),
            filter: String::new(),
            rounds: 7,
            shrink: 1,
            corpus: crate::engine::root().join("../../shared/corpus"),
            json: false,
            check: false,
        };
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or_else(|| format!("{word} needs a value\n{USAGE}"))
            };
            match word.as_str() {
                "--engines" => arguments.engines = value()?.split(',').map(str::to_owned).collect(),
                "--filter" => arguments.filter = value()?,
                "--rounds" => arguments.rounds = number(&word, &value()?)?,
                "--shrink" => arguments.shrink = number(&word, &value()?)?,
                "--corpus" => arguments.corpus = value()?.into(),
                "--json" => arguments.json = true,
                "--check" => arguments.check = true,
                _ => return Err(format!("unknown option {word}\n{USAGE}")),
            }
        }
        Ok(arguments)
    }
}

/// All engines that can do a mode.
fn default_engines(mode: Mode) -> Vec<String> {
    let names: &[&str] = match mode {
        Mode::Kernels | Mode::Calls | Mode::Programs => &["linkspan", "wasmi", "wasmtime"],
        Mode::Gc => &["linkspan", "wasmtime-gc"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn number(option: &str, value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        Ok(_) | Err(_) => Err(format!(
            "{option} needs a number above zero, found `{value}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn all_engines_are_the_default() {
        let arguments = parse("kernels").unwrap();
        assert_eq!(arguments.engines, ["linkspan", "wasmi", "wasmtime"]);
        assert!(!arguments.json);
    }

    #[test]
    fn options_are_read() {
        let arguments = parse("calls --json --engines a,b --rounds 3 --filter core").unwrap();
        assert_eq!(arguments.mode, Mode::Calls);
        assert_eq!(arguments.engines, ["a", "b"]);
        assert_eq!((arguments.rounds, arguments.filter.as_str()), (3, "core"));
    }

    #[test]
    fn mistakes_are_explained() {
        assert_eq!(
            parse("gc").unwrap().engines,
            ["linkspan", "wasmtime-gc"],
            "wasmi has no objects"
        );
        assert!(parse("").unwrap_err().starts_with("usage"));
        assert!(
            parse("calls --rounds 0")
                .unwrap_err()
                .contains("above zero")
        );
        assert!(
            parse("calls --rounds")
                .unwrap_err()
                .contains("needs a value")
        );
        assert!(
            parse("calls --fast")
                .unwrap_err()
                .contains("unknown option --fast")
        );
    }
}
