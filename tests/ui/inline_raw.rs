//! In a raw string, places are those of the file.
linkspan::bindgen!({
    inline: r#"
        package acme:app;
        world w {
            import f: func(x: strin);
        }
    "#,
});
