//! Breaks a Rust type over lines where rustfmt would.
//!
//! It works on the text of types as [`refs`](super::refs) spells them, and knows nothing else of
//! Rust.

/// Columns of a line, as rustfmt counts them by default.
pub(super) const WIDTH: usize = 100;
/// Widest inside of a tuple, or list of arguments of a call, that rustfmt keeps on one line.
pub(super) const ARGS_WIDTH: usize = 60;

/// The lines of `ty` where it begins `before` columns behind the indentation `indent` and is
/// followed by `after` columns; all lines but the first bring their additional indentation.
pub(super) fn lines(ty: &str, indent: usize, before: usize, after: usize) -> Vec<String> {
    if is_narrow(ty) && indent + before + width(ty) + after <= WIDTH {
        return vec![ty.to_owned()];
    }
    let Some(parts) = Parts::of(ty) else {
        return vec![ty.to_owned()];
    };
    // What does not fit whole or broken, rustfmt leaves alone.
    if indent + before + width(parts.head) > WIDTH {
        return vec![ty.to_owned()];
    }
    if let ([only], true) = (parts.items.as_slice(), parts.hugs()) {
        let before = before + width(parts.head);
        let mut lines = lines(only, indent, before, after + width(parts.tail));
        if let Some(first) = lines.first_mut() {
            first.insert_str(0, parts.head);
        }
        if let Some(last) = lines.last_mut() {
            last.push_str(parts.tail);
        }
        return lines;
    }
    let mut lines = vec![parts.head.to_owned()];
    for item in parts.items {
        for line in self::lines(item, indent + 4, 0, 1) {
            lines.push(format!("    {line}"));
        }
        if let Some(last) = lines.last_mut() {
            last.push(',');
        }
    }
    lines.push(parts.tail.to_owned());
    lines
}

/// Whether no tuple in `ty` is too wide for one line wherever it stands.
pub(super) fn is_narrow(ty: &str) -> bool {
    let mut open = Vec::new();
    for (at, c) in ty.char_indices() {
        match c {
            '(' => open.push(at),
            ')' if open.pop().is_some_and(|from| at - from - 1 > ARGS_WIDTH) => return false,
            _ => {}
        }
    }
    true
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A type that has parts: `head item, item tail`.
struct Parts<'t> {
    /// Up to the opening bracket.
    head: &'t str,
    items: Vec<&'t str>,
    /// From the closing bracket.
    tail: &'t str,
}

impl<'t> Parts<'t> {
    fn of(ty: &'t str) -> Option<Self> {
        // A path that begins with a qualified self type does not break.
        let open = ty
            .find(['<', '(', '['])
            .filter(|at| *at > 0 || !ty.starts_with('<'))?;
        let (mut depth, mut from) = (0_usize, open + 1);
        let mut items = Vec::new();
        for (at, c) in ty.char_indices().skip_while(|(at, _)| *at < open) {
            match c {
                '<' | '(' | '[' => depth += 1,
                '>' | ')' | ']' => {
                    depth -= 1;
                    if depth == 0 {
                        items.push(ty[from..at].trim());
                        items.retain(|item| !item.is_empty());
                        let (head, tail) = (&ty[..=open], &ty[at..]);
                        return (!items.is_empty()).then_some(Self { head, items, tail });
                    }
                }
                ',' if depth == 1 => {
                    items.push(ty[from..at].trim());
                    from = at + 1;
                }
                _ => {}
            }
        }
        None
    }

    /// Whether a single part that breaks stays with its brackets: what a slice holds, and a
    /// tuple in angle brackets.
    fn hugs(&self) -> bool {
        match self.head.chars().last() {
            Some('[') => true,
            Some('<') => self.items.iter().all(|item| item.starts_with('(')),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_types_stay_as_they_are() {
        assert_eq!(lines("Vec<(u8, u8)>", 0, 0, 0), ["Vec<(u8, u8)>"]);
    }

    #[test]
    fn wide_tuples_break_wherever_they_stand() {
        let part = "a".repeat(35);
        let tuple = format!("Result<({part}, {part})>");
        let expected = [
            "Result<(".to_owned(),
            format!("    {part},"),
            format!("    {part},"),
            ")>".to_owned(),
        ];
        assert_eq!(lines(&tuple, 0, 0, 0), expected);
    }

    #[test]
    fn several_arguments_stand_one_a_line() {
        let (a, b) = ("a".repeat(60), "<H as b::c>::D".to_owned());
        let ty = format!("Result<{a}, Vec<{b}>>");
        let expected = [
            "Result<".to_owned(),
            format!("    {a},"),
            format!("    Vec<{b}>,"),
            ">".to_owned(),
        ];
        assert_eq!(lines(&ty, 40, 0, 0), expected);
    }
}
