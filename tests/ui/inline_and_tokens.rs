//! Strings and tokens refer to each other, and an error is on the right one.
linkspan::bindgen!({
    inline: "package acme:log; interface log { write: func(line: string); }",
    wit: {
        package acme:app;
        world w { import acme:log/log; export f: func() -> strin; }
    }
});
linkspan::bindgen!({
    inline: "package acme:log; interface log { write: func(line: strng); }",
    wit: {
        package acme:app;
        world w { import acme:log/log; }
    }
});
