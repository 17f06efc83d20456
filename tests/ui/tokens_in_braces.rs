//! Without keys, in braces and parentheses.
linkspan::bindgen!({
    package acme:app;
    world app { export run: func(a: boolean); }
});
