//! Run-time types: what the collector and casts need to know of a type,
//! found from the four bytes that every object starts with.
//!
//! An [`Rtt`] is part of its registered type and never changes. A store keeps
//! the types of its instances in a table of its own, by id, so that reading
//! one takes no lock and types live as long as objects of them can.

use std::sync::Arc;

use crate::entity::TypeId;

/// What one field or element is, in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
    V128,
    /// A reference that the collector follows: 32 bits.
    Ref,
    /// A reference to a function: the number that its store gave it. The
    /// collector does not follow it.
    FuncRef,
}

impl Storage {
    /// Bytes in an object; also the alignment there.
    pub(crate) const fn size_bytes(self) -> u32 {
        match self {
            Storage::I8 => 1,
            Storage::I16 => 2,
            Storage::I32 | Storage::F32 | Storage::Ref | Storage::FuncRef => 4,
            Storage::I64 | Storage::F64 => 8,
            Storage::V128 => 16,
        }
    }
}

impl Storage {
    /// Slots that a value of it takes outside objects.
    pub(crate) const fn slots(self) -> usize {
        match self {
            Storage::V128 => 2,
            Storage::I8
            | Storage::I16
            | Storage::I32
            | Storage::I64
            | Storage::F32
            | Storage::F64
            | Storage::Ref
            | Storage::FuncRef => 1,
        }
    }
}

/// Where a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// From the start of the object, whose first four bytes are its type.
    pub(crate) offset_bytes: u32,
    pub(crate) storage: Storage,
}

/// What objects of a type are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Fields at fixed places. Of a function type they are its parameters,
    /// as the payload of an exception.
    Fields {
        fields: Box<[Field]>,
        /// Offsets of the references among them.
        refs: Box<[u32]>,
        /// Size of an object, header and padding included.
        size_bytes: u32,
    },
    /// A length at [`ARRAY_LENGTH_OFFSET`], then elements.
    Array { element: Storage },
    /// A value of the host: its place in the store's slab.
    Host,
}

/// The kind of a type, for casts to abstract types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RttKind {
    Func,
    Struct,
    Array,
    Host,
}

/// Objects start at multiples of this, and their sizes are multiples of it.
pub(crate) const OBJECT_ALIGN_BYTES: u32 = 16;

/// Where an array keeps its length.
pub(crate) const ARRAY_LENGTH_OFFSET: u32 = 4;

/// Where an exception keeps the number of its tag; its payload follows.
pub(crate) const EXCEPTION_TAG_OFFSET: u32 = 4;

/// Where a host value keeps its place in the store's slab.
pub(crate) const HOST_SLOT_OFFSET: u32 = 4;

/// Supertypes that every display has room for, so that a cast to a type of
/// smaller depth needs no test of the display's length.
pub(crate) const DISPLAY_MIN: usize = 8;

/// Supertypes that a type can have.
pub(crate) const SUPERTYPES_MAX: usize = 63;

/// The type of host values, which no module can name.
pub(crate) const HOST_TYPE: TypeId = TypeId(1);

/// A run-time type.
#[derive(Clone, Debug)]
pub(crate) struct Rtt {
    pub(crate) id: TypeId,
    pub(crate) kind: RttKind,
    /// How many supertypes the type has.
    pub(crate) depth: u8,
    /// All supertypes from the root down to the type itself, as many as fit;
    /// zero behind.
    display: [TypeId; DISPLAY_MIN],
    /// All supertypes without the type itself, if they and it do not fit
    /// there. The subtypes of a type share one list.
    supertypes: Option<Arc<[TypeId]>>,
    pub(crate) shape: Shape,
}

impl Rtt {
    /// A type whose `supertypes` are given from the root down.
    pub(crate) fn new(id: TypeId, kind: RttKind, supertypes: &[TypeId], shape: Shape) -> Rtt {
        let mut display = [TypeId(0); DISPLAY_MIN];
        for (entry, id) in display.iter_mut().zip(supertypes.iter().chain([&id])) {
            *entry = *id;
        }
        Rtt {
            id,
            kind,
            // There are at most `SUPERTYPES_MAX`.
            depth: u8::try_from(supertypes.len()).unwrap_or(u8::MAX),
            display,
            supertypes: (supertypes.len() >= DISPLAY_MIN).then(|| supertypes.into()),
            shape,
        }
    }

