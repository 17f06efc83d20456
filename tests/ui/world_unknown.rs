//! A world that is not there is an error on its name.
linkspan::bindgen!({ path: "wit/good", world: "goood" });
linkspan::bindgen!({ path: "wit/good", world: "acme:good/good@2.0.0" });
