//! What is said of WASI must be the path of a module, and lead to one.
mod no_path {
    linkspan::bindgen!({
        wit: {
            package wasi:random@0.2.12;

            interface insecure { get-insecure-random-u64: func() -> u64; }
            world dice { import insecure; }
        },
        wasi: Vec<u8>,
    });
}

mod nowhere {
    linkspan::bindgen!({
        wit: {
            package wasi:random@0.2.12;

            interface insecure { get-insecure-random-u64: func() -> u64; }
            world dice { import insecure; }
        },
        wasi: crate::missing,
    });
}
