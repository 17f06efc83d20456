//! Options of the generator as words of the command line: `--set key=value`.
//!
//! Keys are called as those of the macro `linkspan::bindgen!` are, where a word can say as much.
//! Whether a value fits the WIT is for the generator to say.

use linkspan_wit::bindgen::{Borrow, ExportFlags, ImportFlags, Options};
use linkspan_wit::nearest;

use crate::failure::{Failure, Kind, Result};

/// How a key of `--set` changes the options.
type Apply = fn(&mut Options, &str) -> Result<(), String>;

/// The keys, and what is expected behind them.
const SETTINGS: &[(&str, &str, Apply)] = &[
    ("attr", "WIT=ATTRIBUTE", |options, value| {
        options.attributes.push(pair(value)?);
        Ok(())
    }),
    ("borrow", "params|none", |options, value| {
        options.borrow = match value {
            "params" => Borrow::Params,
            "none" => Borrow::None,
            _ => return Err("expected `params` or `none`".to_owned()),
        };
        Ok(())
    }),
    ("crate", "RUST_PATH", |options, value| {
        options.crate_path = Some(value.to_owned());
        Ok(())
    }),
    ("derive", "TRAIT", |options, value| {
        options.derives.push(value.to_owned());
        Ok(())
    }),
    ("derive_for", "WIT=TRAIT", |options, value| {
        let (key, derive) = pair(value)?;
        match options.derives_for.iter_mut().find(|(k, _)| *k == key) {
            Some((_, derives)) => derives.push(derive),
            None => options.derives_for.push((key, vec![derive])),
        }
        Ok(())
    }),
    ("header", "TEXT", |options, value| {
        options.header = Some(match options.header.take() {
            Some(before) => format!("{before}\n{value}"),
            None => value.to_owned(),
        });
        Ok(())
    }),
    ("optional", "FUNCTION", |options, value| {
        flag(&mut options.exports, value, |f: ExportFlags| {
            f.optional(true)
        });
        Ok(())
    }),
    ("store", "FUNCTION", |options, value| {
        flag(&mut options.imports, value, |f: ImportFlags| f.store(true));
        Ok(())
    }),
    ("trap", "FUNCTION", |options, value| {
        flag(&mut options.imports, value, |f: ImportFlags| f.trap(true));
        Ok(())
    }),
    ("wasi", "RUST_PATH|none", |options, value| {
        options.wasi = (value != "none").then(|| value.to_owned());
        Ok(())
    }),
    ("with", "WIT=RUST_PATH", |options, value| {
        options.with.push(pair(value)?);
        Ok(())
    }),
];

/// The options that these words ask for.
pub(crate) fn options(settings: &[String]) -> Result<Options> {
    let mut options = Options::default();
    for setting in settings {
        apply(&mut options, setting)?;
    }
    Ok(options)
}

fn apply(options: &mut Options, setting: &str) -> Result {
    let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
    let usage = |message: String| Failure::new(Kind::Usage, message);
    let known = SETTINGS.iter().find(|(name, _, _)| *name == key);
    let Some((_, expected, apply)) = known else {
        return Err(usage(unknown(key)));
    };
    if value.is_empty() {
        return Err(usage(format!(
            "expected `--set {key}={expected}`, found `--set {setting}`"
        )));
    }
    apply(options, value).map_err(|message| {
        usage(format!(
            "{message} in `--set {setting}`\n  = help: write `--set {key}={expected}`"
        ))
    })
}

fn unknown(key: &str) -> String {
    let names = SETTINGS.iter().map(|(name, _, _)| *name);
    let near = nearest(key, names.clone());
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    format!(
        "unknown key `{key}` of `--set`{near}\n  = note: the keys are {}",
        names.join(", ")
    )
}

/// `key=value`: no path of WIT holds the sign.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!(
            "expected a name of WIT, `=` and a value, found `{text}`"
        )),
    }
}

/// Sets a flag of `key`, beside those that it has.
fn flag<F: Copy + Default>(flags: &mut Vec<(String, F)>, key: &str, set: impl Fn(F) -> F) {
    match flags.iter_mut().find(|(name, _)| name == key) {
        Some((_, flags)) => *flags = set(*flags),
        None => flags.push((key.to_owned(), set(F::default()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(settings: &[&str]) -> Result<Options> {
        let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
        options(&settings)
    }

    #[test]
    fn every_key_changes_something() {
        for (key, _, _) in SETTINGS {
            let value = match *key {
                "borrow" => "none",
                _ => "a:b/c.d=e",
            };
            let options = parse(&[&format!("{key}={value}")]).unwrap();
            assert_ne!(options, Options::default(), "{key}");
        }
    }

    #[test]
    fn settings_of_the_same_thing_come_together() {
        let options = parse(&[
            "trap=f",
            "store=f",
            "store=g",
            "header=one",
            "header=two",
            "derive=Hash",
            "derive_for=a:b/c=Eq",
            "derive_for=a:b/c=Ord",
            "attr=a:b/c.d=#[serde(rename = \"X\")]",
            "with=a:b=crate::ab",
        ])
        .unwrap();
        let flags = ImportFlags::default;
        assert_eq!(
            options.imports,
            [
                ("f".to_owned(), flags().trap(true).store(true)),
                ("g".to_owned(), flags().store(true)),
            ]
        );
        assert_eq!(options.header.as_deref(), Some("one\ntwo"));
        assert_eq!(options.derives, ["Hash"]);
        let both = vec!["Eq".to_owned(), "Ord".to_owned()];
        assert_eq!(options.derives_for, [("a:b/c".to_owned(), both)]);
        let attribute = "#[serde(rename = \"X\")]".to_owned();
        assert_eq!(options.attributes, [("a:b/c.d".to_owned(), attribute)]);
        assert_eq!(options.with, [("a:b".to_owned(), "crate::ab".to_owned())]);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_right() {
        for (setting, expected) in [
            ("derives=Hash", "did you mean `derive`?"),
            ("zzzzzz", "the keys are `attr`, `borrow`"),
            ("crate", "`--set crate=RUST_PATH`"),
            ("with=a:b", "`--set with=WIT=RUST_PATH`"),
            ("with==x", "expected a name of WIT"),
            ("borrow=deep", "expected `params` or `none`"),
        ] {
            let failure = parse(&[setting]).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{setting}");
            assert!(failure.report().contains(expected), "{}", failure.report());
        }
    }
}
