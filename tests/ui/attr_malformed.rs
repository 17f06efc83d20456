//! Attributes that are none.
linkspan::bindgen!({ attr: { "a:b/c.d": "serde" } });
linkspan::bindgen!({ attr: { "a:b/c.d": # } });
linkspan::bindgen!({ attr: { "a:b/c.d": serde } });
