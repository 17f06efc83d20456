//! The input of `bindgen!`: which keys there are, and what they set.
//!
//! Invariants: whatever is not understood is an error on its token, never ignored; every key stands in
//! [`KEYS`], and the reference that users read is compared with it.

use linkspan_wit::bindgen::{Borrow, ExportFlags, ImportFlags, Options};
use linkspan_wit::nearest;
use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::cursor::{Cursor, Result, RustPath, Text};
use crate::error::{Errors, SpannedError};
use crate::rust_text;
use crate::wit_text::InlineWit;
use crate::wit_tokens::{self, WitTokens};

/// What the macro was given.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(crate) world: Option<Text>,
    pub(crate) paths: Vec<Text>,
    pub(crate) inline: Option<InlineWit>,
    pub(crate) component: Option<Text>,
    pub(crate) wit: Option<WitTokens>,
    pub(crate) features: Vec<Text>,
    pub(crate) all_features: bool,
    pub(crate) emit: Option<Text>,
    pub(crate) options: Options,
    /// Whether the input says where WASI is.
    pub(crate) wasi_given: bool,
    /// The Rust paths in the values of options.
    pub(crate) paths_given: Vec<Vec<TokenTree>>,
    /// Where the keys of options stand: field of [`Options`], key, token.
    option_keys: Vec<(&'static str, String, Span)>,
}

type ParseValue = fn(&mut Input, &mut Cursor, &Text) -> Result<()>;

/// The keys of the long form, and how their values are read.
const KEYS: [(&str, ParseValue); 17] = [
    ("world", |input, value, _| {
        input.world = Some(value.text("the name of a world as a string")?);
        Ok(())
    }),
    ("path", |input, value, _| {
        input.paths = value.list(
            |value| value.text("a path as a string, or several in brackets"),
            "path",
        )?;
        Ok(())
    }),
    ("inline", |input, value, _| {
        let literal = value.peek().cloned();
        let text = value.text("WIT in a string")?;
        input.inline = Some(InlineWit::new(text, literal.as_ref()));
        Ok(())
    }),
    ("wit", Input::parse_wit),
    ("component", |input, value, _| {
        input.component = Some(value.text("the path of a component as a string")?);
        Ok(())
    }),
    ("features", Input::parse_features),
    ("with", |input, value, _| {
        for (key, path) in value.map(false, Cursor::path)? {
            input.place("with", &key);
            let path = input.given(path);
            input.options.with.push((key.value, path.value));
        }
        Ok(())
    }),
    ("wasi", |input, value, key| {
        input.place("wasi", key);
        let path = value.path()?;
        input.wasi_given = true;
        if path.text.value != "none" {
            input.options.wasi = Some(input.given(path).value);
        }
        Ok(())
    }),
    ("imports", |input, value, _| {
        for (key, flags) in value.map(true, |value| flags(value, &IMPORT_FLAGS))? {
            input.place("imports", &key);
            input.options.imports.push((key.value, flags));
        }
        Ok(())
    }),
    ("exports", |input, value, _| {
        for (key, flags) in value.map(true, |value| flags(value, &EXPORT_FLAGS))? {
            input.place("exports", &key);
            input.options.exports.push((key.value, flags));
        }
        Ok(())
    }),
    ("derive", |input, value, _| {
        for path in value.list(Cursor::path, "trait")? {
            let path = input.given(path);
            input.place("derives", &path);
            input.options.derives.push(path.value);
        }
        Ok(())
    }),
    ("derive_for", |input, value, _| {
        for (key, paths) in value.map(false, |value| value.list(Cursor::path, "trait"))? {
            input.place("derives_for", &key);
            let paths = paths.into_iter();
            let paths = paths.map(|path| input.given(path).value).collect();
            input.options.derives_for.push((key.value, paths));
        }
        Ok(())
    }),
    ("attr", |input, value, _| {
        for (key, attributes) in value.map(false, attributes)? {
            input.place("attributes", &key);
            let attributes = attributes.into_iter();
            let attributes = attributes.map(|attribute| (key.value.clone(), attribute));
            input.options.attributes.extend(attributes);
        }
        Ok(())
    }),
    ("borrow", |input, value, key| {
        input.place("borrow", key);
        input.options.borrow = choice(value, &BORROWS)?;
        Ok(())
    }),
    ("crate", |input, value, _| {
        let path = input.given(value.path()?);
        input.place("crate_path", &path);
        input.options.crate_path = Some(path.value);
        Ok(())
    }),
    ("header", |input, value, key| {
        input.place("header", key);
        input.options.header = Some(value.text("a comment as a string")?.value);
        Ok(())
    }),
    ("emit", |input, value, _| {
        input.emit = Some(value.text("the path of a file as a string")?);
        Ok(())
    }),
];

