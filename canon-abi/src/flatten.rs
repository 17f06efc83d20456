//! Flattening: which core values carry a value that does not go through memory
//! (`flatten_functype`, `flatten_type`, `join` in `definitions.py`).
//!
//! At run time every flat value takes one `u64` slot: an `i32` or `f32` is
//! zero-extended, a float is its bits, and readers ignore the upper half of a
//! 32-bit value. So the coercions of `join` need no instruction at all.

use crate::layout::PointerSize;
use crate::types::{FuncType, TypeTable};
use crate::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS};

/// A core WebAssembly value type that the canonical ABI uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoreType {
    /// A 32-bit integer.
    #[default]
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
}

impl CoreType {
    /// The type of a pointer.
    pub const fn pointer(pointer: PointerSize) -> Self {
        match pointer {
            PointerSize::P32 => Self::I32,
            PointerSize::P64 => Self::I64,
        }
    }

    /// The type that can carry either of two (`join`).
    pub const fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::I32, Self::I32) => Self::I32,
            (Self::F32, Self::F32) => Self::F32,
            (Self::F64, Self::F64) => Self::F64,
            (Self::I32, Self::F32) | (Self::F32, Self::I32) => Self::I32,
            (Self::I64, _) | (_, Self::I64) | (Self::F64, _) | (_, Self::F64) => Self::I64,
        }
    }
}

/// The core types of a flattened value, up to [`MAX_FLAT_PARAMS`].
///
/// What is longer never travels flat; then only [`FlatTypes::overflows`] is of
/// use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlatTypes {
    /// The length, or one more than the maximum.
    len: u8,
    types: [CoreType; MAX_FLAT_PARAMS],
}

impl FlatTypes {
    /// No core values.
    pub const EMPTY: Self = Self {
        len: 0,
        types: [CoreType::I32; MAX_FLAT_PARAMS],
    };

    /// These core values.
    pub fn of(types: &[CoreType]) -> Self {
        let mut flat = Self::EMPTY;
        for ty in types {
            flat.push(*ty);
        }
        flat
    }

    /// How many core values, at most one more than [`MAX_FLAT_PARAMS`].
    pub fn count(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there are more than [`MAX_FLAT_PARAMS`].
    pub fn overflows(&self) -> bool {
        self.count() > MAX_FLAT_PARAMS
    }

    /// The core types, or the first [`MAX_FLAT_PARAMS`] of them.
    pub fn types(&self) -> &[CoreType] {
        &self.types[..self.count().min(MAX_FLAT_PARAMS)]
    }

    /// Appends one core type.
    pub fn push(&mut self, ty: CoreType) {
        if let Some(place) = self.types.get_mut(usize::from(self.len)) {
            *place = ty;
        }
        self.len = self.len.saturating_add(1).min(MAX_FLAT_PARAMS as u8 + 1);
    }

    /// Appends the types of the next value (`flatten_types`).
    pub fn extend(&mut self, next: &Self) {
        for ty in next.types() {
            self.push(*ty);
        }
        if next.overflows() {
            self.len = next.len;
        }
    }

    /// These types `count` times (`flatten_list` of a fixed length).
    #[must_use]
    pub fn repeat(&self, count: u32) -> Self {
        let mut all = Self::EMPTY;
        // Beyond the first few nothing changes: the length saturates.
        for _ in 0..count.min(MAX_FLAT_PARAMS as u32 + 1) {
            all.extend(self);
        }
        all
    }

    /// Joins the types of one more payload of a variant (`flatten_variant`).
    pub fn join(&mut self, payload: &Self) {
        let len = self.count();
        for (i, ty) in payload.types().iter().enumerate() {
            match self.types.get_mut(i) {
                Some(place) if i < len => *place = place.join(*ty),
                Some(_) | None => self.push(*ty),
            }
        }
        if payload.overflows() {
            self.len = payload.len;
        }
    }
}

/// From which side a function is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// `canon lift`: a core function becomes a component function.
    Lift,
    /// `canon lower`: a component function becomes a core function.
    Lower,
}