    /// A subtype; `path` is this type's [path](Rtt::path), which is wanted if
    /// it is long.
    pub(crate) fn subtype(
        &self,
        id: TypeId,
        shape: Shape,
        path: impl FnOnce() -> Arc<[TypeId]>,
    ) -> Rtt {
        let depth = self.depth.saturating_add(1);
        let mut display = self.display;
        let entry = display.get_mut(usize::from(depth));
        let is_long = entry.is_none();
        if let Some(entry) = entry {
            *entry = id;
        }
        Rtt {
            id,
            kind: self.kind,
            depth,
            display,
            supertypes: is_long.then(path),
            shape,
        }
    }

    /// Whether this is the type `target` or one of its subtypes; `depth` is
    /// the target's.
    #[inline]
    pub(crate) fn is_subtype(&self, target: TypeId, depth: u8) -> bool {
        match self.display.get(usize::from(depth)) {
            Some(entry) => *entry == target,
            None => self.id == target || self.is_deep_subtype(target, depth),
        }
    }

    fn is_deep_subtype(&self, target: TypeId, depth: u8) -> bool {
        let supertypes = self.supertypes.as_deref().unwrap_or_default();
        supertypes.get(usize::from(depth)) == Some(&target)
    }

    /// All supertypes from the root down, then the type itself.
    pub(crate) fn path(&self) -> impl Iterator<Item = TypeId> + '_ {
        let supertypes = match &self.supertypes {
            Some(supertypes) => supertypes,
            None => &self.display[..usize::from(self.depth).min(DISPLAY_MIN - 1)],
        };
        supertypes.iter().copied().chain([self.id])
    }

    /// Whether this is the type `target` or one of its subtypes, if nobody
    /// knows the target's depth.
    pub(crate) fn inherits(&self, target: TypeId) -> bool {
        self.path().any(|id| id == target)
    }

    /// The fields; none of an array.
    pub(crate) fn fields(&self) -> &[Field] {
        match &self.shape {
            Shape::Fields { fields, .. } => fields,
            Shape::Array { .. } | Shape::Host => &[],
        }
    }

    /// Bytes of an object; `length` matters for arrays alone. `None` if it
    /// does not fit into 32 bits.
    pub(crate) fn size_bytes(&self, length: u32) -> Option<u32> {
        match &self.shape {
            Shape::Fields { size_bytes, .. } => Some(*size_bytes),
            Shape::Array { element } => array_size_bytes(*element, length),
            Shape::Host => Some(OBJECT_ALIGN_BYTES),
        }
    }
}

/// Where an array's elements start.
pub(crate) const fn elements_offset(element: Storage) -> u32 {
    match element {
        Storage::V128 => 16,
        Storage::I8
        | Storage::I16
        | Storage::I32
        | Storage::I64
        | Storage::F32
        | Storage::F64
        | Storage::Ref
        | Storage::FuncRef => 8,
    }
}

/// Bytes of an array; `None` if they do not fit into 32 bits.
pub(crate) fn array_size_bytes(element: Storage, length: u32) -> Option<u32> {
    let elements = u64::from(length) * u64::from(element.size_bytes());
    let size = elements + u64::from(elements_offset(element));
    u32::try_from(size.checked_next_multiple_of(u64::from(OBJECT_ALIGN_BYTES))?).ok()
}

/// Gives fields their places behind `start_bytes`: in the order of
/// declaration, each aligned to its size, later ones in the padding of
/// earlier ones where they fit. Subtypes repeat their supertype's fields
/// first, so these get the same places in both.
pub(crate) fn fields_shape(start_bytes: u32, storages: &[Storage]) -> Option<Shape> {
    let mut end = start_bytes;
    // Gaps that alignment left, as start and end.
    let mut gaps: Vec<(u32, u32)> = Vec::new();
    let mut fields = Vec::with_capacity(storages.len());
    for storage in storages {
        let size = storage.size_bytes();
        let fits = |(start, end): &(u32, u32)| start.next_multiple_of(size) + size <= *end;
        let offset_bytes = if let Some(position) = gaps.iter().position(fits) {
            let (start, gap_end) = gaps.remove(position);
            let offset = start.next_multiple_of(size);
            push_gap(&mut gaps, start, offset);
            push_gap(&mut gaps, offset + size, gap_end);
            offset
        } else {
            let offset = end.checked_next_multiple_of(size)?;
            push_gap(&mut gaps, end, offset);
            end = offset.checked_add(size)?;
            offset
        };
        fields.push(Field {
            offset_bytes,
            storage: *storage,
        });
    }
    let mut refs: Vec<u32> = fields
        .iter()
        .filter(|field| field.storage == Storage::Ref)
        .map(|field| field.offset_bytes)
        .collect();
    refs.sort_unstable();
    Some(Shape::Fields {
        fields: fields.into(),
        refs: refs.into(),
        size_bytes: end.checked_next_multiple_of(OBJECT_ALIGN_BYTES)?,
    })
}

