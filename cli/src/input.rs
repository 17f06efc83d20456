//! Reading what a command works on.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use linkspan_wit::{Loader, PackageSet};

use crate::failure::{Failure, Kind, Result};

/// The largest file that is read.
const FILE_SIZE_BYTES_MAX: u64 = 1 << 30;

/// WIT to load: what every command on WIT takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct WitInput {
    /// WIT files, folders with a WIT package and its `deps`, or components; `-` reads standard
    /// input.
    ///
    /// Several are loaded together and may depend on each other.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    /// Keep items gated by `@unstable(feature = …)` of these features, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    features: Vec<String>,

    /// Keep all `@unstable` items.
    #[arg(long)]
    all_features: bool,
}

impl WitInput {
    /// What the loader is to load.
    pub(crate) fn loader(&self) -> Result<Loader> {
        let mut loader = Loader::new()
            .features(self.features.iter().cloned())
            .all_features(self.all_features);
        for path in &self.paths {
            loader = match path.as_os_str() {
                dash if dash == "-" => loader.bytes("standard input", standard_input()?),
                _ => loader.path(path),
            };
        }
        Ok(loader)
    }

    /// The words of the command line that ask for the same.
    pub(crate) fn words(&self) -> Vec<String> {
        let paths = self.paths.iter();
        let mut words: Vec<String> = paths.map(|path| path.display().to_string()).collect();
        if !self.features.is_empty() {
            words.extend(["--features".to_owned(), self.features.join(",")]);
        }
        if self.all_features {
            words.push("--all-features".to_owned());
        }
        words
    }

    /// The name and bytes of the binary, if a single one is given, in whichever form.
    pub(crate) fn single_binary(&self) -> Result<Option<(String, Vec<u8>)>> {
        let [path] = self.paths.as_slice() else {
            return Ok(None);
        };
        if path.is_dir() {
            return Ok(None);
        }
        let extension = path.extension().and_then(|e| e.to_str());
        if extension == Some("wit") || path.as_os_str() == "-" {
            return Ok(None);
        }
        let name = short_name(path);
        Ok(binary(&name, read(path)?)?.map(|bytes| (name, bytes)))
    }

    /// Loads everything.
    pub(crate) fn load(&self) -> Result<PackageSet> {
        Ok(self.loader()?.load()?)
    }
}

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        return standard_input();
    }
    let failed = |e: io::Error| {
        let path = path.display();
        Failure::new(Kind::Input, format!("cannot read `{path}`: {e}"))
    };
    let file = fs::File::open(path).map_err(failed)?;
    limited(file, &path.display().to_string()).map_err(failed)?
}

fn standard_input() -> Result<Vec<u8>> {
    let input = io::stdin().lock();
    limited(input, "standard input")
        .map_err(|e| Failure::new(Kind::Input, format!("cannot read standard input: {e}")))?
}

/// Reads at most the limit: a device without end is not read forever.
fn limited(source: impl Read, name: &str) -> io::Result<Result<Vec<u8>>> {
    let mut bytes = Vec::new();
    source
        .take(FILE_SIZE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > FILE_SIZE_BYTES_MAX {
        let message = format!("`{name}` is larger than {FILE_SIZE_BYTES_MAX} bytes");
        return Ok(Err(Failure::new(Kind::Input, message)));
    }
    Ok(Ok(bytes))
}

/// `bytes` as a binary; `None` if they are neither a binary nor the text form of one.
pub(crate) fn binary(name: &str, bytes: Vec<u8>) -> Result<Option<Vec<u8>>> {
    if bytes.starts_with(b"\0asm") {
        return Ok(Some(bytes));
    }
    let start = bytes.trim_ascii_start();
    if !start.starts_with(b"(") && !start.starts_with(b";;") {
        return Ok(None);
    }
    match wat::parse_bytes(&bytes) {
        Ok(binary) => Ok(Some(binary.into_owned())),
        Err(error) => {
            let message = format!("`{name}` is not WebAssembly text: {error}");
            Err(Failure::new(Kind::Input, message))
        }
    }
}

/// A name for messages: the last part of the path.
pub(crate) fn short_name(path: &Path) -> String {
    match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    }
}

/// Writes `text` to `path`.
pub(crate) fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|e| {
        let path = path.display();
        Failure::new(Kind::Input, format!("cannot write `{path}`: {e}"))
    })
}
