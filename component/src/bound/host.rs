//! Parameters and results of host functions: values that borrow from the
//! guest's memory, and the host's own values behind handles.
//!
//! A call of a host function goes in steps: parameters are lifted, values that
//! the function owns or changes are taken out of the store's table, the
//! function runs with borrows of everything, changed values go back, values in
//! the result go into the table, and the result is lowered. A value that is
//! out of the table is in use: a call that comes back to it while the first
//! still runs gets an error.

use std::any::Any;
use std::marker::PhantomData;

use linkspan_canon_abi::{Lift, Params};

use super::Borrow;
use crate::error::{Error, Result};
use crate::resource::{Resource, ResourceTable};

/// A Rust type whose values a host can give out as resources.
pub trait HostResource: Sized + Send + 'static {}

impl<T: Send + 'static> HostResource for T {}

/// The tag of an imported resource: the host `H` stands behind it with values of
/// one type.
pub trait HostTag<H>: 'static {
    /// The type of the values.
    type Value: HostResource;
}

/// The parameter of a host function that takes a resource `T` by value, an
/// `own`: the function gets the `V` itself.
#[derive(Debug)]
pub struct Own<T, V>(PhantomData<fn() -> (T, V)>);

/// The parameter of a host function that takes a `borrow` of a resource `T`:
/// the function gets a `&V`.
#[derive(Debug)]
pub struct Ref<T, V>(PhantomData<fn() -> (T, V)>);

/// The first parameter of a method of a resource `T` of the host: the function
/// gets a `&mut V`.
#[derive(Debug)]
pub struct Mut<T, V>(PhantomData<fn() -> (T, V)>);

/// A parameter of a host function.
///
/// Every type that can be lifted is one, and so are [`Own`], [`Ref`] and
/// [`Mut`].
pub trait HostParam: 'static {
    /// What is lifted.
    #[doc(hidden)]
    type Raw: Lift;
    /// What is out of the table while the function runs.
    #[doc(hidden)]
    type Taken;
    /// What the function gets.
    type Arg<'a>;

    /// Takes values out of the table.
    #[doc(hidden)]
    fn take(
        raw: &<Self::Raw as Lift>::Lifted<'_>,
        table: &mut ResourceTable,
    ) -> Result<Self::Taken>;

    /// What the function gets.
    #[doc(hidden)]
    fn arg<'a>(
        raw: <Self::Raw as Lift>::Lifted<'a>,
        taken: &'a mut Self::Taken,
        table: &'a ResourceTable,
    ) -> Result<Self::Arg<'a>>;

    /// Puts back what the function did not keep.
    #[doc(hidden)]
    fn put_back(taken: Self::Taken, table: &mut ResourceTable);
}

impl<P: Lift + 'static> HostParam for P {
    type Raw = P;
    type Taken = ();
    type Arg<'a> = P::Lifted<'a>;

    #[inline(always)]
    fn take(_: &P::Lifted<'_>, _: &mut ResourceTable) -> Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn arg<'a>(raw: P::Lifted<'a>, (): &'a mut (), _: &'a ResourceTable) -> Result<P::Lifted<'a>> {
        Ok(raw)
    }

    #[inline(always)]
    fn put_back((): (), _: &mut ResourceTable) {}
}

impl<T: 'static, V: 'static> HostParam for Own<T, V> {
    type Raw = Resource<T>;
    type Taken = Option<Box<V>>;
    type Arg<'a> = V;

    fn take(raw: &Resource<T>, table: &mut ResourceTable) -> Result<Option<Box<V>>> {
        // Looked at first, so that a value of another type stays where it is.
        table.get_as::<V>(raw.rep())?;
        let value = table.remove(raw.rep())?;
        value.downcast().map(Some).map_err(|_| wrong_type::<V>())
    }

    fn arg<'a>(_: Resource<T>, taken: &'a mut Option<Box<V>>, _: &'a ResourceTable) -> Result<V> {
        taken.take().map(|value| *value).ok_or_else(wrong_type::<V>)
    }

    fn put_back(_: Option<Box<V>>, _: &mut ResourceTable) {}
}

impl<T: 'static, V: 'static> HostParam for Ref<T, V> {
    type Raw = Borrow<Resource<T>>;
    type Taken = ();
    type Arg<'a> = &'a V;

    fn take(_: &Borrow<Resource<T>>, _: &mut ResourceTable) -> Result<()> {
        Ok(())
    }

    fn arg<'a>(
        raw: Borrow<Resource<T>>,
        (): &'a mut (),
        table: &'a ResourceTable,
    ) -> Result<&'a V> {
        table.get_as(raw.resource().rep())
    }

    fn put_back((): (), _: &mut ResourceTable) {}
}

impl<T: 'static, V: 'static> HostParam for Mut<T, V> {
    type Raw = Borrow<Resource<T>>;
    type Taken = (u32, Box<dyn Any + Send>);
    type Arg<'a> = &'a mut V;

    #[inline]
    fn take(
        raw: &Borrow<Resource<T>>,
        table: &mut ResourceTable,
    ) -> Result<(u32, Box<dyn Any + Send>)> {
        let rep = raw.resource().rep();
        Ok((rep, table.take(rep)?))
    }

    #[inline]
    fn arg<'a>(
        _: Borrow<Resource<T>>,
        (_, value): &'a mut (u32, Box<dyn Any + Send>),
        _: &'a ResourceTable,
    ) -> Result<&'a mut V> {
        value.downcast_mut().ok_or_else(wrong_type::<V>)
    }

    #[inline]
    fn put_back((rep, value): (u32, Box<dyn Any + Send>), table: &mut ResourceTable) {
        table.put_back(rep, value);
    }
}

