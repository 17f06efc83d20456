//! Without keys, and with documentation before the first word.
linkspan::bindgen!(
    /// The package.
    package acme:app;

    world app { export run: func(arguments: list<sting>); }
);
