//! `wasi:io`: errors, waiting, and streams of bytes.
//!
//! A stream that is no file waits in the system where the program asks it to, and
//! never spins; an interruption of the guest ends the wait, and the guest with it.

use std::time::{Duration, Instant};

use linkspan::core::{self, Trap};
use linkspan::{Borrow, Error, HostError, HostValues, Resource, Result, StoreContextMut};

use super::bindings::wasi::io::streams::{self, StreamError};
use super::bindings::wasi::io::{error, poll};
use super::stream::{BLOCKING_MAX, Failure, Input, Origin, Output, Sink};
use crate::ctx::WasiView;
use crate::error::ErrorCode;
use crate::poll::{Stream, Wait, is_settled, wait};

impl<T: WasiView + 'static> error::HostError<T> for Failure {
    fn to_debug_string(&mut self, _: &mut T) -> String {
        self.to_string()
    }
}

impl<T: WasiView + 'static> error::Host for T {
    type Error = Failure;
}

/// What a program waits for: the value of the resource `pollable`.
#[derive(Clone, Debug)]
pub struct Pollable(pub(super) Wait);

impl Pollable {
    /// Ready after some time; what the host's clock cannot count never comes.
    pub(super) fn after(time: Duration) -> Pollable {
        Pollable(Wait::Until(Instant::now().checked_add(time)))
    }
}

/// Waits until one of them is settled, and tells which are.
pub(super) fn wait_for<T: WasiView>(
    store: &mut StoreContextMut<'_, T>,
    waits: &[Wait],
) -> Result<Vec<bool>> {
    let interrupt = store.interrupt_handle();
    match wait(store.data_mut().wasi(), waits, &interrupt) {
        Ok(settled) => Ok(settled.iter().map(Option::is_some).collect()),
        Err(ErrorCode::Interrupted) if interrupt.is_interrupted() => {
            Err(core::Error::from(Trap::Interrupted).into())
        }
        Err(code) => Err(Error::host(code)),
    }
}

impl<T: WasiView + 'static> poll::HostPollable<T> for Pollable {
    fn ready(
        mut store: StoreContextMut<'_, T>,
        this: Borrow<Resource<poll::Pollable>>,
    ) -> Result<bool> {
        let Pollable(wait) = store.value::<poll::Pollable>(&this.resource())?.clone();
        is_settled(store.data_mut().wasi(), &wait).map_err(Error::host)
    }

    fn block(
        mut store: StoreContextMut<'_, T>,
        this: Borrow<Resource<poll::Pollable>>,
    ) -> Result<()> {
        let Pollable(wait) = store.value::<poll::Pollable>(&this.resource())?.clone();
        wait_for(&mut store, &[wait]).map(drop)
    }
}

impl<T: WasiView + 'static> poll::Host for T {
    type Pollable = Pollable;

    fn poll(
        mut store: StoreContextMut<'_, T>,
        pollables: Vec<Borrow<Resource<poll::Pollable>>>,
    ) -> Result<Vec<u32>> {
        let max = store.data_mut().wasi().limits().pollables;
        if pollables.is_empty() || pollables.len() > max {
            return Err(Error::msg(format!(
                "expected 1 to {max} pollables to wait for, found {}",
                pollables.len()
            )));
        }
        let mut waits = Vec::with_capacity(pollables.len());
        for pollable in &pollables {
            let Pollable(wait) = store.value::<poll::Pollable>(&pollable.resource())?;
            waits.push(wait.clone());
        }
        let ready = wait_for(&mut store, &waits)?;
        Ok((0..)
            .zip(ready)
            .filter_map(|(n, ready)| ready.then_some(n))
            .collect())
    }
}

type Streamed<R> = Result<R, HostError<StreamError>>;
type In = Borrow<Resource<streams::InputStream>>;
type Out = Borrow<Resource<streams::OutputStream>>;

/// Ends the guest.
fn trap(error: Error) -> HostError<StreamError> {
    HostError::Trap(error)
}

