//! Every WIT fixture at hand goes through the generator of bindings: what comes
//! out compiles as one crate without a warning and without unsafe code, needs no
//! formatting, and is as small as promised. What is not supported yet is refused
//! with one diagnostic for each item, and no text.
//!
//! Whether something is unsupported is asked a second time, of the WIT itself.
//!
//! The last line counts files, worlds, worlds that compiled and worlds refused.

#[path = "fixtures/asynchronous.rs"]
mod asynchronous;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use linkspan_tests::fixtures::{self, Fixture};
use linkspan_tests::upstream;
use linkspan_wit::bindgen::{Generator, ItemKind, Output};
use linkspan_wit::inspect::{TypeKind, WorldItemKind};
use linkspan_wit::{PackageSet, Severity};

/// Fixtures that are no WIT on their own, with the reason.
const UNREADABLE: &[(&str, &str)] = &[
    (
        "wasm-tools/cli/bad-stability.wit",
        "its package has gates and no version",
    ),
    (
        "wasm-tools/cli/component-wit-resolve-error.wit",
        "a gate names a later version",
    ),
    (
        "wasm-tools/cli/since-on-future-package.wit",
        "a gate names a later version",
    ),
    (
        "wit-parser/ui/foreign-world-dep-gated.wit",
        "every feature is on: it imports a world",
    ),
];

/// Fixtures whose worlds may take more lines than the budget, with how many more and the reason.
const LARGE: &[(&str, usize, &str)] = &[(
    "wit/bindgen/large.wit",
    138,
    "six of its functions have 17 to 32 parameters, and rustfmt gives each parameter a line",
)];

/// Worlds with items that are refused without being asynchronous, how many, and
/// why.
const REFUSED: &[(&str, usize, &str)] = &[(
    "wasm-tools/cli/wit-deep-tuple.wit: a:b/tuples",
    6,
    "tuples of more than 1000 parts",
)];

/// What the crates of others hold: files, worlds, worlds refused.
const UPSTREAM: [usize; 3] = [391, 685, 39];

/// What was generated, and what came of the rest.
#[derive(Default)]
struct Run {
    files: usize,
    worlds: usize,
    refused: usize,
    /// The same three for the crates of others alone.
    upstream: [usize; 3],
    refused_items: usize,
    lines: usize,
    budget: usize,
    /// Worlds that take more lines than their budget.
    large: usize,
    /// Functions, and those that take more than eight lines.
    functions: [usize; 2],
    /// The largest share of its budget that any other world takes, and which.
    worst: (f64, String),
    /// Each text once, by its code without comments, with the worlds it stands for.
    texts: BTreeMap<String, (String, Vec<String>)>,
    problems: Vec<String>,
}

#[test]
fn every_fixture_generates_and_compiles() {
    let mut run = Run::default();
    for fixture in fixtures::list().unwrap() {
        run.fixture(&fixture);
    }
    run.report().unwrap();
    // Exact, so that a fixture which is no longer found is seen; ours may become more.
    assert_eq!(run.upstream, UPSTREAM);
    let folder = write(&run.texts);
    format(&folder, &mut run.problems);
    check(&folder, &mut run.problems);
    assert!(
        run.problems.is_empty(),
        "{} problems:\n{}",
        run.problems.len(),
        run.problems.join("\n")
    );
}

