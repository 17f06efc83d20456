//! Guests that are text: they are assembled here, so that every engine is given the
//! same bytes.

use std::path::PathBuf;

use crate::engine::{root, target};

/// Assembles `folder/name.wat` of the bench and answers where the binary stands.
pub(crate) fn assemble(folder: &str, name: &str) -> Result<PathBuf, String> {
    let source = root().join(folder).join(name).with_extension("wat");
    let bytes = wat::parse_file(&source).map_err(|error| error.to_string())?;
    let folder = target().join(folder);
    let path = folder.join(name).with_extension("wasm");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, bytes))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}
