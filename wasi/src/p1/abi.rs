//! How WASI 0.1 lays things out: error numbers, flags, and structures in a program's
//! memory.

use std::time::Duration;

use crate::error::{ErrorCode, Result};
use crate::fs::{FileKind, SetTime, Stat};

/// The memory of the program that called.
pub(super) struct Guest<'a> {
    bytes: &'a mut [u8],
    moved: u64,
}

impl<'a> Guest<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Guest<'a> {
        Guest { bytes, moved: 0 }
    }

    /// How many bytes were read and written so far.
    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    /// Bytes to read.
    pub(super) fn bytes(&mut self, at: u32, length: u32) -> Result<&[u8]> {
        Ok(self.bytes_mut(at, length)?)
    }

    /// Bytes to write.
    pub(super) fn bytes_mut(&mut self, at: u32, length: u32) -> Result<&mut [u8]> {
        let (start, length) = (at as usize, length as usize);
        let end = start.checked_add(length).ok_or(ErrorCode::Fault)?;
        self.moved += length as u64;
        self.bytes.get_mut(start..end).ok_or(ErrorCode::Fault)
    }

    /// A path or another text.
    pub(super) fn text(&mut self, at: u32, length: u32) -> Result<String> {
        if length as usize > crate::fs::PATH_MAX {
            return Err(ErrorCode::NameTooLong);
        }
        let bytes = self.bytes(at, length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| ErrorCode::IllegalByteSequence)?;
        Ok(text.to_owned())
    }

    fn array<const N: usize>(&mut self, at: u32) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(at, N as u32)?);
        Ok(array)
    }

    pub(super) fn read_u8(&mut self, at: u32) -> Result<u8> {
        Ok(self.array::<1>(at)?[0])
    }

    pub(super) fn read_u16(&mut self, at: u32) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array(at)?))
    }

    pub(super) fn read_u32(&mut self, at: u32) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(at)?))
    }

    pub(super) fn read_u64(&mut self, at: u32) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array(at)?))
    }

    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| ErrorCode::Overflow)?;
        self.bytes_mut(at, length)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, at: u32, value: u32) -> Result<()> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, at: u32, value: u64) -> Result<()> {
        self.write(at, &value.to_le_bytes())
    }

    /// Writes a size, which is 32 bits wide.
    pub(super) fn write_size(&mut self, at: u32, size: usize) -> Result<()> {
        self.write_u32(at, u32::try_from(size).map_err(|_| ErrorCode::Overflow)?)
    }

    /// The n-th buffer of an array of buffers: where it is and its length.
    pub(super) fn iovec(&mut self, iovs: u32, n: u32) -> Result<(u32, u32)> {
        let at = element(iovs, n, 8)?;
        let start = self.read_u32(at)?;
        let length = self.read_u32(element(at, 1, 4)?)?;
        Ok((start, length))
    }
}

/// The address of an element of an array.
pub(super) fn element(start: u32, n: u32, size: u32) -> Result<u32> {
    n.checked_mul(size)
        .and_then(|offset| start.checked_add(offset))
        .ok_or(ErrorCode::Fault)
}

pub(super) mod rights {
    //! What the rights of descriptors are called.
    pub(in super::super) const FD_READ: u64 = 1 << 1;
    pub(in super::super) const FD_WRITE: u64 = 1 << 6;
    const FD_SYNCS: u64 = 1 | 1 << 4;
    const FD_STAT: u64 = 1 << 21;
    const FD_SET_FLAGS: u64 = 1 << 3;
    const POLL: u64 = 1 << 27;
    /// Seek, tell, advise.
    const POSITIONS: u64 = 1 << 2 | 1 << 5 | 1 << 7;
    /// Allocate, set the size.
    const SIZES: u64 = 1 << 8 | 1 << 22;
    const FD_SET_TIMES: u64 = 1 << 23;
    /// Open, list, read links, look at paths.
    const DIR_READ: u64 = 1 << 13 | 1 << 14 | 1 << 15 | 1 << 18;
    /// Make, link, rename, remove, set times.
    const DIR_WRITE: u64 = 1 << 9
        | 1 << 10
        | 1 << 11
        | 1 << 12
        | 1 << 16
        | 1 << 17
        | 1 << 20
        | 1 << 24
        | 1 << 25
        | 1 << 26;

    /// Of a stream.
    pub(in super::super) const STREAM: u64 = FD_STAT | FD_SET_FLAGS | POLL;

    /// Of a file.
    pub(in super::super) fn file(read: bool, write: bool) -> u64 {
        let mut rights = STREAM | FD_SYNCS | POSITIONS | FD_SET_TIMES;
        if read {
            rights |= FD_READ;
        }
        if write {
            rights |= FD_WRITE | SIZES;
        }
        rights
    }

