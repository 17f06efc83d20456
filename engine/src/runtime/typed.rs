//! Rust types for WebAssembly types: parameters and results of typed calls
//! and of closures, in the slots of a window.

use core::fmt;
use core::marker::PhantomData;

use super::driver;
use super::func::Func;
use super::reference::{AnyRef, ExnRef, ExternRef};
use super::store::{AsContextMut, StoreCore};
use super::value::{
    func_from_slot, func_to_slot, low, read_vector, ref_from_slot, ref_to_slot, write_vector,
};
use super::vmctx::Slot;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::types::{FuncType, ValType};

/// A Rust type that stands for one WebAssembly type: `i32`, `u32`, `i64`,
/// `u64`, `f32`, `f64`, `u128` for a `v128` (lane 0 lowest), `Option<Func>`,
/// and `Option` of [`AnyRef`], [`ExternRef`] and [`ExnRef`].
pub trait WasmTy: sealed::Slotted + Send + Sync + Copy + 'static {}

pub(crate) mod sealed {
    use super::{Result, Slot, StoreCore, ValType};

    /// How a value stands in its slots.
    pub trait Slotted: Sized {
        /// The WebAssembly type.
        #[doc(hidden)]
        const TYPE: ValType;
        /// Writes the value, if it may be used in store `id`.
        ///
        /// # Safety
        ///
        /// There must be the slots of this type at `at`.
        #[doc(hidden)]
        unsafe fn store(self, at: *mut Slot, core: &StoreCore) -> Result<()>;
        /// The value.
        ///
        /// # Safety
        ///
        /// The slots at `at` must hold a value of this type in store `id`.
        #[doc(hidden)]
        unsafe fn load(at: *const Slot, core: &StoreCore) -> Self;
    }
}

macro_rules! numbers {
    ($($rust:ident $wasm:ident |$value:ident| $to:expr, |$slot:ident| $from:expr;)*) => {$(
        impl WasmTy for $rust {}
        impl sealed::Slotted for $rust {
            const TYPE: ValType = ValType::$wasm;
            #[inline]
            unsafe fn store(self, at: *mut Slot, _: &StoreCore) -> Result<()> {
                let $value = self;
                // SAFETY: passed on to the caller.
                unsafe { at.write($to) };
                Ok(())
            }
            #[inline]
            unsafe fn load(at: *const Slot, _: &StoreCore) -> $rust {
                // SAFETY: passed on to the caller.
                let $slot = unsafe { at.read() };
                $from
            }
        }
    )*};
}

numbers! {
    i32 I32 |v| Slot::from(v.cast_unsigned()), |s| low(s).cast_signed();
    u32 I32 |v| Slot::from(v), |s| low(s);
    i64 I64 |v| v.cast_unsigned(), |s| s.cast_signed();
    u64 I64 |v| v, |s| s;
    f32 F32 |v| Slot::from(v.to_bits()), |s| f32::from_bits(low(s));
    f64 F64 |v| v.to_bits(), |s| f64::from_bits(s);
}

impl WasmTy for u128 {}
impl sealed::Slotted for u128 {
    const TYPE: ValType = ValType::V128;
    #[inline]
    unsafe fn store(self, at: *mut Slot, _: &StoreCore) -> Result<()> {
        // SAFETY: passed on to the caller.
        unsafe { write_vector(at, self) };
        Ok(())
    }
    #[inline]
    unsafe fn load(at: *const Slot, _: &StoreCore) -> u128 {
        // SAFETY: passed on to the caller.
        unsafe { read_vector(at) }
    }
}

impl WasmTy for Option<Func> {}
impl sealed::Slotted for Option<Func> {
    const TYPE: ValType = ValType::FUNCREF;
    #[inline]
    unsafe fn store(self, at: *mut Slot, core: &StoreCore) -> Result<()> {
        let slot = func_to_slot(self, core.id)?;
        // SAFETY: passed on to the caller.
        unsafe { at.write(slot) };
        Ok(())
    }
    #[inline]
    unsafe fn load(at: *const Slot, core: &StoreCore) -> Option<Func> {
        // SAFETY: passed on to the caller.
        unsafe { func_from_slot(at.read(), core.id) }
    }
}

