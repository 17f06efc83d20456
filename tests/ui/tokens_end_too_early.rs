//! WIT that ends in the middle of an item.
linkspan::bindgen!({ wit: { package acme:app; world app { import f: func() } } });
