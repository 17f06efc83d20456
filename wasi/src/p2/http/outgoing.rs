//! Bodies that a guest writes: of responses and of requests that it makes.
//!
//! What it writes stands in a buffer until the connection takes it; a full buffer
//! makes the guest wait. A body that the guest does not finish fails at the other
//! side: it is never cut short as if it were whole.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use linkspan::{Error, HostError, HostValues as _, Resource, Result, StoreContextMut};

use super::Body;
use super::bindings::wasi::http::types::{self, ErrorCode, HostOutgoingBody, Trailers};
use super::error::Message;
use super::exchange;
use super::held::Held;
use crate::ctx::WasiView;
use crate::error::ErrorCode as Code;
use crate::p2::stream::{Failure, Output, Writable};
use crate::poll::{Source, Wait};

/// A body between the guest that writes it and the connection that takes it.
struct Writing {
    message: Message,
    /// What the buffer may hold.
    max: usize,
    state: Mutex<State>,
    /// The buffer counts as long as either side is there.
    _held: Held,
}

#[derive(Default)]
struct State {
    buffer: BytesMut,
    /// Bytes that the guest has written.
    written: u64,
    /// How many it has to write, if it has said so.
    expected: Option<u64>,
    end: Option<Result<Option<HeaderMap>, ErrorCode>>,
    /// Nobody takes anything any more.
    is_unwanted: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Writing {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at any moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: Result<Option<HeaderMap>, ErrorCode>) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(end);
            let reader = state.reader.take();
            drop(state);
            reader.into_iter().for_each(Waker::wake);
        }
    }
}

/// The length that a message announces.
pub(super) fn content_length(map: &HeaderMap) -> Result<Option<u64>, ErrorCode> {
    let mut values = map.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let digits = value.to_str().unwrap_or_default();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(length) if is_number && values.next().is_none() => Ok(Some(length)),
        _ => Err(ErrorCode::HttpProtocolError),
    }
}

impl Source for Writing {
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.buffer.len() < self.max || state.is_unwanted || state.end.is_some() {
            return Poll::Ready(());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// What the stream of a body writes: alive as long as the stream.
struct Writer(Arc<Writing>);

impl Writable for Writer {
    fn room(&self) -> Result<u64, Failure> {
        let state = self.0.lock();
        if state.is_unwanted || state.end.is_some() {
            return Err(Code::Pipe.into());
        }
        Ok(self.0.max.saturating_sub(state.buffer.len()) as u64)
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, Failure> {
        let room = usize::try_from(self.room()?).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        let mut state = self.0.lock();
        let written = state.written.saturating_add(bytes.len() as u64);
        if state.expected.is_some_and(|expected| written > expected) {
            drop(state);
            let code = self.0.message.body_size(written);
            self.0.end(Err(code.clone()));
            return Err(Failure::http(code));
        }
        state.written = written;
        state.buffer.extend_from_slice(bytes);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Ok(bytes.len())
    }

    fn wait(&self) -> Wait {
        Wait::Source(Arc::clone(&self.0) as Arc<dyn Source>)
    }
}

/// The value of the resource `outgoing-body`.
pub struct OutgoingBody {
    writing: Arc<Writing>,
    /// The stream; nothing before it was asked for.
    stream: Option<Weak<Writer>>,
}

impl OutgoingBody {
    /// A body for the guest to write, and what the other side gets.
    pub(super) fn new(
        message: Message,
        expected: Option<u64>,
        http: &exchange::State,
    ) -> Result<(OutgoingBody, Body)> {
        let max = http.limits().buffered_bytes.max(1);
        let state = State {
            expected,
            ..State::default()
        };
        let writing = Arc::new(Writing {
            message,
            max,
            state: Mutex::new(state),
            _held: http.hold(max)?,
        });
        let taking = Taking(Arc::clone(&writing)).boxed_unsync();
        let body = OutgoingBody {
            writing,
            stream: None,
        };
        Ok((body, taking))
    }

    fn has_stream(&self) -> bool {
        let stream = self.stream.as_ref();
        stream.is_some_and(|stream| stream.strong_count() > 0)
    }

    /// The end, as the guest has it: all that it has announced must be there.
    fn finish(self, trailers: Option<HeaderMap>) -> Result<(), ErrorCode> {
        let state = self.writing.lock();
        let (written, expected) = (state.written, state.expected);
        let failed = match &state.end {
            Some(Err(code)) => Some(code.clone()),
            _ => None,
        };
        drop(state);
        if let Some(code) = failed {
            return Err(code);
        }
        if expected.is_some_and(|expected| expected != written) {
            let code = self.writing.message.body_size(written);
            self.writing.end(Err(code.clone()));
            return Err(code);
        }
        self.writing.end(Ok(trailers));
        Ok(())
    }
}

impl Drop for OutgoingBody {
    fn drop(&mut self) {
        // After the end that a guest has asked for, this does nothing.
        let text = "the guest ended without finishing the body".to_owned();
        self.writing.end(Err(ErrorCode::InternalError(Some(text))));
    }
}

impl std::fmt::Debug for OutgoingBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingBody").finish_non_exhaustive()
    }
}

impl<T: WasiView + 'static> HostOutgoingBody<T> for OutgoingBody {
    fn write(&mut self, _: &mut T) -> Result<Output, ()> {
        if self.stream.is_some() {
            return Err(());
        }
        let writer = Arc::new(Writer(Arc::clone(&self.writing)));
        self.stream = Some(Arc::downgrade(&writer));
        Ok(Output::other(writer))
    }

    fn finish(
        mut store: StoreContextMut<'_, T>,
        this: Resource<types::OutgoingBody>,
        trailers: Option<Resource<Trailers>>,
    ) -> Result<(), HostError<ErrorCode>> {
        let body = store.take_value(this).map_err(HostError::Trap)?;
        if body.has_stream() {
            let text = "expected a body without its stream, found it undropped";
            return Err(HostError::Trap(Error::msg(text)));
        }
        let trailers = match trailers {
            Some(trailers) => {
                let fields = store.take_value(trailers).map_err(HostError::Trap)?;
                Some(fields.into_map())
            }
            None => None,
        };
        Ok(body.finish(trailers)?)
    }
}

/// The other side of a body: what the connection takes.
struct Taking(Arc<Writing>);

impl http_body::Body for Taking {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let mut state = self.0.lock();
        if !state.buffer.is_empty() {
            let chunk = state.buffer.split().freeze();
            let writer = state.writer.take();
            drop(state);
            writer.into_iter().for_each(Waker::wake);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match &mut state.end {
            Some(Ok(trailers)) => Poll::Ready(trailers.take().map(|map| Ok(Frame::trailers(map)))),
            Some(Err(code)) => Poll::Ready(Some(Err(code.clone()))),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.lock();
        state.buffer.is_empty() && matches!(state.end, Some(Ok(None)))
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.0.lock();
        let there = state.buffer.len() as u64;
        match (&state.end, state.expected) {
            (Some(Ok(None)), _) => SizeHint::with_exact(there),
            (_, Some(expected)) => {
                SizeHint::with_exact(expected.saturating_sub(state.written) + there)
            }
            _ => SizeHint::default(),
        }
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_unwanted = true;
        state.buffer = BytesMut::new();
        let writer = state.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
    }
}
