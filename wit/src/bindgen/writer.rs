//! Writes Rust text that rustfmt leaves as it is.
//!
//! It knows indentation, the 100 columns, and the few layouts that generated code needs:
//! signatures, docs, tables in macro braces. It knows nothing of WIT.
//!
//! Invariant: what is written through [`Writer`] has no trailing blanks, no two blank lines in a
//! row, and no blank line after an opening or before a closing brace.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use wit_parser::TypeId;

use super::layout::{self, ARGS_WIDTH, WIDTH};
use crate::scan;

/// An item whose lines are worth remembering.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// A type or resource, by its module.
    Type(usize, TypeId),
    /// A function of the host, by its module and its name in the component.
    Import(usize, String),
    /// A function of the guest, likewise.
    Export(usize, String),
}

/// The lines of each item, counted from 1, without the one after the last.
pub(super) type Marks = BTreeMap<Mark, Range<usize>>;

/// Rust text under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer {
    text: String,
    /// How many lines are finished.
    lines: usize,
    marks: Marks,
    depth: usize,
    names: CrateName,
    /// A blank line is due before the next line, unless it closes a brace.
    gap: bool,
}

/// How generated text names the crate `linkspan`: everything here writes `::linkspan`.
#[derive(Clone, Debug, Default)]
pub(super) struct CrateName(pub(super) Option<String>);

impl CrateName {
    /// `text` with the crate's name as it was chosen.
    pub(super) fn spell<'t>(&self, text: &'t str) -> Cow<'t, str> {
        const PATH: &str = "::linkspan::";
        let Some(name) = &self.0 else {
            return Cow::Borrowed(text);
        };
        let mut spelled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(PATH) {
            let (before, from) = rest.split_at(at);
            spelled.push_str(before);
            // Of a longer path it is a part that is not ours.
            let inner = spelled.ends_with(|c: char| c.is_alphanumeric() || "_>".contains(c));
            spelled.push_str(if inner { &PATH[..PATH.len() - 2] } else { name });
            rest = &from[PATH.len() - 2..];
        }
        Cow::Owned(spelled + rest)
    }
}

impl Writer {
    /// A writer of text in which the crate is called `names`.
    pub(super) fn new(names: CrateName) -> Self {
        Self {
            names,
            ..Self::default()
        }
    }

    /// The finished text, and the lines of what was marked in it.
    pub(super) fn finish(self) -> (String, Marks) {
        (self.text, self.marks)
    }

    /// Writes an item and remembers its lines.
    pub(super) fn item(&mut self, mark: Mark, write: impl FnOnce(&mut Self)) {
        let blank = self.gap && !self.text.is_empty() && !self.opened();
        let start = self.lines + 1 + usize::from(blank);
        write(self);
        self.marks.insert(mark, start..self.lines + 1);
    }

