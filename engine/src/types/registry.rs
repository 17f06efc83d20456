//! The registry that makes equal types equal integers.
//!
//! Types are registered a recursion group at a time. Two groups are equal if
//! they are written alike, where a reference to a member of the group itself
//! counts by its position there, and any other by its id: the
//! specification's equivalence of recursive types. So one comparison of flat
//! lists decides, however deep types refer to each other.
//!
//! A group is counted: a [`DefinedType`] and every group that refers to it
//! keep it, and its ids are free again when the last is dropped. Only
//! registering, the last drop and looking up an id take the registry's lock,
//! and none for long: groups are made and compared without it. Whoever has a
//! [`DefinedType`] reads it without.

use core::fmt;
use core::hash::{Hash as _, Hasher as _};
use std::collections::BTreeMap;
use std::hash::DefaultHasher;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use super::composite::{CompositeType, StorageType, SubType};
use super::rtt::{HOST_TYPE, Rtt, RttKind, SUPERTYPES_MAX, Shape, Storage, fields_shape};
use super::subtype::{dead_type, too_deep};
use super::{FuncType, HeapType, Hierarchy, ValType};
use crate::entity::TypeId;
use crate::error::{Error, Result};

/// Parameters, and likewise results, that a function may have.
pub(crate) const FUNC_ARITY_MAX: usize = 1000;

/// Fields that a structure may have.
const STRUCT_FIELDS_MAX: usize = 10_000;

/// Set in an id that names a member of the group that is being registered,
/// by its position there.
const IN_GROUP: u32 = 1 << 31;

impl TypeId {
    /// In definitions for
    /// [`Engine::define_types`](crate::Engine::define_types): the type at
    /// `position` of the list. Everywhere else it names nothing.
    #[must_use]
    pub const fn in_group(position: u32) -> TypeId {
        TypeId(position | IN_GROUP)
    }

    /// The position that [`in_group`](TypeId::in_group) was given.
    fn position(self) -> Option<usize> {
        (self.0 & IN_GROUP != 0).then_some((self.0 & !IN_GROUP) as usize)
    }
}

/// A type of an engine, counted: as long as this lives, its id and the ids
/// in its definition mean what they mean. Cloning is cheap.
#[derive(Clone)]
pub struct DefinedType {
    group: Arc<Group>,
    position: u32,
}

/// A recursion group. It owns the ids of its members, and gives them back
/// when it is dropped.
struct Group {
    members: Box<[Member]>,
    /// See [`hash`].
    hash: u64,
    /// The other groups that it refers to.
    uses: Vec<Arc<Group>>,
    paths: Paths,
    registry: Arc<TypeRegistry>,
}

/// Where a registry keeps a group: by its hash, and then by the id of its
/// first member, since groups that differ may have one hash.
type Key = (u64, TypeId);

/// The paths of members from their roots, by position, as far as subtypes
/// share them.
type Paths = Mutex<BTreeMap<u32, Arc<[TypeId]>>>;

/// Equal for equal groups. Their own ids are positions here, so nobody needs
/// the ids of a group to look for it.
fn hash(definitions: &[SubType]) -> u64 {
    let mut hasher = DefaultHasher::new();
    definitions.hash(&mut hasher);
    hasher.finish()
}

struct Member {
    definition: SubType,
    rtt: Rtt,
    /// Slots of a function's parameters and results, else zero.
    param_slots: u16,
    result_slots: u16,
}

impl DefinedType {
    /// The id.
    #[must_use]
    pub fn id(&self) -> TypeId {
        self.member().rtt.id
    }

    /// The definition.
    #[must_use]
    pub fn definition(&self) -> &SubType {
        &self.member().definition
    }

    /// The type as what a reference points to.
    #[must_use]
    pub fn heap_type(&self) -> HeapType {
        let id = self.id();
        match self.definition().composite {
            CompositeType::Func(_) => HeapType::ConcreteFunc(id),
            CompositeType::Struct(_) => HeapType::ConcreteStruct(id),
            CompositeType::Array(_) => HeapType::ConcreteArray(id),
        }
    }

