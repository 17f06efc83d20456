//! Gates that contradict each other.
linkspan::bindgen!({
    wit: {
        package acme:app@1.0.0;

        world w {
            @since(version = 1.0.0)
            @unstable(feature = active)
            import f: func();
        }
    }
});
