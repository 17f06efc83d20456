//! The path that led to the file is the one that is marked.
linkspan::bindgen!({ path: ["wit/good", "wit/bad.wit"] });
