//! Standard output and error of a server, which its guests share: a line that one of
//! them has begun is not broken by another.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use linkspan_wasi::{HostOutput, OutputStream};

/// The longest line that is kept whole.
const LINE_BYTES_MAX: usize = 64 << 10;

/// A stream of the command's own, for all guests. Clones share it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<HostOutput>>);

impl Shared {
    pub(super) fn stdout() -> io::Result<Shared> {
        Ok(Shared(Arc::new(Mutex::new(HostOutput::stdout()?))))
    }

    pub(super) fn stderr() -> io::Result<Shared> {
        Ok(Shared(Arc::new(Mutex::new(HostOutput::stderr()?))))
    }

    /// Prints a text; if nobody reads it, there is nobody to tell.
    pub(super) fn print(&self, text: &str) {
        let _ = self.write_all(text.as_bytes());
    }

    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            let count = stream.write(bytes)?;
            bytes = &bytes[count..];
        }
        stream.flush()
    }
}

/// The stream as one guest has it: what it writes goes on line by line.
pub(super) struct Output {
    to: Shared,
    /// A line that has not ended.
    line: Vec<u8>,
}

impl Output {
    pub(super) fn new(to: &Shared) -> Output {
        Output {
            to: to.clone(),
            line: Vec::new(),
        }
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        let end = self.line.iter().rposition(|byte| *byte == b'\n');
        let end = match end {
            Some(end) => end + 1,
            None if self.line.len() > LINE_BYTES_MAX => self.line.len(),
            None => 0,
        };
        self.to.write_all(&self.line[..end])?;
        self.line.drain(..end);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.line.push(b'\n');
            // If nobody reads it, there is nobody to tell.
            let _ = self.to.write_all(&self.line);
        }
    }
}