/// Keys that similar macros have, and what is to be said of them.
const ELSEWHERE: [(&str, &str); 7] = [
    ("additional_derives", "it is called `derive` here"),
    (
        "async",
        "it is reserved: asynchronous functions are not supported yet",
    ),
    (
        "interfaces",
        "a world in `wit` that imports them stands for it",
    ),
    ("ownership", "`borrow` stands for it"),
    (
        "trappable_error_type",
        "the flag `trap` in `imports` stands for it",
    ),
    (
        "trappable_imports",
        "the flag `trap` in `imports` stands for it",
    ),
    ("wasmtime_crate", "it is called `crate` here"),
];

/// What can be said of an imported function.
const IMPORT_FLAGS: [(&str, fn(ImportFlags) -> ImportFlags); 2] = [
    ("trap", |flags| flags.trap(true)),
    ("store", |flags| flags.store(true)),
];

/// What can be said of an export.
const EXPORT_FLAGS: [(&str, fn(ExportFlags) -> ExportFlags); 1] =
    [("optional", |flags| flags.optional(true))];

const BORROWS: [(&str, Borrow); 2] = [("params", Borrow::Params), ("none", Borrow::None)];

impl Input {
    /// Parses any form.
    pub(crate) fn parse(input: TokenStream) -> std::result::Result<Self, Errors> {
        let mut this = Self::default();
        if wit_tokens::begins_like_wit(&input) {
            this.wit = Some(WitTokens::in_call(input));
            return Ok(this);
        }
        let mut tokens = Cursor::new(input, Span::call_site());
        if tokens.is_empty() {
            return Ok(this);
        }
        match tokens.group(Delimiter::Brace) {
            Some(group) if wit_tokens::begins_like_wit(&group.stream()) => this.set_wit(&group),
            Some(group) => this.parse_keys(&group)?,
            None => this.parse_short(&mut tokens)?,
        }
        if !tokens.is_empty() {
            return Err(tokens.unexpected("the end of the input").into());
        }
        Ok(this)
    }

    /// Where a key of an option stands; an empty key is the option itself.
    pub(crate) fn option_place(&self, option: &str, key: &str) -> Option<Span> {
        let of_option = || {
            self.option_keys
                .iter()
                .filter(|(name, _, _)| *name == option)
        };
        let exact = of_option().find(|(_, text, _)| text == key);
        exact.or(of_option().next()).map(|(_, _, span)| *span)
    }

    /// Remembers where a path was given.
    fn given(&mut self, path: RustPath) -> Text {
        self.paths_given.push(path.tokens);
        path.text
    }

    fn place(&mut self, option: &'static str, key: &Text) {
        let key = (option, key.value.clone(), key.span);
        self.option_keys.push(key);
    }

    /// `"world"`, `in "path"`, or both.
    fn parse_short(&mut self, tokens: &mut Cursor) -> Result<()> {
        if let Some(TokenTree::Literal(_) | TokenTree::Group(_)) = tokens.peek() {
            self.world = Some(tokens.text("the name of a world as a string")?);
        }
        match tokens.peek() {
            Some(TokenTree::Ident(word)) if word.to_string() == "in" => {
                tokens.next();
                self.paths.push(tokens.text("a path as a string")?);
                Ok(())
            }
            Some(_) if self.world.is_none() => Err(tokens.unexpected(
                "the name of a world as a string, `in` and a path, WIT, or `{ key: value, … }`",
            )),
            _ => Ok(()),
        }
    }

    /// `key: value, …`; an error in one does not hide those in others.
    fn parse_keys(&mut self, group: &Group) -> std::result::Result<(), Errors> {
        let mut tokens = Cursor::inside(group);
        let mut given: Vec<&str> = Vec::new();
        let mut errors = Vec::new();
        while !tokens.is_empty() {
            let parsed = self.parse_key(&mut tokens, &mut given);
            if let Err(error) = parsed.and_then(|()| tokens.separator()) {
                errors.push(error);
                tokens.skip_value();
            }
        }
        if let (Some(inline), Some(wit)) = (&mut self.inline, &self.wit)
            && inline.name == wit.name
        {
            // Two texts of one file must not be taken for each other.
            inline.name.push_str(" (inline)");
        }
        Errors::from_list(errors).map_or(Ok(()), Err)
    }

    fn parse_key(&mut self, tokens: &mut Cursor, given: &mut Vec<&str>) -> Result<()> {
        let Some(key) = tokens.word() else {
            return Err(tokens.unexpected("a key"));
        };
        let name = key.value.as_str();
        let Some((name, parse_value)) = KEYS.iter().find(|(known, _)| *known == name) else {
            let elsewhere = ELSEWHERE.iter().find(|(known, _)| *known == name);
            return Err(match elsewhere {
                Some((_, advice)) => {
                    SpannedError::new(key.span, format!("unknown key `{name}`; {advice}"))
                }
                None => unknown("key", &key, KEYS.map(|(name, _)| name)),
            });
        };
        if given.contains(name) {
            return Err(SpannedError::new(
                key.span,
                format!("`{name}` is given twice"),
            ));
        }
        given.push(name);
        if !tokens.is_empty() && !tokens.eat(':') {
            return Err(tokens.unexpected(&format!("`:` after `{name}`")));
        }
        if tokens.is_empty() {
            return Err(SpannedError::new(
                key.span,
                format!("`{name}` needs a value"),
            ));
        }
        parse_value(self, tokens, &key)
    }

