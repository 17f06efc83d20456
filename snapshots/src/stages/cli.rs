//! What the command prints: each line of a case that starts with `$ linkspan`
//! is run, beside the files that it names.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::Case;

/// Runs the case's command lines and prints what they print.
///
/// # Errors
///
/// When the command cannot be built or run; that it fails is part of the picture.
pub fn session(case: &Case) -> Result<String, String> {
    let mut text = String::new();
    for line in case.text.lines().filter(|line| line.starts_with("$ ")) {
        let _ = writeln!(text, "{line}\n{}", run(case, line)?);
    }
    Ok(text)
}

fn run(case: &Case, line: &str) -> Result<String, String> {
    let words = split(line.trim_start_matches("$ "))?;
    let [name, arguments @ ..] = words.as_slice() else {
        return Err("no command".to_owned());
    };
    if name != "linkspan" {
        return Err(format!("expected the command linkspan, found {name}"));
    }
    let folder = case.path.parent().map(|folder| folder.join("files"));
    let output = Command::new(command()?)
        .args(arguments)
        .current_dir(folder.ok_or("no folder")?)
        .env("NO_COLOR", "1")
        .output()
        .map_err(|error| error.to_string())?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        let status = output
            .status
            .code()
            .map_or("a signal".to_owned(), |code| code.to_string());
        let _ = writeln!(text, "[exit status {status}]");
    }
    Ok(text)
}

/// Words at spaces, except inside single quotes.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if !index.is_multiple_of(2) {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let quotes = line.matches('\'').count();
    if quotes.is_multiple_of(2) {
        Ok(words)
    } else {
        Err("a quote is open".to_owned())
    }
}

/// Where the command stands, built once by the Cargo that runs this test.
fn command() -> Result<PathBuf, String> {
    static COMMAND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    COMMAND.get_or_init(build).clone()
}

fn build() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bin", "linkspan"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    // The whole workspace decides about features, as in a test of all of it, so
    // that nothing is built twice. This test's binary stands one folder below the command's.
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own
        .parent()
        .and_then(|deps| deps.parent())
        .ok_or("no folder")?;
    Ok(folder.join(format!("linkspan{}", std::env::consts::EXE_SUFFIX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_may_be_quoted() {
        let words = split("linkspan invoke c.wat 'add(1, 2)'").unwrap();
        assert_eq!(words, ["linkspan", "invoke", "c.wat", "add(1, 2)"]);
        assert!(split("a 'b").is_err());
    }
}
