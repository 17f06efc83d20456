//! The numeric operators as lists: one row an operator, from which the
//! translator's mapping, the interpreter's table and the printed names are
//! generated. No semantics here, those belong to each tier.
//!
//! Operators that only look at the same bits with other eyes (`reinterpret`,
//! `i32.wrap_i64`) are in no list: see [`super::Sink::recast`]. `eqz` and
//! `ref.is_null` are comparisons with zero.

use wasmparser::Operator;

use crate::types::ValType;

/// Calls `$with!` with the operators of one operand, as `Name from to "text";`.
macro_rules! for_each_unary {
    ($with:path) => {
        $with! {
            I32Clz I32 I32 "i32.clz"; I32Ctz I32 I32 "i32.ctz"; I32Popcnt I32 I32 "i32.popcnt";
            I64Clz I64 I64 "i64.clz"; I64Ctz I64 I64 "i64.ctz"; I64Popcnt I64 I64 "i64.popcnt";
            F32Abs F32 F32 "f32.abs"; F32Neg F32 F32 "f32.neg"; F32Ceil F32 F32 "f32.ceil";
            F32Floor F32 F32 "f32.floor"; F32Trunc F32 F32 "f32.trunc";
            F32Nearest F32 F32 "f32.nearest"; F32Sqrt F32 F32 "f32.sqrt";
            F64Abs F64 F64 "f64.abs"; F64Neg F64 F64 "f64.neg"; F64Ceil F64 F64 "f64.ceil";
            F64Floor F64 F64 "f64.floor"; F64Trunc F64 F64 "f64.trunc";
            F64Nearest F64 F64 "f64.nearest"; F64Sqrt F64 F64 "f64.sqrt";
            I32TruncF32S F32 I32 "i32.trunc_f32_s"; I32TruncF32U F32 I32 "i32.trunc_f32_u";
            I32TruncF64S F64 I32 "i32.trunc_f64_s"; I32TruncF64U F64 I32 "i32.trunc_f64_u";
            I64TruncF32S F32 I64 "i64.trunc_f32_s"; I64TruncF32U F32 I64 "i64.trunc_f32_u";
            I64TruncF64S F64 I64 "i64.trunc_f64_s"; I64TruncF64U F64 I64 "i64.trunc_f64_u";
            I32TruncSatF32S F32 I32 "i32.trunc_sat_f32_s"; I32TruncSatF32U F32 I32 "i32.trunc_sat_f32_u";
            I32TruncSatF64S F64 I32 "i32.trunc_sat_f64_s"; I32TruncSatF64U F64 I32 "i32.trunc_sat_f64_u";
            I64TruncSatF32S F32 I64 "i64.trunc_sat_f32_s"; I64TruncSatF32U F32 I64 "i64.trunc_sat_f32_u";
            I64TruncSatF64S F64 I64 "i64.trunc_sat_f64_s"; I64TruncSatF64U F64 I64 "i64.trunc_sat_f64_u";
            I64ExtendI32S I32 I64 "i64.extend_i32_s"; I64ExtendI32U I32 I64 "i64.extend_i32_u";
            F32ConvertI32S I32 F32 "f32.convert_i32_s"; F32ConvertI32U I32 F32 "f32.convert_i32_u";
            F32ConvertI64S I64 F32 "f32.convert_i64_s"; F32ConvertI64U I64 F32 "f32.convert_i64_u";
            F64ConvertI32S I32 F64 "f64.convert_i32_s"; F64ConvertI32U I32 F64 "f64.convert_i32_u";
            F64ConvertI64S I64 F64 "f64.convert_i64_s"; F64ConvertI64U I64 F64 "f64.convert_i64_u";
            F32DemoteF64 F64 F32 "f32.demote_f64"; F64PromoteF32 F32 F64 "f64.promote_f32";
            I32Extend8S I32 I32 "i32.extend8_s"; I32Extend16S I32 I32 "i32.extend16_s";
            I64Extend8S I64 I64 "i64.extend8_s"; I64Extend16S I64 I64 "i64.extend16_s";
            I64Extend32S I64 I64 "i64.extend32_s";
        }
    };
}
pub(crate) use for_each_unary;

