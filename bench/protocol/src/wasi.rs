//! As much of WASI 0.1 as the measured programs call: arguments, output that is kept,
//! a clock and random bytes that are the same in every run, and no files. It knows no
//! engine; an engine program hands it numbers and the bytes of the guest's memory.

use std::fmt;
use std::time::Duration;

/// The module name of the imports.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// The functions that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    ArgsGet,
    ArgsSizesGet,
    EnvironGet,
    EnvironSizesGet,
    ClockTimeGet,
    FdClose,
    FdFdstatGet,
    FdFdstatSetFlags,
    FdPrestatGet,
    FdPrestatDirName,
    FdSeek,
    FdWrite,
    PollOneoff,
    ProcExit,
    RandomGet,
    SchedYield,
}

impl Function {
    /// The function that is imported as `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "args_get" => Self::ArgsGet,
            "args_sizes_get" => Self::ArgsSizesGet,
            "environ_get" => Self::EnvironGet,
            "environ_sizes_get" => Self::EnvironSizesGet,
            "clock_time_get" => Self::ClockTimeGet,
            "fd_close" => Self::FdClose,
            "fd_fdstat_get" => Self::FdFdstatGet,
            "fd_fdstat_set_flags" => Self::FdFdstatSetFlags,
            "fd_prestat_get" => Self::FdPrestatGet,
            "fd_prestat_dir_name" => Self::FdPrestatDirName,
            "fd_seek" => Self::FdSeek,
            "fd_write" => Self::FdWrite,
            "poll_oneoff" => Self::PollOneoff,
            "proc_exit" => Self::ProcExit,
            "random_get" => Self::RandomGet,
            "sched_yield" => Self::SchedYield,
            _ => return None,
        })
    }
}

/// The guest ended itself with this status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit with status {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// Error numbers of WASI 0.1.
const BADF: u32 = 8;
const FAULT: u32 = 21;
const SPIPE: u32 = 70;

/// The world of one run of a program.
#[derive(Debug, Clone, Default)]
pub struct Wasi {
    /// What was written to standard output and standard error.
    pub output: Vec<u8>,
    /// The thread's processor time at the first write.
    pub first_output: Option<Duration>,
    /// How the program ended, if by itself.
    pub exit: Option<Exit>,
    clock: u64,
    random: u64,
}

impl Wasi {
    /// Does one call: `arguments` are the parameters, zero-extended. Answers the
    /// error number.
    ///
    /// # Errors
    /// The end of the program, if that is what it asks for.
    pub fn call(
        &mut self,
        function: Function,
        arguments: &[u64],
        memory: &mut [u8],
    ) -> Result<u32, Exit> {
        let argument = |index: usize| arguments.get(index).copied().unwrap_or(0);
        let done = match function {
            Function::ProcExit => {
                let exit = Exit(argument(0) as u32);
                self.exit = Some(exit);
                return Err(exit);
            }
            // One argument, the program's name; no variables.
            Function::ArgsSizesGet => put(memory, argument(0), &1_u32.to_le_bytes())
                .and_then(|()| put(memory, argument(1), &(NAME.len() as u32).to_le_bytes())),
            Function::ArgsGet => put(memory, argument(1), NAME)
                .and_then(|()| put(memory, argument(0), &(argument(1) as u32).to_le_bytes())),
            Function::EnvironSizesGet => {
                put(memory, argument(0), &[0; 4]).and_then(|()| put(memory, argument(1), &[0; 4]))
            }
            Function::EnvironGet | Function::SchedYield => Some(()),
            Function::ClockTimeGet => {
                self.clock += 1000;
                put(memory, argument(2), &self.clock.to_le_bytes())
            }
            Function::FdWrite => self.write(arguments, memory),
            Function::FdSeek => return Ok(if is_open(argument(0)) { SPIPE } else { BADF }),
            Function::FdPrestatGet | Function::FdPrestatDirName => return Ok(BADF),
            Function::FdClose | Function::FdFdstatSetFlags | Function::FdFdstatGet
                if !is_open(argument(0)) =>
            {
                return Ok(BADF);
            }
            Function::FdClose | Function::FdFdstatSetFlags => Some(()),
            Function::FdFdstatGet => {
                // A character device with every right.
                let mut stat = [0; 24];
                stat[0] = 2;
                stat[8..].fill(0xff);
                put(memory, argument(1), &stat)
            }
            Function::RandomGet => self.random(argument(0), argument(1), memory),
            Function::PollOneoff => self.poll(arguments, memory),
        };
        Ok(if done.is_some() { 0 } else { FAULT })
    }

