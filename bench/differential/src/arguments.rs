//! The command line.

use std::path::PathBuf;

const USAGE: &str = "\
usage: bench-differential [options]        compare random modules
       bench-differential show FILE        what each engine does with one module
       bench-differential shrink FILE      the smallest part of a module that differs
  --seed N      the first seed (1); module N is made from seed N alone
  --count N     how many modules (1000)
  --jobs N      how many processes work (1)
  --out FOLDER  where the log and the modules that differ go (differential-out);
                finished parts in its log are not done again
  --unfinished  what our engine says it does not support is no mismatch
  --subset      only what wasmi has: every module runs on all engines";

/// What the program is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Supervise workers over a range of seeds.
    Run,
    /// Be a worker: the range is done in this process.
    Work,
    /// Print what each engine does with a module.
    Show(PathBuf),
    /// Make a module that differs smaller.
    Shrink(PathBuf),
}

/// The command line, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) mode: Mode,
    pub(crate) seed: u64,
    pub(crate) count: u64,
    pub(crate) jobs: u32,
    pub(crate) out: PathBuf,
    pub(crate) subset: bool,
    pub(crate) unfinished: bool,
}

impl Arguments {
    /// Reads the words after the program's name.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self {
            mode: Mode::Run,
            seed: 1,
            count: 1000,
            jobs: 1,
            out: PathBuf::from("differential-out"),
            subset: false,
            unfinished: false,
        };
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or_else(|| format!("{word} needs a value\n{USAGE}"))
            };
            match word.as_str() {
                "show" => arguments.mode = Mode::Show(value()?.into()),
                "shrink" => arguments.mode = Mode::Shrink(value()?.into()),
                "work" => arguments.mode = Mode::Work,
                "--seed" => arguments.seed = number(&word, &value()?)?,
                "--count" => arguments.count = number(&word, &value()?)?,
                "--jobs" => {
                    arguments.jobs = number(&word, &value()?)?
                        .try_into()
                        .map_err(|_| format!("{word} is too large"))?;
                }
                "--out" => arguments.out = value()?.into(),
                "--unfinished" => arguments.unfinished = true,
                "--subset" => arguments.subset = true,
                _ => return Err(format!("unknown option {word}\n{USAGE}")),
            }
        }
        Ok(arguments)
    }
}

fn number(option: &str, value: &str) -> Result<u64, String> {
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
    fn options_are_read() {
        let arguments = parse("--seed 7 --count 9 --jobs 2 --subset").unwrap();
        assert_eq!((arguments.seed, arguments.count), (7, 9));
        assert!(arguments.subset);
        assert_eq!(arguments.mode, Mode::Run);
        assert_eq!(parse("show a").unwrap().mode, Mode::Show("a".into()));
    }

    #[test]
    fn mistakes_are_explained() {
        assert!(parse("--seed 0").unwrap_err().contains("above zero"));
        assert!(parse("--seed").unwrap_err().contains("needs a value"));
        assert!(parse("--x").unwrap_err().contains("unknown option"));
    }
}
