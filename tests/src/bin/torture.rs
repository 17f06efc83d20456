//! `cargo torture`: the engine's torture test, built at each level of
//! optimisation, for what the compiler does to a handler depends on it.
//!
//! `cargo torture 2 s` builds at those levels alone. It is not a test of its
//! own: whether a handler holds is told by `engine/tests/torture.rs`, which
//! tries every way to dispatch that a level allows.

use std::process::ExitCode;
use std::time::Instant;

use linkspan_tests::upstream;

/// Without optimisation no handler can jump to another, and the engine has
/// the loop alone.
const LEVELS: &[&str] = &["1", "2", "3", "s"];

fn main() -> ExitCode {
    let named: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = named.iter().find(|name| !LEVELS.contains(&name.as_str())) {
        return say(&format!("expected one of {LEVELS:?}, found {unknown:?}"));
    }
    let wanted = |level: &&&str| named.is_empty() || named.iter().any(|name| name == **level);
    let mut failed = Vec::new();
    for level in LEVELS.iter().filter(wanted) {
        let start = Instant::now();
        let held = torture(level);
        let seconds = start.elapsed().as_secs();
        let verdict = if held { "held" } else { "FAILED" };
        say(&format!(
            "torture at opt-level {level}: {verdict}, {seconds} s with the build"
        ));
        if !held {
            failed.push(*level);
        }
    }
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        say(&format!("failed at {failed:?}"))
    }
}

/// Builds the engine at `level` and runs the test; whether it held.
fn torture(level: &str) -> bool {
    let profile = format!(
        "profile.dev.package.linkspan-engine.opt-level={}",
        quoted(level)
    );
    let status = upstream::cargo()
        .args([
            "test",
            "--locked",
            "-p",
            "linkspan-engine",
            "--test",
            "torture",
            "--config",
        ])
        .arg(profile)
        .status();
    match status {
        Ok(status) => status.success(),
        Err(error) => {
            say(&format!("failed to run cargo: {error}"));
            false
        }
    }
}

/// A level as a configuration writes it: `s` is a text, `3` a number.
fn quoted(level: &str) -> String {
    if level.bytes().all(|byte| byte.is_ascii_digit()) {
        level.to_owned()
    } else {
        format!("{level:?}")
    }
}

#[expect(clippy::print_stderr, reason = "whoever started this reads it")]
fn say(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