/// Calls `$with!` with the operators of two operands of one type and a result
/// of the same type, as `Name type "text";`.
macro_rules! for_each_binary {
    ($with:path) => {
        $with! {
            I32Add I32 "i32.add"; I32Sub I32 "i32.sub"; I32Mul I32 "i32.mul";
            I32DivS I32 "i32.div_s"; I32DivU I32 "i32.div_u";
            I32RemS I32 "i32.rem_s"; I32RemU I32 "i32.rem_u";
            I32And I32 "i32.and"; I32Or I32 "i32.or"; I32Xor I32 "i32.xor";
            I32Shl I32 "i32.shl"; I32ShrS I32 "i32.shr_s"; I32ShrU I32 "i32.shr_u";
            I32Rotl I32 "i32.rotl"; I32Rotr I32 "i32.rotr";
            I64Add I64 "i64.add"; I64Sub I64 "i64.sub"; I64Mul I64 "i64.mul";
            I64DivS I64 "i64.div_s"; I64DivU I64 "i64.div_u";
            I64RemS I64 "i64.rem_s"; I64RemU I64 "i64.rem_u";
            I64And I64 "i64.and"; I64Or I64 "i64.or"; I64Xor I64 "i64.xor";
            I64Shl I64 "i64.shl"; I64ShrS I64 "i64.shr_s"; I64ShrU I64 "i64.shr_u";
            I64Rotl I64 "i64.rotl"; I64Rotr I64 "i64.rotr";
            F32Add F32 "f32.add"; F32Sub F32 "f32.sub"; F32Mul F32 "f32.mul"; F32Div F32 "f32.div";
            F32Min F32 "f32.min"; F32Max F32 "f32.max"; F32Copysign F32 "f32.copysign";
            F64Add F64 "f64.add"; F64Sub F64 "f64.sub"; F64Mul F64 "f64.mul"; F64Div F64 "f64.div";
            F64Min F64 "f64.min"; F64Max F64 "f64.max"; F64Copysign F64 "f64.copysign";
        }
    };
}
pub(crate) use for_each_binary;

/// Calls `$with!` with the comparisons, as `Name type swapped "text";` where
/// `swapped` gives the same answer for exchanged operands.
macro_rules! for_each_compare {
    ($with:path) => {
        $with! {
            I32Eq I32 I32Eq "i32.eq"; I32Ne I32 I32Ne "i32.ne";
            I32LtS I32 I32GtS "i32.lt_s"; I32LtU I32 I32GtU "i32.lt_u";
            I32GtS I32 I32LtS "i32.gt_s"; I32GtU I32 I32LtU "i32.gt_u";
            I32LeS I32 I32GeS "i32.le_s"; I32LeU I32 I32GeU "i32.le_u";
            I32GeS I32 I32LeS "i32.ge_s"; I32GeU I32 I32LeU "i32.ge_u";
            I64Eq I64 I64Eq "i64.eq"; I64Ne I64 I64Ne "i64.ne";
            I64LtS I64 I64GtS "i64.lt_s"; I64LtU I64 I64GtU "i64.lt_u";
            I64GtS I64 I64LtS "i64.gt_s"; I64GtU I64 I64LtU "i64.gt_u";
            I64LeS I64 I64GeS "i64.le_s"; I64LeU I64 I64GeU "i64.le_u";
            I64GeS I64 I64LeS "i64.ge_s"; I64GeU I64 I64LeU "i64.ge_u";
            F32Eq F32 F32Eq "f32.eq"; F32Ne F32 F32Ne "f32.ne";
            F32Lt F32 F32Gt "f32.lt"; F32Gt F32 F32Lt "f32.gt";
            F32Le F32 F32Ge "f32.le"; F32Ge F32 F32Le "f32.ge";
            F64Eq F64 F64Eq "f64.eq"; F64Ne F64 F64Ne "f64.ne";
            F64Lt F64 F64Gt "f64.lt"; F64Gt F64 F64Lt "f64.gt";
            F64Le F64 F64Ge "f64.le"; F64Ge F64 F64Le "f64.ge";
        }
    };
}
pub(crate) use for_each_compare;

/// Calls `$with!` with the loads, as `Name type "text";`.
macro_rules! for_each_load {
    ($with:path) => {
        $with! {
            I32Load I32 "i32.load"; I64Load I64 "i64.load";
            F32Load F32 "f32.load"; F64Load F64 "f64.load";
            I32Load8S I32 "i32.load8_s"; I32Load8U I32 "i32.load8_u";
            I32Load16S I32 "i32.load16_s"; I32Load16U I32 "i32.load16_u";
            I64Load8S I64 "i64.load8_s"; I64Load8U I64 "i64.load8_u";
            I64Load16S I64 "i64.load16_s"; I64Load16U I64 "i64.load16_u";
            I64Load32S I64 "i64.load32_s"; I64Load32U I64 "i64.load32_u";
        }
    };
}
pub(crate) use for_each_load;

/// Calls `$with!` with the stores, as `Name type "text";`.
macro_rules! for_each_store {
    ($with:path) => {
        $with! {
            I32Store I32 "i32.store"; I64Store I64 "i64.store";
            F32Store F32 "f32.store"; F64Store F64 "f64.store";
            I32Store8 I32 "i32.store8"; I32Store16 I32 "i32.store16";
            I64Store8 I64 "i64.store8"; I64Store16 I64 "i64.store16"; I64Store32 I64 "i64.store32";
        }
    };
}
pub(crate) use for_each_store;

