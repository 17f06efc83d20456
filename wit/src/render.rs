//! Diagnostics as plain text: source lines with carets under the marked words.
//!
//! It knows nothing of colours or terminals; a command that wants them renders the
//! [`Diagnostic`]'s data itself. The output depends on the diagnostic alone, so it can be
//! snapshot-tested. Tabs count as four columns; lines longer than [`LINE_CHARS_MAX`] are cut
//! around the marked text.

use std::fmt::Write as _;

use crate::error::{Diagnostic, Label};

/// Longest piece of a source line that is shown.
const LINE_CHARS_MAX: usize = 160;
/// Characters kept before the marked text when a line is cut.
const LINE_CHARS_BEFORE: usize = 40;
const TAB: &str = "    ";

/// Renders `diagnostic`; the text ends in a line feed.
pub(crate) fn diagnostic(diagnostic: &Diagnostic) -> String {
    let mut out = format!("{}: {}\n", diagnostic.severity, diagnostic.message);
    let widest = diagnostic.labels.iter().map(|l| l.location.line).max();
    let gutter = widest.map_or(0, |line| line.to_string().len());
    for (i, label) in diagnostic.labels.iter().enumerate() {
        render_label(&mut out, label, gutter, i > 0);
    }
    let notes = diagnostic.notes.iter().map(|n| ("note", n));
    let help = diagnostic.help.iter().map(|h| ("help", h));
    let mut separated = diagnostic.labels.is_empty();
    for (word, text) in notes.chain(help) {
        if !separated {
            let _ = writeln!(out, "{:gutter$} |", "");
            separated = true;
        }
        render_remark(&mut out, word, text, gutter);
    }
    out
}

/// One `= note: …` line; further lines of `text` are indented below its first.
fn render_remark(out: &mut String, word: &str, text: &str, gutter: usize) {
    for (i, line) in text.lines().enumerate() {
        let line = visible(line);
        let _ = if i == 0 {
            writeln!(out, "{:gutter$} = {word}: {line}", "")
        } else {
            writeln!(out, "{:gutter$}         {line}", "")
        };
    }
}

fn render_label(out: &mut String, label: &Label, gutter: usize, further: bool) {
    let arrow = if further { ":::" } else { "-->" };
    let _ = writeln!(out, "{:gutter$}{arrow} {}", "", label.location);
    let _ = writeln!(out, "{:gutter$} |", "");
    let column = usize::try_from(label.location.column.saturating_sub(1)).unwrap_or(0);
    let width = usize::try_from(label.width).unwrap_or(1).max(1);
    let window = Window::around(&label.line_text, column, width);
    let line = &label.location.line;
    let _ = writeln!(out, "{line:gutter$} | {}", window.text);
    let marker = if further { "-" } else { "^" }.repeat(window.mark_width);
    let mut marks = format!("{:pad$}{marker}", "", pad = window.mark_start);
    if !label.message.is_empty() {
        let _ = write!(marks, " {}", visible(&label.message));
    }
    let _ = writeln!(out, "{:gutter$} | {marks}", "");
}

/// The part of a line that is shown, and where the mark falls in it, in shown columns.
struct Window {
    text: String,
    mark_start: usize,
    mark_width: usize,
}

impl Window {
    fn around(line: &str, column: usize, width: usize) -> Self {
        let chars: Vec<char> = line.chars().collect();
        let column = column.min(chars.len());
        let mut first = 0;
        let mut end = chars.len();
        if chars.len() > LINE_CHARS_MAX {
            first = column.saturating_sub(LINE_CHARS_BEFORE);
            end = (first + LINE_CHARS_MAX).min(chars.len());
        }
        let mark_end = (column + width).min(end).max(column);
        let before = shown(&chars[first..column]);
        let marked = shown(&chars[column..mark_end]);
        let after = shown(&chars[mark_end..end]);
        let lead = if first > 0 { "…" } else { "" };
        let tail = if end < chars.len() { "…" } else { "" };
        Self {
            mark_start: lead.chars().count() + before.chars().count(),
            mark_width: marked.chars().count().max(1),
            text: format!("{lead}{before}{marked}{after}{tail}"),
        }
    }
}

fn shown(chars: &[char]) -> String {
    visible(&chars.iter().collect::<String>())
}

/// `text` with tabs expanded and characters that could disturb a terminal replaced.
fn visible(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '\t' => out.push_str(TAB),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Location;

    fn label(line_text: &str, line: u32, column: u32, width: u32, message: &str) -> Label {
        Label {
            location: Location {
                file: "a.wit".to_owned(),
                line,
                column,
                offset: 0,
            },
            width,
            line_text: line_text.to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn report_with_two_places() {
        let mut d = Diagnostic::error("expected `}`, found the end of the file");
        d.labels.push(label("", 12, 1, 1, "expected `}`"));
        d.labels
            .push(label("\tinterface i {", 9, 14, 1, "opened here"));
        d.notes.push("first\nsecond".to_owned());
        d.help.push("close it".to_owned());
        let expected = "\
error: expected `}`, found the end of the file
  --> a.wit:12:1
   |
12 | \n   | ^ expected `}`
  ::: a.wit:9:14
   |
 9 |     interface i {
   |                 - opened here
   |
   = note: first
           second
   = help: close it
";
        assert_eq!(d.render(), expected);
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let line = format!("{}bad{}", "x".repeat(500), "y".repeat(500));
        let w = Window::around(&line, 500, 3);
        assert!(w.text.starts_with('…') && w.text.ends_with('…'));
        let mark: String = w
            .text
            .chars()
            .skip(w.mark_start)
            .take(w.mark_width)
            .collect();
        assert_eq!(mark, "bad");
        assert!(w.text.chars().count() <= LINE_CHARS_MAX + 2);
    }

    #[test]
    fn marks_outside_the_line_are_clamped() {
        let w = Window::around("ab", 99, 99);
        assert_eq!((w.mark_start, w.mark_width), (2, 1));
        let w = Window::around("", 0, 0);
        assert_eq!((w.mark_start, w.mark_width), (0, 1));
    }
}
