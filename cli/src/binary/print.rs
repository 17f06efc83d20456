//! [`Node`]s as an indented tree.

use std::io::{self, Write};

use super::{Kind, Node, Section};

/// Producers shown of one module.
const PRODUCERS_MAX: usize = 20;

/// What to leave out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detail {
    /// How many of the largest functions of each module are listed.
    pub(crate) functions: usize,
    /// Whether the imports and exports of core modules are listed.
    pub(crate) core_items: bool,
}

/// Prints `node` and all below, indented by `depth` steps.
///
/// Recurses as deep as modules and components nest, which was limited when they were read.
pub(crate) fn print(
    out: &mut dyn Write,
    node: &Node,
    depth: usize,
    detail: Detail,
) -> io::Result<()> {
    let indent = "  ".repeat(depth);
    let name = node.name.as_deref().map(visible);
    let name = name.map_or_else(String::new, |name| format!(" \"{name}\""));
    let kind = node.kind.name();
    let size = grouped(node.size_bytes);
    writeln!(out, "{indent}{kind}{name}, {size} bytes")?;
    for section in &node.sections {
        print_section(out, section, depth + 1)?;
    }
    for p in node.producers.iter().take(PRODUCERS_MAX) {
        let (field, name, version) = (visible(&p.field), visible(&p.name), visible(&p.version));
        writeln!(out, "{indent}  {field}: {name} {version}")?;
    }
    if node.kind == Kind::Module && detail.core_items {
        for (word, items) in [("import", &node.imports), ("export", &node.exports)] {
            for item in items {
                writeln!(out, "{indent}  {word} {}", visible(item))?;
            }
        }
    }
    for function in node.largest_functions(detail.functions) {
        let size = grouped(function.size_bytes);
        let name = function.name.as_deref().map(visible);
        let name = name.map_or_else(String::new, |name| format!(" {name}"));
        writeln!(
            out,
            "{indent}  function {}{name}, {size} bytes",
            function.index
        )?;
    }
    for child in &node.children {
        print(out, child, depth + 1, detail)?;
    }
    Ok(())
}

fn print_section(out: &mut dyn Write, section: &Section, depth: usize) -> io::Result<()> {
    // What is inside is listed by itself.
    if matches!(&*section.name, "core module" | "component") {
        return Ok(());
    }
    let indent = "  ".repeat(depth);
    let entries = match section.entries {
        Some(1) => ", 1 entry".to_owned(),
        Some(n) => format!(", {} entries", grouped(n)),
        None => String::new(),
    };
    let size = grouped(section.size_bytes);
    let name = visible(&section.name);
    writeln!(out, "{indent}{name}: {size} bytes{entries}")
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Names come out of the binary: nothing in them may steer the terminal.
fn visible(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn a_binary_is_listed_with_what_is_inside() {
        let text = r#"(component $c
            (core module $m (import "env" "f" (func (param i32))) (memory (export "mem") 1)
              (func $g (export "g") (result i64) i64.const 1))
            (component))"#;
        let binary = wat::parse_str(text).unwrap();
        let node = Node::read(&binary).unwrap();
        let mut out = Vec::new();
        let detail = Detail {
            functions: 1,
            core_items: true,
        };
        print(&mut out, &node, 0, detail).unwrap();
        let out = String::from_utf8(out).unwrap();
        for line in [
            "component \"c\", ",
            "  core module \"m\", ",
            "    import \"env\" \"f\": func(i32)",
            "    export \"mem\": memory",
            "    export \"g\": func() -> i64",
            "    function 1 g, 4 bytes",
            "  component, 8 bytes",
        ] {
            assert!(out.lines().any(|l| l.starts_with(line)), "{line}\n{out}");
        }
    }

    #[test]
    fn damaged_binaries_are_errors() {
        let binary = wat::parse_str("(component (core module (func)))").unwrap();
        for end in 0..binary.len() {
            let _ = Node::read(&binary[..end]);
        }
        for at in 0..binary.len() {
            let mut damaged = binary.clone();
            damaged[at] ^= 0xff;
            let _ = Node::read(&damaged);
        }
        assert!(Node::read(b"").is_err());
    }
}