impl Run {
    /// Says what was found, past the harness, which keeps what a test that passes
    /// prints.
    fn report(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "fixtures: {} lines of a budget of {}, {} worlds over theirs, then {:.2} of it by {}",
            self.lines, self.budget, self.large, self.worst.0, self.worst.1
        )?;
        writeln!(
            out,
            "fixtures: {} functions, {} of them longer than 8 lines",
            self.functions[0], self.functions[1]
        )?;
        writeln!(
            out,
            "fixtures: files {}, worlds {}, compiled {} ({} different texts), refused {} for {} items",
            self.files,
            self.worlds,
            self.worlds - self.refused,
            self.texts.len(),
            self.refused,
            self.refused_items
        )
    }

    fn fixture(&mut self, fixture: &Fixture) {
        let reason = UNREADABLE.iter().find(|(name, _)| *name == fixture.name);
        let set = match (fixture.load(), reason) {
            (Ok(set), None) => set,
            (Ok(_), Some(_)) => {
                return self.problem(&fixture.name, "is WIT after all: take it off the list");
            }
            (Err(_), Some(_)) => return,
            (Err(error), None) => return self.problem(&fixture.name, &error.render()),
        };
        self.files += 1;
        let before = (self.worlds, self.refused);
        for package in set.main_packages() {
            for world in package.worlds() {
                self.world(&fixture.name, &set, &world.id());
            }
        }
        match fixture.load_both(&set) {
            Some(Ok(both)) => self.world(&fixture.name, &both, "fixture:both/everything"),
            Some(Err(error)) => self.problem(&fixture.name, &error.render()),
            None => {}
        }
        if fixture.name.starts_with("wasm-tools/") || fixture.name.starts_with("wit-") {
            self.upstream[0] += 1;
            self.upstream[1] += self.worlds - before.0;
            self.upstream[2] += self.refused - before.1;
        }
    }

    fn world(&mut self, fixture: &str, set: &PackageSet, world: &str) {
        let name = format!("{fixture}: {world}");
        self.worlds += 1;
        let output = match Generator::new(set.clone()).world(world).generate() {
            Ok(output) => output,
            Err(error) => return self.problem(&name, &error.render()),
        };
        let errors = output.diagnostics.iter();
        let errors = errors.filter(|d| d.severity == Severity::Error).count();
        let others = REFUSED.iter().find(|(world, ..)| *world == name);
        let others = others.map_or(0, |(_, items, _)| *items);
        let expected = asynchronous::items(set, world) + others;
        if errors != expected {
            let problem = format!("{errors} items are refused, {expected} expected");
            self.problem(&name, &problem);
        }
        if errors > 0 {
            self.refused(&name, &output);
            return;
        }
        self.count(fixture, &name, budget(set, world, &output), &output);
        let code = output.code.lines();
        let code: Vec<&str> = code.filter(|l| !l.trim_start().starts_with("//")).collect();
        let entry = self.texts.entry(code.join("\n"));
        entry.or_insert((output.code, Vec::new())).1.push(name);
    }

    /// Compares the lines of a world with its budget.
    fn count(&mut self, fixture: &str, name: &str, budget: usize, output: &Output) {
        let lines = output.code_lines();
        self.lines += lines;
        self.budget += budget;
        let text: Vec<&str> = output.code.lines().collect();
        for item in &output.items {
            if let (ItemKind::Function, Some(range)) = (item.kind, &item.code_range) {
                let own = text[range.start - 1..range.end - 1].iter();
                let own = own.filter(|line| !line.trim_start().starts_with("//"));
                self.functions[0] += 1;
                // One more stands in a table.
                self.functions[1] += usize::from(own.count() + 1 > 8);
            }
        }
        let more = LARGE.iter().find(|(name, ..)| *name == fixture);
        match more {
            Some(_) if lines <= budget => {
                self.problem(name, "keeps its budget after all: take it off the list");
            }
            None if lines > budget => {
                self.problem(name, &format!("{lines} lines of a budget of {budget}"));
            }
            Some((_, more, reason)) => {
                self.large += 1;
                if lines > budget + more {
                    let problem = format!("{lines} lines, {} allowed: {reason}", budget + more);
                    self.problem(name, &problem);
                }
            }
            None => {
                #[expect(clippy::cast_precision_loss, reason = "both are small")]
                let share = lines as f64 / budget as f64;
                if share > self.worst.0 {
                    self.worst = (share, name.to_owned());
                }
            }
        }
    }

    /// A world is refused with nothing but one diagnostic for each item, at its place.
    fn refused(&mut self, name: &str, output: &Output) {
        self.refused += 1;
        self.refused_items += output.diagnostics.len();
        let mut items = BTreeSet::new();
        for diagnostic in &output.diagnostics {
            let item = diagnostic.message.split(": it ").next().unwrap_or_default();
            let places = diagnostic.labels.iter();
            let places: Vec<String> = places.map(|l| l.location.to_string()).collect();
            if diagnostic.severity != Severity::Error
                || places.len() != 1
                || !items.insert((item, places))
            {
                self.problem(name, &diagnostic.render());
            }
        }
        if !output.code.is_empty() || !output.items.is_empty() {
            self.problem(name, "is refused and has code");
        }
    }

    fn problem(&mut self, name: &str, problem: &str) {
        self.problems.push(format!("{name}: {problem}"));
    }
}

