//! Binary to [`Node`]s.

use std::collections::BTreeMap;
use std::ops::Range;

use wasmparser::{
    ComponentName, ComponentNameSectionReader, CompositeInnerType, CustomSectionReader, Encoding,
    ExportSectionReader, ExternalKind, FuncType, ImportSectionReader, KnownCustom, Name,
    NameSectionReader, Parser, Payload, ProducersSectionReader, TypeRef, TypeSectionReader,
};

use super::{DEPTH_MAX, Function, Kind, Node, Producer, Section};

/// Names of sections, by their number.
const MODULE_SECTIONS: [&str; 14] = [
    "custom",
    "type",
    "import",
    "function",
    "table",
    "memory",
    "global",
    "export",
    "start",
    "element",
    "code",
    "data",
    "data count",
    "tag",
];
const COMPONENT_SECTIONS: [&str; 12] = [
    "custom",
    "core module",
    "core instance",
    "core type",
    "component",
    "instance",
    "alias",
    "type",
    "canonical",
    "start",
    "import",
    "export",
];

/// A node while its sections are being read.
struct Open {
    node: Node,
    /// The function types by type index; other types have none.
    types: Vec<Option<FuncType>>,
    /// The type index of each function.
    functions: Vec<u32>,
    /// How many of them are imported.
    imported_functions: u32,
    names: BTreeMap<u32, String>,
}

/// Reads a whole binary.
pub(super) fn read(bytes: &[u8]) -> Result<Node, String> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut open: Vec<Open> = Vec::new();
    let mut next_size_bytes = length;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(describe)?;
        match &payload {
            Payload::Version { encoding, .. } => {
                if open.len() >= DEPTH_MAX {
                    return Err(format!(
                        "modules and components nest deeper than {DEPTH_MAX}"
                    ));
                }
                open.push(Open::new(*encoding, next_size_bytes));
                continue;
            }
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } => next_size_bytes = size(unchecked_range),
            Payload::End(_) => {
                let Some(done) = open.pop().map(Open::close) else {
                    break;
                };
                match open.last_mut() {
                    Some(parent) => parent.node.children.push(done),
                    None => return Ok(done),
                }
                continue;
            }
            _ => {}
        }
        if let Some(current) = open.last_mut() {
            current.section(&payload).map_err(describe)?;
        }
    }
    Err("the binary ends too early".to_owned())
}

fn describe(error: wasmparser::Error) -> String {
    format!("malformed binary: {error}")
}

