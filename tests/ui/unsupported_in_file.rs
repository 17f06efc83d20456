//! Items of a file for which there are no bindings are all errors on the file's path.
linkspan::bindgen!({ path: ["wit/good", "wit/async.wit"], world: "acme:later/w" });
