//! Reading sources: which files belong to a folder, and what kind of source each is.
//!
//! Only this file touches the file system. It reads at most what the limits allow, whatever size
//! a file claims to have.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::{Input, Limits};
use crate::error::{Error, ErrorKind, Result};

/// One WIT text.
#[derive(Debug)]
pub(super) struct Text {
    /// The name in messages.
    pub(super) name: String,
    /// The name in what is generated: that of the source that was given and what is below it,
    /// whatever stands above it on this machine.
    pub(super) origin: String,
    pub(super) text: String,
}

/// Texts that form one package, with the packages nested in them.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) files: Vec<Text>,
    /// Whether it was asked for, or is a dependency in a `deps` folder.
    pub(super) main: bool,
}

/// A component, or a WIT package in binary form.
#[derive(Debug)]
pub(super) struct Binary {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) main: bool,
}

/// Everything that was read, in the order in which it was asked for.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) groups: Vec<Group>,
    pub(super) binaries: Vec<Binary>,
    /// The files read, for those who watch them.
    pub(super) files: Vec<PathBuf>,
    /// The `deps` folders that were looked into, present or not, for messages.
    pub(super) searched: Vec<PathBuf>,
}

/// Reads all `inputs`.
pub(super) fn gather(inputs: &[Input], limits: &Limits) -> Result<Gathered> {
    if inputs.is_empty() {
        return Err(Error::new(ErrorKind::Select, "no WIT source was given"));
    }
    let mut reader = Reader {
        limits,
        seen: 0,
        total_bytes: 0,
        above: PathBuf::new(),
        out: Gathered::default(),
    };
    for input in inputs {
        reader.above = match input {
            Input::Path(path) => path.parent().unwrap_or(path).to_owned(),
            // The folders of a name count only where it is a path from the root.
            Input::Bytes { name, .. } => match Path::new(name).parent() {
                Some(parent) if parent.has_root() => parent.to_owned(),
                _ => PathBuf::new(),
            },
        };
        match input {
            Input::Path(path) if path.is_dir() => reader.folder(path)?,
            Input::Path(path) => reader.file(path, true)?,
            Input::Bytes { name, bytes } => reader.source(name, bytes.clone(), true)?,
        }
    }
    Ok(reader.out)
}

struct Reader<'a> {
    limits: &'a Limits,
    seen: usize,
    total_bytes: usize,
    /// The folder that holds the source being read.
    above: PathBuf,
    out: Gathered,
}

impl Reader<'_> {
    /// A folder with `.wit` files and perhaps a `deps` folder.
    fn folder(&mut self, path: &Path) -> Result<()> {
        let deps = path.join("deps");
        if deps.is_dir() {
            for entry in self.entries(&deps)? {
                let extension = entry.extension().and_then(|e| e.to_str());
                if entry.is_dir() {
                    self.texts_of(&entry, false)?;
                } else if matches!(extension, Some("wit" | "wat" | "wasm")) {
                    self.file(&entry, false)?;
                }
            }
        }
        self.out.searched.push(deps);
        self.texts_of(path, true)
    }

    /// The `.wit` files directly in `folder`, as one package.
    fn texts_of(&mut self, folder: &Path, main: bool) -> Result<()> {
        let mut files = Vec::new();
        for path in self.entries(folder)? {
            if path.extension().and_then(|e| e.to_str()) != Some("wit") || path.is_dir() {
                continue;
            }
            let bytes = self.read(&path)?;
            let name = path.display().to_string();
            files.push(self.text(&name, bytes)?);
        }
        if files.is_empty() {
            let folder = folder.display();
            return Err(Error::new(
                ErrorKind::Select,
                format!("the folder `{folder}` contains no `.wit` file"),
            )
            .with_help("name a `.wit` file, a component, or the folder that holds the package"));
        }
        self.out.groups.push(Group { files, main });
        Ok(())
    }

    fn file(&mut self, path: &Path, main: bool) -> Result<()> {
        let bytes = self.read(path)?;
        self.source(&path.display().to_string(), bytes, main)
    }

    /// Sorts a source by what it holds.
    fn source(&mut self, name: &str, bytes: Vec<u8>, main: bool) -> Result<()> {
        let looks_like_wat = is_component_text(&bytes);
        if looks_like_wat || bytes.starts_with(b"\0asm") {
            let limit = self.limits.binary_size_bytes_max;
            if bytes.len() > limit {
                return Err(too_big(name, limit));
            }
            let bytes = if looks_like_wat {
                encode_text(name, &bytes)?
            } else {
                bytes
            };
            let name = name.to_owned();
            self.out.binaries.push(Binary { name, bytes, main });
            return Ok(());
        }
        let text = self.text(name, bytes)?;
        self.out.groups.push(Group {
            files: vec![text],
            main,
        });
        Ok(())
    }

    /// Checks a WIT text's size and encoding.
    fn text(&mut self, name: &str, bytes: Vec<u8>) -> Result<Text> {
        if bytes.len() > self.limits.source_size_bytes_max {
            return Err(too_big(name, self.limits.source_size_bytes_max));
        }
        self.total_bytes = self.total_bytes.saturating_add(bytes.len());
        if self.total_bytes > self.limits.total_size_bytes_max {
            let limit = self.limits.total_size_bytes_max;
            return Err(Error::new(
                ErrorKind::Limit,
                format!("the WIT sources are larger than {limit} bytes together"),
            ));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            Error::new(
                ErrorKind::Parse,
                format!("`{name}` is neither UTF-8 text nor a component (byte {at} is not UTF-8)"),
            )
        })?;
        Ok(Text {
            name: name.to_owned(),
            origin: origin(Path::new(name), &self.above),
            text,
        })
    }

    /// The entries of `folder`, sorted by name so that the file system's order does not matter.
    fn entries(&mut self, folder: &Path) -> Result<Vec<PathBuf>> {
        let failed = |e| Error::io(format!("cannot read the folder `{}`", folder.display()), e);
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            entries.push(entry.map_err(failed)?.path());
            self.count_file()?;
        }
        entries.sort();
        Ok(entries)
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>> {
        self.count_file()?;
        let failed = |e| Error::io(format!("cannot read `{}`", path.display()), e);
        let limit = self
            .limits
            .binary_size_bytes_max
            .max(self.limits.source_size_bytes_max);
        let file = fs::File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file at the limit from one beyond it, and a device
        // without end is not read forever.
        let allowed = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(allowed).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > limit {
            return Err(too_big(&path.display().to_string(), limit));
        }
        self.out.files.push(path.to_owned());
        Ok(bytes)
    }

    fn count_file(&mut self) -> Result<()> {
        self.seen += 1;
        let limit = self.limits.files_max;
        if self.seen > limit {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("more than {limit} files and folder entries"),
            )
            .with_help("name the folder that holds the WIT package, not one above it"));
        }
        Ok(())
    }
}

