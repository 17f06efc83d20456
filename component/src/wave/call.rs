//! Calls as text: `add(1, 2)`, `acme:app/net@1.2.0#fetch("x")`.

use std::fmt;

use linkspan_canon_abi::{FuncType, TypeTable, Val};

use super::lex::Lexer;
use super::parse::args_at;
use crate::text_error::TextError;

/// A call whose function is known by name, and whose arguments wait for its type.
///
/// ```
/// use linkspan_canon_abi::{FuncType, TypeTable, Val, ValType};
/// use linkspan::wave::Call;
///
/// let call = Call::parse("acme:app/sums@1.0.0#add(1, 2)").unwrap();
/// assert_eq!(call.callee().interface.as_deref(), Some("acme:app/sums@1.0.0"));
/// assert_eq!(call.callee().function, "add");
///
/// let ty = FuncType::new([("a", ValType::U8), ("b", ValType::U8)], None);
/// let args = call.args(&TypeTable::new(), &ty).unwrap();
/// assert_eq!(args, [Val::U8(1), Val::U8(2)]);
/// ```
#[derive(Clone, Debug)]
pub struct Call<'a> {
    text: &'a str,
    callee: Callee,
    /// Where the arguments' parenthesis opens.
    args_start: usize,
}

/// The name of a function: by itself, or in an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Callee {
    /// `ns:pkg/interface@version`, or a label; `None` for a function by itself.
    pub interface: Option<String>,
    /// The function: a label, `resource.method`, or a name such as `[method]resource.method`.
    pub function: String,
}

impl Callee {
    /// Reads a name: `f`, `interface#f`, `ns:pkg/interface@1.2.0#f`, or with the version last,
    /// `ns:pkg/interface.f@1.2.0`.
    ///
    /// `a.b` by itself is read as the function `a.b`, a method; that it might be the function `b`
    /// of an interface `a` is for those to find out who know the exports.
    #[must_use]
    pub fn new(name: &str) -> Self {
        if let Some((interface, function)) = name.rsplit_once('#') {
            return Self {
                interface: Some(interface.to_owned()),
                function: function.to_owned(),
            };
        }
        let plain = Self {
            interface: None,
            function: name.to_owned(),
        };
        let Some((package, item)) = name.split_once('/') else {
            return plain;
        };
        let (item, version) = match item.split_once('@') {
            Some((item, version)) => (item, format!("@{version}")),
            None => (item, String::new()),
        };
        match item.split_once('.') {
            Some((label, function)) => Self {
                interface: Some(format!("{package}/{label}{version}")),
                function: function.to_owned(),
            },
            None => plain,
        }
    }
}

impl fmt::Display for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{interface}#{}", self.function),
            None => f.write_str(&self.function),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-:/@.+#[]_%".contains(c)
}

impl<'a> Call<'a> {
    /// Parses the name of the function, and sees that arguments follow.
    ///
    /// # Errors
    /// If `text` does not begin with a name and a parenthesis.
    pub fn parse(text: &'a str) -> Result<Self, TextError> {
        let mut lexer = Lexer::new(text, 0);
        lexer.skip();
        let start = lexer.position();
        let rest = &text[start..];
        let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        if name.is_empty() {
            return Err(lexer.unexpected("the name of a function"));
        }
        let mut lexer = Lexer::new(text, start + name.len());
        if lexer.peek() != Some('(') {
            return Err(lexer
                .unexpected("`(` after the name of the function")
                .with_help(format!("a call without arguments is `{name}()`")));
        }
        Ok(Self {
            text,
            callee: Callee::new(name),
            args_start: lexer.position(),
        })
    }

    /// The function.
    #[must_use]
    pub fn callee(&self) -> &Callee {
        &self.callee
    }

    /// The arguments, as values of the parameters of `func`; what may be left out is filled in.
    ///
    /// # Errors
    /// As [`parse_args`](super::parse_args).
    ///
    /// # Panics
    /// If a type of `func` is not of `types`.
    pub fn args(&self, types: &TypeTable, func: &FuncType) -> Result<Vec<Val>, TextError> {
        args_at(types, func, self.text, self.args_start)
    }
}