fn input<'s, T: WasiView + 'static>(
    store: &'s mut StoreContextMut<'_, T>,
    this: &In,
) -> Streamed<&'s mut Input> {
    store
        .value::<streams::InputStream>(&this.resource())
        .map_err(trap)
}

fn output<'s, T: WasiView + 'static>(
    store: &'s mut StoreContextMut<'_, T>,
    this: &Out,
) -> Streamed<&'s mut Output> {
    store
        .value::<streams::OutputStream>(&this.resource())
        .map_err(trap)
}

/// What the program gets for a failure of the host's. A pipe that nobody reads is
/// a closed stream.
fn failed<T: WasiView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    failure: impl Into<Failure>,
) -> HostError<StreamError> {
    let failure = failure.into();
    if failure.is_end() {
        return StreamError::Closed.into();
    }
    match store.push_value::<error::Error>(failure) {
        Ok(error) => StreamError::LastOperationFailed(error).into(),
        Err(error) => trap(error),
    }
}

/// Reads some bytes; without waiting, unless it is `blocking`.
fn read<T: WasiView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    this: &In,
    len: u64,
    blocking: bool,
) -> Streamed<Vec<u8>> {
    let mut stream = input(store, this)?.clone();
    if stream.is_closed {
        return Err(StreamError::Closed.into());
    }
    let max = store.data_mut().wasi().limits().transfer_bytes;
    let len = usize::try_from(len).unwrap_or(max).min(max);
    if len == 0 {
        return Ok(Vec::new());
    }
    let bytes = loop {
        if blocking {
            wait_for(store, &[stream.wait()]).map_err(trap)?;
        } else if !is_settled(store.data_mut().wasi(), &stream.wait())
            .map_err(|code| failed(store, code))?
        {
            return Ok(Vec::new());
        }
        let bytes = read_now(store, &mut stream.origin, len);
        // What seemed ready may have nothing after all.
        if !blocking || !matches!(&bytes, Ok(Some(bytes)) if bytes.is_empty()) {
            break bytes;
        }
    };
    stream.is_closed = matches!(bytes, Ok(None) | Err(_));
    *input(store, this)? = stream;
    match bytes {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(StreamError::Closed.into()),
        Err(failure) => Err(failed(store, failure)),
    }
}

/// Reads from where the bytes come from; nothing at its end.
fn read_now<T: WasiView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    origin: &mut Origin,
    len: usize,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut bytes = Vec::new();
    let count = match origin {
        Origin::Other(readable) => return readable.read(len),
        Origin::Standard => {
            bytes.resize(len, 0);
            let count = store.data_mut().wasi().stdin().read(&mut bytes);
            count.map_err(ErrorCode::from)?
        }
        Origin::File(file, position) => {
            bytes.resize(len, 0);
            let count = file.read_at(&mut bytes, *position).map_err(Failure::file)?;
            *position = position.saturating_add(count as u64);
            count
        }
    };
    bytes.truncate(count);
    Ok((count != 0).then_some(bytes))
}

/// How much may be written now.
fn check_write<T: WasiView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    this: &Out,
) -> Streamed<u64> {
    let stream = output(store, this)?.clone();
    if stream.is_closed {
        return Err(StreamError::Closed.into());
    }
    let ctx = store.data_mut().wasi();
    let max = ctx.limits().transfer_bytes as u64;
    let permit = match &stream.sink {
        Sink::File(..) | Sink::Append(_) => Ok(max),
        Sink::Other(writable) => writable.room().map(|room| room.min(max)),
        Sink::Standard(_) => match is_settled(ctx, &stream.wait()) {
            Ok(true) => Ok(BLOCKING_MAX),
            Ok(false) => Ok(0),
            Err(code) => Err(code.into()),
        },
    };
    let stream = output(store, this)?;
    stream.is_closed = permit.is_err();
    stream.permit = *permit.as_ref().unwrap_or(&0);
    permit.map_err(|failure| failed(store, failure))
}