/// A flattened function type (`flatten_functype`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreSignature {
    /// The core parameters; with a result pointer as the last one when
    /// `results_in_memory` and the context is [`Context::Lower`].
    pub params: Vec<CoreType>,
    /// The core results, none or one.
    pub results: Vec<CoreType>,
    /// More than [`MAX_FLAT_PARAMS`] values: one pointer stands for all.
    pub params_in_memory: bool,
    /// More than [`MAX_FLAT_RESULTS`] values: they are found through a pointer.
    pub results_in_memory: bool,
}

/// Flattens the type of a synchronous function (`flatten_functype`).
pub fn flatten_functype(
    types: &TypeTable,
    func: &FuncType,
    pointer: PointerSize,
    context: Context,
) -> CoreSignature {
    let mut flat = FlatTypes::EMPTY;
    for param in &func.params {
        flat.extend(&types.flat(param.ty, pointer));
    }
    let params_in_memory = flat.count() > MAX_FLAT_PARAMS;
    let mut params = if params_in_memory {
        vec![CoreType::pointer(pointer)]
    } else {
        flat.types().to_vec()
    };

    let flat = func
        .result
        .map_or(FlatTypes::EMPTY, |result| types.flat(result, pointer));
    let results_in_memory = flat.count() > MAX_FLAT_RESULTS;
    let results = match (results_in_memory, context) {
        (false, _) => flat.types().to_vec(),
        (true, Context::Lift) => vec![CoreType::pointer(pointer)],
        (true, Context::Lower) => {
            params.push(CoreType::pointer(pointer));
            Vec::new()
        }
    };
    CoreSignature {
        params,
        results,
        params_in_memory,
        results_in_memory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ValType;
    use CoreType::{F32, F64, I32, I64};

    #[test]
    fn join_is_the_table_of_the_specification() {
        let all = [I32, I64, F32, F64];
        for a in all {
            assert_eq!(a.join(a), a);
            for b in all {
                assert_eq!(a.join(b), b.join(a));
            }
        }
        assert_eq!(
            (I32.join(F32), F32.join(F64), I32.join(F64)),
            (I32, I64, I64)
        );
    }

    #[test]
    fn flat_types_saturate() {
        let mut flat = FlatTypes::of(&[I32; 16]);
        assert!(!flat.overflows());
        flat.push(F64);
        assert!(flat.overflows());
        let mut more = FlatTypes::of(&[F32]);
        more.extend(&flat);
        assert_eq!((more.count(), more.types().len()), (17, 16));
        let pair = FlatTypes::of(&[I32, F64]);
        assert_eq!(pair.repeat(2).types(), [I32, F64, I32, F64]);
        assert!(!pair.repeat(8).overflows() && pair.repeat(9).overflows());
        assert_eq!(pair.repeat(u32::MAX).count(), 17);
        let mut joined = FlatTypes::of(&[F32]);
        joined.join(&FlatTypes::of(&[I32, F64]));
        assert_eq!(joined.types(), [I32, F64]);
    }

    #[test]
    fn long_signatures_spill() {
        let mut types = TypeTable::new();
        let pair = types.tuple([ValType::U32, ValType::F64]).unwrap();
        let nine = FuncType::new((0..9).map(|i| (i.to_string(), pair)), Some(pair));
        let lift = flatten_functype(&types, &nine, PointerSize::P32, Context::Lift);
        assert_eq!((lift.params, lift.results), (vec![I32], vec![I32]));
        let lower = flatten_functype(&types, &nine, PointerSize::P64, Context::Lower);
        assert_eq!((lower.params, lower.results), (vec![I64, I64], vec![]));
        let one = FuncType::new([("a", pair)], Some(ValType::String));
        let lower = flatten_functype(&types, &one, PointerSize::P32, Context::Lower);
        assert_eq!(lower.params, [I32, F64, I32]);
        assert!(!lower.params_in_memory && lower.results_in_memory);
    }
}
