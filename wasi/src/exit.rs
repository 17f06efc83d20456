//! How a program ends itself.

use std::fmt;

/// The error with which a program that ends itself comes back to the host: not a
/// failure of the host, and perhaps none of the program.
///
/// # Examples
///
/// ```
/// use linkspan::core::{Engine, Linker, Module, Store};
/// use linkspan_wasi::{Exit, WasiCtx, p1};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::default();
/// # let wasm = [
/// #     0u8, 97, 115, 109, 1, 0, 0, 0, 1, 8, 2, 96, 1, 127, 0, 96, 0, 0, 2, 36, 1, 22, 119, 97,
/// #     115, 105, 95, 115, 110, 97, 112, 115, 104, 111, 116, 95, 112, 114, 101, 118, 105, 101,
/// #     119, 49, 9, 112, 114, 111, 99, 95, 101, 120, 105, 116, 0, 0, 3, 2, 1, 1, 5, 3, 1, 0, 0,
/// #     7, 19, 2, 6, 109, 101, 109, 111, 114, 121, 2, 0, 6, 95, 115, 116, 97, 114, 116, 0, 1,
/// #     10, 8, 1, 6, 0, 65, 3, 16, 0, 11,
/// # ];
/// let module = Module::new(&engine, &wasm)?; // Its `_start` calls `proc_exit(3)`.
/// let mut linker = Linker::<WasiCtx>::new(&engine);
/// p1::add_to_linker(&mut linker)?;
/// let mut store = Store::new(&engine, WasiCtx::builder().build());
/// let instance = linker.instantiate(&mut store, &module)?;
/// let start = instance.get_func(&mut store, "_start").expect("an export");
/// let error = start.call(&mut store, &[], &mut []).expect_err("an exit");
/// assert_eq!(error.downcast_ref::<Exit>().map(|exit| exit.status()), Some(3));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u32);

impl Exit {
    /// The end with a status; zero is success.
    #[must_use]
    pub fn new(status: u32) -> Exit {
        Exit(status)
    }

    /// The status.
    #[must_use]
    pub fn status(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program ended itself with status {}", self.0)
    }
}

impl std::error::Error for Exit {}