    /// Writes one line at the present depth; an empty one only ends the paragraph.
    pub(super) fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if line.is_empty() {
            self.gap();
            return;
        }
        let line = match line.starts_with("//") {
            true => Cow::Borrowed(line),
            false => self.names.spell(line),
        };
        let closes = line.starts_with(['}', ')', ']']);
        if std::mem::take(&mut self.gap) && !closes && !self.text.is_empty() && !self.opened() {
            self.text.push('\n');
            self.lines += 1;
        }
        self.text.extend(std::iter::repeat_n("    ", self.depth));
        self.text.push_str(&line);
        self.text.push('\n');
        self.lines += 1;
    }

    /// Whether the last line opened a block.
    fn opened(&self) -> bool {
        self.text.ends_with("{\n") || self.text.ends_with("(\n") || self.text.ends_with("[\n")
    }

    /// Asks for a blank line before the next line.
    pub(super) fn gap(&mut self) {
        self.gap = true;
    }

    /// Writes a line that opens a block.
    pub(super) fn open(&mut self, line: &str) {
        self.line(line);
        self.depth += 1;
    }

    /// Ends a block with `line`.
    pub(super) fn close(&mut self, line: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.line(line);
    }

    /// Columns of `text` as it will be written.
    fn width(&self, text: &str) -> usize {
        self.names.spell(text).chars().count()
    }

    /// Whether `line` fits the width at the present depth.
    pub(super) fn fits(&self, line: &str) -> bool {
        self.depth * 4 + self.width(line) <= WIDTH
    }

    /// Writes documentation as `///` lines.
    ///
    /// Code in it is marked as text, so that no documentation test comes out of a WIT comment.
    pub(super) fn docs(&mut self, docs: Option<&str>) {
        let Some(docs) = docs else { return };
        let mut fenced = false;
        for line in docs.trim_end().lines() {
            let mut line = in_comment(line.trim_end());
            if let Some(language) = line.trim_start().strip_prefix("```") {
                if !fenced && matches!(language.trim(), "" | "rust" | "rs") {
                    let indent = line.len() - line.trim_start().len();
                    line = format!("{}```text", &line[..indent]);
                }
                fenced = !fenced;
            } else if !fenced && line.starts_with("    ") {
                // Four blanks begin a code block, which would be compiled.
                line = format!("   {}", line.trim_start());
            }
            if line.is_empty() {
                self.line("///");
            } else {
                self.line(&format!("/// {line}"));
            }
        }
        if fenced {
            self.line("/// ```");
        }
    }

    /// Writes documentation, and below it the line `origin` as a paragraph of its own.
    pub(super) fn docs_of(&mut self, docs: Option<&str>, origin: &str) {
        let docs = docs.filter(|docs| !docs.trim().is_empty());
        self.docs(docs);
        if docs.is_some() {
            self.line("///");
        }
        self.line(&format!("/// {origin}"));
    }

    /// Writes a function signature that ends with `end`: `" {"` or `";"`.
    pub(super) fn signature(&mut self, head: &str, params: &[String], ret: &str, end: &str) {
        let arrow = if ret.is_empty() {
            String::new()
        } else {
            format!(" -> {ret}")
        };
        let start = format!("{head}({})", params.join(", "));
        let whole = format!("{start}{arrow}{end}");
        let narrow = params.iter().all(|p| layout::is_narrow(p)) && layout::is_narrow(ret);
        if narrow && (self.fits(&whole) || params.is_empty()) {
            // rustfmt keeps a column free behind a signature without a body.
            if end == ";" && !ret.is_empty() && !self.fits(&format!("{whole} ")) {
                self.line(&start);
                self.line(&format!("-> {ret};"));
            } else {
                self.line(&whole);
            }
        } else {
            self.open(&format!("{head}("));
            for param in params {
                let name = param.find(": ").map_or(0, |at| at + 2);
                self.typed(&param[..name], &param[name..], ",");
            }
            self.depth -= 1;
            self.returned(ret, end);
        }
        if end.ends_with('{') {
            self.depth += 1;
        }
    }

    /// Writes the end of a signature whose parameters stand on lines of their own.
    fn returned(&mut self, ret: &str, end: &str) {
        if ret.is_empty() {
            return self.line(&format!("){end}"));
        }
        let last = format!(") -> {ret}{end}");
        if layout::lines(ret, self.depth * 4, 5, 0).len() > 1 {
            self.typed(") -> ", ret, end);
        } else if end == " {" && self.depth * 8 + last.chars().count() > WIDTH {
            // rustfmt counts the indentation twice when it asks whether the brace fits.
            self.line(&format!(") -> {ret}"));
            self.line("{");
        } else {
            self.line(&last);
        }
    }

    /// Writes `{before}{ty}{after}`, the type on several lines if need be.
    pub(super) fn typed(&mut self, before: &str, ty: &str, after: &str) {
        let (width, rest) = (before.chars().count(), after.chars().count());
        let ty = self.names.spell(ty).into_owned();
        let lines = layout::lines(&ty, self.depth * 4, width, rest);
        let last = lines.len() - 1;
        for (i, line) in lines.iter().enumerate() {
            let before = if i == 0 { before } else { "" };
            let after = if i == last { after } else { "" };
            self.line(&format!("{before}{line}{after}"));
        }
    }

    /// Writes `{callee}({leading}, ({args}))`, through a `let` if the arguments need the space.
    pub(super) fn call(&mut self, callee: &str, leading: &str, args: &[String]) {
        let wide = args.len() > TUPLE_MAX;
        let tuple = tuple_expr(args);
        let joined = format!("{leading}, {tuple}");
        let call = format!("{callee}({joined})");
        if !wide && self.width(&joined) <= ARGS_WIDTH && self.width(&call) <= ARGS_WIDTH {
            self.line(&call);
            return;
        }
        let binding = format!("let params = {tuple};");
        if self.width(&tuple) <= ARGS_WIDTH + 2 && self.fits(&binding) {
            self.line(&binding);
        } else {
            self.open("let params = (");
            // rustfmt fills lines with short names and gives anything else a line of its own.
            if args.iter().all(|arg| is_short_name(&self.names.spell(arg))) {
                self.fill(args);
            } else {
                for arg in args {
                    self.line(&format!("{arg},"));
                }
            }
            self.close(");");
        }
        let params = if wide {
            "::linkspan::Wide(params)"
        } else {
            "params"
        };
        self.line(&format!("{callee}({leading}, {params})"));
    }

    /// Opens a trait whose bounds are `bounds` and, last, `marker`.
    pub(super) fn trait_head(&mut self, head: &str, bounds: &[String], marker: &str) {
        let all: Vec<&str> = bounds.iter().map(String::as_str).chain([marker]).collect();
        let whole = format!("{head}: {} {{", all.join(" + "));
        if self.fits(&whole) {
            self.open(&whole);
            return;
        }
        self.open(&format!("{head}:"));
        let row = all.join(" + ");
        if self.fits(&row) {
            self.line(&row);
        } else {
            for (i, bound) in all.iter().enumerate() {
                self.line(&format!("{}{bound}", if i == 0 { "" } else { "+ " }));
            }
        }
        self.close("{");
        self.depth += 1;
    }

    /// Writes attributes as they were given.
    pub(super) fn attributes(&mut self, attributes: &[String]) {
        self.lines(attributes);
    }

    /// Writes what a type derives, if it is anything.
    pub(super) fn derive(&mut self, derives: &[String]) {
        let line = format!("#[derive({})]", derives.join(", "));
        if derives.is_empty() {
            return;
        }
        if self.fits(&line) {
            self.line(&line);
        } else {
            self.open("#[derive(");
            self.fill(derives);
            self.close(")]");
        }
    }

    /// Writes `pub type {name} = {target};`.
    pub(super) fn alias(&mut self, name: &str, target: &str) {
        let whole = format!("pub type {name} = {target};");
        if self.fits(&whole) || !layout::is_narrow(target) {
            self.typed(&format!("pub type {name} = "), target, ";");
        } else {
            self.line(&format!("pub type {name} ="));
            self.depth += 1;
            self.typed("", target, ";");
            self.depth -= 1;
        }
    }

    /// Writes `{head} entry, entry, … {tail}` (the inside of a macro call in braces, which rustfmt
    /// leaves alone): one line however long, for nobody reads what the definition above it says
    /// better.
    pub(super) fn table(&mut self, head: &str, entries: &[String], tail: &str) {
        self.line(&format!("{head} {} {tail}", entries.join(", ")));
    }

    /// Writes `{head} entry entry … {tail}` (the inside of a macro call in braces): one entry a
    /// line, unless all fit on one.
    pub(super) fn entries(&mut self, head: &str, entries: &[String], tail: &str) {
        let row = format!("{head} {} {tail}", entries.join(" "));
        if self.fits(&row) {
            return self.line(&row);
        }
        self.open(head);
        self.lines(entries);
        self.close(tail);
    }

    /// Writes lines at the present depth.
    pub(super) fn lines(&mut self, lines: &[String]) {
        for line in lines {
            self.line(line);
        }
    }

    /// Writes entries with commas, as many on a line as fit.
    fn fill(&mut self, entries: &[String]) {
        let mut row = String::new();
        for entry in entries {
            if !row.is_empty() && !self.fits(&format!("{row} {entry},")) {
                self.line(&std::mem::take(&mut row));
            }
            if !row.is_empty() {
                row.push(' ');
            }
            row.push_str(entry);
            row.push(',');
        }
        self.line(&row);
    }
}

