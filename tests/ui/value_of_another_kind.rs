//! Values of the wrong kind.
linkspan::bindgen!({ world: hello });
linkspan::bindgen!({ path: [] });
linkspan::bindgen!({ path: ["wit" "wit/good"] });
linkspan::bindgen!({ inline: b"package a:b;" });
linkspan::bindgen!({ wit: "package a:b;" });
linkspan::bindgen!({ features: some });
linkspan::bindgen!({ borrow: deep });
linkspan::bindgen!({ borrow: "none" });
linkspan::bindgen!({ crate: });
linkspan::bindgen!({ crate: "linkspan" });
linkspan::bindgen!({ derive: ["Hash"] });
