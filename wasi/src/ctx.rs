//! What a program is granted.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::denial::{Denial, Denials};
use crate::fs::{Dir, DirHandle, HostDir, Perms, Root};
use crate::limits::{Limits, Tickets};
use crate::random::{Random, SeededRandom, SystemRandom};
use crate::stdio::{Discard, Empty, HostInput, HostOutput, InputStream, OutputStream};

/// Everything that one program may see of the world, and the state that it keeps
/// there. A store holds one for each program.
///
/// # Examples
///
/// ```
/// use linkspan_wasi::WasiCtx;
///
/// let ctx = WasiCtx::builder()
///     .arg("hello")
///     .env("LANG", "C.UTF-8")
///     .build();
/// assert_eq!(ctx.args(), ["hello"]);
/// ```
pub struct WasiCtx {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) random: Box<dyn Random>,
    pub(crate) insecure_random: Box<dyn Random>,
    pub(crate) limits: Limits,
    pub(crate) denials: Denials,
    pub(crate) preopens: Vec<Preopen>,
    #[cfg(feature = "p2")]
    pub(crate) network: crate::sockets::Network,
    #[cfg(feature = "http")]
    pub(crate) http: crate::p2::http::State,
    pub(crate) stdin: Box<dyn InputStream>,
    pub(crate) stdout: Box<dyn OutputStream>,
    pub(crate) stderr: Box<dyn OutputStream>,
    #[cfg(any(feature = "p1", feature = "p2"))]
    pub(crate) sleeper: Arc<crate::sleeper::Sleeper>,
    #[cfg(feature = "p1")]
    pub(crate) p1: crate::p1::State,
}

/// A directory that a program finds open, and its name there.
#[derive(Clone)]
pub(crate) struct Preopen {
    pub(crate) name: String,
    pub(crate) dir: Arc<DirHandle>,
}

impl WasiCtx {
    /// A context that grants nothing, to be filled.
    #[must_use]
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    /// The arguments, the program's name first.
    #[must_use]
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The environment variables.
    #[must_use]
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// The directories that the program finds open, with their names.
    pub fn preopens(&self) -> impl Iterator<Item = (&str, &Arc<DirHandle>)> {
        let preopens = self.preopens.iter();
        preopens.map(|preopen| (&*preopen.name, &preopen.dir))
    }

    /// What the program asked for and was not granted: the first few different
    /// things. What a program does not ask the host for, such as a variable that is
    /// not set or a file in no directory that it has, is not among them.
    #[must_use]
    pub fn denials(&self) -> Vec<Denial> {
        self.denials.list()
    }

    /// What the program may use at most.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The clocks.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The source of secure random bytes.
    pub fn random(&mut self) -> &mut dyn Random {
        &mut *self.random
    }

    /// The source of insecure random bytes.
    pub fn insecure_random(&mut self) -> &mut dyn Random {
        &mut *self.insecure_random
    }

    /// Standard input.
    pub fn stdin(&mut self) -> &mut dyn InputStream {
        &mut *self.stdin
    }

    /// Standard output.
    pub fn stdout(&mut self) -> &mut dyn OutputStream {
        &mut *self.stdout
    }

    /// Standard error.
    pub fn stderr(&mut self) -> &mut dyn OutputStream {
        &mut *self.stderr
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Variables hold secrets.
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("WasiCtx")
            .field("args", &self.args)
            .field("env", &names)
            .finish_non_exhaustive()
    }
}

/// Whatever holds a [`WasiCtx`]: the data of a store whose programs use WASI.
pub trait WasiView: Send {
    /// The context.
    fn wasi(&mut self) -> &mut WasiCtx;
}

impl WasiView for WasiCtx {
    fn wasi(&mut self) -> &mut WasiCtx {
        self
    }
}

/// Makes a [`WasiCtx`]. What is not granted here, a program does not get.
#[derive(Default)]
pub struct WasiCtxBuilder {
    args: Vec<String>,
    env: Vec<(String, String)>,
    clock: Option<Box<dyn Clock>>,
    random: Option<Box<dyn Random>>,
    insecure_random: Option<Box<dyn Random>>,
    limits: Limits,
    preopens: Vec<(String, Arc<dyn Dir>, Perms)>,
    #[cfg(feature = "p2")]
    pub(crate) network: crate::sockets::Grants,
    #[cfg(feature = "http")]
    pub(crate) http: crate::p2::http::Grants,
    stdin: Option<Box<dyn InputStream>>,
    stdout: Option<Box<dyn OutputStream>>,
    stderr: Option<Box<dyn OutputStream>>,
}

