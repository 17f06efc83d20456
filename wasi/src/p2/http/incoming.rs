//! Bodies that a guest reads: of requests that it answers and of responses that it
//! gets.
//!
//! The guest's thread asks the body itself for its next bytes, so nothing is read
//! ahead, and the other side feels how fast the guest is.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use linkspan::{Error, Result};

use super::Body;
use super::bindings::wasi::http::types::{ErrorCode, HostFutureTrailers, HostIncomingBody};
use super::error::Message;
use super::fields::{Fields, Map, is_within, remove_forbidden};
use super::limits::HttpLimits;
use crate::ctx::WasiView;
use crate::p2::io::Pollable;
use crate::p2::stream::{Failure, Input, Readable};
use crate::poll::{Source, Wait};

/// A body that is being read. The guest's thread is the only one to do so.
pub(super) struct Reading(Mutex<State>);

struct State {
    body: Body,
    message: Message,
    limits: HttpLimits,
    /// How many bytes may follow.
    left: u64,
    /// What has come and was not read yet.
    chunk: Bytes,
    trailers: Option<HeaderMap>,
    /// How it ended.
    end: Option<Result<(), ErrorCode>>,
}

impl Reading {
    /// The body of a message, of at most so many bytes.
    pub(super) fn new<B>(body: B, message: Message, limits: HttpLimits) -> Reading
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let left = match message {
            Message::Request => limits.request_body_bytes,
            Message::Response => limits.response_body_bytes,
        };
        Reading(Mutex::new(State {
            body: body
                .map_err(move |error| message.code(error.into()))
                .boxed_unsync(),
            message,
            limits,
            left,
            chunk: Bytes::new(),
            trailers: None,
            end: None,
        }))
    }

    /// Why it ended before its end.
    pub(super) fn failure(&self) -> Option<ErrorCode> {
        self.lock().end.clone()?.err()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A body that panicked has ended the call that asked it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Waits for bytes, or for the end.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.chunk.is_empty() && self.end.is_none() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            match frame {
                None => self.finish(Ok(())),
                Some(Err(code)) => self.finish(Err(code)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) => self.take_chunk(chunk),
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            self.take_trailers(trailers);
                        }
                    }
                },
            }
        }
        Poll::Ready(())
    }

    fn take_chunk(&mut self, chunk: Bytes) {
        match self.left.checked_sub(chunk.len() as u64) {
            Some(left) => {
                self.left = left;
                self.chunk = chunk;
            }
            None => {
                let max = match self.message {
                    Message::Request => self.limits.request_body_bytes,
                    Message::Response => self.limits.response_body_bytes,
                };
                let code = self.message.body_size(max.saturating_add(1));
                self.finish(Err(code));
            }
        }
    }

    fn take_trailers(&mut self, mut trailers: HeaderMap) {
        remove_forbidden(&mut trailers);
        match is_within(&trailers, &self.limits) {
            true => self.trailers = Some(trailers),
            false => {
                let code = self.message.trailer_section_size();
                self.finish(Err(code));
            }
        }
    }

    fn finish(&mut self, end: Result<(), ErrorCode>) {
        self.end = Some(end);
        // What the body holds, such as a connection, is not needed any more.
        self.body = super::empty();
    }
}

impl Source for Reading {
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.lock().poll_chunk(cx)
    }
}

/// What the stream of a body reads: alive as long as the stream.
struct Reader(Arc<Reading>);

impl Readable for Reader {
    fn read(&self, len: usize) -> Result<Option<Vec<u8>>, Failure> {
        let mut state = self.0.lock();
        if state
            .poll_chunk(&mut Context::from_waker(Waker::noop()))
            .is_pending()
        {
            return Ok(Some(Vec::new()));
        }
        if !state.chunk.is_empty() {
            let len = len.min(state.chunk.len());
            return Ok(Some(state.chunk.copy_to_bytes(len).into()));
        }
        match &state.end {
            Some(Err(code)) => Err(Failure::http(code.clone())),
            _ => Ok(None),
        }
    }

    fn wait(&self) -> Wait {
        Wait::Source(Arc::clone(&self.0) as Arc<dyn Source>)
    }
}

/// The value of the resource `incoming-body`.
pub struct IncomingBody {
    reading: Arc<Reading>,
    /// The stream; nothing before it was asked for.
    stream: Option<Weak<Reader>>,
}

impl IncomingBody {
    pub(super) fn new(reading: Arc<Reading>) -> IncomingBody {
        IncomingBody {
            reading,
            stream: None,
        }
    }
}

impl std::fmt::Debug for IncomingBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingBody").finish_non_exhaustive()
    }
}

impl<T: WasiView + 'static> HostIncomingBody<T> for IncomingBody {
    fn stream(&mut self, _: &mut T) -> Result<Input, ()> {
        if self.stream.is_some() {
            return Err(());
        }
        let reader = Arc::new(Reader(Arc::clone(&self.reading)));
        self.stream = Some(Arc::downgrade(&reader));
        Ok(Input::other(reader))
    }

    fn finish(_: &mut T, this: IncomingBody) -> Result<FutureTrailers> {
        let stream = this.stream.as_ref().and_then(Weak::upgrade);
        match stream {
            Some(_) => Err(Error::msg(
                "expected a body without its stream, found it undropped",
            )),
            None => Ok(FutureTrailers {
                rest: Arc::new(Rest(this.reading)),
                is_taken: false,
            }),
        }
    }
}

/// What a guest did not read of a body, and its trailers.
struct Rest(Arc<Reading>);

impl Source for Rest {
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        while state.end.is_none() {
            ready!(state.poll_chunk(cx));
            state.chunk.clear();
        }
        Poll::Ready(())
    }
}

/// The value of the resource `future-trailers`.
pub struct FutureTrailers {
    rest: Arc<Rest>,
    is_taken: bool,
}

impl std::fmt::Debug for FutureTrailers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FutureTrailers").finish_non_exhaustive()
    }
}

impl<T: WasiView + 'static> HostFutureTrailers<T> for FutureTrailers {
    fn subscribe(&mut self, _: &mut T) -> Pollable {
        Pollable(Wait::Source(Arc::clone(&self.rest) as Arc<dyn Source>))
    }

    fn get(&mut self, host: &mut T) -> Option<Result<Result<Option<Fields>, ErrorCode>, ()>> {
        if self.is_taken {
            return Some(Err(()));
        }
        let mut cx = Context::from_waker(Waker::noop());
        if self.rest.poll_ready(&mut cx).is_pending() {
            return None;
        }
        self.is_taken = true;
        let mut state = self.rest.0.lock();
        let trailers = match (state.end.take(), state.trailers.take()) {
            (Some(Err(code)), _) => Err(code),
            (_, None) => Ok(None),
            (_, Some(trailers)) => {
                let map = Map::asked_for(trailers, &host.wasi().http);
                let too_large = |_| state.message.trailer_section_size();
                map.map(|map| Some(Fields::immutable(Arc::new(map))))
                    .map_err(too_large)
            }
        };
        Some(Ok(trailers))
    }
}
