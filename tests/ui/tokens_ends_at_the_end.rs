//! WIT that ends before its last semicolon is marked at the brace.
linkspan::bindgen!({ wit: { package acme:app } });
