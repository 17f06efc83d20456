//! One of two worlds has to be named.
linkspan::bindgen!({
    wit: {
        package acme:app;
        world a { import f: func(); }
        world b { import f: func(); }
    }
});
