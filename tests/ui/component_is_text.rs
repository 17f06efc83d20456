//! A component is a binary.
linkspan::bindgen!({ component: "wit/bad.wit" });
linkspan::bindgen!({ component: "wit/no.wasm" });
