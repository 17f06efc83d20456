//! Keys of options that mean nothing in the world are errors on the key.
linkspan::bindgen!({
    path: "wit/good",
    imports: { default: trap, "acme:good/log.wrte": trap },
});
linkspan::bindgen!({
    path: "wit/good",
    exports: { "run": none },
});
linkspan::bindgen!({
    path: "wit/good",
    with: { "acme:god": crate::god },
});
linkspan::bindgen!({
    path: "wit/good",
    derive_for: { "acme:good/log.level": [Hash] },
});
linkspan::bindgen!({
    wit: {
        package acme:app;
        interface shapes { record point { x: u32, y: u32 } area: func(of: point) -> u32; }
        world app { import shapes; }
    },
    attr: { "acme:app/shapes.point.z": #[doc(hidden)] },
});
