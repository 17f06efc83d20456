//! How the values of a component's functions travel, as text for people and
//! snapshots: the layout of each type, and for each function its core types and
//! the programs that move its parameters and its result.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Write};

use linkspan_canon_abi::program::Programs;
use linkspan_canon_abi::{
    Context, CoreType, FuncType, PointerSize, TypeDef, TypeTable, ValType, flatten_functype,
};

use crate::component::Component;
use crate::types::{Func, Item, Items};

/// The text ends with `…` when it is longer: a small binary can export one
/// function over and over.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// How deeply instances are looked into.
const NESTING_MAX: usize = 16;

/// See [`Component::explain_layout`].
pub(crate) fn explain(component: &Component) -> String {
    let mut found = Found::default();
    for (kind, items) in [
        ("import", component.imports()),
        ("export", component.exports()),
    ] {
        collect(items, kind, 0, &mut found);
    }
    let table = &component.code().types;
    let mut out = Text::default();
    out.line(0, "types");
    for ty in &found.types {
        out.block(1, table.display_layout(*ty));
    }
    out.line(0, "functions");
    for (path, func) in found.functions {
        // What nobody reads is not computed.
        if out.full {
            break;
        }
        function(&mut out, table, &path, func);
    }
    out.text
}

/// Lines, up to a limit.
#[derive(Default)]
struct Text {
    text: String,
    full: bool,
}

impl Text {
    fn line(&mut self, level: usize, line: impl Display) {
        self.block(level, format_args!("{line}\n"));
    }

    /// Lines that are indented each.
    fn block(&mut self, level: usize, text: impl Display) {
        let mut lines = Lines {
            out: self,
            level,
            is_at_start: true,
        };
        // What does not fit is left out, and the text says so.
        let _ = write!(lines, "{text}");
        if !lines.is_at_start {
            let _ = lines.write_str("\n");
        }
    }
}

/// What writes lines to a text: it fails when the text is full, so that
/// nothing more is formatted.
struct Lines<'a> {
    out: &'a mut Text,
    level: usize,
    is_at_start: bool,
}

impl Write for Lines<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive('\n') {
            if self.out.full {
                return Err(fmt::Error);
            }
            if self.out.text.len() + piece.len() > TEXT_BYTES_MAX {
                self.out.full = true;
                self.out.text.push_str("…\n");
                return Err(fmt::Error);
            }
            if self.is_at_start {
                self.out.text.push_str(&"  ".repeat(self.level));
            }
            self.out.text.push_str(piece);
            self.is_at_start = piece.ends_with('\n');
        }
        Ok(())
    }
}

/// What a text is about.
#[derive(Default)]
struct Found<'a> {
    types: BTreeSet<ValType>,
    /// Functions with their paths.
    functions: Vec<(String, Func<'a>)>,
    /// What the paths add to the text, at the least.
    bytes: usize,
}

/// Gathers functions with their paths, and all types that they are made of.
fn collect<'a>(items: Items<'a>, path: &str, level: usize, found: &mut Found<'a>) {
    for (name, item) in items.iter() {
        if found.bytes > TEXT_BYTES_MAX {
            return;
        }
        // An item that is not shown costs its turn.
        found.bytes += 1;
        match item {
            Item::Func(func) => {
                if let Some(ty) = func.func_type() {
                    let parts = ty.param_types().chain(ty.result);
                    add_types(func.table(), parts, &mut found.types);
                }
                let path = format!("{path} {name:?}");
                found.bytes += path.len();
                found.functions.push((path, func));
            }
            Item::Instance(inner) if level < NESTING_MAX => {
                let path = format!("{path} {name:?}");
                found.bytes += path.len();
                collect(inner, &path, level + 1, found);
            }
            Item::Type(ty) | Item::Value(ty) => {
                add_types(ty.table(), std::iter::once(ty.val_type()), &mut found.types);
            }
            Item::Instance(_)
            | Item::Resource(_)
            | Item::Module
            | Item::Component
            | Item::OtherType
            | Item::Unsupported(_) => {}
        }
    }
}

/// Adds defined types and what they are made of.
fn add_types(
    table: &TypeTable,
    open: impl Iterator<Item = ValType>,
    types: &mut BTreeSet<ValType>,
) {
    let mut open: Vec<ValType> = open.collect();
    while let Some(ty) = open.pop() {
        let ValType::Defined(id) = ty else {
            continue;
        };
        if !types.insert(ty) {
            continue;
        }
        match table.def(id) {
            TypeDef::List(ty) | TypeDef::FixedLengthList(ty, _) | TypeDef::Option(ty) => {
                open.push(*ty);
            }
            TypeDef::Map(key, value) => open.extend([*key, *value]),
            TypeDef::Record(fields) => open.extend(fields.iter().map(|field| field.ty)),
            TypeDef::Tuple(fields) => open.extend(fields.iter().copied()),
            TypeDef::Variant(cases) => open.extend(cases.iter().filter_map(|case| case.ty)),
            TypeDef::Result { ok, err } => open.extend([*ok, *err].into_iter().flatten()),
            TypeDef::Stream(elem) | TypeDef::Future(elem) => open.extend(*elem),
            TypeDef::Enum(_)
            | TypeDef::Flags(_)
            | TypeDef::Own(_)
            | TypeDef::Borrow(_)
            | TypeDef::ErrorContext => {}
        }
    }
}

fn function(out: &mut Text, table: &TypeTable, path: &str, func: Func<'_>) {
    out.line(1, format_args!("{path}: {func}"));
    // What is asynchronous is not flattened as it is here.
    let ty = func.func_type().filter(|ty| !ty.needs_async(table));
    let Some(ty) = ty else {
        return;
    };
    for (what, context) in [("lifted", Context::Lift), ("lowered", Context::Lower)] {
        let [narrow, wide] = PointerSize::ALL.map(|p| signature(table, ty, p, context));
        let wide = if narrow == wide {
            String::new()
        } else {
            format!(" / {wide}")
        };
        out.line(2, format_args!("{what} {narrow}{wide}"));
    }
    let [from, to] = PointerSize::ALL;
    let mut programs = Programs::new();
    for (what, program) in [
        ("parameters", programs.params(table, ty, from, to)),
        ("result", programs.result(table, ty, from, to)),
    ] {
        match program {
            Ok(program) if program.values() == 0 => {}
            Ok(program) => {
                out.line(2, what);
                out.block(3, program);
            }
            Err(error) => out.line(2, format_args!("{what}: {error}")),
        }
    }
}

/// The core type of a function on one side.
fn signature(table: &TypeTable, ty: &FuncType, pointer: PointerSize, context: Context) -> String {
    let core = flatten_functype(table, ty, pointer, context);
    let list = |types: &[CoreType]| {
        let names: Vec<&str> = types.iter().map(|ty| ty.name()).collect();
        names.join(" ")
    };
    format!("({}) -> ({})", list(&core.params), list(&core.results))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes lines until somebody has enough of them.
    struct Endless;

    impl Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("line\n")?;
            }
        }
    }

    #[test]
    fn nothing_is_formatted_that_does_not_fit() {
        let mut out = Text::default();
        out.line(0, "first");
        out.block(1, "second\nthird");
        assert_eq!(out.text, "first\n  second\n  third\n");
        out.block(1, Endless);
        out.line(0, Endless);
        assert!(out.full && out.text.ends_with("  line\n…\n"));
        assert!(out.text.len() < TEXT_BYTES_MAX + 16);
    }
}
