//! Waiting: for a time, for input, for room for output.
//!
//! A thread that waits sleeps in the system. An interruption of the guest is noticed
//! within a few hundredths of a second; the guest then stops as it would have while
//! computing.

use std::time::{Duration, Instant};

use linkspan::InterruptHandle;

use crate::ctx::WasiCtx;
use crate::error::{ErrorCode, Result};

/// How long the system is asked to sleep before the guest's interruption is looked
/// at again.
const SLICE: Duration = Duration::from_millis(20);

/// One of the standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    In,
    Out,
    Error,
}

/// What a program waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// An instant; none never comes.
    Until(Option<Instant>),
    /// A standard stream.
    Stream(Stream),
    /// Nothing: it is settled, with so many bytes to move.
    Settled(Result<u64>),
}

/// Waits until at least one is settled, and tells which are.
pub(crate) fn wait(
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

/// Whether it is settled by now.
#[cfg(feature = "p2")]
pub(crate) fn is_settled(ctx: &WasiCtx, wait: Wait) -> Result<bool> {
    Ok(match wait {
        Wait::Settled(_) => true,
        Wait::Until(time) => time.is_some_and(|time| time <= Instant::now()),
        Wait::Stream(_) => ready_streams(ctx, &[wait], Duration::ZERO)?[0],
    })
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