fn push_gap(gaps: &mut Vec<(u32, u32)>, start: u32, end: u32) {
    if start < end {
        gaps.push((start, end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(shape: &Shape) -> (Vec<u32>, u32) {
        match shape {
            Shape::Fields {
                fields, size_bytes, ..
            } => (fields.iter().map(|f| f.offset_bytes).collect(), *size_bytes),
            Shape::Array { .. } | Shape::Host => (Vec::new(), 0),
        }
    }

    #[test]
    fn fields_fill_the_padding_of_earlier_ones() {
        use Storage as S;
        let shape = fields_shape(4, &[S::I8, S::I64, S::I16, S::Ref, S::I8]).unwrap();
        assert_eq!(offsets(&shape), (vec![4, 8, 6, 16, 5], 32));
        let two = fields_shape(4, &[S::Ref, S::Ref]).unwrap();
        assert_eq!(offsets(&two), (vec![4, 8], 16));
        let vector = fields_shape(4, &[S::V128, S::F64, S::F32]).unwrap();
        assert_eq!(offsets(&vector), (vec![16, 8, 4], 32));
        assert_eq!(offsets(&fields_shape(4, &[]).unwrap()), (vec![], 16));
    }

    #[test]
    fn subtypes_keep_the_places_of_inherited_fields() {
        use Storage as S;
        let (parent, _) = offsets(&fields_shape(4, &[S::I8, S::I64]).unwrap());
        let (child, _) = offsets(&fields_shape(4, &[S::I8, S::I64, S::I16, S::V128]).unwrap());
        assert_eq!(parent, child[..2]);
    }

    #[test]
    fn displays_know_every_supertype_at_any_depth() {
        let shape = fields_shape(4, &[]).unwrap();
        let chain: Vec<TypeId> = (10..74).map(TypeId).collect();
        for depth in 0..chain.len() {
            let rtt = Rtt::new(
                chain[depth],
                RttKind::Struct,
                &chain[..depth],
                shape.clone(),
            );
            for (at, id) in chain.iter().enumerate() {
                let at = u8::try_from(at).unwrap();
                assert_eq!(rtt.is_subtype(*id, at), usize::from(at) <= depth);
            }
            assert!(!rtt.is_subtype(TypeId(9), 0));
        }
    }

    #[test]
    fn subtypes_of_one_type_share_its_path() {
        let shape = || fields_shape(4, &[]).unwrap();
        let mut rtt = Rtt::new(TypeId(10), RttKind::Struct, &[], shape());
        let mut whole = vec![TypeId(10)];
        for id in (11..74).map(TypeId) {
            let path: Arc<[TypeId]> = rtt.path().collect();
            assert_eq!(*path, *whole);
            let one = rtt.subtype(id, shape(), || Arc::clone(&path));
            let other = rtt.subtype(TypeId(99), shape(), || path);
            assert!(
                one.path()
                    .eq(Rtt::new(id, RttKind::Struct, &whole, shape()).path())
            );
            for (depth, id) in whole.iter().enumerate() {
                let depth = u8::try_from(depth).unwrap();
                assert!(one.is_subtype(*id, depth) && other.is_subtype(*id, depth));
            }
            assert!(!one.is_subtype(TypeId(99), one.depth) && !other.is_subtype(id, one.depth));
            assert!(other.is_subtype(TypeId(99), one.depth));
            whole.push(id);
            rtt = one;
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert_eq!(array_size_bytes(Storage::I8, 0), Some(16));
        assert_eq!(array_size_bytes(Storage::I8, 9), Some(32));
        assert_eq!(array_size_bytes(Storage::I8, u32::MAX), None);
        assert_eq!(array_size_bytes(Storage::V128, 1 << 28), None);
        assert_eq!(array_size_bytes(Storage::V128, 1), Some(32));
    }
}
