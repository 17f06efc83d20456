//! Instructions on vectors. A vector takes two slots, the half with its lower
//! lanes first, and is never in an accumulator: operands are slots, and the
//! result is a slot.
//!
//! What an operator computes is a function on arrays of lanes, in
//! [`integer`] and [`float`]: plain code that the compiler turns into vector
//! instructions of the machine. [`shape`] and [`memory`] make instructions of
//! such functions, [`table`] numbers them, [`encode`] writes them.

mod encode;
mod float;
mod integer;
mod lanes;
mod memory;
mod shape;
mod table;

/// What all operators compute.
mod numeric {
    pub(super) use super::{float::*, integer::*};
}

pub(super) use shape::{
    ConstVector, CopyVector, GlobalGetVector, GlobalSetVector, SelectVector, Shuffle,
};
pub(super) use table::{COUNT, fill};
