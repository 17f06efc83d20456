//! `poll_oneoff`, and waiting for a standard stream.

use std::time::{Duration, Instant};

use super::Call;
use super::abi::element;
use super::process::ClockId;
use super::table::Entry;
use crate::ctx::WasiCtx;
use crate::error::{ErrorCode, Result};
use crate::poll::{Stream, Wait, wait};

const SUBSCRIPTION_SIZE: u32 = 48;
const EVENT_SIZE: u32 = 32;

struct Subscription {
    userdata: u64,
    kind: u8,
    wait: Wait,
}

pub(super) fn poll_oneoff(
    call: &mut Call<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    ready: u32,
) -> Result<()> {
    if count == 0 || count as usize > call.ctx.limits.pollables {
        return Err(ErrorCode::Invalid);
    }
    let mut waits = Vec::new();
    for n in 0..count {
        let at = element(subscriptions, n, SUBSCRIPTION_SIZE)?;
        waits.push(subscription(call, at)?);
    }
    let list: Vec<Wait> = waits.iter().map(|waited| waited.wait.clone()).collect();
    let settled = wait(call.ctx, &list, &call.interrupt)?;
    let mut written = 0;
    for (subscription, result) in waits.iter().zip(settled) {
        if let Some(result) = result {
            let at = element(events, written, EVENT_SIZE)?;
            call.memory.write(at, &event(subscription, result))?;
            written += 1;
        }
    }
    call.memory.write_u32(ready, written)
}

fn subscription(call: &mut Call<'_>, at: u32) -> Result<Subscription> {
    let memory = &mut call.memory;
    let userdata = memory.read_u64(at)?;
    let kind = memory.read_u8(element(at, 8, 1)?)?;
    let id = memory.read_u32(element(at, 16, 1)?)?;
    let wait = match kind {
        0 => {
            let time = Duration::from_nanos(memory.read_u64(element(at, 24, 1)?)?);
            let is_absolute = memory.read_u16(element(at, 40, 1)?)? & 1 != 0;
            clock(call.ctx, id, time, is_absolute)
        }
        1 | 2 => descriptor(call.ctx, id, kind == 2),
        _ => return Err(ErrorCode::Invalid),
    };
    Ok(Subscription {
        userdata,
        kind,
        wait: wait.unwrap_or_else(|code| Wait::Settled(Err(code))),
    })
}

fn clock(ctx: &WasiCtx, id: u32, time: Duration, is_absolute: bool) -> Result<Wait> {
    let now = match ClockId::new(id)? {
        ClockId::Realtime => ctx.clock.wall(),
        ClockId::Monotonic => ctx.clock.monotonic(),
    };
    let left = match is_absolute {
        true => time.saturating_sub(now),
        false => time,
    };
    Ok(Wait::Until(Instant::now().checked_add(left)))
}

/// Files are always ready; so is a stream that never waits.
fn descriptor(ctx: &mut WasiCtx, fd: u32, writes: bool) -> Result<Wait> {
    match ctx.p1.get(fd)? {
        Entry::Dir(_) => Err(ErrorCode::BadDescriptor),
        Entry::File(_) if writes => Ok(Wait::Settled(Ok(1))),
        Entry::File(file) => {
            let left = file.file.stat()?.size.saturating_sub(file.position);
            Ok(Wait::Settled(Ok(left)))
        }
        Entry::Stream(stream) if writes != (*stream == Stream::In) => Ok(Wait::Stream(*stream)),
        Entry::Stream(_) => Err(ErrorCode::BadDescriptor),
    }
}

fn event(subscription: &Subscription, result: Result<u64>) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&subscription.userdata.to_le_bytes());
    let (count, result) = match result {
        Ok(count) => (count, Ok(())),
        Err(code) => (0, Err(code)),
    };
    bytes[8..10].copy_from_slice(&super::abi::errno(result).to_le_bytes());
    bytes[10] = subscription.kind;
    bytes[16..24].copy_from_slice(&count.to_le_bytes());
    bytes
}

/// Waits until standard input has something to read, or has ended.
pub(super) fn wait_for_input(call: &mut Call<'_>) -> Result<()> {
    wait(call.ctx, &[Wait::Stream(Stream::In)], &call.interrupt).map(drop)
}

/// Waits until a stream takes bytes.
pub(super) fn wait_for_output(call: &mut Call<'_>, stream: Stream) -> Result<()> {
    wait(call.ctx, &[Wait::Stream(stream)], &call.interrupt).map(drop)
}
