//! Trap codes: one row per reason for which a guest stops, with the
//! specification's wording. A trap is data; the backtrace that goes with it
//! lives in [`crate::Error`].

use core::fmt;

macro_rules! traps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why execution of a guest stopped.
        ///
        /// `Display` prints the text that the specification's test scripts
        /// expect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Trap {
            $($(#[$doc])* $name,)*
        }

        impl Trap {
            /// Every trap, in declaration order.
            pub const ALL: &'static [Trap] = &[$(Trap::$name),*];

            /// The specification's text for this trap.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $(Trap::$name => $text,)*
                }
            }
        }
    };
}

traps! {
    /// `unreachable` was executed.
    Unreachable = "unreachable",
    /// A load, store or bulk operation left the bounds of its memory.
    MemoryOutOfBounds = "out of bounds memory access",
    /// A table access left the bounds of its table.
    TableOutOfBounds = "out of bounds table access",
    /// `call_indirect` named an element past the end of its table.
    UndefinedElement = "undefined element",
    /// `call_indirect` met a null element.
    UninitializedElement = "uninitialized element",
    /// `call_indirect` met a function of another type.
    IndirectCallTypeMismatch = "indirect call type mismatch",
    /// An integer was divided by zero.
    IntegerDivideByZero = "integer divide by zero",
    /// The result of a division or of a truncation is not representable.
    IntegerOverflow = "integer overflow",
    /// NaN was truncated to an integer.
    InvalidConversionToInteger = "invalid conversion to integer",
    /// A null reference was used where an object is needed.
    NullReference = "null reference",
    /// `throw_ref` met null.
    NullExceptionReference = "null exception reference",
    /// A structure was asked of null.
    NullStructure = "null structure reference",
    /// An array was asked of null.
    NullArray = "null array reference",
    /// A 31-bit integer was asked of null.
    NullI31 = "null i31 reference",
    /// An array access left the bounds of its array.
    ArrayOutOfBounds = "out of bounds array access",
    /// A reference is not of the type that it was cast to.
    CastFailure = "cast failure",
    /// An array is longer than any can be.
    AllocationTooLarge = "allocation size too large",
    /// The store's heap is full.
    HeapExhausted = "heap exhausted",
    /// An atomic operator met an address that is no multiple of its width.
    UnalignedAtomic = "unaligned atomic",
    /// A wait on a memory that no other thread can reach.
    ExpectedSharedMemory = "expected shared memory",
    /// A wait without a timeout at a memory that no other thread can reach.
    EndlessWait = "wait that nobody can end",
    /// `call_ref` met a null reference.
    NullFunctionReference = "null function reference",
    /// The slot stack of the activation, or the nesting of host calls, is exhausted.
    StackOverflow = "call stack exhausted",
    /// The fuel given to the store is used up.
    OutOfFuel = "all fuel consumed",
    /// Another thread asked the store to stop.
    Interrupted = "interrupted",
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Trap {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_distinct() {
        let mut texts: Vec<_> = Trap::ALL.iter().map(|t| t.text()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Trap::ALL.len());
    }
}
