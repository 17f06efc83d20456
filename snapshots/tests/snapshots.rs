//! Compares each case with its picture: `cases/<stage>/<name>.<ext>` with
//! `<name>.<ext>.snap` beside it.
//!
//! Adding a file adds a test; `cargo bless` writes its picture. A case of an
//! unknown stage, a case that its stage cannot read and a picture without a
//! case are failures.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use linkspan_snapshots::{Case, stages};

/// Makes a picture of a case, or says why the case has none.
type Render = fn(&Case) -> Result<String, String>;

/// A stage: the folder of its cases, the kinds of file it reads, and what it
/// makes of one.
type Stage = (&'static str, &'static [&'static str], Render);

const STAGES: &[Stage] = &[
    ("bindgen", &["wit"], stages::bindgen::generate),
    ("cli", &["txt"], stages::cli::session),
    ("error", &["wit", "wat"], stages::error::message),
    ("ir", &["wat"], stages::ir::translate),
    ("layout", &["wat"], stages::layout::explain),
    ("plan", &["wat"], stages::plan::explain),
    ("wit", &["wit"], stages::wit::print),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut trials = Vec::new();
    let mut folders = BTreeSet::new();
    for (name, extensions, render) in STAGES {
        folders.insert((*name).to_owned());
        for path in files(&root.join(name))
            .into_iter()
            .filter(|path| path.is_file())
        {
            trials.push(trial(name, extensions, *render, path));
        }
    }
    for path in files(&root) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !folders.contains(&name) {
            let text = format!("no stage is called {name}: add it to STAGES or move its cases");
            trials.push(Trial::test(name, move || Err(Failed::from(text))));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(stage: &str, extensions: &'static [&'static str], render: Render, path: PathBuf) -> Trial {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let title = format!("{stage}/{name}");
    Trial::test(title, move || {
        if let Some(case) = name.strip_suffix(".snap") {
            return match path.with_file_name(case).exists() {
                true => Ok(()),
                false => Err("the picture's case is gone: delete the picture".into()),
            };
        }
        let extension = name.rsplit('.').next().unwrap_or_default();
        if !extensions.contains(&extension) {
            return Err(format!("the stage reads {extensions:?}: rename or move the file").into());
        }
        let case = Case::read(&path)?;
        compare(&path, &name, &render(&case)?);
        Ok(())
    })
}

/// Panics when the picture differs, which the test's runner reports.
fn compare(path: &Path, name: &str, picture: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(path.parent().unwrap_or(Path::new(".")));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, picture));
}

/// What stands in a folder, sorted, without pictures that wait to be accepted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_none_or(|extension| extension != "new"));
    files.sort();
    files
}
