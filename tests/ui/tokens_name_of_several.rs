//! A name that Rust reads as several tokens is marked from the first to the last.
linkspan::bindgen!({
    wit: {
        package acme:app;

        world app {
            import move-to: func(to: point-3d);
        }
    },
});
