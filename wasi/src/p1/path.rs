//! The functions on paths.

use std::sync::Arc;

use super::Call;
use super::abi::{fdflags, filestat, flags, rights, set_times};
use crate::error::{ErrorCode, Result};
use crate::fs::{DirHandle, OpenOptions, WriteSync};

/// The directory and the path of a call.
fn place(call: &mut Call<'_>, fd: u32, path: u32, length: u32) -> Result<(Arc<DirHandle>, String)> {
    let dir = Arc::clone(&call.ctx.p1.dir(fd)?.dir);
    Ok((dir, call.memory.text(path, length)?))
}

/// Whether a symbolic link at the end is followed.
fn follows(lookup: u32) -> Result<bool> {
    match lookup {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ErrorCode::Invalid),
    }
}

pub(super) fn path_create_directory(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    dir.create_dir_at(&path)
}

pub(super) fn path_remove_directory(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    dir.remove_dir_at(&path)
}

pub(super) fn path_unlink_file(call: &mut Call<'_>, fd: u32, path: u32, length: u32) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    dir.unlink_at(&path)
}

pub(super) fn path_filestat_get(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    stat: u32,
) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    let known = dir.stat_at(&path, follows(lookup)?)?;
    call.memory.write(stat, &filestat(&known))
}

pub(super) fn path_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    accessed: u64,
    modified: u64,
    set: u32,
) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    let (accessed, modified) = set_times(accessed, modified, set)?;
    dir.set_times_at(&path, follows(lookup)?, accessed, modified)
}

pub(super) fn path_link(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    to: u32,
    to_path: u32,
    to_length: u32,
) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    let (to, to_path) = place(call, to, to_path, to_length)?;
    // No file system can follow the link and make the new name in one step.
    if follows(lookup)? {
        return Err(ErrorCode::Invalid);
    }
    dir.link_at(&path, &to, &to_path)
}

pub(super) fn path_rename(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
    to: u32,
    to_path: u32,
    to_length: u32,
) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    let (to, to_path) = place(call, to, to_path, to_length)?;
    dir.rename_at(&path, &to, &to_path)
}

pub(super) fn path_symlink(
    call: &mut Call<'_>,
    target: u32,
    target_length: u32,
    fd: u32,
    path: u32,
    length: u32,
) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    let target = call.memory.text(target, target_length)?;
    dir.symlink_at(&target, &path)
}

pub(super) fn path_readlink(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
    buffer: u32,
    buffer_length: u32,
    used: u32,
) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    let target = dir.read_link_at(&path)?;
    // What does not fit is cut off, as by the systems that this was modelled on.
    let count = target.len().min(buffer_length as usize);
    call.memory.write(buffer, &target.as_bytes()[..count])?;
    call.memory.write_size(used, count)
}

pub(super) fn path_open(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    how: u32,
    base: u64,
    _: u64,
    fd_flags: u32,
    opened: u32,
) -> Result<()> {
    let (dir, path) = place(call, fd, path, length)?;
    let (how, fd_flags) = (flags(how, 15)?, flags(fd_flags, fdflags::ALL)?);
    let options = OpenOptions {
        read: base & rights::FD_READ != 0,
        write: base & rights::FD_WRITE != 0,
        create: how & 1 != 0,
        directory: how & 2 != 0,
        exclusive: how & 4 != 0,
        truncate: how & 8 != 0,
        follow: follows(lookup)?,
    };
    let sync = match fd_flags {
        flags if flags & fdflags::SYNC != 0 => WriteSync::All,
        flags if flags & fdflags::DSYNC != 0 => WriteSync::Data,
        _ => WriteSync::Nothing,
    };
    // The number must have a place to go before there is a descriptor.
    call.memory.bytes_mut(opened, 4)?;
    let descriptor = dir.open_at(&path, options, sync)?;
    let number = call.ctx.p1.add(descriptor, fd_flags)?;
    call.memory.write_u32(opened, number)
}