macro_rules! define_unary {
    ($($name:ident $from:ident $to:ident $text:literal;)*) => {
        /// An operator of one operand.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum UnaryOp {
            $($name,)*
            /// Replaces any NaN by the one positive quiet NaN with an empty
            /// payload. No WebAssembly operator: `Config` asks for it.
            F32NormalizeNan,
            /// See `F32NormalizeNan`.
            F64NormalizeNan,
        }

        impl UnaryOp {
            /// How many there are.
            pub(crate) const COUNT: usize = [$(UnaryOp::$name),*].len() + 2;

            /// Types of operand and result.
            pub(crate) fn types(self) -> (ValType, ValType) {
                match self {
                    $(UnaryOp::$name => (ValType::$from, ValType::$to),)*
                    UnaryOp::F32NormalizeNan => (ValType::F32, ValType::F32),
                    UnaryOp::F64NormalizeNan => (ValType::F64, ValType::F64),
                }
            }

            /// The name in the text format.
            pub(crate) fn text(self) -> &'static str {
                match self {
                    $(UnaryOp::$name => $text,)*
                    UnaryOp::F32NormalizeNan => "f32.normalize_nan",
                    UnaryOp::F64NormalizeNan => "f64.normalize_nan",
                }
            }
        }

        fn unary(op: &Operator<'_>) -> Option<UnaryOp> {
            match op {
                $(Operator::$name => Some(UnaryOp::$name),)*
                _ => None,
            }
        }
    };
}
for_each_unary!(define_unary);

macro_rules! define_binary {
    ($($name:ident $ty:ident $text:literal;)*) => {
        /// An operator of two operands of one type, with a result of the same
        /// type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum BinaryOp { $($name,)* }

        impl BinaryOp {
            /// How many there are.
            pub(crate) const COUNT: usize = [$(BinaryOp::$name),*].len();

            /// Type of operands and result.
            pub(crate) fn ty(self) -> ValType {
                match self { $(BinaryOp::$name => ValType::$ty,)* }
            }

            /// The name in the text format.
            pub(crate) fn text(self) -> &'static str {
                match self { $(BinaryOp::$name => $text,)* }
            }
        }

        fn binary(op: &Operator<'_>) -> Option<BinaryOp> {
            match op {
                $(Operator::$name => Some(BinaryOp::$name),)*
                _ => None,
            }
        }
    };
}
for_each_binary!(define_binary);

macro_rules! define_compare {
    ($($name:ident $ty:ident $swapped:ident $text:literal;)*) => {
        /// A comparison: two operands of one type, an `i32` that is 0 or 1.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum CompareOp { $($name,)* }

        impl CompareOp {
            /// Every comparison, in order of declaration.
            pub(crate) const ALL: &'static [CompareOp] = &[$(CompareOp::$name),*];
            /// How many there are.
            pub(crate) const COUNT: usize = CompareOp::ALL.len();

            /// Type of the operands.
            pub(crate) fn ty(self) -> ValType {
                match self { $(CompareOp::$name => ValType::$ty,)* }
            }

            /// The comparison with the same answer for exchanged operands.
            pub(crate) fn swapped(self) -> CompareOp {
                match self { $(CompareOp::$name => CompareOp::$swapped,)* }
            }

            /// The name in the text format.
            pub(crate) fn text(self) -> &'static str {
                match self { $(CompareOp::$name => $text,)* }
            }
        }

        fn compare(op: &Operator<'_>) -> Option<CompareOp> {
            match op {
                $(Operator::$name => Some(CompareOp::$name),)*
                _ => None,
            }
        }
    };
}
for_each_compare!(define_compare);

impl BinaryOp {
    /// Whether exchanging the operands changes nothing. NaN payloads, which
    /// the specification leaves open, do not count.
    pub(crate) const fn is_commutative(self) -> bool {
        matches!(
            self,
            BinaryOp::I32Add
                | BinaryOp::I32Mul
                | BinaryOp::I32And
                | BinaryOp::I32Or
                | BinaryOp::I32Xor
                | BinaryOp::I64Add
                | BinaryOp::I64Mul
                | BinaryOp::I64And
                | BinaryOp::I64Or
                | BinaryOp::I64Xor
                | BinaryOp::F32Add
                | BinaryOp::F32Mul
                | BinaryOp::F64Add
                | BinaryOp::F64Mul
        )
    }
}