    fn member(&self) -> &Member {
        &self.group.members[self.position as usize]
    }

    /// What the collector and casts read. It stays in place as long as any
    /// counted reference to the type lives.
    pub(crate) fn rtt(&self) -> &Rtt {
        &self.member().rtt
    }

    /// The function type; one without parameters and results if this is
    /// none.
    pub(crate) fn ty(&self) -> &FuncType {
        static NO_FUNCTION: LazyLock<FuncType> = LazyLock::new(|| FuncType::new([], []));
        match &self.definition().composite {
            CompositeType::Func(ty) => ty,
            CompositeType::Struct(_) | CompositeType::Array(_) => &NO_FUNCTION,
        }
    }

    /// Types of a function's parameters.
    pub(crate) fn params(&self) -> &[ValType] {
        self.ty().params()
    }

    /// Types of a function's results.
    pub(crate) fn results(&self) -> &[ValType] {
        self.ty().results()
    }

    /// Slots that the parameters take.
    pub(crate) fn param_slots(&self) -> u16 {
        self.member().param_slots
    }

    /// Slots that the results take.
    pub(crate) fn result_slots(&self) -> u16 {
        self.member().result_slots
    }

    /// Whether a parameter or result is a reference.
    pub(crate) fn has_refs(&self) -> bool {
        self.ty().types.iter().any(|ty| ty.is_ref())
    }

    /// Where the header of a frame of this type starts.
    pub(crate) fn header_slot(&self) -> usize {
        usize::from(self.param_slots().max(self.result_slots()))
    }
}

impl PartialEq for DefinedType {
    fn eq(&self, other: &DefinedType) -> bool {
        Arc::ptr_eq(&self.group, &other.group) && self.position == other.position
    }
}

impl Eq for DefinedType {}

impl fmt::Debug for DefinedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type{} {}", self.id().0, self.definition())
    }
}

impl Group {
    fn all(self: &Arc<Group>) -> Vec<DefinedType> {
        (0..self.members.len() as u32)
            .map(|position| DefinedType {
                group: Arc::clone(self),
                position,
            })
            .collect()
    }

    /// Where the registry keeps it.
    fn key(&self) -> Option<Key> {
        let first = self.members.first()?;
        Some((self.hash, first.rtt.id))
    }

    /// Whether it is the group that `definitions` describe, which name
    /// `others` from outside.
    fn is(self: &Arc<Group>, definitions: &[SubType], others: &[DefinedType]) -> bool {
        let absolute = |id: TypeId| {
            let member = self.members.get(id.position()?)?;
            Some(member.rtt.id)
        };
        self.members.len() == definitions.len()
            // What names a member from outside is another group.
            && !others.iter().any(|other| Arc::ptr_eq(&other.group, self))
            && self.members.iter().zip(definitions).all(|(member, definition)| {
                definition.map_ids(&|id| absolute(id).unwrap_or(id)) == member.definition
            })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.registry.remove(self);
        // Groups form chains as long as a module likes: the last reference
        // to each link is let go here, not in the drop of the one before.
        let mut unused = core::mem::take(&mut self.uses);
        while let Some(group) = unused.pop() {
            if let Some(mut group) = Arc::into_inner(group) {
                unused.append(&mut group.uses);
            }
        }
    }
}

/// The types of one engine.
#[derive(Default)]
pub(crate) struct TypeRegistry {
    inner: Mutex<RegistryInner>,
}

#[derive(Default)]
struct RegistryInner {
    groups: BTreeMap<Key, Weak<Group>>,
    /// Group and position by id.
    by_id: Vec<Option<(Weak<Group>, u32)>>,
    free: Vec<TypeId>,
}

