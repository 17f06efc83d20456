//! Keys that are given twice, or lack a colon or a value.
linkspan::bindgen!({ world: "w", world: "v" });
linkspan::bindgen!({ world "w" });
linkspan::bindgen!({ world: "w" path: "wit" });
linkspan::bindgen!({ path: "wit", world });
linkspan::bindgen!({ path: "wit", world: });
linkspan::bindgen!({ "world": "w" });