    fn write(&mut self, arguments: &[u64], memory: &mut [u8]) -> Option<()> {
        let &[_, vectors, count, written] = arguments else {
            return None;
        };
        self.first_output.get_or_insert_with(crate::thread_time);
        let before = self.output.len();
        for index in 0..count {
            let vector = get(memory, vectors + index * 8, 8)?;
            let (address, length) = (word(vector, 0)?, word(vector, 4)?);
            let bytes = get(memory, u64::from(address), u64::from(length))?;
            self.output.extend_from_slice(bytes);
        }
        let length = u32::try_from(self.output.len() - before).ok()?;
        put(memory, written, &length.to_le_bytes())
    }

    fn random(&mut self, address: u64, length: u64, memory: &mut [u8]) -> Option<()> {
        for byte in get_mut(memory, address, length)? {
            self.random = self
                .random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.random >> 56) as u8;
        }
        Some(())
    }

    /// Every subscription is ready at once; waiting for a clock sets it forward.
    fn poll(&mut self, arguments: &[u64], memory: &mut [u8]) -> Option<()> {
        let &[subscriptions, events, count, ready] = arguments else {
            return None;
        };
        for index in 0..count {
            let subscription: [u8; 48] = get(memory, subscriptions + index * 48, 48)?
                .try_into()
                .ok()?;
            let kind = subscription[8];
            if kind == 0 {
                let timeout = u64::from_le_bytes(subscription[24..32].try_into().ok()?);
                let is_absolute = subscription[40] & 1 != 0;
                self.clock = if is_absolute {
                    self.clock.max(timeout)
                } else {
                    self.clock.saturating_add(timeout)
                };
            }
            let mut event = [0; 32];
            event[..8].copy_from_slice(&subscription[..8]);
            event[10] = kind;
            put(memory, events + index * 32, &event)?;
        }
        put(memory, ready, &u32::try_from(count).ok()?.to_le_bytes())
    }
}

/// The one argument of a program, ended as C ends its strings.
const NAME: &[u8] = b"program\0";

fn is_open(fd: u64) -> bool {
    fd <= 2
}

fn get(memory: &[u8], address: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(address).ok()?;
    memory.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

fn get_mut(memory: &mut [u8], address: u64, length: u64) -> Option<&mut [u8]> {
    let start = usize::try_from(address).ok()?;
    memory.get_mut(start..start.checked_add(usize::try_from(length).ok()?)?)
}

fn put(memory: &mut [u8], address: u64, bytes: &[u8]) -> Option<()> {
    get_mut(memory, address, bytes.len() as u64)?.copy_from_slice(bytes);
    Some(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_kept() {
        let mut memory = [0; 64];
        memory[0] = 16;
        memory[4] = 2;
        memory[16..18].copy_from_slice(b"hi");
        let mut wasi = Wasi::default();
        let answer = wasi.call(Function::FdWrite, &[1, 0, 1, 32], &mut memory);
        assert_eq!(answer, Ok(0));
        assert_eq!((wasi.output.as_slice(), memory[32]), (&b"hi"[..], 2));
    }

    #[test]
    fn addresses_outside_are_faults() {
        let mut wasi = Wasi::default();
        for arguments in [[1, 60, 1, 0], [1, u64::MAX, 1, 0], [1, 0, 1, 64]] {
            let answer = wasi.call(Function::FdWrite, &arguments, &mut [0; 64]);
            assert_eq!(answer, Ok(FAULT), "{arguments:?}");
        }
        let exit = wasi.call(Function::ProcExit, &[3], &mut []);
        assert_eq!(exit, Err(Exit(3)));
    }
}
