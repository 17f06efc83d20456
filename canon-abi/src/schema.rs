//! Typed values as dynamic ones, and back: [`Schema`].
//!
//! A value is lowered into memory of the host's own and lifted out of it again,
//! once by its Rust type and once by a program, so both agree by construction
//! and nothing here knows a single type. A conversion costs two copies. What
//! the canonical ABI limits is limited here: a string or list of more than
//! 2^28 - 1 bytes is an error.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::context::{LiftContext, LowerContext, Scratch};
use crate::layout::PointerSize;
use crate::memory::{Guest, NoHandles, Options};
use crate::program::{Program, Programs};
use crate::traits::{ComponentType, LiftOwned, Lower, value_type};
use crate::trap::{Error, Result};
use crate::types::{TypeTable, ValType};
use crate::value::Val;
use crate::{Encoding, call};

/// The component type of a Rust type, to convert its values.
///
/// Making one describes and compiles the type; keep it where many values are
/// converted.
///
/// # Examples
/// ```
/// use linkspan_canon_abi::{Schema, Val};
///
/// let schema = Schema::<(String, Option<u8>)>::new()?;
/// let val = schema.to_val(&("Ada".to_owned(), Some(36)))?;
/// let age = Val::Option(Some(Box::new(Val::U8(36))));
/// assert_eq!(val, Val::Tuple([Val::from("Ada"), age].into()));
/// assert_eq!(schema.from_val(&val)?, ("Ada".to_owned(), Some(36)));
/// # Ok::<(), linkspan_canon_abi::Error>(())
/// ```
pub struct Schema<T: ?Sized> {
    types: TypeTable,
    ty: ValType,
    program: Arc<Program>,
    _type: PhantomData<fn(&T) -> &T>,
}

impl<T: ComponentType + ?Sized> Schema<T> {
    /// The schema of `T`.
    ///
    /// # Errors
    /// As [`value_type`], and for types with handles: a handle means something
    /// only to the store of its guest.
    pub fn new() -> Result<Self> {
        let mut types = TypeTable::new();
        let ty = value_type::<T>(&mut types)?;
        if types.facts(ty).has_handle {
            return Err(Error::invalid_type(format!(
                "values of type {} hold handles, which are converted by calls alone",
                types.display(ty)
            )));
        }
        let pointer = PointerSize::default();
        let program = Programs::new().values(&types, &[ty], pointer, pointer)?;
        Ok(Self {
            types,
            ty,
            program,
            _type: PhantomData,
        })
    }

    /// The table that holds the type.
    pub fn types(&self) -> &TypeTable {
        &self.types
    }

    /// The type in that table.
    pub fn ty(&self) -> ValType {
        self.ty
    }

    /// The dynamic value of a typed one.
    ///
    /// # Errors
    /// When a string or list is too long for the canonical ABI.
    pub fn to_val(&self, value: &T) -> Result<Val>
    where
        T: Lower,
    {
        let (mut memory, mut window) = self.memory();
        let mut cx = LowerContext::new(&mut memory, OPTIONS);
        call::lower_result(&mut cx, &value, &mut window, 0)?;
        let scratch = Scratch::new();
        let mut cx =
            LiftContext::new(&memory.bytes, NoHandles, &scratch, OPTIONS).with_budget(u64::MAX);
        let lifted = self.program.lift_result(&mut cx, &window)?;
        lifted.ok_or_else(|| Error::value(self.types.display(self.ty).to_string(), "nothing"))
    }

    /// Memory with room for the value at its start, and a window.
    fn memory(&self) -> (Memory, [u64; 1]) {
        let size = self.types.layout(self.ty, PointerSize::default()).size;
        let bytes = vec![0; size as usize];
        (
            Memory {
                bytes,
                handles: NoHandles,
            },
            [0],
        )
    }
}

