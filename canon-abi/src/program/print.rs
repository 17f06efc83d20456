//! Programs as text, for snapshots and for people who ask how a type travels.

use std::fmt;

use super::{FROM, Op, Program, Scalar, Sum, TO};

impl Scalar {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::S8 => "s8",
            Self::U8 => "u8",
            Self::S16 => "s16",
            Self::U16 => "u16",
            Self::S32 => "s32",
            Self::U32 => "u32",
            Self::S64 => "s64",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Char => "char",
        }
    }
}

impl Program {
    /// What an op wants, for errors.
    pub(super) fn expectation(&self, op: usize) -> String {
        match &self.ops[op] {
            Op::Copy { .. } => "plain data".into(),
            Op::Scalar { scalar, .. } => scalar.name().into(),
            Op::String { .. } => "string".into(),
            Op::List { .. } => "list".into(),
            Op::FixedLengthList { count, .. } => format!("list of {count}"),
            Op::Map { .. } => "map".into(),
            Op::Record { fields, .. } => format!("record with {fields} fields"),
            Op::Tuple { fields } => format!("tuple with {fields} fields"),
            Op::Flags { mask, .. } => format!("flags with {} labels", mask.count_ones()),
            Op::Enum { cases, .. } => format!("enum with {cases} cases"),
            Op::Switch { sum, cases, .. } => match sum {
                Sum::Variant(_) => format!("variant with {} cases", cases.len()),
                Sum::Option => "option".into(),
                Sum::Result => "result".into(),
            },
            Op::Own { resource, .. } => format!("own of resource {}", resource.0),
            Op::Borrow { resource, .. } => format!("borrow of resource {}", resource.0),
            Op::Outlined { .. } => "outlined".into(),
        }
    }

    /// Prints the ops; a program inside one is named by its number in `known`.
    fn print<'a>(&'a self, f: &mut fmt::Formatter<'_>, known: &mut Vec<&'a Self>) -> fmt::Result {
        let [from, to] = self.layout;
        writeln!(
            f,
            "values {} flat {} size {}/{} align {}/{}",
            self.values, self.flat, from.size, to.size, from.align, to.align
        )?;
        for (pc, op) in self.ops.iter().enumerate() {
            write!(f, "{pc:>4} ")?;
            let text = self.expectation(pc);
            match op {
                Op::Copy { at, bytes, skip } => {
                    write!(
                        f,
                        "@{}/{} copy {bytes} bytes, skip {skip}",
                        at[FROM], at[TO]
                    )?;
                }
                Op::Record { .. } | Op::Tuple { .. } => f.write_str(&text)?,
                Op::List { at, elem: inner }
                | Op::FixedLengthList {
                    at, elem: inner, ..
                }
                | Op::Map { at, entry: inner }
                | Op::Outlined { at, program: inner } => {
                    let number = number(known, inner);
                    let [from, to] = at.bytes;
                    write!(f, "@{from}/{to} ${} {text} of program {number}", at.slot)?;
                }
                Op::Scalar { at, .. }
                | Op::String { at }
                | Op::Flags { at, .. }
                | Op::Enum { at, .. }
                | Op::Switch { at, .. }
                | Op::Own { at, .. }
                | Op::Borrow { at, .. } => {
                    write!(
                        f,
                        "@{}/{} ${} {text}",
                        at.bytes[FROM], at.bytes[TO], at.slot
                    )?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The number of a program; each is printed once, however often it is used.
fn number<'a>(known: &mut Vec<&'a Program>, program: &'a Program) -> usize {
    known
        .iter()
        .position(|other| std::ptr::eq(*other, program))
        .unwrap_or_else(|| {
            known.push(program);
            known.len() - 1
        })
}

/// One op a line: `@from/to` are offsets in memory, `$` the flat slot. The
/// programs of elements and outlined parts follow by number.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known = vec![self];
        let mut next = 0;
        while let Some(program) = known.get(next).copied() {
            write!(f, "program {next}: ")?;
            program.print(f, &mut known)?;
            next += 1;
        }
        Ok(())
    }
}
