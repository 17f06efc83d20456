//! The types of the core functions that canonical definitions make, as the
//! validator has computed them: what is not built yet is made of them.

use linkspan_canon_abi::CoreType;
use wasmparser::types::TypesRef;
use wasmparser::{CanonicalFunction, ComponentCanonicalSectionReader, ValType};

use crate::error::{Error, Result};

/// The type of a core function that takes and returns numbers alone.
#[derive(Clone, Debug)]
pub(crate) struct CoreFuncDecl {
    pub(crate) params: Box<[CoreType]>,
    pub(crate) results: Box<[CoreType]>,
}

/// The core functions of one section, in order.
pub(super) struct CoreTypes<'a> {
    types: Option<TypesRef<'a>>,
    /// Position of the next one in the index space of core functions.
    next: u32,
}

impl<'a> CoreTypes<'a> {
    /// For a section that has just been validated.
    pub(super) fn new(
        section: &ComponentCanonicalSectionReader<'_>,
        types: Option<TypesRef<'a>>,
    ) -> Result<CoreTypes<'a>> {
        let mut made = 0;
        for canon in section.clone() {
            made += u32::from(makes_core_func(&canon.map_err(Error::malformed)?));
        }
        let count = types.map_or(0, |types| types.function_count());
        Ok(CoreTypes {
            types,
            next: count.saturating_sub(made),
        })
    }

    /// The type of what the next definition makes.
    pub(super) fn next(&mut self, canon: &CanonicalFunction) -> Option<CoreFuncDecl> {
        if !makes_core_func(canon) {
            return None;
        }
        let (types, index) = (self.types?, self.next);
        self.next += 1;
        if index >= types.function_count() {
            return None;
        }
        let ty = types[types.core_function_at(index)].unwrap_func();
        Some(CoreFuncDecl {
            params: numbers(ty.params())?,
            results: numbers(ty.results())?,
        })
    }
}

fn makes_core_func(canon: &CanonicalFunction) -> bool {
    !matches!(canon, CanonicalFunction::Lift { .. })
}

fn numbers(types: &[ValType]) -> Option<Box<[CoreType]>> {
    types
        .iter()
        .map(|ty| match ty {
            ValType::I32 => Some(CoreType::I32),
            ValType::I64 => Some(CoreType::I64),
            ValType::F32 => Some(CoreType::F32),
            ValType::F64 => Some(CoreType::F64),
            ValType::V128 | ValType::Ref(_) => None,
        })
        .collect()
}
