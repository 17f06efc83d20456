//! Keys that similar macros have lead to those that stand for them.
linkspan::bindgen!({
    path: "wit/good",
    additional_derives: [Hash],
    async: true,
    interfaces: "import acme:good/log;",
    trappable_error_type: { "a" => B },
});
