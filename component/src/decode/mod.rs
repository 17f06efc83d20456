//! Bytes to declarations: what a component binary says, section by section,
//! owned and with offsets, after wasmparser has validated it. Nothing is
//! resolved here: indices stay indices until the plan is made.
//!
//! Function bodies of core modules are not validated here. The engine does
//! that when it decodes the module, and nothing runs before it has.

mod canon;
mod instances;
mod types;

use std::ops::Range;

use wasmparser::{
    CanonicalFunction, ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload,
    Validator, types::TypesRef,
};

pub(crate) use canon::CoreFuncDecl;
pub(crate) use instances::{Alias, CoreInstance, Instance, ItemRef};
pub(crate) use types::{
    CoreTypeDecl, DefinedType, ExternName, FuncTypeDecl, ModuleDecl, ModuleTypeDecl, ScopeDecl,
    TypeDecl, TypeScope,
};

use crate::error::{Error, Result};
use crate::features::Accepted;

macro_rules! decl_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) u32);

        impl $name {
            /// The position as a slice index.
            pub(crate) fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

decl_ids! {
    /// One (possibly nested) component of a binary; the root is 0.
    ComponentId,
    /// One core module of a binary, in the order of their sections.
    ModuleId,
    /// The body of one instance type or component type.
    ScopeId,
}

/// Everything that a component binary declares.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    /// The root component and all nested ones.
    pub(crate) components: Vec<ComponentDecl>,
    /// Where the core modules stand in the binary.
    pub(crate) modules: Vec<Range<usize>>,
    /// Bodies of instance types and component types.
    pub(crate) scopes: Vec<TypeScope>,
}

/// One component: its declarations in order. Each one may extend one of the
/// component's index spaces.
#[derive(Debug, Default)]
pub(crate) struct ComponentDecl {
    /// The declarations, each with its offset in the binary.
    pub(crate) decls: Vec<(u64, Decl)>,
}

/// One declaration of a component.
#[derive(Debug)]
pub(crate) enum Decl {
    /// An inline core module.
    CoreModule(ModuleId),
    /// A core instance.
    CoreInstance(CoreInstance),
    /// Core types, or a core module type.
    CoreType(CoreTypeDecl),
    /// A nested component.
    Component(ComponentId),
    /// A component instance.
    Instance(Instance),
    /// An alias of any kind.
    Alias(Alias),
    /// A component-level type.
    Type(TypeDecl),
    /// A canonical definition.
    Canon {
        /// What it defines.
        canon: CanonicalFunction,
        /// The type of the core function that it makes, if that is made of
        /// numbers.
        core_type: Option<CoreFuncDecl>,
    },
    /// A call of a start function, which may make a value.
    Start {
        /// The function.
        func: u32,
        /// Positions of the values that it takes.
        args: Box<[u32]>,
        /// How many values it makes: one or none.
        results: u32,
    },
    /// An import.
    Import {
        /// Its external name.
        name: ExternName,
        /// Its type.
        ty: ComponentTypeRef,
    },
    /// An export, which also extends the index space of its kind.
    Export {
        /// Its external name.
        name: ExternName,
        /// What kind of item it is.
        kind: ComponentExternalKind,
        /// The item. A type ascribed to it says nothing new at run time.
        index: u32,
    },
}

/// Decodes and validates a component binary.
pub(crate) fn decode(bytes: &[u8], accepted: Accepted) -> Result<Decoded> {
    let mut decoder = Decoder {
        out: Decoded::default(),
        open: Vec::new(),
        module_open: false,
    };
    let mut validator = Validator::new_with_features(accepted.flags());
    let mut parser = Parser::new(0);
    parser.set_features(accepted.flags());
    for payload in parser.parse_all(bytes) {
        let payload = payload.map_err(Error::malformed)?;
        validator.payload(&payload).map_err(Error::invalid)?;
        decoder.payload(payload, validator.types(0))?;
    }
    Ok(decoder.out)
}

/// Validates a core module by itself, its function bodies included, with the
/// same proposals as a component: for modules that the engine refuses
/// because of a proposal, so that a broken one is still reported as such.
pub(crate) fn validate_module(bytes: &[u8], accepted: Accepted) -> Result<()> {
    Validator::new_with_features(accepted.flags())
        .validate_all(bytes)
        .map(drop)
        .map_err(Error::invalid)
}

struct Decoder {
    out: Decoded,
    /// The components whose sections are being read, outermost first.
    open: Vec<ComponentId>,
    /// Whether payloads belong to a core module.
    module_open: bool,
}

