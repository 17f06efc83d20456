//! Errors on a token of the macro's input.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// A message and the token it is about.
#[derive(Debug)]
pub(crate) struct SpannedError {
    span: Span,
    message: String,
}

impl SpannedError {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }

    /// `::core::compile_error! { "message" }`, on the token.
    pub(crate) fn into_compile_error(self) -> TokenStream {
        let punct = |c, spacing| {
            let mut punct = Punct::new(c, spacing);
            punct.set_span(self.span);
            TokenTree::from(punct)
        };
        let ident = |name| TokenTree::from(Ident::new(name, self.span));
        let mut message = Literal::string(&self.message);
        message.set_span(self.span);
        let mut group = Group::new(
            Delimiter::Brace,
            TokenStream::from(TokenTree::from(message)),
        );
        group.set_span(self.span);
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