impl CompareOp {
    /// The comparison with the opposite answer. Floats have none, except for
    /// equality: both `a < b` and `a >= b` are false for a NaN.
    pub(crate) const fn inverse(self) -> Option<CompareOp> {
        use CompareOp as C;
        Some(match self {
            C::I32Eq => C::I32Ne,
            C::I32Ne => C::I32Eq,
            C::I32LtS => C::I32GeS,
            C::I32LtU => C::I32GeU,
            C::I32GtS => C::I32LeS,
            C::I32GtU => C::I32LeU,
            C::I32LeS => C::I32GtS,
            C::I32LeU => C::I32GtU,
            C::I32GeS => C::I32LtS,
            C::I32GeU => C::I32LtU,
            C::I64Eq => C::I64Ne,
            C::I64Ne => C::I64Eq,
            C::I64LtS => C::I64GeS,
            C::I64LtU => C::I64GeU,
            C::I64GtS => C::I64LeS,
            C::I64GtU => C::I64LeU,
            C::I64LeS => C::I64GtS,
            C::I64LeU => C::I64GtU,
            C::I64GeS => C::I64LtS,
            C::I64GeU => C::I64LtU,
            C::F32Eq => C::F32Ne,
            C::F32Ne => C::F32Eq,
            C::F64Eq => C::F64Ne,
            C::F64Ne => C::F64Eq,
            C::F32Lt
            | C::F32Gt
            | C::F32Le
            | C::F32Ge
            | C::F64Lt
            | C::F64Gt
            | C::F64Le
            | C::F64Ge => return None,
        })
    }
}

macro_rules! define_load {
    ($($name:ident $ty:ident $text:literal;)*) => {
        /// A load from linear memory.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum LoadOp { $($name,)* }

        impl LoadOp {
            /// How many there are.
            pub(crate) const COUNT: usize = [$(LoadOp::$name),*].len();

            /// Type of the result.
            pub(crate) fn ty(self) -> ValType {
                match self { $(LoadOp::$name => ValType::$ty,)* }
            }

            /// The name in the text format.
            pub(crate) fn text(self) -> &'static str {
                match self { $(LoadOp::$name => $text,)* }
            }
        }

        fn load<'o>(op: &'o Operator<'_>) -> Option<(LoadOp, &'o wasmparser::MemArg)> {
            match op {
                $(Operator::$name { memarg } => Some((LoadOp::$name, memarg)),)*
                _ => None,
            }
        }
    };
}
for_each_load!(define_load);

macro_rules! define_store {
    ($($name:ident $ty:ident $text:literal;)*) => {
        /// A store to linear memory.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum StoreOp { $($name,)* }

        impl StoreOp {
            /// How many there are.
            pub(crate) const COUNT: usize = [$(StoreOp::$name),*].len();

            /// Type of the value.
            pub(crate) fn ty(self) -> ValType {
                match self { $(StoreOp::$name => ValType::$ty,)* }
            }

            /// The name in the text format.
            pub(crate) fn text(self) -> &'static str {
                match self { $(StoreOp::$name => $text,)* }
            }
        }

        fn store<'o>(op: &'o Operator<'_>) -> Option<(StoreOp, &'o wasmparser::MemArg)> {
            match op {
                $(Operator::$name { memarg } => Some((StoreOp::$name, memarg)),)*
                _ => None,
            }
        }
    };
}
for_each_store!(define_store);

/// An operator of one of the lists.
pub(crate) enum Numeric<'o> {
    Unary(UnaryOp),
    Binary(BinaryOp),
    Compare(CompareOp),
    Load(LoadOp, &'o wasmparser::MemArg),
    Store(StoreOp, &'o wasmparser::MemArg),
}

/// Finds `op` in the lists.
pub(crate) fn classify<'o>(op: &'o Operator<'_>) -> Option<Numeric<'o>> {
    if let Some(op) = binary(op) {
        Some(Numeric::Binary(op))
    } else if let Some((op, memarg)) = load(op) {
        Some(Numeric::Load(op, memarg))
    } else if let Some((op, memarg)) = store(op) {
        Some(Numeric::Store(op, memarg))
    } else if let Some(op) = compare(op) {
        Some(Numeric::Compare(op))
    } else {
        unary(op).map(Numeric::Unary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapping_and_inverting_twice_changes_nothing() {
        for op in CompareOp::ALL {
            assert_eq!(op.swapped().swapped(), *op);
            assert_eq!(
                op.inverse().map(|i| i.inverse()),
                op.inverse().map(|_| Some(*op))
            );
        }
        assert_eq!(CompareOp::F64Lt.inverse(), None);
    }

    #[test]
    fn operators_are_found_once() {
        assert!(matches!(
            classify(&Operator::I32Add),
            Some(Numeric::Binary(BinaryOp::I32Add))
        ));
        assert!(matches!(
            classify(&Operator::F64Lt),
            Some(Numeric::Compare(CompareOp::F64Lt))
        ));
        assert!(matches!(
            classify(&Operator::I32Clz),
            Some(Numeric::Unary(UnaryOp::I32Clz))
        ));
        assert!(classify(&Operator::Nop).is_none());
        assert!(classify(&Operator::I32WrapI64).is_none());
    }
}
