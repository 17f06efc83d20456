//! Real guests: components made by other toolchains, and what they must answer,
//! through dynamic values.
//!
//! They stand beside the project, not in it. Where they are absent the cases
//! are skipped and say so.

mod compose;
mod compute;
mod guest;
mod resources;
mod stack;
mod transcript;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use linkspan::Error;
use linkspan_script::Mode;
use linkspan_tests::harness::{self, Failure, Outcome, Suite};
use linkspan_tests::upstream;

/// Plays a guest of `folder` and compares it with the text of its expectation.
type Play = fn(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>, Error>;

const GUESTS: &[(&str, &str, &str, Play)] = &[
    ("rust-compute", "EXPECT", "", compute::transcript),
    ("rust-compute", "EXPECT.wave", "", compute::wave),
    ("rust-resources", "EXPECT", "", resources::transcript),
    ("c-component", "EXPECT", "", stack::transcript),
    ("compose", "EXPECT", " (composed)", compose::composed),
    (
        "compose",
        "EXPECT",
        " (linked by the host)",
        compose::linked,
    ),
];

fn main() -> ExitCode {
    let mut suite = Suite::new("corpus");
    for (name, file, how, play) in GUESTS {
        for mode in Mode::ALL {
            suite.case(mode.name, format!("{name}/{file}{how}"), move || {
                run(name, file, *mode, *play)
            });
        }
    }
    harness::run(vec![suite])
}

fn run(name: &str, file: &str, mode: Mode, play: Play) -> Outcome {
    let corpus = upstream::project().join("../shared/corpus");
    if !corpus.is_dir() {
        return Outcome::Skipped("the real guests are not beside the project".to_owned());
    }
    let folder = corpus.join(name);
    let outcome = match fs::read_to_string(folder.join(file)) {
        Ok(expect) => play(&folder, mode, &expect).map_err(|error| format!("{error:#}")),
        Err(error) => Err(format!("failed to read the expectation: {error}")),
    };
    match outcome {
        Ok(failures) => Outcome::Ran(failures),
        Err(error) => Outcome::Ran(vec![Failure::at(0, error)]),
    }
}

/// A line's number from its index.
fn number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}