impl WasiCtxBuilder {
    /// Adds an argument; the first one is the program's name.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item: Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable; the last one of a name counts.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value));
        self
    }

    /// Reads the time from `clock` instead of the host's clocks.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Takes secure random bytes from `random` instead of the host's source.
    #[must_use]
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Some(Box::new(random));
        self
    }

    /// Takes insecure random bytes from `random`. Without it they follow from a
    /// seed that the host draws.
    #[must_use]
    pub fn insecure_random(mut self, random: impl Random + 'static) -> Self {
        self.insecure_random = Some(Box::new(random));
        self
    }

    /// Gives the program what standard input reads; nothing otherwise.
    #[must_use]
    pub fn stdin(mut self, stream: impl InputStream + 'static) -> Self {
        self.stdin = Some(Box::new(stream));
        self
    }

    /// Takes what the program writes to standard output; it is dropped otherwise.
    #[must_use]
    pub fn stdout(mut self, stream: impl OutputStream + 'static) -> Self {
        self.stdout = Some(Box::new(stream));
        self
    }

    /// Takes what the program writes to standard error; it is dropped otherwise.
    #[must_use]
    pub fn stderr(mut self, stream: impl OutputStream + 'static) -> Self {
        self.stderr = Some(Box::new(stream));
        self
    }

    /// Gives the program the host's standard input, output and error.
    ///
    /// # Errors
    ///
    /// If the host has one of them closed.
    pub fn inherit_stdio(self) -> io::Result<Self> {
        Ok(self
            .stdin(HostInput::new()?)
            .stdout(HostOutput::stdout()?)
            .stderr(HostOutput::stderr()?))
    }

    /// Gives the program a directory of the host, which it finds open as `name`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be opened.
    pub fn preopen_dir(
        self,
        path: impl AsRef<Path>,
        name: impl Into<String>,
        perms: Perms,
    ) -> io::Result<Self> {
        Ok(self.preopen(Arc::new(HostDir::open(path)?), name, perms))
    }

    /// Gives the program a directory of any file system, which it finds open as
    /// `name`.
    #[must_use]
    pub fn preopen(mut self, dir: Arc<dyn Dir>, name: impl Into<String>, perms: Perms) -> Self {
        self.preopens.push((name.into(), dir, perms));
        self
    }

    /// What the program may use at most. Directories that it finds open do not count
    /// as open files.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The context.
    #[must_use]
    pub fn build(self) -> WasiCtx {
        let tickets = Tickets::new(self.limits.open_files);
        let denials = Denials::default();
        let preopens = self.preopens.into_iter().map(|(name, dir, perms)| {
            let root = Root {
                name: name.clone(),
                denials: denials.clone(),
            };
            let dir = Arc::new(DirHandle::preopened(dir, perms, &tickets, root));
            Preopen { name, dir }
        });
        let preopens: Vec<Preopen> = preopens.collect();
        WasiCtx {
            #[cfg(feature = "p1")]
            p1: crate::p1::State::new(&preopens),
            #[cfg(any(feature = "p1", feature = "p2"))]
            sleeper: Arc::default(),
            #[cfg(feature = "p2")]
            network: crate::sockets::Network::new(self.network, self.limits, &tickets, &denials),
            #[cfg(feature = "http")]
            http: crate::p2::http::State::new(self.http),
            limits: self.limits,
            denials,
            preopens,
            stdin: self.stdin.unwrap_or_else(|| Box::new(Empty)),
            stdout: self.stdout.unwrap_or_else(|| Box::new(Discard)),
            stderr: self.stderr.unwrap_or_else(|| Box::new(Discard)),
            args: self.args,
            env: self.env,
            clock: self.clock.unwrap_or_else(|| Box::new(SystemClock::new())),
            random: self.random.unwrap_or_else(|| Box::new(SystemRandom)),
            insecure_random: self.insecure_random.unwrap_or_else(|| {
                let mut seed = [0; 8];
                // Without a seed the bytes are as insecure as they may be.
                drop(SystemRandom.fill(&mut seed));
                Box::new(SeededRandom::new(u64::from_le_bytes(seed)))
            }),
        }
    }
}

impl fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtxBuilder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_variable_counts_and_is_not_printed() {
        let ctx = WasiCtx::builder()
            .env("KEY", "old")
            .env("PATH", "/bin")
            .env("KEY", "secret")
            .build();
        let env: Vec<(&str, &str)> = ctx.env().iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(env, [("PATH", "/bin"), ("KEY", "secret")]);
        let text = format!("{ctx:?}");
        assert!(text.contains("KEY") && !text.contains("secret"), "{text}");
    }
}
