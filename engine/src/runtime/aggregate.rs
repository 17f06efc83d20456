//! Structures and arrays in the hands of the host: making them, reading and
//! writing them.
//!
//! A value is compared with the type of the field that it goes to, each
//! time; the bytes of an array of 8-bit integers can be borrowed as they
//! are.

use core::slice;

use super::heap;
use super::reference::{self, ArrayRef, Sealed, StructRef};
use super::store::{AsContext, AsContextMut, StoreCore};
use super::value::Val;
use super::vmctx::{Slot, StoreCtx};
use crate::error::{Error, Result};
use crate::translate::Safepoint;
use crate::trap::Trap;
use crate::types::rtt::{ARRAY_LENGTH_OFFSET, Shape, Storage, array_size_bytes, elements_offset};
use crate::types::{
    ArrayType, CompositeType, DefinedType, FieldType, StorageType, StructType, ValType,
};

/// A place in an object.
#[derive(Clone, Copy)]
struct Place {
    offset: u32,
    storage: Storage,
    ty: StorageType,
}

impl Place {
    /// The value here.
    ///
    /// # Safety
    ///
    /// The object at `at` must have such a place.
    unsafe fn get(self, core: &StoreCore, at: u32) -> Val {
        // SAFETY: passed on to the caller.
        unsafe {
            let slots: [Slot; 2] = core.load(at, self.offset, self.storage);
            Val::load(slots.as_ptr(), self.ty.unpacked(), core)
        }
    }

    /// Writes a value here.
    ///
    /// # Safety
    ///
    /// As for [`get`](Place::get).
    unsafe fn set(self, core: &mut StoreCore, at: u32, value: Val) -> Result<()> {
        let slots = slots(core, value, self.ty.unpacked())?;
        // SAFETY: passed on to the caller; the value has the place's type.
        unsafe { core.write(at, self.offset, self.storage, slots) };
        Ok(())
    }
}

/// The slots of a value of type `ty`.
fn slots(core: &StoreCore, value: Val, ty: ValType) -> Result<[Slot; 2]> {
    let mut slots = [0; 2];
    // SAFETY: no type takes more than two slots.
    unsafe { value.store(slots.as_mut_ptr(), ty, core)? };
    Ok(slots)
}

/// Makes a type of the host's choice known to a store.
fn learn(store: *mut StoreCtx, ty: &DefinedType) -> Result<()> {
    // SAFETY: whoever calls has the store alone. The store keeps the type.
    unsafe {
        let core = &mut *(*store).core;
        if core.engine.defined_type(ty.id()).as_ref() != Some(ty) {
            return Err(Error::usage("the type belongs to another engine"));
        }
        core.types.entry(ty.id()).or_insert_with(|| ty.clone());
        heap::learn(store, ty.rtt());
    }
    Ok(())
}

/// The type with which an object was made.
fn type_of(core: &StoreCore, at: u32) -> Result<DefinedType> {
    core.rtt_of(at)
        .and_then(|rtt| core.engine.defined_type(rtt.id))
        .ok_or_else(|| Error::usage("the object has a type that nobody defines"))
}

fn struct_type(ty: &DefinedType) -> Result<&StructType> {
    match &ty.definition().composite {
        CompositeType::Struct(fields) => Ok(fields),
        CompositeType::Array(_) | CompositeType::Func(_) => Err(Error::usage(format!(
            "expected a structure type, found {}",
            ty.definition()
        ))),
    }
}

fn array_type(ty: &DefinedType) -> Result<&ArrayType> {
    match &ty.definition().composite {
        CompositeType::Array(array) => Ok(array),
        CompositeType::Struct(_) | CompositeType::Func(_) => Err(Error::usage(format!(
            "expected an array type, found {}",
            ty.definition()
        ))),
    }
}

fn no_field(index: usize, count: usize) -> Error {
    Error::usage(format!(
        "expected a field below {count}, found field {index}"
    ))
}

fn immutable(what: &str) -> Error {
    Error::usage(format!("expected a mutable {what}, found an immutable one"))
}