macro_rules! references {
    ($($rust:ident $wasm:ident;)*) => {$(
        impl WasmTy for Option<$rust> {}
        impl sealed::Slotted for Option<$rust> {
            const TYPE: ValType = ValType::$wasm;
            #[inline]
            unsafe fn store(self, at: *mut Slot, core: &StoreCore) -> Result<()> {
                let slot = ref_to_slot(self, core)?;
                // SAFETY: passed on to the caller.
                unsafe { at.write(slot) };
                Ok(())
            }
            #[inline]
            unsafe fn load(at: *const Slot, core: &StoreCore) -> Option<$rust> {
                // SAFETY: passed on to the caller.
                ref_from_slot(unsafe { at.read() }, core)
            }
        }
    )*};
}

references! {
    AnyRef ANYREF;
    ExternRef EXTERNREF;
    ExnRef EXNREF;
}

/// Parameters of a typed call: `()`, one [`WasmTy`], or a tuple of up to 16.
pub trait WasmParams: lists::List {}

/// Results of a typed call: `()`, one [`WasmTy`], or a tuple of up to 16.
pub trait WasmResults: lists::List {}

impl<L: lists::List> WasmParams for L {}
impl<L: lists::List> WasmResults for L {}

/// Results of a closure that serves as a host function: [`WasmResults`], or
/// a `Result` of them, whose error stops the guest.
pub trait ClosureResults: lists::Outcome {}

impl<O: lists::Outcome> ClosureResults for O {}

pub(crate) mod lists {
    use super::sealed::Slotted;
    use super::{Error, Result, Slot, StoreCore, ValType, WasmTy};

    /// Values in consecutive slots.
    pub trait List: Send + Sync + Sized + 'static {
        /// Their types.
        #[doc(hidden)]
        fn types() -> &'static [ValType];
        /// Writes them.
        ///
        /// # Safety
        ///
        /// There must be the slots of all values at `at`.
        #[doc(hidden)]
        unsafe fn store(self, at: *mut Slot, core: &StoreCore) -> Result<()>;
        /// Reads them.
        ///
        /// # Safety
        ///
        /// The slots at `at` must hold values of these types in store `id`.
        #[doc(hidden)]
        unsafe fn load(at: *const Slot, core: &StoreCore) -> Self;
    }

    /// What a closure answers.
    pub trait Outcome: 'static {
        /// Types of the results.
        #[doc(hidden)]
        fn types() -> &'static [ValType];
        /// Writes the results.
        ///
        /// # Safety
        ///
        /// There must be the slots of all results at `at`.
        #[doc(hidden)]
        unsafe fn write(self, at: *mut Slot, core: &StoreCore) -> Result<()>;
    }

    impl<L: List> Outcome for L {
        fn types() -> &'static [ValType] {
            L::types()
        }
        #[inline]
        unsafe fn write(self, at: *mut Slot, core: &StoreCore) -> Result<()> {
            // SAFETY: passed on to the caller.
            unsafe { self.store(at, core) }
        }
    }

    impl<L: List> Outcome for Result<L, Error> {
        fn types() -> &'static [ValType] {
            L::types()
        }
        #[inline]
        unsafe fn write(self, at: *mut Slot, core: &StoreCore) -> Result<()> {
            // SAFETY: passed on to the caller.
            unsafe { self?.store(at, core) }
        }
    }

    impl<A: WasmTy> List for A {
        fn types() -> &'static [ValType] {
            &[A::TYPE]
        }
        #[inline]
        unsafe fn store(self, at: *mut Slot, core: &StoreCore) -> Result<()> {
            // SAFETY: passed on to the caller.
            unsafe { <A as Slotted>::store(self, at, core) }
        }
        #[inline]
        unsafe fn load(at: *const Slot, core: &StoreCore) -> A {
            // SAFETY: passed on to the caller.
            unsafe { <A as Slotted>::load(at, core) }
        }
    }

    macro_rules! tuples {
        ($($value:ident)*) => {
            #[expect(clippy::allow_attributes, reason = "the lists differ")]
            #[allow(
                non_snake_case, unused_variables, unused_mut, unused_assignments,
                clippy::unused_unit,
                reason = "type parameters name the values; the empty list has none"
            )]
            impl<$($value: WasmTy,)*> List for ($($value,)*) {
                fn types() -> &'static [ValType] {
                    &[$($value::TYPE),*]
                }
                #[inline]
                unsafe fn store(self, at: *mut Slot, core: &StoreCore) -> Result<()> {
                    let ($($value,)*) = self;
                    let mut slot = 0;
                    $(
                        // SAFETY: passed on to the caller.
                        unsafe { Slotted::store($value, at.add(slot), core)? };
                        slot += <$value as Slotted>::TYPE.slots();
                    )*
                    Ok(())
                }
                #[inline]
                unsafe fn load(at: *const Slot, core: &StoreCore) -> Self {
                    let mut slot = 0;
                    $(
                        // SAFETY: passed on to the caller.
                        let $value = unsafe { <$value as Slotted>::load(at.add(slot), core) };
                        slot += <$value as Slotted>::TYPE.slots();
                    )*
                    ($($value,)*)
                }
            }
        };
    }

    tuples!();
    tuples!(A0);
    tuples!(A0 A1);
    tuples!(A0 A1 A2);
    tuples!(A0 A1 A2 A3);
    tuples!(A0 A1 A2 A3 A4);
    tuples!(A0 A1 A2 A3 A4 A5);
    tuples!(A0 A1 A2 A3 A4 A5 A6);
    tuples!(A0 A1 A2 A3 A4 A5 A6 A7);
    tuples!(A0 A1 A2 A3 A4 A5 A6 A7 A8);
    tuples!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9);
    tuples!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
    tuples!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
    tuples!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
    tuples!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13);
    tuples!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14);
    tuples!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);
}

