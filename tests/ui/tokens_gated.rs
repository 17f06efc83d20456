//! A type behind a gate that is closed.
linkspan::bindgen!({
    features: ["other"],
    wit: {
        package acme:app@1.0.0;

        interface i {
            @unstable(feature = active)
            record r { x: u8 }
            f: func(r: r);
        }
        world w { import i; }
    }
});