impl StructRef {
    /// A new structure of type `ty` with a value for each of its fields. Of
    /// a packed field it is an [`Val::I32`], whose low bits are kept.
    ///
    /// ```
    /// use linkspan_engine::{Engine, FieldType, Store, StructRef, StructType, Val, ValType};
    ///
    /// let engine = Engine::default();
    /// let mut store = Store::<()>::new(&engine, ());
    /// let fields = [ValType::I32, ValType::ANYREF].map(FieldType::mutable);
    /// let cell = engine.define_type(StructType::new(fields))?;
    /// let last = StructRef::new(&mut store, &cell, &[Val::I32(2), Val::AnyRef(None)])?;
    /// let first = StructRef::new(&mut store, &cell, &[Val::I32(1), last.into()])?;
    /// first.set_field(&mut store, 0, Val::I32(7))?;
    /// assert_eq!(first.field(&store, 0)?, Val::I32(7));
    /// # Ok::<(), linkspan_engine::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if `ty` is no structure type of
    /// the store's engine, or if number or types of the values are wrong;
    /// [`Trap::HeapExhausted`](crate::Trap) if there is no room.
    pub fn new(
        mut store: impl AsContextMut,
        ty: &DefinedType,
        fields: &[Val],
    ) -> Result<StructRef> {
        let mut store = store.as_context_mut();
        let types = struct_type(ty)?.fields();
        if types.len() != fields.len() {
            return Err(Error::usage(format!(
                "expected {} fields, found {}",
                types.len(),
                fields.len()
            )));
        }
        let places: Vec<Place> = (0..types.len()).filter_map(|i| place(ty, i)).collect();
        for (place, value) in places.iter().zip(fields) {
            slots(store.core(), *value, place.ty.unpacked())?;
        }
        let ctx = store.ctx();
        learn(ctx, ty)?;
        // SAFETY: the store is borrowed for us alone; the values that the
        // host holds are in handles, and guests wait in calls.
        let at = unsafe { heap::new_object(ctx, ty.rtt(), Safepoint::Call) }?;
        for (place, value) in places.iter().zip(fields) {
            // SAFETY: the object has just been made with these fields.
            unsafe { place.set(store.core_mut(), at, *value)? };
        }
        Ok(reference::new(store.core(), at))
    }

    /// The type with which the structure was made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the scope of the handle has
    /// ended, or if it belongs to another store.
    pub fn ty(self, store: impl AsContext) -> Result<DefinedType> {
        let store = store.as_context();
        let core = store.core();
        type_of(core, self.handle().get(core)?)
    }

    /// The value of a field. Of a packed field it is the integer without
    /// sign.
    ///
    /// # Errors
    ///
    /// As for [`ty`](StructRef::ty), and
    /// [`ErrorKind::Usage`](crate::ErrorKind) if there is no such field.
    pub fn field(self, store: impl AsContext, index: usize) -> Result<Val> {
        let store = store.as_context();
        let core = store.core();
        let at = self.handle().get(core)?;
        let ty = type_of(core, at)?;
        let count = struct_type(&ty)?.fields().len();
        let place = place(&ty, index).ok_or_else(|| no_field(index, count))?;
        // SAFETY: the object has the fields of its type.
        Ok(unsafe { place.get(core, at) })
    }

    /// Replaces the value of a field.
    ///
    /// # Errors
    ///
    /// As for [`field`](StructRef::field), and
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the field is immutable or
    /// the value has another type.
    pub fn set_field(self, mut store: impl AsContextMut, index: usize, value: Val) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let at = self.handle().get(core)?;
        let ty = type_of(core, at)?;
        let fields = struct_type(&ty)?.fields();
        let place = place(&ty, index).ok_or_else(|| no_field(index, fields.len()))?;
        if !fields[index].mutable {
            return Err(immutable("field"));
        }
        // SAFETY: the object has the fields of its type.
        unsafe { place.set(core, at, value) }
    }
}

/// Where a field of a structure type is.
fn place(ty: &DefinedType, index: usize) -> Option<Place> {
    let field = ty.rtt().fields().get(index)?;
    let declared: &FieldType = struct_type(ty).ok()?.fields().get(index)?;
    Some(Place {
        offset: field.offset_bytes,
        storage: field.storage,
        ty: declared.storage,
    })
}

/// An array, as the functions here need it.
struct Array {
    at: u32,
    length: u32,
    element: Storage,
    declared: FieldType,
}

impl Array {
    /// The array at `at`, which must be one.
    fn open(core: &StoreCore, at: u32) -> Result<Array> {
        let ty = type_of(core, at)?;
        let declared = array_type(&ty)?.element;
        Ok(Array {
            at,
            // SAFETY: handles of this type lead to arrays.
            length: unsafe { core.array_length(at) },
            element: element(&ty),
            declared,
        })
    }