/// A line of documentation without what Rust takes in no comment. WIT may hold a lone carriage
/// return, and a component in binary form anything.
fn in_comment(line: &str) -> String {
    let shown = |c| match c {
        '\r' => ' ',
        c if scan::forbidden(c).is_some() => '\u{fffd}',
        c => c,
    };
    line.chars().map(shown).collect()
}

/// Whether rustfmt takes `text` for a short and simple expression.
fn is_short_name(text: &str) -> bool {
    let simple = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    text.len() <= 10 && text.chars().all(simple)
}

/// A tuple type or expression of these parts: one part keeps its comma.
pub(super) fn tuple_expr(parts: &[String]) -> String {
    match parts {
        [one] => format!("({one},)"),
        many => format!("({})", many.join(", ")),
    }
}

/// Most elements of a plain tuple that the runtime knows as parameters.
const TUPLE_MAX: usize = 16;

/// The type of a list of parameters: a tuple, in a wrapper if it is long.
pub(super) fn tuple_marker(parts: &[String]) -> String {
    let tuple = tuple_expr(parts);
    if parts.len() > TUPLE_MAX {
        return format!("::linkspan::Wide<{tuple}>");
    }
    tuple
}

/// A pattern or expression of the type that [`tuple_marker`] writes.
pub(super) fn tuple_pattern(parts: &[String]) -> String {
    let tuple = tuple_expr(parts);
    if parts.len() > TUPLE_MAX {
        return format!("::linkspan::Wide({tuple})");
    }
    tuple
}

