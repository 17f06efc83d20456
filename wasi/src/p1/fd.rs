//! The functions on descriptors.

use super::abi::{fdflags, filestat, filetype, flags, rights, set_times};
use super::table::{Entry, OpenFile};
use super::{Call, no_socket, poll};
use crate::ctx::WasiCtx;
use crate::error::{ErrorCode, Result};
use crate::fs::{Advice, DirEntry, FileKind};
use crate::poll::Stream;

/// The size of the head of a directory entry.
const DIRENT_SIZE: usize = 24;

pub(super) fn fd_advise(
    call: &mut Call<'_>,
    fd: u32,
    offset: u64,
    length: u64,
    advice: u32,
) -> Result<()> {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(ErrorCode::Invalid),
    };
    let file = call.ctx.p1.file(fd)?;
    file.file.advise(offset, length, advice)
}

pub(super) fn fd_allocate(call: &mut Call<'_>, fd: u32, offset: u64, length: u64) -> Result<()> {
    call.ctx.p1.file(fd)?.file.allocate(offset, length)
}

pub(super) fn fd_close(call: &mut Call<'_>, fd: u32) -> Result<()> {
    call.ctx.p1.close(fd)
}

pub(super) fn fd_datasync(call: &mut Call<'_>, fd: u32) -> Result<()> {
    sync(call, fd, true)
}

pub(super) fn fd_sync(call: &mut Call<'_>, fd: u32) -> Result<()> {
    sync(call, fd, false)
}

fn sync(call: &mut Call<'_>, fd: u32, data_only: bool) -> Result<()> {
    match call.ctx.p1.get(fd)?.descriptor() {
        Some(descriptor) => descriptor.sync(data_only),
        None => Err(ErrorCode::Invalid),
    }
}

pub(super) fn fd_fdstat_get(call: &mut Call<'_>, fd: u32, stat: u32) -> Result<()> {
    let (kind, flags, base, inheriting) = match call.ctx.p1.get(fd)? {
        Entry::Stream(stream) => {
            let (stream, transfer) = (*stream, rights::STREAM);
            let right = match stream {
                Stream::In => rights::FD_READ,
                Stream::Out | Stream::Error => rights::FD_WRITE,
            };
            (stream_kind(call.ctx, stream), 0, transfer | right, 0)
        }
        Entry::Dir(dir) => {
            let base = rights::dir(dir.dir.perms().write);
            (FileKind::Directory, 0, base, rights::inheriting())
        }
        Entry::File(file) => {
            let base = rights::file(file.file.is_readable(), file.file.is_writable());
            (FileKind::RegularFile, file.flags, base, 0)
        }
    };
    let mut bytes = [0; 24];
    bytes[0] = filetype(kind);
    bytes[2..4].copy_from_slice(&flags.to_le_bytes());
    bytes[8..16].copy_from_slice(&base.to_le_bytes());
    bytes[16..].copy_from_slice(&inheriting.to_le_bytes());
    call.memory.write(stat, &bytes)
}

/// A stream is a terminal or nothing that WASI has a name for.
fn stream_kind(ctx: &WasiCtx, stream: Stream) -> FileKind {
    let is_terminal = match stream {
        Stream::In => ctx.stdin.is_terminal(),
        Stream::Out => ctx.stdout.is_terminal(),
        Stream::Error => ctx.stderr.is_terminal(),
    };
    match is_terminal {
        true => FileKind::CharacterDevice,
        false => FileKind::Unknown,
    }
}

pub(super) fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: u32, word: u32) -> Result<()> {
    // Whether writes are synchronous is settled when a file is opened.
    let settable = fdflags::APPEND | fdflags::NONBLOCK;
    let word = flags(word, settable)?;
    match call.ctx.p1.get(fd)? {
        Entry::File(file) => file.flags = file.flags & !settable | word,
        Entry::Dir(_) => return Err(ErrorCode::BadDescriptor),
        Entry::Stream(_) if word == 0 => {}
        Entry::Stream(_) => return Err(ErrorCode::Unsupported),
    }
    Ok(())
}

pub(super) fn fd_fdstat_set_rights(call: &mut Call<'_>, fd: u32, _: u64, _: u64) -> Result<()> {
    call.ctx.p1.get(fd)?;
    Err(ErrorCode::Unsupported)
}

pub(super) fn fd_filestat_get(call: &mut Call<'_>, fd: u32, stat: u32) -> Result<()> {
    let mut stream = None;
    let entry = call.ctx.p1.get(fd)?;
    let mut known = entry.stat(|found| {
        stream = Some(found);
        FileKind::Unknown
    })?;
    if let Some(stream) = stream {
        known.kind = stream_kind(call.ctx, stream);
    }
    call.memory.write(stat, &filestat(&known))
}

