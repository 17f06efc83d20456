//! A thread that sleeps until another wakes it, or until the system finds input or
//! room for output.

#[cfg(unix)]
use std::collections::BTreeMap;
#[cfg(unix)]
use std::io::{self, PipeReader, PipeWriter, Read, Write};
#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
#[cfg(unix)]
use std::sync::OnceLock;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::time::Duration;

#[cfg(unix)]
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::Result;

/// What a thing is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Input, or its end.
    Read,
    /// Room for output, or its end.
    Write,
}

#[cfg(unix)]
impl Interest {
    fn flags(self) -> PollFlags {
        match self {
            Interest::Read => PollFlags::IN,
            Interest::Write => PollFlags::OUT,
        }
    }
}

/// Where one thread sleeps. Whoever holds it as a waker wakes that thread; a call
/// that comes before the sleep ends the sleep at once.
#[derive(Debug, Default)]
pub(crate) struct Sleeper {
    state: Mutex<State>,
    woken: Condvar,
    /// A pipe that becomes readable when somebody wakes: there once the thread
    /// has slept in the system.
    #[cfg(unix)]
    bell: OnceLock<(PipeReader, PipeWriter)>,
}

#[derive(Debug, Default)]
struct State {
    is_woken: bool,
    /// Whether a byte is in the pipe.
    #[cfg(unix)]
    rings: bool,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.lock();
        state.is_woken = true;
        #[cfg(unix)]
        if let Some((_, writer)) = self.bell.get()
            && !state.rings
        {
            // One byte always fits into a pipe that is empty.
            state.rings = (&*writer).write(&[0]).is_ok();
        }
        drop(state);
        self.woken.notify_one();
    }
}

impl Sleeper {
    /// Sleeps until somebody wakes, until one of `watched` is ready or until the
    /// time has passed; tells which are ready.
    #[cfg(unix)]
    pub(crate) fn sleep(
        &self,
        watched: &[(BorrowedFd<'_>, Interest)],
        time: Option<Duration>,
    ) -> Result<Vec<bool>> {
        if watched.is_empty() {
            self.sleep_here(time);
            return Ok(Vec::new());
        }
        let (bell, is_woken) = self.bell()?;
        let time = if is_woken { Some(Duration::ZERO) } else { time };
        // Each descriptor once: the system takes no more than a process may open,
        // and a program may wait for a thing in many ways.
        let mut asked = BTreeMap::from([(bell.as_raw_fd(), (bell.as_fd(), PollFlags::IN))]);
        for (fd, interest) in watched {
            let (_, flags) = asked
                .entry(fd.as_raw_fd())
                .or_insert((*fd, PollFlags::empty()));
            *flags |= interest.flags();
        }
        let polled = asked.into_values();
        let mut polled: Vec<PollFd<'_>> = polled
            .map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags))
            .collect();
        // What the system cannot count is forever.
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        match poll(&mut polled, time.as_ref()) {
            Ok(_) => {}
            // A signal; the caller looks around and comes back.
            Err(rustix::io::Errno::INTR) => return Ok(vec![false; watched.len()]),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        self.take_call();
        let told: BTreeMap<RawFd, PollFlags> = polled
            .iter()
            .map(|polled| (polled.as_fd().as_raw_fd(), polled.revents()))
            .collect();
        // The end and an error are there to be read, too.
        let end = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let ready = watched.iter().map(|(fd, interest)| {
            let told = told.get(&fd.as_raw_fd());
            told.is_some_and(|told| told.intersects(interest.flags() | end))
        });
        Ok(ready.collect())
    }

    /// Sleeps until somebody wakes or the time has passed.
    #[cfg(not(unix))]
    pub(crate) fn sleep(&self, time: Option<Duration>) {
        self.sleep_here(time);
    }

    fn sleep_here(&self, time: Option<Duration>) {
        let state = self.lock();
        let asleep = |state: &mut State| !state.is_woken;
        match time {
            Some(Duration::ZERO) => drop(state),
            Some(time) => drop(self.woken.wait_timeout_while(state, time, asleep)),
            None => drop(self.woken.wait_while(state, asleep)),
        }
        self.take_call();
    }

    /// Forgets that somebody woke.
    fn take_call(&self) {
        let mut state = self.lock();
        state.is_woken = false;
        #[cfg(unix)]
        if let Some((reader, _)) = self.bell.get()
            && state.rings
        {
            state.rings = (&*reader).read(&mut [0]).is_err();
        }
    }

    /// What becomes readable when somebody wakes from now on, and whether somebody
    /// did before.
    #[cfg(unix)]
    fn bell(&self) -> Result<(&PipeReader, bool)> {
        let state = self.lock();
        let (reader, _) = match self.bell.get() {
            Some(bell) => bell,
            None => {
                let pipe = io::pipe()?;
                self.bell.get_or_init(|| pipe)
            }
        };
        Ok((reader, state.is_woken))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at any moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use std::thread;
    use std::time::Instant;

    use super::*;

    const FOREVER: Duration = Duration::from_secs(600);

    fn sleep(sleeper: &Sleeper, time: Duration) {
        #[cfg(unix)]
        sleeper.sleep(&[], Some(time)).expect("a sleep");
        #[cfg(not(unix))]
        sleeper.sleep(Some(time));
    }

    #[test]
    fn a_call_before_the_sleep_ends_it_and_the_next_sleep_lasts() {
        let start = Instant::now();
        let sleeper = Arc::new(Sleeper::default());
        sleeper.wake_by_ref();
        sleep(&sleeper, FOREVER);
        sleep(&sleeper, Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(start.elapsed() < FOREVER / 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_thread_that_watches_is_woken_each_time() {
        let start = Instant::now();
        let sleeper = Arc::new(Sleeper::default());
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let watched = [(reader.as_fd(), Interest::Read)];
        for before in [true, false] {
            let other = Arc::clone(&sleeper);
            let other = thread::spawn(move || {
                if !before {
                    thread::sleep(Duration::from_millis(20));
                }
                other.wake_by_ref();
                other.wake_by_ref();
            });
            let other = match before {
                true => other.join().err(),
                false => {
                    let ready = sleeper.sleep(&watched, Some(FOREVER)).expect("a sleep");
                    assert_eq!(ready, [false]);
                    other.join().err()
                }
            };
            assert!(other.is_none());
            sleeper
                .sleep(&watched, Some(Duration::ZERO))
                .expect("a look");
        }
        let ready = sleeper
            .sleep(&watched, Some(Duration::ZERO))
            .expect("a look");
        assert_eq!(ready, [false]);
        writer.write_all(b"x").expect("room");
        let ready = sleeper.sleep(&watched, Some(FOREVER)).expect("a sleep");
        assert_eq!(ready, [true]);
        assert!(start.elapsed() < FOREVER / 2);
    }
    #[cfg(unix)]
    #[test]
    fn a_thing_may_be_watched_often_and_for_more_than_one_end() {
        let (near, mut far) = std::os::unix::net::UnixStream::pair().expect("two sockets");
        let both = [
            (near.as_fd(), Interest::Read),
            (near.as_fd(), Interest::Write),
        ];
        // More than the descriptors that most systems let a process have.
        let watched = both.repeat(1 << 16);
        let sleeper = Sleeper::default();
        let look = || sleeper.sleep(&watched, Some(FOREVER)).expect("a look");
        assert!(look().chunks(2).all(|ready| ready == [false, true]));
        far.write_all(b"x").expect("room");
        assert!(look().chunks(2).all(|ready| ready == [true, true]));
    }
}
