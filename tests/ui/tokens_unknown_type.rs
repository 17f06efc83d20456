//! A name that WIT does not know, in WIT among the tokens.
linkspan::bindgen!({
    wit: {
        package acme:app;

        interface shapes {
            record point-2d { x: u32, y: u32 }
            get-it: func(p: point-2d) -> result<strng, u8>;
        }
        world app { import shapes; }
    },
});
