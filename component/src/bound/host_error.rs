//! What a host function that may trap fails with, and the way to the values of
//! the host for one that has the store.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;

use super::HostTag;
use crate::error::{Error, Result};
use crate::resource::Resource;
use crate::store::{ComponentState, Store, StoreContextMut};

/// The failure of a host function whose WIT result is a `result<T, E>` and that
/// may trap as well.
///
/// An `E` is for the guest: `?` turns it into [`HostError::Guest`]. What is none
/// of the guest's business ends it: [`HostError::trap`], or
/// [`or_trap`](OrTrap::or_trap) on a `Result`. No other error is converted by
/// itself, so that a `?` never traps by accident.
///
/// ```
/// use linkspan::{HostError, OrTrap};
///
/// #[derive(Debug, PartialEq)]
/// enum Denied { Closed }
///
/// fn fetch(open: bool, text: &str) -> Result<u32, HostError<Denied>> {
///     if !open {
///         return Err(Denied::Closed.into());
///     }
///     Ok(text.parse().or_trap()?)
/// }
///
/// assert_eq!(fetch(true, "7").unwrap(), 7);
/// assert!(matches!(fetch(false, ""), Err(HostError::Guest(Denied::Closed))));
/// assert!(matches!(fetch(true, "seven"), Err(HostError::Trap(_))));
/// ```
#[derive(Debug)]
pub enum HostError<E> {
    /// The guest gets it, as the error of its `result`.
    Guest(E),
    /// The guest traps, and whoever called it gets the error.
    Trap(Error),
}

impl<E> HostError<E> {
    /// Ends the guest: the call that the host made fails with this error, where
    /// [`Error::downcast_ref`] finds it.
    #[cold]
    #[must_use]
    pub fn trap(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        // An error of this crate keeps its kind and path.
        Self::Trap(match error.into().downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => Error::host(error),
        })
    }

    /// What the guest gets, if it is the guest's.
    pub fn guest(self) -> Option<E> {
        match self {
            Self::Guest(error) => Some(error),
            Self::Trap(_) => None,
        }
    }

    /// Takes apart what the guest gets and what ends it.
    ///
    /// # Errors
    ///
    /// The error of [`HostError::Trap`].
    #[inline]
    pub fn split<T>(result: Result<T, Self>) -> Result<Result<T, E>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(Self::Guest(error)) => Ok(Err(error)),
            Err(Self::Trap(error)) => Err(error),
        }
    }
}

impl<E> From<E> for HostError<E> {
    fn from(error: E) -> Self {
        Self::Guest(error)
    }
}

/// A function whose WIT result has no error can only trap.
impl From<HostError<Infallible>> for Error {
    fn from(error: HostError<Infallible>) -> Self {
        match error {
            HostError::Guest(never) => match never {},
            HostError::Trap(error) => error,
        }
    }
}

impl<E: fmt::Display> fmt::Display for HostError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest(error) => error.fmt(f),
            Self::Trap(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> StdError for HostError<E> {}

/// Turns any error into a trap of the guest.
pub trait OrTrap<T> {
    /// The value, or [`HostError::trap`] of the error.
    ///
    /// # Errors
    ///
    /// [`HostError::Trap`].
    fn or_trap<E>(self) -> Result<T, HostError<E>>;
}

impl<T, X: Into<Box<dyn StdError + Send + Sync>>> OrTrap<T> for Result<T, X> {
    fn or_trap<E>(self) -> Result<T, HostError<E>> {
        self.map_err(HostError::trap)
    }
}

/// The host's values behind handles, for whoever has the store: a host function
/// with the store, or the host itself.
pub trait HostValues<H> {
    /// What the store keeps for components.
    #[doc(hidden)]
    fn state(&mut self) -> &mut ComponentState;

    /// Puts a value into the store and answers a handle that owns it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if the store holds too
    /// many values.
    fn push_value<R: HostTag<H>>(&mut self, value: R::Value) -> Result<Resource<R>> {
        let handle = self.state().table_mut().push(value)?;
        Ok(Resource::new_own(handle.rep()))
    }

    /// The value behind a handle.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if the handle is
    /// stale or its value in use.
    fn value<R: HostTag<H>>(&mut self, handle: &Resource<R>) -> Result<&mut R::Value> {
        self.state().table_mut().get_as_mut(handle.rep())
    }

    /// Takes the value behind a handle that owns it out of the store.
    ///
    /// # Errors
    ///
    /// As [`HostValues::value`], and for a handle that borrows.
    fn take_value<R: HostTag<H>>(&mut self, handle: Resource<R>) -> Result<R::Value> {
        let handle = match handle.owned() {
            true => Resource::new_own(handle.rep()),
            false => Resource::new_borrow(handle.rep()),
        };
        self.state().table_mut().delete(handle)
    }
}

impl<H> HostValues<H> for Store<H> {
    fn state(&mut self) -> &mut ComponentState {
        self.extra_mut()
    }
}

impl<H> HostValues<H> for StoreContextMut<'_, H> {
    fn state(&mut self) -> &mut ComponentState {
        self.extra_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn guests_get_their_errors_and_no_others() {
        let split = |result: Result<u8, HostError<char>>| HostError::split(result);
        assert_eq!(split(Ok(1)).unwrap(), Ok(1));
        assert_eq!(split(Err('e'.into())).unwrap(), Err('e'));
        let error = split(Err(HostError::trap("lost"))).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Host, "lost"));
    }

    #[test]
    fn a_trap_keeps_what_it_was_made_of() {
        let parse = "x".parse::<u8>().unwrap_err();
        let HostError::<()>::Trap(error) = HostError::trap(parse.clone()) else {
            panic!("it is a trap");
        };
        assert_eq!(error.downcast_ref(), Some(&parse));
        let limit = Error::new(ErrorKind::Limit, "too many");
        let HostError::<()>::Trap(error) = HostError::trap(limit) else {
            panic!("it is a trap");
        };
        assert_eq!(error.kind(), ErrorKind::Limit);
    }

    #[test]
    fn a_function_without_an_error_of_its_own_can_trap() {
        fn run(text: &str) -> Result<u8> {
            Ok(text.parse().or_trap()?)
        }
        assert_eq!(run("7").unwrap(), 7);
        assert_eq!(run("").unwrap_err().kind(), ErrorKind::Host);
    }

    #[test]
    fn it_says_what_is_inside() {
        assert_eq!(HostError::Guest('e').to_string(), "e");
        assert_eq!(HostError::<char>::trap("lost").to_string(), "lost");
        assert_eq!(format!("{:?}", HostError::Guest('e')), "Guest('e')");
        assert_eq!(HostError::Guest(1).guest(), Some(1));
        assert_eq!(HostError::<u8>::trap("lost").guest(), None);
    }
}
