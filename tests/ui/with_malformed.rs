//! Maps of WIT paths to Rust paths that are none.
linkspan::bindgen!({ with: { "wasi:io" } });
linkspan::bindgen!({ with: { "wasi:io": "crate::io" } });
linkspan::bindgen!({ with: { wasi: crate::wasi } });
linkspan::bindgen!({ with: { "wasi:io": crate::io "wasi:http": crate::http } });
linkspan::bindgen!({ with: "wasi:io" });