/// The lines that a world may take: 40; for each function 8; for each type 4 and one for each field
/// or case; for each resource 12. Modules, traits and tables have to fit into these.
fn budget(set: &PackageSet, world: &str, output: &Output) -> usize {
    let parts = parts(set, world);
    let items = output.items.iter().map(|item| match item.kind {
        ItemKind::Type => 4 + parts.get(&item.wit_path).copied().unwrap_or_default(),
        ItemKind::Resource => 12,
        ItemKind::Function => 8,
    });
    40 + items.sum::<usize>()
}

/// How many fields or cases each type of a world has, by its path.
fn parts(set: &PackageSet, world: &str) -> BTreeMap<String, usize> {
    let count = |kind| match kind {
        TypeKind::Record(fields) => fields.len(),
        TypeKind::Variant(cases) | TypeKind::Enum(cases) => cases.len(),
        TypeKind::Flags(flags) => flags.len(),
        TypeKind::Tuple(types) => types.len(),
        _ => 0,
    };
    let world = set.world(Some(world)).expect("the world was generated");
    let mut parts = BTreeMap::new();
    for item in world.imports().chain(world.exports()) {
        match item.kind() {
            WorldItemKind::Interface(interface) => {
                for ty in interface.types() {
                    let name = format!("{}#{}", item.name(), ty.name().unwrap_or_default());
                    parts.insert(name, count(ty.kind()));
                }
            }
            WorldItemKind::Type(ty) => {
                parts.insert(item.name(), count(ty.kind()));
            }
            WorldItemKind::Function(_) => {}
        }
    }
    parts
}

/// Writes the texts as modules of one package below Cargo's target folder, where a second run
/// finds what the first has built, and the suite `bindgen` what this one has.
fn write(texts: &BTreeMap<String, (String, Vec<String>)>) -> PathBuf {
    let folder = upstream::target_folder()
        .expect("the bindings can be written")
        .join("generated-fixtures");
    let _ = fs::remove_dir_all(folder.join("src"));
    fs::create_dir_all(folder.join("src")).expect("the bindings can be written");
    let project = upstream::project();
    let manifest = format!(
        "[package]\nname = \"generated-fixtures\"\nedition = \"2024\"\n\n[dependencies]\n\
         linkspan = {{ path = {:?}, default-features = false }}\n\n[workspace]\n",
        project.join("component")
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("the bindings can be written");
    // The versions that the project is built with, which are downloaded.
    fs::copy(project.join("Cargo.lock"), folder.join("Cargo.lock"))
        .expect("the bindings can be written");
    let mut root = "//! Bindings.\n#![forbid(unsafe_code)]\n#![deny(warnings)]\n".to_owned();
    for (index, (text, worlds)) in texts.values().enumerate() {
        let file = folder.join(format!("src/w{index:03}.rs"));
        let heading: String = worlds
            .iter()
            .map(|world| format!("//! {world}\n"))
            .collect();
        fs::write(file, format!("{heading}\n{text}")).expect("the bindings can be written");
        root.push_str(&format!("pub mod w{index:03};\n"));
    }
    fs::write(folder.join("src/lib.rs"), root).expect("the bindings can be written");
    folder
}

/// One run of rustfmt on all modules; who has no rustfmt can still run the tests.
fn format(folder: &Path, problems: &mut Vec<String>) {
    let output = Command::new("rustfmt")
        .args(["--check", "--color", "never", "--edition", "2024"])
        .arg(folder.join("src/lib.rs"))
        .output();
    let Ok(output) = output else { return };
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        problems.push(format!("rustfmt would change the bindings:\n{text}"));
    }
}

/// One run of Cargo on all modules.
fn check(folder: &Path, problems: &mut Vec<String>) {
    let output = upstream::cargo()
        .args(["check", "--offline", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env(
            "CARGO_TARGET_DIR",
            upstream::target_folder()
                .expect("the bindings can be written")
                .join("generated/target"),
        )
        .output()
        .expect("the bindings can be written");
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        problems.push(format!("the bindings do not compile:\n{text}"));
    }
}
