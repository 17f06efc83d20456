//! Component binaries and binary WIT packages, as packages.
//!
//! The parser's decoder validates the binary, but recurses over its types; their number is
//! therefore limited first.

use wasmparser::{
    ComponentType, ComponentTypeDeclaration, InstanceTypeDeclaration, Parser, Payload,
};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{PackageId, Resolve, WorldId};

use super::Limits;
use super::files::Binary;
use crate::error::{Error, ErrorKind, Result};

/// What a binary holds.
pub(super) struct Decoded {
    pub(super) resolve: Resolve,
    pub(super) package: PackageId,
    /// The world of a component; a binary WIT package has none of its own.
    pub(super) world: Option<WorldId>,
}

/// Decodes one binary.
pub(super) fn binary(binary: &Binary, limits: &Limits) -> Result<Decoded> {
    let name = &binary.name;
    if Parser::is_core_wasm(&binary.bytes) {
        return Err(Error::new(
            ErrorKind::Decode,
            format!("`{name}` is a core module, not a component"),
        )
        .with_help("a core module has no WIT; make a component of it first"));
    }
    let types = count_types(&binary.bytes, limits.binary_types_max).map_err(|e| {
        Error::new(
            ErrorKind::Decode,
            format!("`{name}` is no valid component: {e}"),
        )
    })?;
    if types > limits.binary_types_max {
        return Err(Error::new(
            ErrorKind::Limit,
            format!(
                "`{name}` defines more than {} types",
                limits.binary_types_max
            ),
        ));
    }
    match decode(&binary.bytes) {
        Ok(DecodedWasm::WitPackage(resolve, package)) => Ok(Decoded {
            resolve,
            package,
            world: None,
        }),
        Ok(DecodedWasm::Component(resolve, world)) => match resolve.worlds[world].package {
            Some(package) => Ok(Decoded {
                resolve,
                package,
                world: Some(world),
            }),
            None => Err(Error::new(
                ErrorKind::Internal,
                format!("the world of `{name}` belongs to no package"),
            )),
        },
        Err(e) => {
            let causes: Vec<String> = e.chain().map(ToString::to_string).collect();
            let message = format!("`{name}` is no valid component: {}", causes[0]);
            Err(causes[1..]
                .iter()
                .fold(Error::new(ErrorKind::Decode, message), |error, cause| {
                    error.with_note(cause)
                }))
        }
    }
}

/// Counts type definitions at every level; counting stops above `max`.
fn count_types(bytes: &[u8], max: usize) -> wasmparser::Result<usize> {
    let mut count = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::ComponentTypeSection(section) = payload? {
            for ty in section {
                count_type(&ty?, &mut count);
                if count > max {
                    return Ok(count);
                }
            }
        }
    }
    Ok(count)
}

/// Recurses only as deep as the reader allows types to nest.
fn count_type(ty: &ComponentType<'_>, count: &mut usize) {
    *count = count.saturating_add(1);
    match ty {
        ComponentType::Component(declarations) => {
            for declaration in declarations {
                if let ComponentTypeDeclaration::Type(ty) = declaration {
                    count_type(ty, count);
                }
            }
        }
        ComponentType::Instance(declarations) => {
            for declaration in declarations {
                if let InstanceTypeDeclaration::Type(ty) = declaration {
                    count_type(ty, count);
                }
            }
        }
        _ => {}
    }
}
