//! Stores whose embedder's data are of no interest.
//!
//! What a layer above the engine does with a store, it seldom does with the
//! embedder's data. Written for a store of [`Opaque`] data it is compiled with
//! that layer, instead of once more in the crate of each embedder.

use core::any::TypeId;
use core::fmt;
use core::marker::PhantomData;

use super::store::{AsContext, AsContextMut, StoreContext, StoreContextMut};

/// Stands for the data of an embedder that nobody asks for. It has no size,
/// and is not known to be of use on other threads than the data are.
pub struct Opaque(PhantomData<*mut ()>);

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opaque")
    }
}

impl<'a, T, X> StoreContextMut<'a, T, X> {
    /// The same store without the type of its data.
    ///
    /// Functions that are put into it by this view see no data, either;
    /// functions that are in it already see what they always have.
    #[inline]
    #[must_use]
    pub fn opaque(self) -> StoreContextMut<'a, Opaque, X> {
        // SAFETY: nothing reads or writes data by this type, which has no size.
        unsafe { self.cast() }
    }
}

/// A store, borrowed for everything, that knows of which type its data are
/// without saying so in its own type.
pub struct AnyStoreMut<'a, X> {
    /// Never handed out by reference: whoever could exchange it would make
    /// `data` lie.
    store: StoreContextMut<'a, Opaque, X>,
    /// The type of the data.
    data: TypeId,
}

impl<'a, X> AnyStoreMut<'a, X> {
    /// A store by a view of it.
    #[must_use]
    pub fn new<T: 'static>(store: StoreContextMut<'a, T, X>) -> AnyStoreMut<'a, X> {
        AnyStoreMut {
            store: store.opaque(),
            data: TypeId::of::<T>(),
        }
    }

    /// The same store, for a shorter time.
    pub fn reborrow(&mut self) -> AnyStoreMut<'_, X> {
        AnyStoreMut {
            store: self.store.as_context_mut(),
            data: self.data,
        }
    }

    /// The store with its data, if they are of that type.
    pub fn downcast<T: 'static>(&mut self) -> Option<StoreContextMut<'_, T, X>> {
        (self.data == TypeId::of::<T>()).then(|| {
            // SAFETY: it is the store that `data` was noted for, since nobody
            // can exchange one without the other.
            unsafe { self.store.as_context_mut().cast() }
        })
    }

    /// The data of the layer between embedder and engine.
    #[must_use]
    pub fn extra(&self) -> &X {
        self.store.extra()
    }

    /// The data of the layer between embedder and engine.
    pub fn extra_mut(&mut self) -> &mut X {
        self.store.extra_mut()
    }
}

impl<X> AsContext for AnyStoreMut<'_, X> {
    type Data = Opaque;
    type Extra = X;
    fn as_context(&self) -> StoreContext<'_, Opaque, X> {
        self.store.as_context()
    }
}

impl<X> AsContextMut for AnyStoreMut<'_, X> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Opaque, X> {
        self.store.as_context_mut()
    }
}

impl<X> fmt::Debug for AnyStoreMut<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStoreMut").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::store::Store;
    use crate::{Engine, Func, HostCall};

    #[test]
    fn data_are_found_by_their_own_type_alone() {
        let mut store: Store<u64, String> = Store::new(&Engine::default(), 7);
        let mut any = AnyStoreMut::new(store.as_context_mut());
        any.extra_mut().push('x');
        assert!(any.downcast::<i64>().is_none());
        assert!(any.downcast::<Opaque>().is_none());
        *any.downcast::<u64>()
            .expect("the type of the data")
            .data_mut() += 1;
        assert_eq!(any.extra(), "x");
        assert_eq!(*store.data(), 8);
    }

    /// Data that need another alignment than everything else in a store.
    #[repr(align(64))]
    struct Aligned(u8);

    struct Note;

    impl crate::HostFunc<Opaque, Vec<u8>> for Note {
        fn call(&self, mut call: HostCall<'_, Opaque, Vec<u8>>) -> crate::Answer {
            call.extra().push(1);
            crate::Answer::Done
        }
    }

    #[test]
    fn an_opaque_function_leaves_the_data_alone() {
        let mut store: Store<Aligned, Vec<u8>> = Store::new(&Engine::default(), Aligned(5));
        let ty = crate::FuncType::new([], []);
        let view = store.as_context_mut().opaque();
        let note = Func::from_host(view, &ty, Note).expect("no references");
        note.call(&mut store, &[], &mut []).expect("no trap");
        note.call(store.as_context_mut().opaque(), &[], &mut [])
            .expect("no trap");
        assert_eq!((store.data().0, store.extra().as_slice()), (5, &[1, 1][..]));
    }
}