/// A function whose type was compared with Rust types once, so that calls
/// need no more checks.
pub struct TypedFunc<P, R> {
    func: Func,
    _signature: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}

impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    /// Compares a function's type with the Rust types: it may ask for more
    /// than the Rust types give, and give less.
    pub(crate) fn new(func: Func, ty: &FuncType, engine: &Engine) -> Result<TypedFunc<P, R>> {
        let all = |subs: &[ValType], sups: &[ValType]| {
            let mut pairs = subs.iter().zip(sups);
            subs.len() == sups.len() && pairs.all(|(sub, sup)| engine.matches(*sub, *sup))
        };
        if !all(P::types(), ty.params()) || !all(ty.results(), R::types()) {
            let asked = FuncType::new(P::types().iter().copied(), R::types().iter().copied());
            return Err(Error::usage(format!(
                "expected a function of type {asked}, found one of type {ty}"
            )));
        }
        Ok(TypedFunc {
            func,
            _signature: PhantomData,
        })
    }

    /// The function without Rust types.
    #[must_use]
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// Whatever stopped the guest: a trap or an error of a host function,
    /// with a backtrace. [`ErrorKind::Usage`](crate::ErrorKind) if function
    /// or arguments belong to another store.
    #[inline]
    pub fn call(&self, mut store: impl AsContextMut, params: P) -> Result<R> {
        let mut store = store.as_context_mut();
        let id = store.core().id;
        let def = self.func.def_in(id)?;
        let ctx = store.ctx();
        // SAFETY: the store is borrowed for us alone, the definition belongs
        // to it, and its type was compared when `self` was made.
        unsafe {
            let base = driver::entry_window(ctx)?;
            params.store(base, &*(*ctx).core)?;
            driver::invoke(ctx, base, def)?;
            Ok(R::load(base, &*(*ctx).core))
        }
    }
}