#[cold]
fn wrong_type<V>() -> Error {
    Error::resource(format!(
        "the resource is not a {}",
        std::any::type_name::<V>()
    ))
}

/// The parameters of a host function: a tuple of [`HostParam`]s.
pub trait HostParams: 'static {
    /// What is lifted.
    #[doc(hidden)]
    type Raw: Params + Lift;
    /// What is out of the table while the function runs.
    #[doc(hidden)]
    type Taken;
    /// What the function gets.
    type Args<'a>;

    /// Nothing is out of the table yet.
    #[doc(hidden)]
    fn untaken() -> Self::Taken;

    /// Takes values out of the table; what was taken before an error is in
    /// `taken`.
    #[doc(hidden)]
    fn take(
        raw: &<Self::Raw as Lift>::Lifted<'_>,
        taken: &mut Self::Taken,
        table: &mut ResourceTable,
    ) -> Result<()>;

    /// What the function gets.
    #[doc(hidden)]
    fn args<'a>(
        raw: <Self::Raw as Lift>::Lifted<'a>,
        taken: &'a mut Self::Taken,
        table: &'a ResourceTable,
    ) -> Result<Self::Args<'a>>;

    /// Puts back what the function did not keep.
    #[doc(hidden)]
    fn put_back(taken: Self::Taken, table: &mut ResourceTable);
}

impl HostParams for () {
    type Raw = ();
    type Taken = ();
    type Args<'a> = ();

    #[inline(always)]
    fn untaken() {}

    #[inline(always)]
    fn take((): &(), (): &mut (), _: &mut ResourceTable) -> Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn args<'a>((): (), (): &'a mut (), _: &'a ResourceTable) -> Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn put_back((): (), _: &mut ResourceTable) {}
}

/// The state of one parameter between the steps.
#[doc(hidden)]
#[derive(Debug)]
pub struct Slot<P: HostParam>(Option<P::Taken>);

impl<P: HostParam> Default for Slot<P> {
    #[inline(always)]
    fn default() -> Self {
        Self(None)
    }
}

impl<P: HostParam> Slot<P> {
    #[inline(always)]
    pub(super) fn take(
        &mut self,
        raw: &<P::Raw as Lift>::Lifted<'_>,
        table: &mut ResourceTable,
    ) -> Result<()> {
        match P::take(raw, table) {
            Ok(taken) => self.0 = Some(taken),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn arg<'a>(
        &'a mut self,
        raw: <P::Raw as Lift>::Lifted<'a>,
        table: &'a ResourceTable,
    ) -> Result<P::Arg<'a>> {
        match &mut self.0 {
            Some(taken) => P::arg(raw, taken, table),
            None => Err(Error::inconsistent("a parameter of a host function")),
        }
    }

    #[inline(always)]
    pub(super) fn put_back(self, table: &mut ResourceTable) {
        if let Some(taken) = self.0 {
            P::put_back(taken, table);
        }
    }
}

macro_rules! host_params {
    ($($P:ident $i:tt),+) => {
        impl<$($P: HostParam),+> HostParams for ($($P,)+) {
            type Raw = ($($P::Raw,)+);
            type Taken = ($(Slot<$P>,)+);
            type Args<'a> = ($($P::Arg<'a>,)+);

            #[inline(always)]
            fn untaken() -> Self::Taken {
                ($(Slot::<$P>::default(),)+)
            }

            #[inline(always)]
            fn take(
                raw: &<Self::Raw as Lift>::Lifted<'_>,
                taken: &mut Self::Taken,
                table: &mut ResourceTable,
            ) -> Result<()> {
                $(taken.$i.take(&raw.$i, table)?;)+
                Ok(())
            }

            #[inline(always)]
            fn args<'a>(
                raw: <Self::Raw as Lift>::Lifted<'a>,
                taken: &'a mut Self::Taken,
                table: &'a ResourceTable,
            ) -> Result<Self::Args<'a>> {
                Ok(($(match taken.$i.arg(raw.$i, table) {
                    Ok(arg) => arg,
                    Err(error) => return Err(error),
                },)+))
            }

            #[inline(always)]
            fn put_back(taken: Self::Taken, table: &mut ResourceTable) {
                $(taken.$i.put_back(table);)+
            }
        }
    };
}

host_params!(A 0);
host_params!(A 0, B 1);
host_params!(A 0, B 1, C 2);
host_params!(A 0, B 1, C 2, D 3);
host_params!(A 0, B 1, C 2, D 3, E 4);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14);
host_params!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15);

/// Values of the host that are on their way into a result.
#[derive(Debug)]
pub struct New<'a> {
    table: &'a mut ResourceTable,
    failed: Option<Error>,
}

impl<'a> New<'a> {
    pub(crate) fn in_table(table: &'a mut ResourceTable) -> Self {
        Self {
            table,
            failed: None,
        }
    }

    /// Puts a value into the store: the handle that owns it.
    ///
    /// If the table is full, the call of the host function fails.
    pub fn own<T: 'static, V: HostResource>(&mut self, value: V) -> Resource<T> {
        match self.table.push(value) {
            Ok(handle) => Resource::new_own(handle.rep()),
            Err(error) => {
                self.failed.get_or_insert(error);
                Resource::new_own(u32::MAX)
            }
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}
