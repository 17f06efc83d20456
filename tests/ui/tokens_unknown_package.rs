//! A package that no source brings.
linkspan::bindgen!({
    wit: {
        package acme:app@1.2.0;

        world app { import wasi:io/streams@0.2.12; }
    }
});
