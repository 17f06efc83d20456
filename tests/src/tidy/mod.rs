//! Rules about the code itself: what the layout promises, checked as text.
//!
//! A rule is a function from the project's files to faults. It sees text and
//! paths only, so a planted file tests it as well as a real one. Each fault
//! says what to do. Rules that a compiler or clippy can hold are not here.

pub mod files;
pub mod layers;
pub mod rust;

use std::fmt;
use std::fs;
use std::path::Path;

/// The project's files, as the rules see them.
#[derive(Debug, Default)]
pub struct Tree {
    /// Sorted by path.
    pub files: Vec<Source>,
}

/// One file.
#[derive(Debug)]
pub struct Source {
    /// Path from the project's root, in `/` notation.
    pub path: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// The same as text; empty for what is not UTF-8.
    pub text: String,
}

/// One violation of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Path of the file.
    pub path: String,
    /// Line, counted from 1; 0 for the whole file.
    pub line: usize,
    /// What is wrong and what to do.
    pub advice: String,
}

/// A rule: its name, which is a sentence, and its check.
pub struct Rule {
    /// What holds when there is no fault.
    pub name: &'static str,
    /// Finds the faults.
    pub check: fn(&Tree) -> Vec<Fault>,
}

/// Every rule.
pub const RULES: &[Rule] = &[
    Rule {
        name: "every source file starts with its purpose",
        check: files::starts_with_purpose,
    },
    Rule {
        name: "no source file is longer than 1000 lines",
        check: files::is_short,
    },
    Rule {
        name: "no file is larger than 200 KB",
        check: files::is_small,
    },
    Rule {
        name: "nothing is left to be fixed",
        check: files::has_no_reminders,
    },
    Rule {
        name: "no file names a path of one machine",
        check: files::names_no_machine,
    },
    Rule {
        name: "paths named in documents and comments exist",
        check: files::names_real_paths,
    },
    Rule {
        name: "every case is reached by a suite",
        check: files::reaches_every_case,
    },
    Rule {
        name: "every member takes the workspace's lints",
        check: layers::takes_lints,
    },
    Rule {
        name: "crates import only crates above them",
        check: layers::crate_arrows,
    },
    Rule {
        name: "the engine knows core WebAssembly alone",
        check: layers::engine_vocabulary,
    },
    Rule {
        name: "the canonical ABI knows no engine",
        check: layers::abi_knows_no_engine,
    },
    Rule {
        name: "unsafe stands only where it may",
        check: layers::unsafe_places,
    },
    Rule {
        name: "crates without unsafe forbid it",
        check: layers::forbids_unsafe,
    },
    Rule {
        name: "tiers and backends do not see each other",
        check: layers::siblings,
    },
    Rule {
        name: "only sys asks for the architecture",
        check: layers::architecture,
    },
    Rule {
        name: "only sys calls the operating system",
        check: layers::operating_system,
    },
];

impl Tree {
    /// Reads every file of the project at `root`, except what Git and Cargo
    /// keep for themselves and pictures that wait for a reviewer.
    ///
    /// # Errors
    ///
    /// When a folder or file cannot be read.
    pub fn read(root: &Path) -> Result<Tree, String> {
        let mut tree = Tree::default();
        read_folder(root, "", &mut tree.files)?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// A tree of these paths and texts.
    #[must_use]
    pub fn planted(files: &[(&str, &str)]) -> Tree {
        let source = |(path, text): &(&str, &str)| Source::new((*path).to_owned(), (*text).into());
        let mut files: Vec<Source> = files.iter().map(source).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Tree { files }
    }

    /// The Rust files below `folder`, which ends in `/` or is empty.
    pub fn rust<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a Source> {
        self.files
            .iter()
            .filter(move |file| file.path.starts_with(folder) && file.is_rust())
    }

    /// The file at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether `path` is a file or a folder with files.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        let starts = |wanted: &str| {
            let at = self.files.partition_point(|file| *file.path < *wanted);
            self.files.get(at).map(|file| file.path.as_str())
        };
        starts(path) == Some(path) || starts(&folder).is_some_and(|file| file.starts_with(&folder))
    }
}

impl Source {
    fn new(path: String, bytes: Vec<u8>) -> Source {
        let text = String::from_utf8(bytes.clone()).unwrap_or_default();
        Source { path, bytes, text }
    }

    /// Whether it is Rust source text.
    #[must_use]
    pub fn is_rust(&self) -> bool {
        has_ending(&self.path, "rs")
    }

    /// Whether it is a document for people.
    #[must_use]
    pub fn is_document(&self) -> bool {
        has_ending(&self.path, "md")
    }

    /// A fault of this file.
    #[must_use]
    pub fn fault(&self, line: usize, advice: impl Into<String>) -> Fault {
        Fault {
            path: self.path.clone(),
            line,
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.advice),
            line => write!(f, "{}:{line}: {}", self.path, self.advice),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Whether the file name ends in `.` and `extension`.
fn has_ending(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<Source>) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("failed to read {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        // In a second worktree `.git` is a file that names the first.
        if name == ".git" {
            continue;
        }
        if path.is_dir() {
            if name != "target" {
                read_folder(&path, &format!("{prefix}{name}/"), files)?;
            }
        } else if !has_ending(&name, "new") && !has_ending(&name, "pending-snap") {
            let bytes = fs::read(&path).map_err(fail)?;
            files.push(Source::new(format!("{prefix}{name}"), bytes));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) fn faults_of(check: fn(&Tree) -> Vec<Fault>, files: &[(&str, &str)]) -> Vec<String> {
    check(&Tree::planted(files))
        .iter()
        .map(|fault| format!("{}:{}", fault.path, fault.line))
        .collect()
}