    fn place(&self, index: u32) -> Result<Place> {
        if index >= self.length {
            return Err(Trap::ArrayOutOfBounds.into());
        }
        Ok(Place {
            // The whole array fits into 32 bits.
            offset: elements_offset(self.element) + index * self.element.size_bytes(),
            storage: self.element,
            ty: self.declared.storage,
        })
    }

    /// The bytes of an array of 8-bit integers.
    fn bytes(&self, core: &StoreCore) -> Result<*mut [u8]> {
        if self.element != Storage::I8 {
            return Err(Error::usage(format!(
                "expected an array of i8, found one of {}",
                self.declared.storage
            )));
        }
        let first = core
            .object(self.at)
            .wrapping_add(elements_offset(Storage::I8) as usize);
        Ok(core::ptr::slice_from_raw_parts_mut(
            first,
            self.length as usize,
        ))
    }
}

fn element(ty: &DefinedType) -> Storage {
    match &ty.rtt().shape {
        Shape::Array { element } => *element,
        // Whoever calls has seen that it is an array type.
        Shape::Fields { .. } | Shape::Host => Storage::I8,
    }
}

impl ArrayRef {
    /// A new array of `length` elements that are all `value`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if `ty` is no array type of the
    /// store's engine, or if the value has another type than the elements;
    /// [`Trap::AllocationTooLarge`](crate::Trap) or
    /// [`Trap::HeapExhausted`](crate::Trap) if there is no room.
    pub fn new(
        mut store: impl AsContextMut,
        ty: &DefinedType,
        value: Val,
        length: u32,
    ) -> Result<ArrayRef> {
        let mut store = store.as_context_mut();
        let declared = array_type(ty)?.element.storage.unpacked();
        slots(store.core(), value, declared)?;
        let array = ArrayRef::zeroed(store.ctx(), ty, length)?;
        let core = store.core_mut();
        if slots(core, value, declared)? != [0, 0] {
            let opened = Array::open(core, array)?;
            for index in 0..length {
                // SAFETY: the array has such an element.
                unsafe { opened.place(index)?.set(core, array, value)? };
            }
        }
        Ok(reference::new(core, array))
    }

    /// A new array of these elements.
    ///
    /// # Errors
    ///
    /// As for [`new`](ArrayRef::new).
    pub fn new_fixed(
        mut store: impl AsContextMut,
        ty: &DefinedType,
        values: &[Val],
    ) -> Result<ArrayRef> {
        let mut store = store.as_context_mut();
        let declared = array_type(ty)?.element.storage.unpacked();
        for value in values {
            slots(store.core(), *value, declared)?;
        }
        let length = u32::try_from(values.len()).map_err(|_| Trap::AllocationTooLarge)?;
        let array = ArrayRef::zeroed(store.ctx(), ty, length)?;
        let core = store.core_mut();
        let opened = Array::open(core, array)?;
        for (index, value) in (0..).zip(values) {
            // SAFETY: the array has such an element.
            unsafe { opened.place(index)?.set(core, array, *value)? };
        }
        Ok(reference::new(core, array))
    }

    /// A new array of 8-bit integers.
    ///
    /// ```
    /// use linkspan_engine::{ArrayRef, ArrayType, Engine, FieldType, Store, StorageType};
    ///
    /// let engine = Engine::default();
    /// let mut store = Store::<()>::new(&engine, ());
    /// let element = FieldType::mutable(StorageType::I8);
    /// let bytes = engine.define_type(ArrayType { element })?;
    /// let text = ArrayRef::from_bytes(&mut store, &bytes, b"heap")?;
    /// text.bytes_mut(&mut store)?[0] = b'l';
    /// assert_eq!(text.bytes(&store)?, b"leap");
    /// # Ok::<(), linkspan_engine::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`new`](ArrayRef::new), and
    /// [`ErrorKind::Usage`](crate::ErrorKind) if `ty` has other elements.
    pub fn from_bytes(
        mut store: impl AsContextMut,
        ty: &DefinedType,
        bytes: &[u8],
    ) -> Result<ArrayRef> {
        let mut store = store.as_context_mut();
        if array_type(ty)?.element.storage != StorageType::I8 {
            return Err(Error::usage(format!(
                "expected an array type of i8, found {}",
                ty.definition()
            )));
        }
        let length = u32::try_from(bytes.len()).map_err(|_| Trap::AllocationTooLarge)?;
        let at = ArrayRef::zeroed(store.ctx(), ty, length)?;
        let core = store.core_mut();
        let to = Array::open(core, at)?.bytes(core)?;
        // SAFETY: the array has just been made with as many bytes.
        unsafe { &mut *to }.copy_from_slice(bytes);
        Ok(reference::new(core, at))
    }

