//! Waiting: for a time, for input, for room for output.
//!
//! A thread that waits sleeps in the system. An interruption of the guest is noticed
//! within a few hundredths of a second; the guest then stops as it would have while
//! computing.

use std::time::{Duration, Instant};

use linkspan::InterruptHandle;

use super::Call;
use super::abi::element;
use super::process::ClockId;
use super::table::{Entry, Stream};
use crate::ctx::WasiCtx;
use crate::error::{ErrorCode, Result};

/// How long the system is asked to sleep before the guest's interruption is looked
/// at again.
const SLICE: Duration = Duration::from_millis(20);

const SUBSCRIPTION_SIZE: u32 = 48;
const EVENT_SIZE: u32 = 32;

/// What one subscription waits for.
#[derive(Clone, Copy)]
enum Wait {
    /// An instant; none never comes.
    Until(Option<Instant>),
    /// A standard stream.
    Stream(Stream),
    /// Nothing: it is settled, with so many bytes to move.
    Settled(Result<u64>),
}

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
    let list: Vec<Wait> = waits.iter().map(|waited| waited.wait).collect();
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

/// Waits until at least one is settled, and tells which are.
fn wait(
    ctx: &WasiCtx,
    waits: &[Wait],
    interrupt: &InterruptHandle,
) -> Result<Vec<Option<Result<u64>>>> {
    loop {
        // Streams are asked before the clock is read: at the end of a time both count.
        let sleep = longest(waits);
        let streams = ready_streams(ctx, waits, sleep)?;
        let now = Instant::now();
        let settled: Vec<Option<Result<u64>>> = waits
            .iter()
            .zip(streams)
            .map(|(wait, is_ready)| match wait {
                Wait::Settled(result) => Some(*result),
                Wait::Until(Some(time)) => (*time <= now).then_some(Ok(0)),
                Wait::Until(None) => None,
                Wait::Stream(_) => is_ready.then_some(Ok(1)),
            })
            .collect();
        if settled.iter().any(Option::is_some) {
            return Ok(settled);
        }
        if interrupt.is_interrupted() {
            return Err(ErrorCode::Interrupted);
        }
    }
}

/// How long to sleep at most.
fn longest(waits: &[Wait]) -> Duration {
    let now = Instant::now();
    let times = waits.iter().map(|wait| match wait {
        Wait::Settled(_) => Duration::ZERO,
        Wait::Until(Some(time)) => time.saturating_duration_since(now),
        Wait::Until(None) | Wait::Stream(_) => SLICE,
    });
    times.min().unwrap_or(SLICE).min(SLICE)
}

/// Sleeps until a stream is ready, and tells which are.
#[cfg(unix)]
fn ready_streams(ctx: &WasiCtx, waits: &[Wait], sleep: Duration) -> Result<Vec<bool>> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut ready = vec![false; waits.len()];
    let mut asked = Vec::new();
    let mut polled = Vec::new();
    let mut sleep = sleep;
    for (n, wait) in waits.iter().enumerate() {
        let Wait::Stream(stream) = wait else {
            continue;
        };
        let (fd, flags) = match stream {
            Stream::In => (ctx.stdin.readable(), PollFlags::IN),
            Stream::Out => (ctx.stdout.writable(), PollFlags::OUT),
            Stream::Error => (ctx.stderr.writable(), PollFlags::OUT),
        };
        match fd {
            Some(fd) => {
                polled.push(PollFd::from_borrowed_fd(fd, flags));
                asked.push(n);
            }
            None => {
                ready[n] = true;
                sleep = Duration::ZERO;
            }
        }
    }
    let timeout = Timespec::try_from(sleep).map_err(|_| ErrorCode::Overflow)?;
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) => {}
        // A signal; the caller looks around and comes back.
        Err(rustix::io::Errno::INTR) => return Ok(ready),
        Err(error) => return Err(std::io::Error::from(error).into()),
    }
    for (n, polled) in asked.into_iter().zip(&polled) {
        // The end and an error are there to be read, too.
        ready[n] = !polled.revents().is_empty();
    }
    Ok(ready)
}

/// Without the system's help a stream counts as ready, and waits where it is read.
#[cfg(not(unix))]
fn ready_streams(_: &WasiCtx, waits: &[Wait], sleep: Duration) -> Result<Vec<bool>> {
    let ready = waits.iter().map(|wait| matches!(wait, Wait::Stream(_)));
    let ready: Vec<bool> = ready.collect();
    if !ready.contains(&true) {
        std::thread::sleep(sleep);
    }
    Ok(ready)
}
