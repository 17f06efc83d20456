//! The examples stand beside this folder, one file each: `cargo run --example hello`.
//!
//! This library holds nothing but the test that their guests are what their sources say.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn guests_are_what_their_sources_say() {
        for name in ["hello", "resources"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join(name);
            let binary = fs::read(file.with_extension("wasm")).unwrap();
            assert!(binary.len() < 10_000, "{name}: {} bytes", binary.len());
            let source = wat::parse_file(file.with_extension("wat")).unwrap();
            assert!(binary == source, "make {name}.wasm again");
        }
    }
}