fn size(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

impl Open {
    fn new(encoding: Encoding, size_bytes: u64) -> Self {
        Self {
            node: Node {
                kind: match encoding {
                    Encoding::Module => Kind::Module,
                    Encoding::Component => Kind::Component,
                },
                name: None,
                size_bytes,
                sections: Vec::new(),
                imports: Vec::new(),
                exports: Vec::new(),
                producers: Vec::new(),
                functions: Vec::new(),
                children: Vec::new(),
            },
            types: Vec::new(),
            functions: Vec::new(),
            imported_functions: 0,
            names: BTreeMap::new(),
        }
    }

    fn close(mut self) -> Node {
        for function in &mut self.node.functions {
            function.name = self.names.remove(&function.index);
        }
        self.node
    }

    fn section(&mut self, payload: &Payload<'_>) -> wasmparser::Result<()> {
        self.count(payload);
        match payload {
            Payload::TypeSection(section) => self.types(section)?,
            Payload::ImportSection(section) => self.imports(section)?,
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    self.functions.push(ty?);
                }
            }
            Payload::ExportSection(section) => self.exports(section)?,
            Payload::CodeSectionEntry(body) => {
                let position = u32::try_from(self.node.functions.len()).unwrap_or(u32::MAX);
                self.node.functions.push(Function {
                    index: self.imported_functions.saturating_add(position),
                    name: None,
                    size_bytes: size(&body.range()),
                });
            }
            Payload::CustomSection(section) => self.custom(section),
            _ => {}
        }
        Ok(())
    }

    /// Adds the section to those of the same name.
    fn count(&mut self, payload: &Payload<'_>) {
        let Some((number, range)) = payload.as_section() else {
            return;
        };
        let names: &[&str] = match self.node.kind {
            Kind::Module => &MODULE_SECTIONS,
            Kind::Component => &COMPONENT_SECTIONS,
        };
        let name = match payload {
            Payload::CustomSection(section) => format!("custom \"{}\"", section.name()),
            _ => names.get(usize::from(number)).map_or_else(
                || format!("unknown section {number}"),
                |name| (*name).to_owned(),
            ),
        };
        let entries = entries(payload).map(u64::from);
        let found = self.node.sections.iter_mut().find(|s| s.name == name);
        match found {
            Some(section) => {
                section.size_bytes = section.size_bytes.saturating_add(size(&range));
                section.entries = section.entries.zip(entries).map(|(a, b)| a + b);
            }
            None => self.node.sections.push(Section {
                name,
                size_bytes: size(&range),
                entries,
            }),
        }
    }

    fn types(&mut self, section: &TypeSectionReader<'_>) -> wasmparser::Result<()> {
        for group in section.clone() {
            for ty in group?.into_types() {
                self.types.push(match ty.composite_type.inner {
                    CompositeInnerType::Func(ty) => Some(ty),
                    _ => None,
                });
            }
        }
        Ok(())
    }

    fn imports(&mut self, section: &ImportSectionReader<'_>) -> wasmparser::Result<()> {
        for import in section.clone().into_imports() {
            let import = import?;
            if let TypeRef::Func(ty) | TypeRef::FuncExact(ty) = import.ty {
                self.functions.push(ty);
                self.imported_functions = self.imported_functions.saturating_add(1);
            }
            let ty = self.entity(&import.ty);
            let (module, name) = (import.module, import.name);
            self.node.imports.push(format!("{module:?} {name:?}: {ty}"));
        }
        Ok(())
    }

    fn exports(&mut self, section: &ExportSectionReader<'_>) -> wasmparser::Result<()> {
        for export in section.clone() {
            let export = export?;
            let ty = match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    let index = usize::try_from(export.index).unwrap_or(usize::MAX);
                    let ty = self.functions.get(index).copied();
                    ty.map_or_else(|| "func".to_owned(), |ty| self.func(ty))
                }
                ExternalKind::Table => "table".to_owned(),
                ExternalKind::Memory => "memory".to_owned(),
                ExternalKind::Global => "global".to_owned(),
                ExternalKind::Tag => "tag".to_owned(),
            };
            self.node.exports.push(format!("{:?}: {ty}", export.name));
        }
        Ok(())
    }

    fn entity(&self, ty: &TypeRef) -> String {
        match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => self.func(*ty),
            TypeRef::Table(ty) => format!("table {}", ty.element_type),
            TypeRef::Memory(ty) => {
                let shared = if ty.shared { "shared " } else { "" };
                format!("{shared}memory of {} pages or more", ty.initial)
            }
            TypeRef::Global(ty) => {
                let mutable = if ty.mutable { "mutable " } else { "" };
                format!("{mutable}global {}", ty.content_type)
            }
            TypeRef::Tag(_) => "tag".to_owned(),
        }
    }

    fn func(&self, index: u32) -> String {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(Some(ty)) = self.types.get(index) else {
            return "func".to_owned();
        };
        let list = |types: &[wasmparser::ValType]| {
            let types = types.iter().map(ToString::to_string);
            types.collect::<Vec<_>>().join(", ")
        };
        let params = list(ty.params());
        match ty.results() {
            [] => format!("func({params})"),
            [result] => format!("func({params}) -> {result}"),
            results => format!("func({params}) -> ({})", list(results)),
        }
    }

    /// Custom sections are advice: one that is malformed is as good as none.
    fn custom(&mut self, section: &CustomSectionReader<'_>) {
        match section.as_known() {
            KnownCustom::Name(names) => self.module_names(names),
            KnownCustom::ComponentName(names) => self.component_name(names),
            KnownCustom::Producers(producers) => self.producers(producers),
            _ => {}
        }
    }

    fn module_names(&mut self, names: NameSectionReader<'_>) {
        for name in names.into_iter().map_while(Result::ok) {
            match name {
                Name::Module { name, .. } => self.node.name = Some(name.to_owned()),
                Name::Function(map) => {
                    for naming in map.into_iter().map_while(Result::ok) {
                        self.names.insert(naming.index, naming.name.to_owned());
                    }
                }
                _ => {}
            }
        }
    }

    fn component_name(&mut self, names: ComponentNameSectionReader<'_>) {
        for name in names.into_iter().map_while(Result::ok) {
            if let ComponentName::Component { name, .. } = name {
                self.node.name = Some(name.to_owned());
            }
        }
    }

    fn producers(&mut self, producers: ProducersSectionReader<'_>) {
        for field in producers.into_iter().map_while(Result::ok) {
            for value in field.values.into_iter().map_while(Result::ok) {
                self.node.producers.push(Producer {
                    field: field.name.to_owned(),
                    name: value.name.to_owned(),
                    version: value.version.to_owned(),
                });
            }
        }
    }
}

/// How many entries a section has.
fn entries(payload: &Payload<'_>) -> Option<u32> {
    Some(match payload {
        Payload::TypeSection(s) => s.count(),
        Payload::ImportSection(s) => s.count(),
        Payload::FunctionSection(s) => s.count(),
        Payload::TableSection(s) => s.count(),
        Payload::MemorySection(s) => s.count(),
        Payload::TagSection(s) => s.count(),
        Payload::GlobalSection(s) => s.count(),
        Payload::ExportSection(s) => s.count(),
        Payload::ElementSection(s) => s.count(),
        Payload::DataSection(s) => s.count(),
        Payload::CodeSectionStart { count, .. } => *count,
        Payload::InstanceSection(s) => s.count(),
        Payload::CoreTypeSection(s) => s.count(),
        Payload::ComponentInstanceSection(s) => s.count(),
        Payload::ComponentAliasSection(s) => s.count(),
        Payload::ComponentTypeSection(s) => s.count(),
        Payload::ComponentCanonicalSection(s) => s.count(),
        Payload::ComponentImportSection(s) => s.count(),
        Payload::ComponentExportSection(s) => s.count(),
        Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => 1,
        _ => return None,
    })
}
