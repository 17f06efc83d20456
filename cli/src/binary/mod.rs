//! What a WebAssembly binary is made of: modules and components in each other, their sections,
//! sizes, producers, and what core modules import and export.
//!
//! It reads structure and validates nothing; a malformed binary ends in an error with its offset.
//! Modules and components nest no deeper than [`DEPTH_MAX`].

mod print;
mod read;

use serde_json::{Map, Value, json};

use crate::failure::{Failure, Kind as FailureKind, Result};

pub(crate) use print::{Detail, print};

/// How deep modules and components may nest; validators allow less.
const DEPTH_MAX: usize = 100;

/// Whether a [`Node`] is a module or a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A core module.
    Module,
    /// A component.
    Component,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Module => "core module",
            Self::Component => "component",
        }
    }
}

/// A module or component.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Its name, from a custom section.
    pub(crate) name: Option<String>,
    pub(crate) size_bytes: u64,
    pub(crate) sections: Vec<Section>,
    /// Imports of a core module, as text.
    pub(crate) imports: Vec<String>,
    /// Exports of a core module, as text.
    pub(crate) exports: Vec<String>,
    pub(crate) producers: Vec<Producer>,
    /// Functions with a body, in order.
    pub(crate) functions: Vec<Function>,
    /// What stands inside, in order.
    pub(crate) children: Vec<Node>,
}

/// All sections of one kind or custom name.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    /// How many entries they have, where entries are counted.
    pub(crate) entries: Option<u64>,
}

/// A tool or language that made a module.
#[derive(Debug)]
pub(crate) struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub(crate) field: String,
    pub(crate) name: String,
    pub(crate) version: String,
}

/// A function's body.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) index: u32,
    pub(crate) name: Option<String>,
    pub(crate) size_bytes: u64,
}

impl Node {
    /// Reads a binary.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        read::read(bytes).map_err(|e| Failure::new(FailureKind::Input, e))
    }

    /// The `count` largest functions here, largest first.
    pub(crate) fn largest_functions(&self, count: usize) -> Vec<&Function> {
        let mut functions: Vec<&Function> = self.functions.iter().collect();
        functions.sort_by_key(|f| (u64::MAX - f.size_bytes, f.index));
        functions.truncate(count);
        functions
    }

    /// The node and all below as JSON, with the `functions` largest functions of each module.
    pub(crate) fn json(&self, functions: usize) -> Value {
        let mut out = Map::new();
        out.insert("kind".to_owned(), self.kind.name().into());
        out.insert("name".to_owned(), self.name.clone().into());
        out.insert("size-bytes".to_owned(), self.size_bytes.into());
        let section = |s: &Section| json!({ "name": s.name, "size-bytes": s.size_bytes, "entries": s.entries });
        let sections: Value = self.sections.iter().map(section).collect();
        out.insert("sections".to_owned(), sections);
        let producer =
            |p: &Producer| json!({ "field": p.field, "name": p.name, "version": p.version });
        let producers: Value = self.producers.iter().map(producer).collect();
        out.insert("producers".to_owned(), producers);
        if self.kind == Kind::Module {
            out.insert("imports".to_owned(), self.imports.clone().into());
            out.insert("exports".to_owned(), self.exports.clone().into());
            if functions > 0 {
                let function = |f: &&Function| json!({ "index": f.index, "name": f.name, "size-bytes": f.size_bytes });
                let largest = self.largest_functions(functions);
                let largest: Value = largest.iter().map(function).collect();
                out.insert("largest-functions".to_owned(), largest);
            }
        }
        let children: Value = self.children.iter().map(|c| c.json(functions)).collect();
        out.insert("children".to_owned(), children);
        out.into()
    }
}