impl RegistryInner {
    /// The groups with a hash that are not among `seen`.
    fn alike(&self, hash: u64, seen: &[Arc<Group>]) -> Vec<Arc<Group>> {
        let all = (hash, TypeId(0))..=(hash, TypeId(u32::MAX));
        let groups = self.groups.range(all).map(|(_, group)| group);
        // The last reference to a group is never dropped here, under the
        // lock: what is found is kept.
        groups
            .filter(|group| seen.iter().all(|seen| Arc::as_ptr(seen) != group.as_ptr()))
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// From now on the group is found.
    fn publish(&mut self, group: &Arc<Group>) {
        for (position, member) in group.members.iter().enumerate() {
            self.by_id[member.rtt.id.0 as usize] = Some((Arc::downgrade(group), position as u32));
        }
        if let Some(key) = group.key() {
            self.groups.insert(key, Arc::downgrade(group));
        }
    }

    fn find(&self, id: TypeId) -> Option<DefinedType> {
        let (group, position) = self.by_id.get(id.0 as usize)?.as_ref()?;
        Some(DefinedType {
            group: group.upgrade()?,
            position: *position,
        })
    }

    /// Ids that nobody has.
    fn take_ids(&mut self, count: usize) -> Result<Vec<TypeId>> {
        const FIRST: usize = HOST_TYPE.0 as usize + 1;
        let fresh = count.saturating_sub(self.free.len());
        let used = self.by_id.len().max(FIRST);
        if used.saturating_add(fresh) > IN_GROUP as usize {
            return Err(Error::limit("too many types in one engine"));
        }
        self.by_id.resize(used + fresh, None);
        let reused = self.free.split_off(self.free.len() - (count - fresh));
        let ids = (used as u32..).take(fresh).map(TypeId);
        Ok(reused.into_iter().rev().chain(ids).collect())
    }
}

impl TypeRegistry {
    /// The counted reference for a function type that stands alone, new or
    /// shared.
    pub(crate) fn register(self: &Arc<TypeRegistry>, ty: &FuncType) -> Result<DefinedType> {
        let mut group = self.register_group(vec![SubType::plain(ty.clone())])?;
        let defined = group.pop().ok_or_else(|| dead_type(TypeId(0)))?;
        if defined.ty() != ty {
            // It named itself by its position.
            return Err(dead_type(TypeId::in_group(0)));
        }
        // Only now do the types that it names live on.
        self.check_refs(defined.definition())?;
        Ok(defined)
    }

    /// As [`register_group`](TypeRegistry::register_group), for definitions
    /// that nobody has validated.
    pub(crate) fn define_group(
        self: &Arc<TypeRegistry>,
        definitions: Vec<SubType>,
    ) -> Result<Vec<DefinedType>> {
        let types = self.register_group(definitions)?;
        types.iter().try_for_each(|ty| self.check_definition(ty))?;
        Ok(types)
    }

    /// The counted references for a recursion group, new or shared. Ids in
    /// the definitions are those of live types, of the kinds that references
    /// say, or [positions](TypeId::in_group) in the group; supertypes stand
    /// before their subtypes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind) if a definition is too long or too deep;
    /// [`ErrorKind::Usage`](crate::ErrorKind) if an id names no type.
    pub(crate) fn register_group(
        self: &Arc<TypeRegistry>,
        definitions: Vec<SubType>,
    ) -> Result<Vec<DefinedType>> {
        if definitions.is_empty() {
            return Ok(Vec::new());
        }
        let hash = hash(&definitions);
        let others = self.others(outside_ids(&definitions)?)?;
        // What is in these two is dropped after the lock, which the drop of
        // a group takes.
        let mut seen: Vec<Arc<Group>> = Vec::new();
        let mut made: Option<Arc<Group>> = None;
        loop {
            let mut inner = self.lock();
            let alike = inner.alike(hash, &seen);
            if alike.is_empty()
                && let Some(group) = &made
            {
                inner.publish(group);
                drop(inner);
                return Ok(group.all());
            }
            drop(inner);
            if let Some(group) = alike.iter().find(|group| group.is(&definitions, &others)) {
                return Ok(group.all());
            }
            seen.extend(alike);
            if made.is_none() {
                let shapes = shapes(&definitions, &others)?;
                let ids = self.lock().take_ids(definitions.len())?;
                let group = Group::new(self, hash, &definitions, shapes, &ids, &others);
                made = Some(Arc::new(group));
            }
        }
    }

