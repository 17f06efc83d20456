//! An interface that the package does not have.
linkspan::bindgen!({
    wit: {
        package acme:app;

        interface net { now: func() -> u64; }
        world app { import nett; }
    }
});