pub(super) fn fd_filestat_set_size(call: &mut Call<'_>, fd: u32, size: u64) -> Result<()> {
    call.ctx.p1.file(fd)?.file.set_size(size)
}

pub(super) fn fd_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    accessed: u64,
    modified: u64,
    set: u32,
) -> Result<()> {
    let (accessed, modified) = set_times(accessed, modified, set)?;
    match call.ctx.p1.get(fd)?.descriptor() {
        Some(descriptor) => descriptor.set_times(accessed, modified),
        None => Err(ErrorCode::Invalid),
    }
}

pub(super) fn fd_prestat_get(call: &mut Call<'_>, fd: u32, stat: u32) -> Result<()> {
    let length = preopen_name(call, fd)?.len();
    // The kind, zero, is that of directories, the only one.
    call.memory.write_u32(stat, 0)?;
    call.memory
        .write_size(super::abi::element(stat, 1, 4)?, length)
}

pub(super) fn fd_prestat_dir_name(
    call: &mut Call<'_>,
    fd: u32,
    name: u32,
    length: u32,
) -> Result<()> {
    let found = preopen_name(call, fd)?;
    if found.len() > length as usize {
        return Err(ErrorCode::NameTooLong);
    }
    call.memory.write(name, found.as_bytes())
}

fn preopen_name(call: &mut Call<'_>, fd: u32) -> Result<String> {
    match call.ctx.p1.get(fd)? {
        Entry::Dir(dir) => dir.name.clone().ok_or(ErrorCode::BadDescriptor),
        Entry::File(_) | Entry::Stream(_) => Err(ErrorCode::BadDescriptor),
    }
}

/// How many buffers one call takes.
const BUFFERS_MAX: u32 = 1024;

/// How the bytes of one buffer move.
enum Move {
    ReadAt(u64),
    WriteAt(u64),
    Append,
    Read,
    Write(Stream),
}

/// Moves bytes between buffers and a file or stream, in order, until one moves short,
/// or as many as one call moves have moved.
fn transfer(
    call: &mut Call<'_>,
    file: Option<&crate::fs::FileHandle>,
    (iovs, count): (u32, u32),
    mut how: Move,
) -> Result<u32> {
    if count > BUFFERS_MAX {
        return Err(ErrorCode::Invalid);
    }
    let mut moved: usize = 0;
    for n in 0..count {
        let (at, length) = call.memory.iovec(iovs, n)?;
        if length == 0 {
            continue;
        }
        let room = call.ctx.limits.transfer_bytes.max(1) - moved;
        let length = (length as usize).min(room);
        let bytes = call.memory.bytes_mut(at, length as u32)?;
        let step = match (&how, file) {
            (Move::ReadAt(position), Some(file)) => file.read_at(bytes, *position),
            (Move::WriteAt(position), Some(file)) => file.write_at(bytes, *position),
            (Move::Append, Some(file)) => file.append(bytes),
            (Move::Read, _) => call.ctx.stdin.read(bytes).map_err(ErrorCode::from),
            (Move::Write(Stream::Error), _) => {
                call.ctx.stderr.write(bytes).map_err(ErrorCode::from)
            }
            (Move::Write(_), _) => call.ctx.stdout.write(bytes).map_err(ErrorCode::from),
            (Move::ReadAt(_) | Move::WriteAt(_) | Move::Append, None) => {
                Err(ErrorCode::BadDescriptor)
            }
        };
        let step = match step {
            Ok(step) => step.min(length),
            // What has moved has moved; the error comes back with the next call.
            Err(_) if moved > 0 => break,
            Err(error) => return Err(error),
        };
        moved += step;
        if let Move::ReadAt(position) | Move::WriteAt(position) = &mut how {
            *position += step as u64;
        }
        // Reading a stream on could wait, though there is something to give.
        if step < length || moved >= call.ctx.limits.transfer_bytes || matches!(how, Move::Read) {
            break;
        }
    }
    u32::try_from(moved).map_err(|_| ErrorCode::Overflow)
}

pub(super) fn fd_pread(
    call: &mut Call<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    offset: u64,
    read: u32,
) -> Result<()> {
    let file = call.ctx.p1.file(fd)?.file.clone();
    let moved = transfer(call, Some(&file), (iovs, count), Move::ReadAt(offset))?;
    call.memory.write_u32(read, moved)
}

pub(super) fn fd_pwrite(
    call: &mut Call<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    offset: u64,
    written: u32,
) -> Result<()> {
    let file = call.ctx.p1.file(fd)?.file.clone();
    let moved = transfer(call, Some(&file), (iovs, count), Move::WriteAt(offset))?;
    call.memory.write_u32(written, moved)
}