    fn parse_wit(&mut self, value: &mut Cursor, _: &Text) -> Result<()> {
        let Some(group) = value.group(Delimiter::Brace) else {
            return Err(value.unexpected("WIT in braces (WIT in a string is `inline`)"));
        };
        self.set_wit(&group);
        Ok(())
    }

    fn set_wit(&mut self, group: &Group) {
        self.wit = Some(WitTokens::in_group(group));
    }

    /// `["a", "b"]`, or `all`.
    fn parse_features(&mut self, value: &mut Cursor, _: &Text) -> Result<()> {
        if let Some(TokenTree::Ident(_)) = value.peek() {
            self.all_features = choice(value, &[("all", true)])?;
            return Ok(());
        }
        self.features = value.list(
            |value| value.text("the name of a feature as a string, or `all`"),
            "feature",
        )?;
        Ok(())
    }
}

/// An error about a word that is none of `known`.
fn unknown<const N: usize>(what: &str, word: &Text, known: [&str; N]) -> SpannedError {
    let suggestion = nearest(&word.value, known)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default();
    let list = known.map(|name| format!("`{name}`")).join(", ");
    let (name, are) = (&word.value, if N == 1 { "the only" } else { "the" });
    let verb = if N == 1 { " is" } else { "s are" };
    SpannedError::new(
        word.span,
        format!("unknown {what} `{name}`{suggestion}\n{are} {what}{verb} {list}"),
    )
}

/// One of a few words.
fn choice<T: Copy, const N: usize>(value: &mut Cursor, known: &[(&str, T); N]) -> Result<T> {
    let names = known.each_ref().map(|(name, _)| *name);
    let Some(word) = value.word() else {
        let names = names.map(|name| format!("`{name}`")).join(" or ");
        return Err(value.unexpected(&names));
    };
    let found = known.iter().find(|(name, _)| *name == word.value);
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| unknown("value", &word, names))
}

/// `flag | flag`, or `none`.
fn flags<F: Copy + Default, const N: usize>(
    value: &mut Cursor,
    known: &[(&str, fn(F) -> F); N],
) -> Result<F> {
    let names = known.each_ref().map(|(name, _)| *name);
    let mut flags = F::default();
    let mut first = true;
    loop {
        let Some(word) = value.word() else {
            let names = names.map(|name| format!("`{name}`")).join(", ");
            return Err(value.unexpected(&format!("a flag ({names}, or `none`)")));
        };
        if word.value == "async" {
            let message =
                "asynchronous functions are not supported yet; the flag `async` is reserved";
            return Err(SpannedError::new(word.span, message));
        }
        if word.value == "none" && first {
            return Ok(flags);
        }
        let Some((_, set)) = known.iter().find(|(name, _)| *name == word.value) else {
            return Err(unknown("flag", &word, names));
        };
        flags = set(flags);
        first = false;
        if !value.eat('|') {
            return Ok(flags);
        }
    }
}

/// Attributes, each as `#[…]` or in a string.
fn attributes(value: &mut Cursor) -> Result<Vec<String>> {
    let mut attributes = Vec::new();
    while let Some(TokenTree::Punct(mark)) = value.peek().cloned() {
        if !value.eat('#') {
            break;
        }
        let Some(group) = value.group(Delimiter::Bracket) else {
            return Err(value.unexpected("an attribute in brackets"));
        };
        attributes.push(rust_text::of([mark.into(), group.into()]));
    }
    if attributes.is_empty() {
        let attribute = value.text("an attribute, as `#[…]` or in a string")?;
        if !(attribute.value.starts_with("#[") && attribute.value.ends_with(']')) {
            let message = "an attribute starts with `#[` and ends with `]`";
            return Err(SpannedError::new(attribute.span, message));
        }
        attributes.push(attribute.value);
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in the first column of the table below a heading of the reference.
    fn documented(heading: &str) -> Vec<&'static str> {
        let reference = include_str!("bindgen.md");
        let section = reference.split("\n## ").find(|s| s.starts_with(heading));
        let rows = section.expect("a section").lines();
        let rows = rows.filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| row.split('`').next().unwrap_or_default())
            .collect()
    }

    #[test]
    fn the_reference_lists_every_key_and_no_other() {
        assert_eq!(documented("Keys"), KEYS.map(|(name, _)| name));
    }

    #[test]
    fn the_reference_lists_every_flag_and_no_other() {
        let words = ["none", "async"];
        let imports = IMPORT_FLAGS.map(|(name, _)| name);
        let exports = EXPORT_FLAGS.map(|(name, _)| name);
        assert_eq!(
            documented("Flags of imports"),
            [&imports[..], &words].concat()
        );
        assert_eq!(
            documented("Flags of exports"),
            [&exports[..], &words].concat()
        );
    }
}
