//! Values that an option cannot have, told by the generator on the key.
linkspan::bindgen!({
    path: "wit/good",
    with: { "acme:good/log": Vec<u8> },
});
linkspan::bindgen!({
    path: "wit/good",
    crate: 5::linkspan,
});