pub(super) fn fd_read(
    call: &mut Call<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    read: u32,
) -> Result<()> {
    let moved = match call.ctx.p1.get(fd)? {
        Entry::Dir(_) => return Err(ErrorCode::IsDirectory),
        Entry::Stream(Stream::Out | Stream::Error) => return Err(ErrorCode::BadDescriptor),
        Entry::Stream(Stream::In) => {
            poll::wait_for_input(call)?;
            transfer(call, None, (iovs, count), Move::Read)?
        }
        Entry::File(OpenFile { file, position, .. }) => {
            let (file, position) = (file.clone(), *position);
            let how = Move::ReadAt(position);
            let moved = transfer(call, Some(&file), (iovs, count), how)?;
            call.ctx.p1.file(fd)?.position = position + u64::from(moved);
            moved
        }
    };
    call.memory.write_u32(read, moved)
}

pub(super) fn fd_write(
    call: &mut Call<'_>,
    fd: u32,
    iovs: u32,
    count: u32,
    written: u32,
) -> Result<()> {
    let moved = match call.ctx.p1.get(fd)? {
        Entry::Dir(_) => return Err(ErrorCode::IsDirectory),
        Entry::Stream(Stream::In) => return Err(ErrorCode::BadDescriptor),
        Entry::Stream(stream) => {
            let stream = *stream;
            poll::wait_for_output(call, stream)?;
            transfer(call, None, (iovs, count), Move::Write(stream))?
        }
        Entry::File(open) => {
            let (file, position, appends) = (open.file.clone(), open.position, open.appends());
            let how = match appends {
                true => Move::Append,
                false => Move::WriteAt(position),
            };
            let moved = transfer(call, Some(&file), (iovs, count), how)?;
            let position = match appends {
                true => file.stat()?.size,
                false => position + u64::from(moved),
            };
            call.ctx.p1.file(fd)?.position = position;
            moved
        }
    };
    call.memory.write_u32(written, moved)
}

pub(super) fn fd_seek(
    call: &mut Call<'_>,
    fd: u32,
    offset: i64,
    whence: u32,
    position: u32,
) -> Result<()> {
    let file = call.ctx.p1.file(fd)?;
    let from = match whence {
        0 => 0,
        1 => file.position,
        2 => file.file.stat()?.size,
        _ => return Err(ErrorCode::Invalid),
    };
    let to = from
        .checked_add_signed(offset)
        .filter(|to| i64::try_from(*to).is_ok())
        .ok_or(ErrorCode::Invalid)?;
    file.position = to;
    call.memory.write_u64(position, to)
}

pub(super) fn fd_tell(call: &mut Call<'_>, fd: u32, position: u32) -> Result<()> {
    let file = call.ctx.p1.file(fd)?;
    let found = file.position;
    call.memory.write_u64(position, found)
}

pub(super) fn fd_readdir(
    call: &mut Call<'_>,
    fd: u32,
    buffer: u32,
    length: u32,
    cookie: u64,
    used: u32,
) -> Result<()> {
    // The buffer lies in memory, which bounds what is gathered for it.
    let room = call.memory.bytes_mut(buffer, length)?.len();
    let dir = call.ctx.p1.dir(fd)?;
    let mut bytes = Vec::new();
    dir.list(cookie, |cookie, entry| {
        let left = room - bytes.len();
        let dirent = dirent(cookie, entry)?;
        bytes.extend_from_slice(&dirent[..dirent.len().min(left)]);
        // One that is cut off says that there is more, and comes again.
        Ok(dirent.len() <= left)
    })?;
    // A buffer that is not full says that this was all.
    call.memory.write(buffer, &bytes)?;
    call.memory.write_size(used, bytes.len())
}

fn dirent(cookie: u64, entry: &DirEntry) -> Result<Vec<u8>> {
    let length = u32::try_from(entry.name.len()).map_err(|_| ErrorCode::Overflow)?;
    let mut bytes = vec![0; DIRENT_SIZE];
    bytes[..8].copy_from_slice(&(cookie + 1).to_le_bytes());
    bytes[8..16].copy_from_slice(&entry.inode.to_le_bytes());
    bytes[16..20].copy_from_slice(&length.to_le_bytes());
    bytes[20] = filetype(entry.kind);
    bytes.extend_from_slice(entry.name.as_bytes());
    Ok(bytes)
}

pub(super) fn fd_renumber(call: &mut Call<'_>, fd: u32, to: u32) -> Result<()> {
    call.ctx.p1.renumber(fd, to)
}

pub(super) fn sock_accept(call: &mut Call<'_>, fd: u32, _: u32, _: u32) -> Result<()> {
    no_socket(call, fd)
}

pub(super) fn sock_recv(
    call: &mut Call<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<()> {
    no_socket(call, fd)
}

pub(super) fn sock_send(
    call: &mut Call<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<()> {
    no_socket(call, fd)
}

pub(super) fn sock_shutdown(call: &mut Call<'_>, fd: u32, _: u32) -> Result<()> {
    no_socket(call, fd)
}
