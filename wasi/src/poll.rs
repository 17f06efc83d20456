//! Waiting: for a time, for input, for room for output, for what other threads do.
//!
//! A thread that waits sleeps in the system until one of these comes, or until its
//! guest is interrupted; the guest then stops as it would have while computing.

use std::fmt;
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use linkspan::InterruptHandle;

use crate::ctx::WasiCtx;
use crate::error::{ErrorCode, Result};
#[cfg(unix)]
use crate::sleeper::Interest;
use crate::sleeper::Sleeper;

/// One of the standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    In,
    Out,
    Error,
}

/// Something that another thread makes ready.
pub(crate) trait Source: Send + Sync {
    /// Whether it is ready; if not, the waker of `cx` is woken when that may have
    /// changed.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Something that the system watches.
#[cfg(unix)]
pub(crate) trait Watch: Send + Sync {
    /// What is watched for now; nothing if it is settled.
    fn watched(&self) -> Option<(BorrowedFd<'_>, Interest)>;
}

/// What a program waits for.
#[derive(Clone)]
pub(crate) enum Wait {
    /// An instant; none never comes.
    Until(Option<Instant>),
    /// A standard stream.
    Stream(Stream),
    /// A thing that the system watches.
    #[cfg(unix)]
    #[cfg_attr(not(feature = "p2"), expect(dead_code, reason = "WASI 0.1 has none"))]
    System(Arc<dyn Watch>),
    /// What another thread does.
    #[cfg_attr(not(feature = "p2"), expect(dead_code, reason = "WASI 0.1 has none"))]
    Source(Arc<dyn Source>),
    /// Nothing: it is settled, with so many bytes to move.
    Settled(Result<u64>),
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Until(time) => f.debug_tuple("Until").field(time).finish(),
            Wait::Stream(stream) => f.debug_tuple("Stream").field(stream).finish(),
            #[cfg(unix)]
            Wait::System(_) => f.write_str("System"),
            Wait::Source(_) => f.write_str("Source"),
            Wait::Settled(result) => f.debug_tuple("Settled").field(result).finish(),
        }
    }
}

/// Waits until at least one is settled, and tells which are. An interruption comes
/// first: what is settled again and again, for nothing, must not keep it off.
pub(crate) fn wait(
    ctx: &mut WasiCtx,
    waits: &[Wait],
    interrupt: &InterruptHandle,
) -> Result<Vec<Option<Result<u64>>>> {
    // Files are settled at all times, and every read and write of them comes here.
    if let [Wait::Settled(result)] = waits
        && !interrupt.is_interrupted()
    {
        return Ok(vec![Some(*result)]);
    }
    let sleeper = Arc::clone(&ctx.sleeper);
    let waker = Waker::from(Arc::clone(&sleeper));
    let _waking = interrupt.wake_on_interrupt(waker.clone());
    while !interrupt.is_interrupted() {
        let settled = look(ctx, waits, &sleeper, &waker, true)?;
        if settled.iter().any(Option::is_some) {
            return Ok(settled);
        }
    }
    Err(ErrorCode::Interrupted)
}

/// Whether it is settled by now.
#[cfg(feature = "p2")]
pub(crate) fn is_settled(ctx: &mut WasiCtx, wait: &Wait) -> Result<bool> {
    if let Wait::Settled(_) = wait {
        return Ok(true);
    }
    let sleeper = Arc::clone(&ctx.sleeper);
    let waits = std::slice::from_ref(wait);
    let settled = look(ctx, waits, &sleeper, Waker::noop(), false)?;
    Ok(settled[0].is_some())
}