    /// Of a directory.
    pub(in super::super) fn dir(write: bool) -> u64 {
        let rights = FD_STAT | FD_SYNCS | DIR_READ;
        match write {
            true => rights | DIR_WRITE | FD_SET_TIMES,
            false => rights,
        }
    }

    /// Of whatever is opened in a directory. What may not be written fails when it is
    /// opened, so that a program learns of it there.
    pub(in super::super) fn inheriting() -> u64 {
        file(true, true) | dir(true)
    }
}

pub(super) mod fdflags {
    //! Flags of descriptors.
    pub(in super::super) const APPEND: u16 = 1;
    pub(in super::super) const DSYNC: u16 = 2;
    pub(in super::super) const NONBLOCK: u16 = 4;
    pub(in super::super) const SYNC: u16 = 16;
    pub(in super::super) const ALL: u16 = 31;
}

/// Flags as they arrive, of which none may be unknown.
pub(super) fn flags(word: u32, known: u16) -> Result<u16> {
    let flags = u16::try_from(word).map_err(|_| ErrorCode::Invalid)?;
    match flags & !known {
        0 => Ok(flags),
        _ => Err(ErrorCode::Invalid),
    }
}

/// The number of a kind of file.
pub(super) fn filetype(kind: FileKind) -> u8 {
    match kind {
        FileKind::Unknown | FileKind::Fifo => 0,
        FileKind::BlockDevice => 1,
        FileKind::CharacterDevice => 2,
        FileKind::Directory => 3,
        FileKind::RegularFile => 4,
        FileKind::Socket => 6,
        FileKind::SymbolicLink => 7,
    }
}

/// What is known about a file, as 64 bytes.
pub(super) fn filestat(stat: &Stat) -> [u8; 64] {
    let mut bytes = [0; 64];
    let mut put = |at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    put(0, stat.device);
    put(8, stat.inode);
    put(16, filetype(stat.kind).into());
    put(24, stat.links);
    put(32, stat.size);
    for (at, time) in [(40, stat.accessed), (48, stat.modified), (56, stat.changed)] {
        put(at, time.map_or(0, nanos));
    }
    bytes
}

/// Nanoseconds, as many as there can be.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What becomes of the times of a file.
pub(super) fn set_times(accessed: u64, modified: u64, set: u32) -> Result<(SetTime, SetTime)> {
    let set = flags(set, 15)?;
    let time = |flags: u16, time| match flags & 3 {
        0 => Ok(SetTime::Keep),
        1 => Ok(SetTime::At(Duration::from_nanos(time))),
        2 => Ok(SetTime::Now),
        _ => Err(ErrorCode::Invalid),
    };
    Ok((time(set, accessed)?, time(set >> 2, modified)?))
}

/// The error number of a result.
pub(super) fn errno(result: Result<()>) -> u16 {
    let Err(code) = result else {
        return 0;
    };
    match code {
        ErrorCode::Access => 2,
        ErrorCode::WouldBlock => 6,
        ErrorCode::Already => 7,
        ErrorCode::BadDescriptor => 8,
        ErrorCode::Busy => 10,
        ErrorCode::Deadlock => 16,
        ErrorCode::Quota => 19,
        ErrorCode::Exist => 20,
        ErrorCode::Fault => 21,
        ErrorCode::FileTooLarge => 22,
        ErrorCode::IllegalByteSequence => 25,
        ErrorCode::InProgress => 26,
        ErrorCode::Interrupted => 27,
        ErrorCode::Invalid => 28,
        ErrorCode::Io => 29,
        ErrorCode::IsDirectory => 31,
        ErrorCode::Loop => 32,
        ErrorCode::TooManyFiles => 33,
        ErrorCode::TooManyLinks => 34,
        ErrorCode::MessageSize => 35,
        ErrorCode::NameTooLong => 37,
        ErrorCode::NoDevice => 43,
        ErrorCode::NoEntry => 44,
        ErrorCode::NoLock => 46,
        ErrorCode::InsufficientMemory => 48,
        ErrorCode::InsufficientSpace => 51,
        ErrorCode::NotDirectory => 54,
        ErrorCode::NotEmpty => 55,
        ErrorCode::NotRecoverable => 56,
        ErrorCode::NotSocket => 57,
        ErrorCode::Unsupported => 58,
        ErrorCode::NoTty => 59,
        ErrorCode::NoSuchDevice => 60,
        ErrorCode::Overflow => 61,
        ErrorCode::NotPermitted => 63,
        ErrorCode::Pipe => 64,
        ErrorCode::ReadOnly => 69,
        ErrorCode::InvalidSeek => 70,
        ErrorCode::TextFileBusy => 74,
        ErrorCode::CrossDevice => 75,
    }
}
