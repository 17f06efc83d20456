//! Paths that lead nowhere.
linkspan::bindgen!({ path: ["wit/good", "wit/god"] });
linkspan::bindgen!("world" in "nowhere");