/// `path` from the folder `above` it, the same on every machine and fit for a line of a comment.
fn origin(path: &Path, above: &Path) -> String {
    let below = path.strip_prefix(above).unwrap_or(path);
    let parts = below.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            None
        }
    });
    let origin = parts.collect::<Vec<_>>().join("/");
    origin.replace(|c: char| c.is_control() || c == '`', "_")
}

fn too_big(name: &str, limit: usize) -> Error {
    Error::new(
        ErrorKind::Limit,
        format!("`{name}` is larger than {limit} bytes"),
    )
    .with_help("raise the limit in `linkspan_wit::Limits` if the source is to be trusted")
}

/// Whether `bytes` begin like the text form of WebAssembly: an open parenthesis, or the line
/// comments that may stand before it. WIT can begin with neither.
fn is_component_text(bytes: &[u8]) -> bool {
    let start = bytes.iter().find(|b| !b.is_ascii_whitespace());
    match start {
        Some(b'(') => true,
        Some(b';') => bytes.trim_ascii_start().starts_with(b";;"),
        _ => false,
    }
}

#[cfg(feature = "wat")]
fn encode_text(name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    match wat::parse_bytes(bytes) {
        Ok(binary) => Ok(binary.into_owned()),
        Err(e) => {
            let text = e.to_string();
            let mut lines = text.lines();
            let message = format!(
                "`{name}` is no component in text form: {}",
                lines.next().unwrap_or("malformed")
            );
            let error = Error::new(ErrorKind::Decode, message);
            let rest = lines.collect::<Vec<_>>().join("\n");
            Err(if rest.is_empty() {
                error
            } else {
                error.with_note(rest)
            })
        }
    }
}

#[cfg(not(feature = "wat"))]
fn encode_text(name: &str, _bytes: &[u8]) -> Result<Vec<u8>> {
    Err(Error::new(
        ErrorKind::Decode,
        format!("`{name}` is a component in text form, which this build does not read"),
    )
    .with_help("build with the feature `wat`, or give the binary"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_say_nothing_of_the_machine() {
        for (path, above, expected) in [
            ("/far/away/app/wit/a.wit", "/far/away/app", "wit/a.wit"),
            (
                "/far/away/app/wit/deps/b/c.wit",
                "/far/away/app",
                "wit/deps/b/c.wit",
            ),
            ("../shared/wit/a.wit", "../shared", "wit/a.wit"),
            ("./a.wit", "", "a.wit"),
            ("../a.wit", "", "a.wit"),
            ("/a`b\n.wit", "/", "a_b_.wit"),
        ] {
            assert_eq!(
                origin(Path::new(path), Path::new(above)),
                expected,
                "{path}"
            );
        }
    }
}
