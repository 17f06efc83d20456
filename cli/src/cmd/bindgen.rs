//! `linkspan bindgen`: Rust bindings as a file.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use linkspan_wit::bindgen::Generator;
use linkspan_wit::{Diagnostic, ErrorKind, Severity};

use crate::failure::{Failure, Kind, Result};
use crate::input::WitInput;
use crate::settings;

/// Generate Rust bindings for a world.
///
/// The text is what the macro `linkspan::bindgen!` expands to. Checked in as a file it is seen by
/// every tool; `--check` in a pipeline keeps it up to date.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bindgen {
    #[command(flatten)]
    input: WitInput,

    /// The world, if there are several: `world`, `ns:pkg/world` or `ns:pkg/world@1.2.0`.
    #[arg(long, value_name = "NAME")]
    world: Option<String>,

    /// An option of the generator, listed below; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Write to a file instead of standard output; an unchanged file is not touched.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write nothing; exit with 1 and show the difference if the file named by `--output` does not
    /// hold this text.
    #[arg(long, requires = "output")]
    check: bool,

    /// Print a line for each type and function instead: its WIT name, its Rust name.
    #[arg(long, conflicts_with_all = ["output", "check"])]
    summary: bool,
}

const EXAMPLES: &str = "\
Keys of `--set`:
  header=TEXT           lines of a comment at the top
  crate=RUST_PATH       the crate `linkspan`, if it is called otherwise
  wasi=RUST_PATH        where interfaces of WASI 0.2 are found, as in linkspan-wasi
  with=WIT=RUST_PATH    a package, interface or type that exists already
  derive=TRAIT          on every type that can have it
  derive_for=WIT=TRAIT  on the types of one interface, or one type
  attr=WIT=ATTRIBUTE    on a type, a field or a case
  trap=FUNCTION         a function of the host that may trap
  store=FUNCTION        a function of the host that gets the store
  optional=FUNCTION     a function of the guest that may be missing
  borrow=none           parameters are owned

Examples:
  linkspan bindgen wit --world plugin                      to standard output
  linkspan bindgen wit --world plugin -o src/bindings.rs   to a file
  linkspan bindgen wit --world plugin -o src/bindings.rs --check   is it up to date?
  linkspan bindgen plugin.wasm --summary                   what is called what
  linkspan bindgen wit --set trap=acme:app/net.fetch --set derive=Hash";

impl Bindgen {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        let options = settings::options(&self.set)?;
        let mut generator = Generator::new(self.input.loader()?).options(options);
        if let Some(world) = &self.world {
            generator = generator.world(world);
        }
        let output = generator.generate()?.into_result()?;
        if self.summary {
            out.write_all(output.summary().as_bytes())?;
            return Ok(());
        }
        for diagnostic in &output.diagnostics {
            // Names that are not the usual ones are worth a word, but not on standard output.
            if diagnostic.severity != Severity::Error {
                let _ = write!(std::io::stderr(), "{}", diagnostic.render());
            }
        }
        match &self.output {
            None => out.write_all(output.code.as_bytes())?,
            Some(path) if self.check => {
                if !path.exists() {
                    let message = format!("there are no bindings in `{}`", path.display());
                    return Err(self.out_of_date(Diagnostic::error(message), path));
                }
                let checked = output.check(path);
                return checked.map_err(|error| match error.kind() {
                    ErrorKind::Generate => self.out_of_date(error.diagnostic().clone(), path),
                    _ => error.into(),
                });
            }
            Some(path) => {
                output.write_if_changed(path)?;
            }
        }
        Ok(())
    }

    /// The report of a failed check, with the command that writes the file.
    fn out_of_date(&self, mut diagnostic: Diagnostic, path: &Path) -> Failure {
        let mut words = self.input.words();
        if let Some(world) = &self.world {
            words.extend(["--world".to_owned(), world.clone()]);
        }
        for setting in &self.set {
            words.extend(["--set".to_owned(), setting.clone()]);
        }
        words.extend(["-o".to_owned(), path.display().to_string()]);
        let words: Vec<Cow<'_, str>> = words.iter().map(|word| quoted(word)).collect();
        let command = format!("`linkspan bindgen {}`", words.join(" "));
        diagnostic.help = vec![format!("write them with {command}")];
        let report = diagnostic.render();
        let message = report.strip_prefix("error: ").unwrap_or(&report);
        Failure::new(Kind::Difference, message)
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@,=+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_if_a_shell_would_take_them_apart() {
        assert_eq!(quoted("with=wasi:io@0.2.3=a::b"), "with=wasi:io@0.2.3=a::b");
        assert_eq!(quoted("acme:app/net.*"), "'acme:app/net.*'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