/// Tells which are settled. If none is and it `may_sleep`, it sleeps before until
/// one may be, or until somebody wakes.
fn look(
    ctx: &mut WasiCtx,
    waits: &[Wait],
    sleeper: &Sleeper,
    waker: &Waker,
    may_sleep: bool,
) -> Result<Vec<Option<Result<u64>>>> {
    let mut cx = Context::from_waker(waker);
    let mut settled: Vec<Option<Result<u64>>> = waits
        .iter()
        .map(|wait| match wait {
            Wait::Settled(result) => Some(*result),
            Wait::Source(source) => source.poll_ready(&mut cx).is_ready().then_some(Ok(1)),
            Wait::Stream(stream) => is_ready(ctx, *stream, &mut cx).then_some(Ok(1)),
            #[cfg(unix)]
            Wait::System(watch) => watch.watched().is_none().then_some(Ok(1)),
            Wait::Until(_) => None,
        })
        .collect();
    let sleep = match may_sleep && settled.iter().all(Option::is_none) {
        true => until_first(waits),
        false => Some(Duration::ZERO),
    };
    watch(ctx, waits, sleeper, sleep, &mut settled)?;
    // The clock is read after the sleep: at the end of a time both count.
    let now = Instant::now();
    for (wait, settled) in waits.iter().zip(&mut settled) {
        if let Wait::Until(Some(time)) = wait
            && *time <= now
        {
            *settled = Some(Ok(0));
        }
    }
    Ok(settled)
}

/// How long to sleep at most; without a bound if no time is among them.
fn until_first(waits: &[Wait]) -> Option<Duration> {
    let now = Instant::now();
    let times = waits.iter().filter_map(|wait| match wait {
        Wait::Until(Some(time)) => Some(time.saturating_duration_since(now)),
        _ => None,
    });
    times.min()
}

/// Whether a stream is ready, as far as it knows that itself: what the system
/// watches for it comes later.
fn is_ready(ctx: &mut WasiCtx, stream: Stream, cx: &mut Context<'_>) -> bool {
    #[cfg(unix)]
    if descriptor(ctx, stream).is_some() {
        return false;
    }
    match stream {
        Stream::In => ctx.stdin.poll_ready(cx),
        Stream::Out => ctx.stdout.poll_ready(cx),
        Stream::Error => ctx.stderr.poll_ready(cx),
    }
    .is_ready()
}

/// What the system watches for a stream.
#[cfg(unix)]
fn descriptor(ctx: &WasiCtx, stream: Stream) -> Option<(BorrowedFd<'_>, Interest)> {
    match stream {
        Stream::In => Some((ctx.stdin.readable()?, Interest::Read)),
        Stream::Out => Some((ctx.stdout.writable()?, Interest::Write)),
        Stream::Error => Some((ctx.stderr.writable()?, Interest::Write)),
    }
}

/// Sleeps, and settles what the system watches and finds ready.
#[cfg(unix)]
fn watch(
    ctx: &WasiCtx,
    waits: &[Wait],
    sleeper: &Sleeper,
    sleep: Option<Duration>,
    settled: &mut [Option<Result<u64>>],
) -> Result<()> {
    let watched = waits.iter().enumerate().filter_map(|(n, wait)| match wait {
        Wait::Stream(stream) => Some((n, descriptor(ctx, *stream)?)),
        Wait::System(watch) => Some((n, watch.watched()?)),
        _ => None,
    });
    let (places, watched): (Vec<usize>, Vec<_>) = watched.unzip();
    for (place, is_ready) in places.into_iter().zip(sleeper.sleep(&watched, sleep)?) {
        if is_ready {
            settled[place] = Some(Ok(1));
        }
    }
    Ok(())
}

/// Sleeps; the system watches nothing for us.
#[cfg(not(unix))]
fn watch(
    _: &WasiCtx,
    _: &[Wait],
    sleeper: &Sleeper,
    sleep: Option<Duration>,
    _: &mut [Option<Result<u64>>],
) -> Result<()> {
    sleeper.sleep(sleep);
    Ok(())
}

#[cfg(test)]
mod tests {
    use linkspan::core::{Engine, Store};

    use super::*;

    #[test]
    fn an_interruption_comes_before_what_is_settled() {
        let interrupt = Store::<()>::new(&Engine::default(), ()).interrupt_handle();
        let mut ctx = WasiCtx::builder().build();
        let mut wait = || wait(&mut ctx, &[Wait::Settled(Ok(7))], &interrupt);
        assert_eq!(wait(), Ok(vec![Some(Ok(7))]));
        interrupt.interrupt();
        assert_eq!(wait(), Err(ErrorCode::Interrupted));
    }
}