/// Writes all bytes, and waits where it must.
fn write_all<T: WasiView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    this: &Out,
    mut bytes: &[u8],
) -> Streamed<()> {
    let mut stream = output(store, this)?.clone();
    if stream.is_closed {
        return Err(StreamError::Closed.into());
    }
    let mut result = Ok(());
    while !bytes.is_empty() && result.is_ok() {
        wait_for(store, &[stream.wait()]).map_err(trap)?;
        match write_now(store, &mut stream.sink, bytes) {
            Ok(count) => bytes = &bytes[count.min(bytes.len())..],
            Err(failure) => result = Err(failure),
        }
    }
    stream.is_closed = result.is_err();
    *output(store, this)? = stream;
    result.map_err(|failure| failed(store, failure))
}

/// Writes some of the bytes.
fn write_now<T: WasiView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    sink: &mut Sink,
    bytes: &[u8],
) -> Result<usize, Failure> {
    let count = match sink {
        // What seemed to have room may have none after all.
        Sink::Other(writable) => return writable.write(bytes),
        Sink::File(file, position) => {
            let count = file.write_at(bytes, *position).map_err(Failure::file)?;
            *position = position.saturating_add(count as u64);
            count
        }
        Sink::Append(file) => file.append(bytes).map_err(Failure::file)?,
        Sink::Standard(standard) => {
            // No more than what is taken without waiting.
            let some = &bytes[..bytes.len().min(BLOCKING_MAX as usize)];
            let ctx = store.data_mut().wasi();
            match standard {
                Stream::Error => ctx.stderr().write(some),
                Stream::In | Stream::Out => ctx.stdout().write(some),
            }
            .map_err(ErrorCode::from)?
        }
    };
    match count {
        0 => Err(ErrorCode::Io.into()),
        count => Ok(count),
    }
}

/// Writes what [`check_write`] has permitted.
fn write<T: WasiView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    this: &Out,
    bytes: &[u8],
) -> Streamed<()> {
    let stream = output(store, this)?;
    let permit = stream.permit;
    stream.permit = permit.checked_sub(bytes.len() as u64).ok_or_else(|| {
        HostError::trap(format!(
            "expected a write of at most {permit} bytes, as `check-write` has permitted, found {}",
            bytes.len()
        ))
    })?;
    write_all(store, this, bytes)
}

fn flush<T: WasiView + 'static>(store: &mut StoreContextMut<'_, T>, this: &Out) -> Streamed<()> {
    let stream = output(store, this)?;
    if stream.is_closed {
        return Err(StreamError::Closed.into());
    }
    let Sink::Standard(standard) = stream.sink else {
        // Nothing stands between the program and these.
        return Ok(());
    };
    let ctx = store.data_mut().wasi();
    let flushed = match standard {
        Stream::Error => ctx.stderr().flush(),
        Stream::In | Stream::Out => ctx.stdout().flush(),
    };
    flushed.or_else(|error| {
        output(store, this)?.is_closed = true;
        Err(failed(store, ErrorCode::from(error)))
    })
}

fn check_blocking(len: u64) -> Streamed<()> {
    match len <= BLOCKING_MAX {
        true => Ok(()),
        false => Err(HostError::trap(format!(
            "expected a write that waits of at most {BLOCKING_MAX} bytes, found {len}"
        ))),
    }
}

/// As many zeros, within what a call may move.
fn zeros<T: WasiView>(store: &mut StoreContextMut<'_, T>, len: u64) -> Streamed<Vec<u8>> {
    let max = store.data_mut().wasi().limits().transfer_bytes;
    match usize::try_from(len) {
        Ok(len) if len <= max => Ok(vec![0; len]),
        _ => Err(HostError::trap(format!(
            "expected a write of at most {max} zeros, found {len}"
        ))),
    }
}

