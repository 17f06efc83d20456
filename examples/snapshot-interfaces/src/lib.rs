//! A host of the world `acme:kv/plugin`: plug-ins that remember values.
//!
//! The interface is in `wit/kv.wit`; its pictures stand beside the tests.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use acme::kv::store;

linkspan::bindgen!("plugin");

/// The most bytes of a value.
const VALUE_SIZE_BYTES_MAX: usize = 1024;

/// What the host keeps for a plug-in.
#[derive(Debug, Default)]
pub struct Memory {
    values: BTreeMap<String, Vec<u8>>,
}

impl store::Host for Memory {
    fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.values.get(key).cloned()
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), store::Error> {
        if value.len() > VALUE_SIZE_BYTES_MAX {
            let size = u32::try_from(value.len()).unwrap_or(u32::MAX);
            return Err(store::Error::TooLarge(size));
        }
        self.values.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}

/// Loads a plug-in with an empty memory.
///
/// # Errors
///
/// When the component is none, or is no plug-in.
pub fn load(path: impl AsRef<std::path::Path>) -> linkspan::Result<Plugin<Memory>> {
    Plugin::load(path, Memory::default())
}
