//! The look-up of names, each on a thread of its own: the system's function for it
//! waits, and cannot be stopped.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::{ErrorCode, Result};
use crate::limits::Tickets;
use crate::poll::{Source, Wait};

/// The longest name, and the longest part of one.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// How many addresses of one name are told.
const ADDRESSES_MAX: usize = 64;

/// A look-up, under way or done.
pub(crate) struct Lookup {
    answer: Arc<Answer>,
    /// How many addresses the program has taken.
    taken: usize,
}

#[derive(Default)]
struct Answer(Mutex<State>);

#[derive(Default)]
struct State {
    addresses: Option<Result<Vec<IpAddr>>>,
    waiting: Option<Waker>,
}

impl Lookup {
    /// One whose answer is known.
    pub(super) fn known(address: IpAddr) -> Lookup {
        let answer = Answer::default();
        answer.lock().addresses = Some(Ok(vec![address.to_canonical()]));
        Lookup {
            answer: Arc::new(answer),
            taken: 0,
        }
    }

    /// Looks a name up. The thread outlives a program that goes away, and its
    /// ticket with it, so that no program can start more threads than it may have.
    pub(super) fn start(name: &str, tickets: &Tickets) -> Result<Lookup> {
        let Ok(ticket) = tickets.take() else {
            return Err(ErrorCode::TemporaryResolverFailure);
        };
        let answer = Arc::new(Answer::default());
        if is_invalid(name) {
            answer.set(Err(ErrorCode::NameUnresolvable));
            return Ok(Lookup { answer, taken: 0 });
        }
        let (name, later) = (name.to_owned(), Arc::clone(&answer));
        let run = move || {
            let found = addresses((&*name, 0).to_socket_addrs());
            // Before the answer: who has that may start the next look-up.
            drop(ticket);
            later.set(found);
        };
        let thread = thread::Builder::new().name("look-up of a name".to_owned());
        match thread.spawn(run) {
            Ok(_) => Ok(Lookup { answer, taken: 0 }),
            Err(_) => Err(ErrorCode::TemporaryResolverFailure),
        }
    }

    /// The next address; nothing after the last.
    pub(crate) fn next(&mut self) -> Result<Option<IpAddr>> {
        let state = self.answer.lock();
        let addresses = state.addresses.as_ref().ok_or(ErrorCode::WouldBlock)?;
        let addresses = addresses.as_ref().map_err(|error| *error)?;
        let next = addresses.get(self.taken).copied();
        self.taken += usize::from(next.is_some());
        Ok(next)
    }

    /// What to wait for until the answer is there.
    pub(crate) fn wait(&self) -> Wait {
        let answer: Arc<dyn Source> = Arc::<Answer>::clone(&self.answer);
        Wait::Source(answer)
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.answer.lock();
        f.debug_tuple("Lookup").field(&state.addresses).finish()
    }
}

impl Answer {
    fn set(&self, addresses: Result<Vec<IpAddr>>) {
        let mut state = self.lock();
        state.addresses = Some(addresses);
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Answer {
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.addresses.is_some() {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The addresses in the system's answer, each once.
fn addresses(
    answer: io::Result<impl Iterator<Item = std::net::SocketAddr>>,
) -> Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for found in answer.map_err(|error| failure(&error))? {
        let address = found.ip().to_canonical();
        if addresses.len() < ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.is_empty() {
        true => Err(ErrorCode::NameUnresolvable),
        false => Ok(addresses),
    }
}

/// Why the system has no answer. The standard library passes its reason on as text
/// alone, which is not translated in programs that set no language.
fn failure(error: &io::Error) -> ErrorCode {
    #[cfg(unix)]
    if let Some(error) = rustix::io::Errno::from_io_error(error) {
        return error.into();
    }
    let text = error.to_string();
    if text.contains("emporary failure") || text.contains("ry again") {
        ErrorCode::TemporaryResolverFailure
    } else if text.contains("on-recoverable") {
        ErrorCode::PermanentResolverFailure
    } else {
        ErrorCode::NameUnresolvable
    }
}

/// Whether a name is under the domain that never has any; nobody is to be asked for
/// these (RFC 6761).
fn is_invalid(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next();
    last.is_some_and(|last| last.eq_ignore_ascii_case("invalid"))
}

/// Whether a name is one that can be looked up: letters, digits and hyphens between
/// dots. A name that ends in a number would be an address in an old spelling.
pub(super) fn check_name(name: &str) -> Result<()> {
    if !name.is_ascii() {
        return Err(ErrorCode::NotSupported);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or(name);
    let hexadecimal = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    let is_number = match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    match name.len() <= NAME_MAX && name.split('.').all(is_label) && !is_number {
        true => Ok(()),
        false => Err(ErrorCode::InvalidArgument),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_what_is_none() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = "a.".repeat(127) + "a";
        for name in ["localhost", "example.com.", "a-b.c_d", "1.example", "x2"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            ".",
            "a..b",
            ".a",
            "-a",
            "a-",
            "a b",
            "a\0b",
            "a/b",
            "a:80",
            "[::1]",
            "127.1",
            "1.2.3.4.5",
            "0x7f.0x1",
            "a.0x",
            &long,
            &longer,
        ] {
            assert_eq!(
                check_name(name),
                Err(ErrorCode::InvalidArgument),
                "{name:?}"
            );
        }
        assert_eq!(check_name("bücher.example"), Err(ErrorCode::NotSupported));
        assert!(is_invalid("a.INVALID.") && !is_invalid("invalid.example"));
    }

    #[test]
    fn reasons_of_the_system_keep_their_meaning() {
        for (text, code) in [
            (
                "Temporary failure in name resolution",
                ErrorCode::TemporaryResolverFailure,
            ),
            ("Try again", ErrorCode::TemporaryResolverFailure),
            (
                "Non-recoverable failure in name resolution",
                ErrorCode::PermanentResolverFailure,
            ),
            ("Name or service not known", ErrorCode::NameUnresolvable),
        ] {
            let text = format!("failed to lookup address information: {text}");
            assert_eq!(failure(&io::Error::other(text)), code);
        }
    }

    #[test]
    fn threads_are_counted_until_they_end() {
        let tickets = Tickets::new(0);
        let refused = Lookup::start("localhost", &tickets).map(drop);
        assert_eq!(refused, Err(ErrorCode::TemporaryResolverFailure));
    }
    /// A waker that takes a ticket, and keeps whether there was one.
    struct Taker(Tickets, Mutex<Option<bool>>);

    impl std::task::Wake for Taker {
        fn wake(self: Arc<Self>) {
            *self.1.lock().expect("no panic") = Some(self.0.take().is_ok());
        }
    }

    #[test]
    fn an_answer_makes_room_for_the_next_look_up() {
        let tickets = Tickets::new(1);
        let taker = Arc::new(Taker(tickets.clone(), Mutex::new(None)));
        let waker = Waker::from(Arc::clone(&taker));
        for _ in 0..20 {
            let lookup = Lookup::start("localhost", &tickets).expect("room");
            let mut cx = Context::from_waker(&waker);
            while lookup.answer.poll_ready(&mut cx).is_pending() {
                thread::yield_now();
            }
        }
        assert_ne!(*taker.1.lock().expect("no panic"), Some(false));
    }
}
