//! What the grammar of WIT does not allow.
linkspan::bindgen! {
    package acme:app;

    interface net {
        fetch: func(url: string) -> -> string;
    }
}
