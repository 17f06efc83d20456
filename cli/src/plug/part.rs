//! One component that goes into a composition: its bytes, and the types of its imports and
//! exports as validation found them.

use std::path::Path;

use wasmparser::component_types::ComponentItem;
use wasmparser::types::Types;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use crate::failure::{Failure, Kind, Result};
use crate::input;

/// A component with the types of what it imports and exports.
pub(crate) struct Part {
    /// What messages call it.
    pub(crate) name: String,
    /// Its binary.
    pub(crate) bytes: Vec<u8>,
    pub(super) types: Types,
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Accepts what the runtime accepts.
pub(super) fn validator() -> Validator {
    Validator::new_with_features(WasmFeatures::all() - WasmFeatures::CM_NESTED_NAMES)
}

impl Part {
    /// Reads a component from a file, in binary or text form.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = input::short_name(path);
        let bytes = input::read(path)?;
        match input::binary(&name, bytes)? {
            Some(binary) => Self::new(name, binary),
            None => {
                let message = format!("`{name}` is not a component");
                Err(Failure::new(Kind::Input, message))
            }
        }
    }

    /// A component by its binary.
    pub(crate) fn new(name: String, bytes: Vec<u8>) -> Result<Self> {
        if !Parser::is_component(&bytes) {
            let message = format!(
                "`{name}` is a core module, not a component\n  = help: `wasm-tools component new` \
                 makes a component of it"
            );
            return Err(Failure::new(Kind::Input, message));
        }
        let failed = |error: wasmparser::Error| {
            Failure::new(Kind::Input, format!("`{name}` is not valid: {error}"))
        };
        let types = validator().validate_all(&bytes).map_err(failed)?;
        let (imports, exports) = names(&bytes).map_err(failed)?;
        Ok(Self {
            name,
            bytes,
            types,
            imports,
            exports,
        })
    }

    /// Names and types of the imports, in order.
    pub(super) fn imports(&self) -> impl Iterator<Item = (&str, &ComponentItem)> {
        let types = self.types.as_ref();
        let item = move |name: &String| types.component_item_for_import(name);
        self.imports
            .iter()
            .filter_map(move |name| Some((&**name, item(name)?)))
    }

    /// Names and types of the exports, in order.
    pub(super) fn exports(&self) -> impl Iterator<Item = (&str, &ComponentItem)> {
        let types = self.types.as_ref();
        let item = move |name: &String| types.component_item_for_export(name);
        self.exports
            .iter()
            .filter_map(move |name| Some((&**name, item(name)?)))
    }
}

/// Names of imports and exports of the outermost component.
fn names(bytes: &[u8]) -> wasmparser::Result<(Vec<String>, Vec<String>)> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}