/// Lines that hold something other than blanks and documentation.
pub(super) fn code_lines(text: &str) -> usize {
    let code = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with("//")
    };
    text.lines().filter(code).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_do_not_stand_at_braces() {
        let mut w = Writer::default();
        w.gap();
        w.open("mod a {");
        w.gap();
        w.line("x;");
        w.gap();
        w.gap();
        w.line("y;");
        w.gap();
        w.close("}");
        assert_eq!(w.finish().0, "mod a {\n    x;\n\n    y;\n}\n");
    }

    #[test]
    fn the_crate_is_called_as_chosen() {
        let names = CrateName(Some("crate::rt".to_owned()));
        for (text, spelled) in [
            (
                "::linkspan::A<&mut ::linkspan::B>",
                "crate::rt::A<&mut crate::rt::B>",
            ),
            ("my::linkspan::A", "my::linkspan::A"),
            ("::linkspan_wasi::A", "::linkspan_wasi::A"),
        ] {
            assert_eq!(names.spell(text), spelled);
        }
        assert_eq!(CrateName(None).spell("::linkspan::A"), "::linkspan::A");
    }

    #[test]
    fn long_signatures_stand_one_parameter_a_line() {
        let mut w = Writer::default();
        let params: Vec<String> = (0..9).map(|i| format!("parameter_{i}: u32")).collect();
        w.signature("fn f", &params, "u32", ";");
        let text = w.finish().0;
        assert!(text.starts_with("fn f(\n    parameter_0: u32,\n"));
        assert!(text.ends_with("\n) -> u32;\n"));
    }

    #[test]
    fn code_in_docs_is_no_test() {
        let mut w = Writer::default();
        w.docs(Some("a\n```\nx\n```\n\n    y\n```rust\nz"));
        assert_eq!(
            w.finish().0,
            "/// a\n/// ```text\n/// x\n/// ```\n///\n///    y\n/// ```text\n/// z\n/// ```\n"
        );
    }

    #[test]
    fn docs_hold_what_a_comment_may() {
        let mut w = Writer::default();
        w.docs(Some("a\rb\r\nc\u{202e}d\0e\tf"));
        assert_eq!(w.finish().0, "/// a b\n/// c\u{fffd}d\u{fffd}e\tf\n");
    }

    #[test]
    fn origins_stand_below_docs_whose_code_was_left_open() {
        let mut w = Writer::default();
        w.docs_of(Some("a\n```\nx"), "WIT");
        w.docs_of(None, "WIT");
        assert_eq!(
            w.finish().0,
            "/// a\n/// ```text\n/// x\n/// ```\n///\n/// WIT\n/// WIT\n"
        );
    }

    #[test]
    fn items_are_counted_without_the_blank_line_before_them() {
        let mut w = Writer::default();
        w.open("mod a {");
        for name in ["f", "g"] {
            w.gap();
            w.item(Mark::Import(0, name.to_owned()), |w| {
                w.line("/// docs");
                w.line(name);
            });
        }
        w.close("}");
        let (_, marks) = w.finish();
        let lines: Vec<_> = marks.into_values().collect();
        assert_eq!(lines, [2..4, 5..7]);
    }

    #[test]
    fn code_lines_leave_out_blanks_and_docs() {
        assert_eq!(code_lines("/// x\n\nfn f() {\n    // y\n}\n"), 2);
    }
}
