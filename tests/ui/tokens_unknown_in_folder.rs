//! An interface that a package from a folder does not have.
linkspan::bindgen!({
    path: "wit/good",
    wit: {
        package acme:app;

        world app { import acme:good/lgo; }
    }
});