impl Decoder {
    /// Takes the declarations of a section; `types` is what the validator knows
    /// of the component after it.
    fn payload(&mut self, payload: Payload<'_>, types: Option<TypesRef<'_>>) -> Result<()> {
        if self.module_open {
            self.module_open = !matches!(payload, Payload::End(_));
            return Ok(());
        }
        match payload {
            Payload::Version { encoding, .. } => self.version(encoding)?,
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                let id = ModuleId(count(self.out.modules.len())?);
                self.declare(unchecked_range.start, Decl::CoreModule(id));
                self.out.modules.push(to_usize(unchecked_range)?);
                self.module_open = true;
            }
            Payload::ComponentSection {
                unchecked_range, ..
            } => {
                let id = ComponentId(count(self.out.components.len())?);
                self.declare(unchecked_range.start, Decl::Component(id));
            }
            Payload::InstanceSection(section) => {
                self.each(section, |_, item| Ok(Decl::CoreInstance(item.into())))?;
            }
            Payload::CoreTypeSection(section) => {
                self.each(section, |_, item| {
                    Ok(Decl::CoreType(CoreTypeDecl::new(&item)))
                })?;
            }
            Payload::ComponentInstanceSection(section) => {
                self.each(section, |_, item| Ok(Decl::Instance(item.into())))?;
            }
            Payload::ComponentAliasSection(section) => {
                self.each(section, |_, item| Ok(Decl::Alias(item.into())))?;
            }
            Payload::ComponentTypeSection(section) => {
                self.each(section, |decoder, item| {
                    Ok(Decl::Type(types::type_decl(&mut decoder.out.scopes, item)?))
                })?;
            }
            Payload::ComponentCanonicalSection(section) => self.canons(section, types)?,
            Payload::ComponentStartSection { start, range } => self.declare(
                range.start,
                Decl::Start {
                    func: start.func_index,
                    args: start.arguments,
                    results: start.results,
                },
            ),
            Payload::ComponentImportSection(section) => self.each(section, |_, item| {
                Ok(Decl::Import {
                    name: item.name.into(),
                    ty: item.ty,
                })
            })?,
            Payload::ComponentExportSection(section) => self.each(section, |_, item| {
                Ok(Decl::Export {
                    name: item.name.into(),
                    kind: item.kind,
                    index: item.index,
                })
            })?,
            Payload::End(_) => {
                self.open.pop();
            }
            // Sections of core modules are skipped above, unknown ones are
            // refused by the validator, custom ones carry no meaning.
            _ => {}
        }
        Ok(())
    }

    fn canons(
        &mut self,
        section: wasmparser::ComponentCanonicalSectionReader<'_>,
        types: Option<TypesRef<'_>>,
    ) -> Result<()> {
        let mut types = canon::CoreTypes::new(&section, types)?;
        self.each(section, |_, canon| {
            let core_type = types.next(&canon);
            Ok(Decl::Canon { canon, core_type })
        })
    }

    fn version(&mut self, encoding: Encoding) -> Result<()> {
        match encoding {
            Encoding::Component => {
                let id = ComponentId(count(self.out.components.len())?);
                self.out.components.push(ComponentDecl::default());
                self.open.push(id);
                Ok(())
            }
            Encoding::Module => Err(Error::not_a_component()),
        }
    }

    fn declare(&mut self, offset: u64, decl: Decl) {
        if let Some(&id) = self.open.last()
            && let Some(component) = self.out.components.get_mut(id.index())
        {
            component.decls.push((offset, decl));
        }
    }

    fn each<'a, T: wasmparser::FromReader<'a>>(
        &mut self,
        section: wasmparser::SectionLimited<'a, T>,
        mut make: impl FnMut(&mut Self, T) -> Result<Decl>,
    ) -> Result<()> {
        for item in section.into_iter_with_offsets() {
            let (offset, item) = item.map_err(Error::malformed)?;
            let decl = make(self, item)?;
            self.declare(offset, decl);
        }
        Ok(())
    }
}

fn count(len: usize) -> Result<u32> {
    u32::try_from(len).map_err(|_| Error::limit("too many definitions in one component binary"))
}

fn to_usize(range: Range<u64>) -> Result<Range<usize>> {
    match (usize::try_from(range.start), usize::try_from(range.end)) {
        (Ok(start), Ok(end)) => Ok(start..end),
        _ => Err(Error::limit(
            "the binary is larger than this machine's address space",
        )),
    }
}

#[cfg(test)]
#[cfg(feature = "wat")]
mod tests {
    use super::*;

    fn decode_text(text: &str) -> Result<Decoded> {
        decode_bytes(&wat::parse_str(text).unwrap())
    }

    fn decode_bytes(bytes: &[u8]) -> Result<Decoded> {
        decode(bytes, Accepted::by(&linkspan_engine::Engine::default()))
    }

    #[test]
    fn nested_definitions_are_numbered_in_section_order() {
        let decoded = decode_text(
            "(component
               (core module)
               (component (core module) (component))
               (component))",
        )
        .unwrap();
        assert_eq!(decoded.components.len(), 4);
        assert_eq!(decoded.modules.len(), 2);
        let root = &decoded.components[0].decls;
        assert!(matches!(root[0].1, Decl::CoreModule(ModuleId(0))));
        assert!(matches!(root[1].1, Decl::Component(ComponentId(1))));
        assert!(matches!(root[2].1, Decl::Component(ComponentId(3))));
        let nested = &decoded.components[1].decls;
        assert!(matches!(nested[0].1, Decl::CoreModule(ModuleId(1))));
        assert!(matches!(nested[1].1, Decl::Component(ComponentId(2))));
    }

    #[test]
    fn a_core_module_is_refused_with_a_hint() {
        let error = decode_bytes(&wat::parse_str("(module)").unwrap()).unwrap_err();
        assert!(error.to_string().contains("core module"), "{error}");
    }

    #[test]
    fn invalid_components_carry_an_offset() {
        let error = decode_text("(component (type (list 7)))").unwrap_err();
        assert!(error.offset().is_some(), "{error}");
    }
}
