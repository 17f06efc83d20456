//! WIT needs the line that names its package.
linkspan::bindgen! {
    world app { import f: func(); }
}
