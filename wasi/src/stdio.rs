//! Standard input, output and error: streams of bytes that a host gives to a
//! program.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IsTerminal, Read, Write};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// Where a program reads.
pub trait InputStream: Send {
    /// Reads some bytes, and waits until there is at least one; no byte is the end.
    ///
    /// # Errors
    ///
    /// If the source fails.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize>;

    /// What becomes readable when the stream does. Without one,
    /// [`poll_ready`](Self::poll_ready) is asked.
    #[cfg(unix)]
    fn readable(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Whether a read has something to give, or the end; if not, the waker of `cx`
    /// must be woken when it has. A stream that leaves this out counts as ready
    /// and waits where it is read, and there nobody can interrupt it.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Whether a person sits at the other end.
    fn is_terminal(&self) -> bool {
        false
    }
}

/// Where a program writes.
pub trait OutputStream: Send {
    /// Writes some of the bytes, and waits until at least one is written.
    ///
    /// # Errors
    ///
    /// If nobody takes them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits until what was written has arrived.
    ///
    /// # Errors
    ///
    /// If it does not.
    fn flush(&mut self) -> io::Result<()>;

    /// What becomes writable when the stream does, as in [`InputStream::readable`].
    #[cfg(unix)]
    fn writable(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Whether a write takes something, as in [`InputStream::poll_ready`].
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Whether a person sits at the other end.
    fn is_terminal(&self) -> bool {
        false
    }
}

/// No bytes at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl InputStream for Empty {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

/// Takes all bytes and drops them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl OutputStream for Discard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes in memory as standard input.
#[derive(Clone, Debug, Default)]
pub struct MemoryInput(VecDeque<u8>);

impl MemoryInput {
    /// A stream of these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> MemoryInput {
        MemoryInput(bytes.into().into())
    }
}

impl InputStream for MemoryInput {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

/// Bytes that a program writes, kept in memory. Clones share them, so that the host
/// keeps one and reads it when it likes.
///
/// # Examples
///
/// ```
/// use linkspan_wasi::{MemoryOutput, WasiCtx};
///
/// let stdout = MemoryOutput::new(1 << 20);
/// let ctx = WasiCtx::builder().stdout(stdout.clone()).build();
/// // The program runs, then:
/// assert_eq!(stdout.contents(), b"");
/// # drop(ctx);
/// ```
#[derive(Clone, Debug)]
pub struct MemoryOutput {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl MemoryOutput {
    /// Room for `limit` bytes; a program that writes more gets an error.
    #[must_use]
    pub fn new(limit: usize) -> MemoryOutput {
        MemoryOutput {
            bytes: Arc::default(),
            limit,
        }
    }

    /// What has been written so far.
    #[must_use]
    pub fn contents(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// Takes what has been written so far, and makes room for more.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        // Bytes are whole at any moment.
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputStream for MemoryOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.lock();
        let count = bytes.len().min(self.limit.saturating_sub(held.len()));
        if count == 0 && !bytes.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("expected at most {} bytes of output", self.limit),
            ));
        }
        held.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Any reader as standard input. Reading it may wait, and nobody can interrupt that.
pub struct Reader<R>(pub R);

impl<R: Read + Send> InputStream for Reader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

/// Any writer as standard output or error.
pub struct Writer<W>(pub W);

impl<W: Write + Send> OutputStream for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

/// The host's standard input. It reads past the buffer of [`io::stdin`]: what a
/// program does not read is left to others.
#[derive(Debug)]
pub struct HostInput(#[cfg(unix)] OwnedFd);

impl HostInput {
    /// The host's standard input.
    ///
    /// # Errors
    ///
    /// If the host has none.
    pub fn new() -> io::Result<HostInput> {
        Ok(HostInput(
            #[cfg(unix)]
            io::stdin().as_fd().try_clone_to_owned()?,
        ))
    }
}

impl InputStream for HostInput {
    #[cfg(unix)]
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| {
            rustix::io::read(&self.0, &mut *bytes)
        })?)
    }

    #[cfg(not(unix))]
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        io::stdin().read(bytes)
    }

    #[cfg(unix)]
    fn readable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    fn is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }
}

/// The host's standard output or error, unbuffered.
#[derive(Debug)]
pub struct HostOutput {
    #[cfg(unix)]
    fd: OwnedFd,
    error: bool,
}

impl HostOutput {
    /// The host's standard output.
    ///
    /// # Errors
    ///
    /// If the host has none.
    pub fn stdout() -> io::Result<HostOutput> {
        Ok(HostOutput {
            #[cfg(unix)]
            fd: io::stdout().as_fd().try_clone_to_owned()?,
            error: false,
        })
    }

    /// The host's standard error.
    ///
    /// # Errors
    ///
    /// If the host has none.
    pub fn stderr() -> io::Result<HostOutput> {
        Ok(HostOutput {
            #[cfg(unix)]
            fd: io::stderr().as_fd().try_clone_to_owned()?,
            error: true,
        })
    }
}

impl OutputStream for HostOutput {
    #[cfg(unix)]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| {
            rustix::io::write(&self.fd, bytes)
        })?)
    }

    #[cfg(not(unix))]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.error {
            io::stderr().write(bytes)
        } else {
            let count = io::stdout().write(bytes)?;
            io::stdout().flush().map(|()| count)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(unix)]
    fn writable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.fd.as_fd())
    }

    fn is_terminal(&self) -> bool {
        if self.error {
            io::stderr().is_terminal()
        } else {
            io::stdout().is_terminal()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_what_fits_and_refuses_the_rest() {
        let kept = MemoryOutput::new(4);
        let mut stream = kept.clone();
        assert_eq!(stream.write(b"abcdef").expect("room"), 4);
        assert_eq!(stream.write(b"").expect("nothing to write"), 0);
        let error = stream.write(b"ef").expect_err("no room");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(kept.take(), b"abcd");
        assert_eq!(stream.write(b"ef").expect("room again"), 2);
        assert_eq!(kept.contents(), b"ef");
    }

    #[test]
    fn input_from_memory_ends() {
        let mut stream = MemoryInput::new(*b"abc");
        let mut bytes = [0; 2];
        assert_eq!(stream.read(&mut bytes).expect("memory"), 2);
        assert_eq!(stream.read(&mut bytes).expect("memory"), 1);
        assert_eq!(stream.read(&mut bytes).expect("memory"), 0);
    }
}
