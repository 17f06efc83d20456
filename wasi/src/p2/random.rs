//! `wasi:random`: secure random bytes, and repeatable ones.

use linkspan::{Error, Result};

use super::bindings::wasi::random;
use crate::ctx::{WasiCtx, WasiView};
use crate::random::Random;

/// Bytes of a source, within the limit of one call.
fn bytes(
    ctx: &mut WasiCtx,
    len: u64,
    source: fn(&mut WasiCtx) -> &mut dyn Random,
) -> Result<Vec<u8>> {
    let max = ctx.limits().random_bytes;
    let len = usize::try_from(len).ok().filter(|len| *len <= max);
    let len = len.ok_or_else(|| {
        Error::msg(format!(
            "expected a call to ask for at most {max} random bytes"
        ))
    })?;
    let mut bytes = vec![0; len];
    source(ctx).fill(&mut bytes).map_err(Error::host)?;
    Ok(bytes)
}

fn word(ctx: &mut WasiCtx, source: fn(&mut WasiCtx) -> &mut dyn Random) -> Result<u64> {
    let mut bytes = [0; 8];
    source(ctx).fill(&mut bytes).map_err(Error::host)?;
    Ok(u64::from_le_bytes(bytes))
}

impl<T: WasiView + 'static> random::random::Host for T {
    fn get_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        bytes(self.wasi(), len, WasiCtx::random)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        word(self.wasi(), WasiCtx::random)
    }
}

impl<T: WasiView + 'static> random::insecure::Host for T {
    fn get_insecure_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        bytes(self.wasi(), len, WasiCtx::insecure_random)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        word(self.wasi(), WasiCtx::insecure_random)
    }
}

impl<T: WasiView + 'static> random::insecure_seed::Host for T {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        let ctx = self.wasi();
        Ok((
            word(ctx, WasiCtx::insecure_random)?,
            word(ctx, WasiCtx::insecure_random)?,
        ))
    }
}
