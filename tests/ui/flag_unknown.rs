//! Flags that there are not, or not yet.
linkspan::bindgen!({ imports: { "f": trp } });
linkspan::bindgen!({ imports: { "f": trap | optional } });
linkspan::bindgen!({ imports: { "f": trap | } });
linkspan::bindgen!({ imports: { "f": async } });
linkspan::bindgen!({ exports: { default: store } });
linkspan::bindgen!({ exports: { f: optional } });
linkspan::bindgen!({ exports: { "f": optional, "f": none } });