impl<T: LiftOwned> Schema<T> {
    /// The typed value of a dynamic one.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) with the path to what is not
    /// of the type, and as [`Schema::to_val`].
    pub fn from_val(&self, value: &Val) -> Result<T> {
        value.check(&self.types, self.ty)?;
        let (mut memory, mut window) = self.memory();
        let mut cx = LowerContext::new(&mut memory, OPTIONS);
        self.program
            .lower_result(&mut cx, Some(value), &mut window, 0)?;
        let scratch = Scratch::new();
        let mut cx =
            LiftContext::new(&memory.bytes, NoHandles, &scratch, OPTIONS).with_budget(u64::MAX);
        call::lift_result::<T, _>(&mut cx, &window)
    }
}

impl<T: ?Sized> fmt::Debug for Schema<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema")
            .field(&self.types.display(self.ty).to_string())
            .finish()
    }
}

/// UTF-8, which Rust has, in a 32-bit memory.
const OPTIONS: Options = Options {
    encoding: Encoding::Utf8,
    pointer: PointerSize::P32,
};

/// Memory that grows as values need it, and is gone with the conversion.
struct Memory {
    bytes: Vec<u8>,
    handles: NoHandles,
}

impl Guest for Memory {
    type Handles = NoHandles;

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn parts(&mut self) -> (&[u8], &mut NoHandles) {
        (&self.bytes, &mut self.handles)
    }

    fn realloc(&mut self, old: u64, old_bytes: u64, align: u32, bytes: u64) -> Result<u64> {
        let at = self.bytes.len().next_multiple_of(align as usize);
        let end = at as u64 + bytes;
        // Pointers have 32 bits.
        if end > u64::from(u32::MAX) {
            return Err(Error::guest("the value takes more than 4 GiB"));
        }
        self.bytes.resize(end as usize, 0);
        let old = old as usize..(old + old_bytes.min(bytes)) as usize;
        self.bytes.copy_within(old, at);
        Ok(at as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::types::ResourceTypeId;

    #[test]
    fn values_come_back() {
        type Deep = Vec<(String, [Option<char>; 2], BTreeMap<u8, Vec<f32>>)>;
        let schema = Schema::<Deep>::new().unwrap();
        let value: Deep = vec![
            ("☃".to_owned(), [None, Some('x')], BTreeMap::new()),
            (
                String::new(),
                [Some('é'), None],
                BTreeMap::from([(1, vec![0.5, -0.0]), (0, vec![])]),
            ),
        ];
        let val = schema.to_val(&value).unwrap();
        val.check(schema.types(), schema.ty()).unwrap();
        assert_eq!(schema.from_val(&val).unwrap(), value);
        assert_eq!(
            format!("{schema:?}"),
            "Schema(\"list<tuple<string, list<option<char>, 2>, map<u8, list<f32>>>>\")"
        );
        let number = Schema::<u16>::new().unwrap();
        assert_eq!(number.to_val(&7).unwrap(), Val::U16(7));
        assert_eq!(number.from_val(&Val::U16(7)).unwrap(), 7);
    }

    #[test]
    fn borrowed_values_become_dynamic() {
        let text = Schema::<str>::new().unwrap();
        assert_eq!(text.to_val("abc").unwrap(), Val::from("abc"));
        let list = Schema::<[&str]>::new().unwrap();
        let val = list.to_val(&["a", "b"]).unwrap();
        assert_eq!(val, Val::from(vec![Val::from("a"), Val::from("b")]));
    }

    #[test]
    fn other_values_are_refused_with_a_path() {
        let schema = Schema::<Vec<(u8, [bool; 2])>>::new().unwrap();
        let pair = |flags: Vec<Val>| Val::Tuple([Val::U8(1), Val::from(flags)].into());
        let value = Val::from(vec![pair(vec![Val::Bool(true)])]);
        assert_eq!(
            schema.from_val(&value).unwrap_err().to_string(),
            "[0].1: expected a value of type list<bool, 2>, found a list of 1"
        );
        assert!(Schema::<()>::new().is_err());
    }

    #[test]
    fn handles_are_refused() {
        struct Connection;
        impl ComponentType for Connection {
            const ABI: crate::traits::Abi = crate::traits::Abi::HANDLE;

            fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
                types.own(ResourceTypeId(0)).map(Some)
            }
        }
        let error = Schema::<Vec<Connection>>::new().unwrap_err();
        assert!(error.to_string().contains("hold handles"), "{error}");
    }
}
