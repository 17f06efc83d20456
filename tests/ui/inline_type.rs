//! An error in a string names line and column in it.
linkspan::bindgen!({
    inline: "package acme:app;
        world w { import f: func(x: u33); }",
});
