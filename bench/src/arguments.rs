//! The command line: what to measure, on which engines, how long.

/// How to call the program.
const USAGE: &str = "\
usage: bench kernels|calls [options]
  --engines A,B   which engines, the first is compared with the others
                  (linkspan,wasmi,wasmtime)
  --filter TEXT   only what has TEXT in its name
  --rounds N      how often each engine does each job; the shortest run counts (7)
  --shrink N      divide the work by N, for a quick look
  --json          print JSON";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The C programs of `kernels/`.
    Kernels,
    /// Calls between host and guest.
    Calls,
}

impl Mode {
    /// The name on the command line and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kernels => "kernels",
            Self::Calls => "calls",
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
    pub(crate) json: bool,
}

impl Arguments {
    /// Reads the words after the program's name.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mode = match words.next().as_deref() {
            Some("kernels") => Mode::Kernels,
            Some("calls") => Mode::Calls,
            Some(_) | None => return Err(USAGE.to_owned()),
        };
        let mut arguments = Self {
            mode,
            engines: crate::engine::ENGINES
                .map(|(name, _)| name.to_owned())
                .to_vec(),
            filter: String::new(),
            rounds: 7,
            shrink: 1,
            json: false,
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
                "--json" => arguments.json = true,
                _ => return Err(format!("unknown option {word}\n{USAGE}")),
            }
        }
        Ok(arguments)
    }
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