    fn zeroed(store: *mut StoreCtx, ty: &DefinedType, length: u32) -> Result<u32> {
        learn(store, ty)?;
        let size = array_size_bytes(element(ty), length).ok_or(Trap::AllocationTooLarge)?;
        // SAFETY: whoever calls has the store alone; the values that the
        // host holds are in handles, and guests wait in calls. The object
        // has as many bytes.
        unsafe {
            let at = heap::allocate(store, size, Safepoint::Call)?;
            let object = (*(*store).core).object(at);
            object.write_bytes(0, size as usize);
            object.cast::<u32>().write(ty.id().0);
            object
                .add(ARRAY_LENGTH_OFFSET as usize)
                .cast::<u32>()
                .write(length);
            Ok(at)
        }
    }

    /// The type with which the array was made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the scope of the handle has
    /// ended, or if it belongs to another store.
    pub fn ty(self, store: impl AsContext) -> Result<DefinedType> {
        let store = store.as_context();
        let core = store.core();
        type_of(core, self.handle().get(core)?)
    }

    fn open(self, core: &StoreCore) -> Result<Array> {
        Array::open(core, self.handle().get(core)?)
    }

    /// The number of elements.
    ///
    /// # Errors
    ///
    /// As for [`ty`](ArrayRef::ty).
    pub fn len(self, store: impl AsContext) -> Result<u32> {
        Ok(self.open(store.as_context().core())?.length)
    }

    /// Whether there are no elements.
    ///
    /// # Errors
    ///
    /// As for [`ty`](ArrayRef::ty).
    pub fn is_empty(self, store: impl AsContext) -> Result<bool> {
        Ok(self.len(store)? == 0)
    }

    /// An element. A packed one is the integer without sign.
    ///
    /// # Errors
    ///
    /// As for [`ty`](ArrayRef::ty), and
    /// [`Trap::ArrayOutOfBounds`](crate::Trap) if there is no such element.
    pub fn get(self, store: impl AsContext, index: u32) -> Result<Val> {
        let store = store.as_context();
        let core = store.core();
        let array = self.open(core)?;
        let place = array.place(index)?;
        // SAFETY: the array has such an element.
        Ok(unsafe { place.get(core, array.at) })
    }

    /// Replaces an element.
    ///
    /// # Errors
    ///
    /// As for [`get`](ArrayRef::get), and
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the elements are immutable
    /// or the value has another type.
    pub fn set(self, mut store: impl AsContextMut, index: u32, value: Val) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let array = self.open(core)?;
        let place = array.place(index)?;
        if !array.declared.mutable {
            return Err(immutable("array"));
        }
        // SAFETY: the array has such an element.
        unsafe { place.set(core, array.at, value) }
    }

    /// The elements of an array of 8-bit integers, where they are: nothing
    /// can move or free them while the store is borrowed.
    ///
    /// # Errors
    ///
    /// As for [`ty`](ArrayRef::ty), and
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the elements are others.
    pub fn bytes(self, store: &impl AsContext) -> Result<&[u8]> {
        let core = store.as_context().core();
        let bytes = self.open(core)?.bytes(core)?;
        // SAFETY: the store is borrowed as long as the answer, so no guest
        // runs and nothing is collected.
        Ok(unsafe { slice::from_raw_parts(bytes.cast(), bytes.len()) })
    }

    /// The elements of an array of 8-bit integers, for writing.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](ArrayRef::bytes), and
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the elements are immutable.
    pub fn bytes_mut(self, store: &mut impl AsContextMut) -> Result<&mut [u8]> {
        let mut context = store.as_context_mut();
        let core = context.core_mut();
        let array = self.open(core)?;
        if !array.declared.mutable {
            return Err(immutable("array"));
        }
        let bytes = array.bytes(core)?;
        // SAFETY: as in `bytes`, and the store is borrowed for us alone.
        Ok(unsafe { slice::from_raw_parts_mut(bytes.cast(), bytes.len()) })
    }
}
