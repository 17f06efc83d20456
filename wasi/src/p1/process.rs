//! Arguments, variables, clocks, random bytes: what a program has beside files.

use super::Call;
use super::abi::{element, nanos};
use crate::error::{ErrorCode, Result};

pub(super) fn args_get(call: &mut Call<'_>, argv: u32, bytes: u32) -> Result<()> {
    let args = call.ctx.args.clone();
    strings(call, &args, argv, bytes)
}

pub(super) fn args_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Result<()> {
    let args = call.ctx.args.clone();
    sizes(call, &args, count, size)
}

pub(super) fn environ_get(call: &mut Call<'_>, environ: u32, bytes: u32) -> Result<()> {
    let variables = variables(call);
    strings(call, &variables, environ, bytes)
}

pub(super) fn environ_sizes_get(call: &mut Call<'_>, count: u32, size: u32) -> Result<()> {
    let variables = variables(call);
    sizes(call, &variables, count, size)
}

fn variables(call: &Call<'_>) -> Vec<String> {
    let variables = call.ctx.env.iter();
    variables
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// Writes texts, each with a NUL behind it, and where they are.
fn strings(call: &mut Call<'_>, texts: &[String], at: u32, mut bytes: u32) -> Result<()> {
    for (n, text) in (0..).zip(texts) {
        call.memory.write_u32(element(at, n, 4)?, bytes)?;
        call.memory.write(bytes, text.as_bytes())?;
        let length = u32::try_from(text.len()).map_err(|_| ErrorCode::Overflow)?;
        bytes = element(bytes, length, 1)?;
        call.memory.write(bytes, &[0])?;
        bytes = element(bytes, 1, 1)?;
    }
    Ok(())
}

fn sizes(call: &mut Call<'_>, texts: &[String], count: u32, size: u32) -> Result<()> {
    call.memory.write_size(count, texts.len())?;
    let bytes = texts.iter().map(|text| text.len() + 1).sum();
    call.memory.write_size(size, bytes)
}

/// The clocks that there are.
#[derive(Clone, Copy)]
pub(super) enum ClockId {
    Realtime,
    Monotonic,
}

impl ClockId {
    /// A clock by its number. Those of processor time would tell what others do.
    pub(super) fn new(id: u32) -> Result<ClockId> {
        match id {
            0 => Ok(ClockId::Realtime),
            1 => Ok(ClockId::Monotonic),
            2 | 3 => Err(ErrorCode::Unsupported),
            _ => Err(ErrorCode::Invalid),
        }
    }
}

pub(super) fn clock_res_get(call: &mut Call<'_>, id: u32, resolution: u32) -> Result<()> {
    let step = match ClockId::new(id)? {
        ClockId::Realtime => call.ctx.clock.wall_resolution(),
        ClockId::Monotonic => call.ctx.clock.monotonic_resolution(),
    };
    call.memory.write_u64(resolution, nanos(step))
}

pub(super) fn clock_time_get(call: &mut Call<'_>, id: u32, _: u64, time: u32) -> Result<()> {
    let now = match ClockId::new(id)? {
        ClockId::Realtime => call.ctx.clock.wall(),
        ClockId::Monotonic => call.ctx.clock.monotonic(),
    };
    call.memory.write_u64(time, nanos(now))
}

pub(super) fn random_get(call: &mut Call<'_>, buffer: u32, length: u32) -> Result<()> {
    if length as usize > call.ctx.limits.random_bytes {
        return Err(ErrorCode::Invalid);
    }
    let bytes = call.memory.bytes_mut(buffer, length)?;
    Ok(call.ctx.random.fill(bytes)?)
}

pub(super) fn sched_yield(_: &mut Call<'_>) -> Result<()> {
    std::thread::yield_now();
    Ok(())
}

pub(super) fn proc_raise(_: &mut Call<'_>, _: u32) -> Result<()> {
    Err(ErrorCode::Unsupported)
}
