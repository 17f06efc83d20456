//! Instructions that do the work of two: pairs of operators that compiled
//! programs have next to each other, each pair admitted because it saves a
//! few percent of all instructions of some real program.

use core::marker::PhantomData;

use super::dispatch::{Dispatch, Op, Regs};
use super::memory::{Address, At, Load, Place};
use super::numeric::Binary;
use super::operand::{Source, Value, words};
use super::shape::stop;
use crate::trap::Trap;

/// `d = (a O x) P y`, or with `SWAP` `d = y P (a O x)`. A slot `x` is `b`;
/// `y` follows in a word of its own, a slot's number or an immediate.
pub(super) struct Pair<O, P, A, X, Y, const SWAP: bool>(PhantomData<(O, P, A, X, Y)>);

impl<O, P, A, X, Y, const SWAP: bool> Op for Pair<O, P, A, X, Y, SWAP>
where
    O: Binary<T = P::T>,
    P: Binary,
    A: Source,
    X: Source,
    Y: Source,
{
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads.
        unsafe {
            let at = 2 + words::<P::T, X>();
            let y: P::T = if Y::IMMEDIATE {
                Y::b(&r, at)
            } else {
                r.get(r.word(at) as usize)
            };
            let inner = O::eval(A::a(&r, 2), X::b(&r, 2));
            let value = inner.and_then(|inner| {
                if SWAP {
                    P::eval(y, inner)
                } else {
                    P::eval(inner, y)
                }
            });
            match value {
                Ok(value) => {
                    r.set(r.d(), value);
                    r.next::<D>(at + if Y::IMMEDIATE { P::T::WORDS } else { 1 })
                }
                Err(trap) => stop::<D>(r, trap),
            }
        }
    }
}

/// `d = (memory 0 [address + offset]) P b`, or with `SWAP` the other way.
pub(super) struct LoadThen<O, A, P, const SWAP: bool>(PhantomData<(O, A, P)>);

impl<O, A, P, const SWAP: bool> Op for LoadThen<O, A, P, SWAP>
where
    O: Load,
    A: Address,
    P: Binary,
{
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `find` checks the bounds of the memory.
        unsafe {
            let Some(place) = At::<A>::find(&r, size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            let loaded = P::T::from_slot(O::extend(At::<A>::load(place)).to_slot());
            let other = r.get(r.b());
            match if SWAP {
                P::eval(other, loaded)
            } else {
                P::eval(loaded, other)
            } {
                Ok(value) => {
                    r.set(r.d(), value);
                    r.next::<D>(At::<A>::WORDS)
                }
                Err(trap) => stop::<D>(r, trap),
            }
        }
    }
}
