//! Documentation as comments that read back as the same documentation.
//!
//! The parser removes slashes and common indentation from comments, by rules that are not quite
//! those of one's intuition: only spaces are removed, and only the first line of a block comment
//! counts. This module applies the same rules to what it is about to write and takes the first
//! form that survives them: line comments with a space, line comments without, a block comment.

use crate::scan;

/// Documentation as it is to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comment {
    /// One `///` comment a line.
    Lines(Vec<String>),
    /// One `/** … */` comment, whose further lines must not be indented.
    Block(String),
}

/// The comment that reads back as `contents`.
pub(super) fn comment(contents: &str) -> Comment {
    let lines = |lead: &str| -> Vec<String> {
        let line = |line: &str| match line {
            "" => "///".to_owned(),
            line => format!("///{lead}{line}"),
        };
        contents.split('\n').map(line).collect()
    };
    let spaced = lines(" ");
    if read_back(&spaced) == contents {
        return Comment::Lines(spaced);
    }
    let tight = lines("");
    if read_back(&tight) == contents {
        return Comment::Lines(tight);
    }
    for lead in ["", " "] {
        let block = format!("/**{lead}{contents}*/");
        if scan::is_one_comment(&block) && read_back(std::slice::from_ref(&block)) == contents {
            return Comment::Block(block);
        }
    }
    // No form keeps this text to the letter; line comments keep its words.
    Comment::Lines(spaced.iter().map(|l| l.trim_end().to_owned()).collect())
}

/// What the parser makes of `comments`.
fn read_back(comments: &[String]) -> String {
    let mut entries: Vec<&str> = comments
        .iter()
        .map(|comment| {
            let block = comment.strip_prefix("/**");
            let inner = match block.and_then(|block| block.strip_suffix("*/")) {
                Some(inner) => inner,
                None => comment.trim_start_matches('/'),
            };
            inner.trim_end()
        })
        .collect();
    let indent = |entry: &&str| entry.bytes().take_while(u8::is_ascii_whitespace).count();
    let filled = entries.iter().filter(|entry| !entry.is_empty());
    let common = filled.map(indent).min().unwrap_or(0);
    let pattern = " ".repeat(common);
    for entry in &mut entries {
        *entry = entry.strip_prefix(pattern.as_str()).unwrap_or(entry);
    }
    let mut contents = String::new();
    for entry in entries {
        if entry.is_empty() {
            contents.push('\n');
        }
        for line in entry.lines() {
            contents.push_str(line);
            contents.push('\n');
        }
    }
    contents.truncate(contents.trim_end_matches('\n').len());
    contents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(comment: &Comment) -> String {
        match comment {
            Comment::Lines(lines) => lines.join("\n"),
            Comment::Block(block) => block.clone(),
        }
    }

    /// What the real parser makes of a comment before a package.
    fn loaded(comment: &str) -> String {
        let source = format!("{comment}\npackage a:b;\n");
        let set = crate::PackageSet::from_text("docs.wit", source).unwrap();
        let package = set.packages().next().unwrap();
        package.docs().unwrap_or_default().to_owned()
    }

    #[test]
    fn usual_documentation_is_usual() {
        assert_eq!(
            text_of(&comment("Sends.\n\n  code\nDone.")),
            "/// Sends.\n///\n///   code\n/// Done."
        );
        assert_eq!(text_of(&comment("")), "///");
        assert_eq!(text_of(&comment("\n * starred")), "/**\n * starred*/");
        assert_eq!(text_of(&comment("\ttab")), "///\ttab");
    }

    #[test]
    fn every_comment_settles_after_one_printing() {
        // All comments of up to five of these pieces, in line and block form.
        let pieces = ["a", " ", "\t", "\n", "/", "*"];
        let mut kept = 0;
        let mut total = 0;
        for n in 0..6_usize.pow(5) {
            let mut text = String::new();
            let mut rest = n;
            for _ in 0..5 {
                text.push_str(pieces[rest % 6]);
                rest /= 6;
            }
            let block = format!("/** {text} */");
            let lines = format!("///{}", text.replace('\n', "\n///"));
            for source in [block, lines] {
                if source.starts_with("/**") && !scan::is_one_comment(&source) {
                    continue;
                }
                let entries: Vec<String> = if source.starts_with("/**") {
                    vec![source]
                } else {
                    source.split('\n').map(str::to_owned).collect()
                };
                let once = read_back(&entries);
                let printed = comment(&once);
                let twice = match &printed {
                    Comment::Lines(lines) => read_back(lines),
                    Comment::Block(block) => read_back(std::slice::from_ref(block)),
                };
                total += 1;
                kept += usize::from(once == twice);
                assert_eq!(
                    text_of(&comment(&twice)),
                    text_of(&printed),
                    "{once:?} does not settle"
                );
            }
        }
        assert_eq!(kept, total, "some documentation changed in print");
    }

    #[test]
    fn the_model_of_the_parser_is_right() {
        for source in [
            "/// a\n///   b",
            "///\n/// a",
            "/**\n * a\n */",
            "/** a\n    b */\n/// c",
            "// plain\n/* block */",
            "///\ta\n///  b",
            "//// four",
        ] {
            // A block holds line feeds of its own; none of these lines looks like a comment.
            let mut entries: Vec<String> = Vec::new();
            for line in source.split('\n') {
                match entries.last_mut() {
                    Some(last) if last.starts_with("/*") && !last.ends_with("*/") => {
                        last.push('\n');
                        last.push_str(line);
                    }
                    _ => entries.push(line.to_owned()),
                }
            }
            assert_eq!(read_back(&entries), loaded(source), "{source:?}");
            let printed = text_of(&comment(&loaded(source)));
            assert_eq!(loaded(&printed), loaded(source), "{source:?}");
        }
    }
}
