//! Errors on tokens of the macro's input.
//!
//! An error marks one token, or all from one to another; the compiler shows the line. Several errors
//! are shown together.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Tokens that stand together: the first and the last of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    start: Span,
    end: Span,
}

impl Place {
    /// From one token to another.
    pub(crate) fn between(start: Span, end: Span) -> Self {
        Self { start, end }
    }

    /// The same place, for names that have their meaning where the macro is called.
    pub(crate) fn for_definition(self) -> Self {
        let at = |span| Span::call_site().located_at(span);
        Self::between(at(self.start), at(self.end))
    }

    pub(crate) fn start(self) -> Span {
        self.start
    }

    pub(crate) fn end(self) -> Span {
        self.end
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self::between(span, span)
    }
}

/// A message and the tokens it is about.
#[derive(Debug)]
pub(crate) struct SpannedError {
    place: Place,
    message: String,
}

impl SpannedError {
    pub(crate) fn new(place: impl Into<Place>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }

    /// `::core::compile_error! { "message" }`, on the tokens.
    ///
    /// The compiler marks the call of a macro from the first token of its path to the last one of
    /// its input.
    fn into_compile_error(self) -> TokenStream {
        let Place { start, end } = self.place;
        let punct = |c, spacing| {
            let mut punct = Punct::new(c, spacing);
            punct.set_span(start);
            TokenTree::from(punct)
        };
        let ident = |name| TokenTree::from(Ident::new(name, start));
        let mut message = Literal::string(&self.message);
        message.set_span(end);
        let mut group = Group::new(
            Delimiter::Brace,
            TokenStream::from(TokenTree::from(message)),
        );
        group.set_span(end);
        [
            punct(':', Spacing::Joint),
            punct(':', Spacing::Alone),
            ident("core"),
            punct(':', Spacing::Joint),
            punct(':', Spacing::Alone),
            ident("compile_error"),
            punct('!', Spacing::Alone),
            group.into(),
        ]
        .into_iter()
        .collect()
    }
}

/// At least one error.
#[derive(Debug)]
pub(crate) struct Errors(Vec<SpannedError>);

impl Errors {
    /// The errors, if there are any.
    pub(crate) fn from_list(errors: Vec<SpannedError>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// One `compile_error!` for each.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        let errors = self.0.into_iter();
        errors.map(SpannedError::into_compile_error).collect()
    }
}

impl From<SpannedError> for Errors {
    fn from(error: SpannedError) -> Self {
        Self(vec![error])
    }
}
