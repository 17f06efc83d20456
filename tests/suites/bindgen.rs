//! Generated bindings are Rust that a person could have checked in: formatted,
//! free of warnings, without unsafe code, and built on the public API alone.
//!
//! The worlds are those of the snapshots. What the bindings do is tested with
//! real guests in the suite `corpus-typed`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use linkspan_tests::{cases, upstream};
use linkspan_wit::bindgen::{Generator, Options, Source};

/// The bindings of every case, written as modules of one package.
struct Package {
    folder: PathBuf,
    modules: Vec<String>,
}

#[test]
fn bindings_compile_without_warnings_and_need_no_formatting() {
    let package = write_package();
    assert!(
        package.modules.len() >= 4,
        "found the cases {:?} alone",
        package.modules
    );
    check_format(&package);
    let output = upstream::cargo()
        .args(["check", "--offline", "--quiet", "--manifest-path"])
        .arg(package.folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", package.folder.join("target"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the bindings do not compile:\n{text}"
    );
}

/// Writes the bindings of all cases below Cargo's target folder, where a second
/// run finds what the first has built.
fn write_package() -> Package {
    let folder = upstream::target_folder()
        .expect("the bindings can be written")
        .join("generated");
    fs::create_dir_all(folder.join("src")).expect("the bindings can be written");
    let project = upstream::project();
    let manifest = format!(
        "[package]\nname = \"generated\"\nedition = \"2024\"\n\n[dependencies]\n\
         linkspan = {{ path = {:?}, default-features = false }}\n\n[workspace]\n",
        project.join("component")
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("the bindings can be written");
    // The versions that the project is built with, which are downloaded.
    fs::copy(project.join("Cargo.lock"), folder.join("Cargo.lock"))
        .expect("the bindings can be written");
    let mut modules = Vec::new();
    // Bindings may be told to call the crate by another name.
    let mut root = "//! Bindings.\n#![forbid(unsafe_code)]\n#![deny(warnings)]\n\
                    pub use linkspan as runtime;\n"
        .to_owned();
    for (name, path) in worlds() {
        let module = name.trim_end_matches(".wit").replace('-', "_");
        fs::write(
            folder.join(format!("src/{module}.rs")),
            generate(&name, &path),
        )
        .expect("the bindings can be written");
        root.push_str(&format!("pub mod {module};\n"));
        modules.push(module);
    }
    fs::write(folder.join("src/lib.rs"), root).expect("the bindings can be written");
    Package { folder, modules }
}

fn worlds() -> Vec<(String, PathBuf)> {
    cases::list(
        &upstream::project().join("snapshots/cases/bindgen"),
        &["wit"],
    )
    .expect("the bindings can be written")
}

fn generate(name: &str, path: &Path) -> String {
    let text = fs::read_to_string(path).expect("the bindings can be written");
    let options = options(&text);
    let generator = Generator::new(Source::text(name, text)).options(options);
    let output = generator.generate();
    let output = output.unwrap_or_else(|error| panic!("{name}: {}", error.render()));
    assert!(!output.code.is_empty(), "{name}: {:?}", output.diagnostics);
    format!("//! Generated.\n\n{}", output.code)
}

/// The options in the first lines of a case, as its picture is made with.
fn options(text: &str) -> Options {
    let mut options = Options::default();
    let head = text.lines().map_while(|line| line.strip_prefix("//!"));
    for (option, value) in head.filter_map(|line| line.split_once('=')) {
        options
            .set(option.trim(), value)
            .expect("an option is known");
    }
    options
}

fn check_format(package: &Package) {
    for module in &package.modules {
        let path = package.folder.join(format!("src/{module}.rs"));
        let output = Command::new("rustfmt")
            .args(["--check", "--edition", "2024"])
            .arg(path)
            .output();
        // Who has no rustfmt can still run the tests; the pipeline has it.
        let Ok(output) = output else { return };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "rustfmt would change the bindings:\n{text}"
        );
    }
}