    /// The types that a group names from outside, by ascending ids.
    fn others(&self, ids: Vec<TypeId>) -> Result<Vec<DefinedType>> {
        let mut others = Vec::with_capacity(ids.len());
        // Dropped before the types found so far, whose drop takes the lock.
        let inner = self.lock();
        for id in ids {
            others.push(inner.find(id).ok_or_else(|| dead_type(id))?);
        }
        drop(inner);
        Ok(others)
    }

    /// The type that has an id now.
    pub(crate) fn find(&self, id: TypeId) -> Option<DefinedType> {
        self.lock().find(id)
    }

    fn remove(&self, group: &Group) {
        let mut inner = self.lock();
        if let Some(key) = group.key() {
            inner.groups.remove(&key);
        }
        for member in group.members.iter().rev() {
            inner.by_id[member.rtt.id.0 as usize] = None;
            inner.free.push(member.rtt.id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, RegistryInner> {
        // Every update leaves the maps whole before anything can panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many groups are registered now.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().groups.len()
    }
}

impl fmt::Debug for TypeRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeRegistry").finish_non_exhaustive()
    }
}

/// The ids of other groups' types in a group, ascending.
fn outside_ids(definitions: &[SubType]) -> Result<Vec<TypeId>> {
    let mut ids = Vec::new();
    let mut missing = None;
    for definition in definitions {
        definition.for_each_id(&mut |id| match id.position() {
            None => ids.push(id),
            Some(position) if position >= definitions.len() => missing = Some(id),
            Some(_) => {}
        });
    }
    ids.sort_unstable();
    ids.dedup();
    match missing {
        Some(id) => Err(dead_type(id)),
        None => Ok(ids),
    }
}

/// The type of an id, among those that [`outside_ids`] has found.
fn other(others: &[DefinedType], id: TypeId) -> Option<&DefinedType> {
    let found = others.binary_search_by_key(&id, DefinedType::id).ok()?;
    Some(&others[found])
}

/// Checks lengths and depths, and lays the objects out.
fn shapes(definitions: &[SubType], others: &[DefinedType]) -> Result<Vec<Shape>> {
    let mut depths: Vec<usize> = Vec::with_capacity(definitions.len());
    let mut shapes = Vec::with_capacity(definitions.len());
    for definition in definitions {
        let depth = match definition.supertype.map(|id| (id, id.position())) {
            None => 0,
            Some((id, None)) => {
                let rtt = other(others, id).map(DefinedType::rtt);
                1 + usize::from(rtt.ok_or_else(|| dead_type(id))?.depth)
            }
            Some((_, Some(position))) => {
                1 + depths.get(position).ok_or_else(|| {
                    Error::usage("expected a supertype that is defined before its subtype")
                })?
            }
        };
        if depth > SUPERTYPES_MAX {
            return Err(too_deep());
        }
        depths.push(depth);
        shapes.push(shape(&definition.composite)?);
    }
    Ok(shapes)
}

fn shape(composite: &CompositeType) -> Result<Shape> {
    let fields = |start_bytes: u32, storages: Vec<Storage>| {
        fields_shape(start_bytes, &storages)
            .ok_or_else(|| Error::limit("a type's fields take more than 4 GiB"))
    };
    match composite {
        CompositeType::Func(ty) => {
            let (params, results) = (ty.params().len(), ty.results().len());
            if params.max(results) > FUNC_ARITY_MAX {
                return Err(Error::limit(format!(
                    "a function may have {FUNC_ARITY_MAX} parameters and {FUNC_ARITY_MAX} \
                     results, found {params} and {results}"
                )));
            }
            let storages = ty.params().iter().map(|ty| value_storage(*ty));
            fields(EXCEPTION_PAYLOAD_OFFSET, storages.collect())
        }
        CompositeType::Struct(ty) => {
            if ty.fields().len() > STRUCT_FIELDS_MAX {
                return Err(Error::limit(format!(
                    "a structure may have {STRUCT_FIELDS_MAX} fields, found {}",
                    ty.fields().len()
                )));
            }
            let storages = ty.fields().iter().map(|field| storage(field.storage));
            fields(STRUCT_FIELDS_OFFSET, storages.collect())
        }
        CompositeType::Array(ty) => Ok(Shape::Array {
            element: storage(ty.element.storage),
        }),
    }
}

/// Where the fields of a structure start: behind its type.
const STRUCT_FIELDS_OFFSET: u32 = 4;

/// Where the payload of an exception starts: behind its type and its tag.
const EXCEPTION_PAYLOAD_OFFSET: u32 = super::rtt::EXCEPTION_TAG_OFFSET + 4;

fn storage(ty: StorageType) -> Storage {
    match ty {
        StorageType::I8 => Storage::I8,
        StorageType::I16 => Storage::I16,
        StorageType::Val(ty) => value_storage(ty),
    }
}

fn value_storage(ty: ValType) -> Storage {
    match ty {
        ValType::I32 => Storage::I32,
        ValType::I64 => Storage::I64,
        ValType::F32 => Storage::F32,
        ValType::F64 => Storage::F64,
        ValType::V128 => Storage::V128,
        ValType::Ref(ty) => match ty.heap.hierarchy() {
            Hierarchy::Func => Storage::FuncRef,
            Hierarchy::Extern | Hierarchy::Any | Hierarchy::Exn => Storage::Ref,
        },
    }
}

/// Slots of a list whose length was checked.
fn slots(types: &[ValType]) -> u16 {
    u16::try_from(types.iter().map(|ty| ty.slots()).sum::<usize>()).unwrap_or(u16::MAX)
}

/// The path of `parent`, which is the member of a group at `position`, for
/// one of its subtypes.
fn shared_path(
    paths: &mut BTreeMap<u32, Arc<[TypeId]>>,
    position: u32,
    parent: &Rtt,
) -> Arc<[TypeId]> {
    let path = paths
        .entry(position)
        .or_insert_with(|| parent.path().collect());
    Arc::clone(path)
}

impl Group {
    /// A group whose definitions [`shapes`] has accepted, and which has
    /// these `ids`.
    fn new(
        registry: &Arc<TypeRegistry>,
        hash: u64,
        definitions: &[SubType],
        shapes: Vec<Shape>,
        ids: &[TypeId],
        others: &[DefinedType],
    ) -> Group {
        let absolute = |id: TypeId| match id.position() {
            Some(position) => ids.get(position).copied().unwrap_or(id),
            None => id,
        };
        let mut paths = BTreeMap::new();
        let mut members: Vec<Member> = Vec::with_capacity(ids.len());
        for ((definition, shape), id) in definitions.iter().zip(shapes).zip(ids) {
            let (kind, params, results): (_, &[ValType], &[ValType]) = match &definition.composite {
                CompositeType::Func(ty) => (RttKind::Func, ty.params(), ty.results()),
                CompositeType::Struct(_) => (RttKind::Struct, &[], &[]),
                CompositeType::Array(_) => (RttKind::Array, &[], &[]),
            };
            let rtt = match definition.supertype.map(|id| (id, id.position())) {
                None => Rtt::new(*id, kind, &[], shape),
                Some((_, Some(position))) => {
                    let parent = &members[position].rtt;
                    parent.subtype(*id, shape, || {
                        shared_path(&mut paths, position as u32, parent)
                    })
                }
                Some((supertype, None)) => match other(others, supertype) {
                    Some(parent) => parent.rtt().subtype(*id, shape, || {
                        let paths = &parent.group.paths;
                        let mut paths = paths.lock().unwrap_or_else(PoisonError::into_inner);
                        shared_path(&mut paths, parent.position, parent.rtt())
                    }),
                    None => Rtt::new(*id, kind, &[], shape),
                },
            };
            members.push(Member {
                rtt,
                param_slots: slots(params),
                result_slots: slots(results),
                definition: definition.map_ids(&absolute),
            });
        }
        let mut uses: Vec<Arc<Group>> = others.iter().map(|ty| Arc::clone(&ty.group)).collect();
        uses.sort_unstable_by_key(Arc::as_ptr);
        uses.dedup_by(|a, b| Arc::ptr_eq(a, b));
        Group {
            members: members.into(),
            hash,
            uses,
            paths: Mutex::new(paths),
            registry: Arc::clone(registry),
        }
    }
}