impl<T: WasiView + 'static> streams::Host for T {
    type InputStream = Input;
    type OutputStream = Output;
}

impl<T: WasiView + 'static> streams::HostInputStream<T> for Input {
    fn read(mut store: StoreContextMut<'_, T>, this: In, len: u64) -> Streamed<Vec<u8>> {
        read(&mut store, &this, len, false)
    }

    fn blocking_read(mut store: StoreContextMut<'_, T>, this: In, len: u64) -> Streamed<Vec<u8>> {
        read(&mut store, &this, len, true)
    }

    fn skip(mut store: StoreContextMut<'_, T>, this: In, len: u64) -> Streamed<u64> {
        read(&mut store, &this, len, false).map(|bytes| bytes.len() as u64)
    }

    fn blocking_skip(mut store: StoreContextMut<'_, T>, this: In, len: u64) -> Streamed<u64> {
        read(&mut store, &this, len, true).map(|bytes| bytes.len() as u64)
    }

    fn subscribe(mut store: StoreContextMut<'_, T>, this: In) -> Result<Resource<poll::Pollable>> {
        let wait = store
            .value::<streams::InputStream>(&this.resource())?
            .wait();
        store.push_value::<poll::Pollable>(Pollable(wait))
    }
}

impl<T: WasiView + 'static> streams::HostOutputStream<T> for Output {
    fn check_write(mut store: StoreContextMut<'_, T>, this: Out) -> Streamed<u64> {
        check_write(&mut store, &this)
    }

    fn write(mut store: StoreContextMut<'_, T>, this: Out, contents: Vec<u8>) -> Streamed<()> {
        write(&mut store, &this, &contents)
    }

    fn blocking_write_and_flush(
        mut store: StoreContextMut<'_, T>,
        this: Out,
        contents: Vec<u8>,
    ) -> Streamed<()> {
        check_blocking(contents.len() as u64)?;
        write_all(&mut store, &this, &contents)?;
        flush(&mut store, &this)
    }

    fn flush(mut store: StoreContextMut<'_, T>, this: Out) -> Streamed<()> {
        flush(&mut store, &this)
    }

    fn blocking_flush(mut store: StoreContextMut<'_, T>, this: Out) -> Streamed<()> {
        flush(&mut store, &this)
    }

    fn subscribe(mut store: StoreContextMut<'_, T>, this: Out) -> Result<Resource<poll::Pollable>> {
        let wait = store
            .value::<streams::OutputStream>(&this.resource())?
            .wait();
        store.push_value::<poll::Pollable>(Pollable(wait))
    }

    fn write_zeroes(mut store: StoreContextMut<'_, T>, this: Out, len: u64) -> Streamed<()> {
        let zeros = zeros(&mut store, len)?;
        write(&mut store, &this, &zeros)
    }

    fn blocking_write_zeroes_and_flush(
        mut store: StoreContextMut<'_, T>,
        this: Out,
        len: u64,
    ) -> Streamed<()> {
        check_blocking(len)?;
        let zeros = zeros(&mut store, len)?;
        write_all(&mut store, &this, &zeros)?;
        flush(&mut store, &this)
    }

    fn splice(mut store: StoreContextMut<'_, T>, this: Out, src: In, len: u64) -> Streamed<u64> {
        let len = check_write(&mut store, &this)?.min(len);
        let bytes = read(&mut store, &src, len, false)?;
        write(&mut store, &this, &bytes)?;
        Ok(bytes.len() as u64)
    }

    fn blocking_splice(
        mut store: StoreContextMut<'_, T>,
        this: Out,
        src: In,
        len: u64,
    ) -> Streamed<u64> {
        let wait = output(&mut store, &this)?.wait();
        wait_for(&mut store, &[wait]).map_err(trap)?;
        let len = check_write(&mut store, &this)?.min(len);
        let bytes = read(&mut store, &src, len, true)?;
        write(&mut store, &this, &bytes)?;
        Ok(bytes.len() as u64)
    }
}
