//! Directories of the host, on cap-primitives: it resolves every path inside the
//! directory, with the system's help where there is some, component by component
//! otherwise.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_primitives::fs as cap;
use cap_primitives::fs::{FollowSymlinks, SystemTimeSpec};

use super::{Advice, Dir, DirEntry, Entries, File, FileKind, OpenOptions, Opened, SetTime, Stat};
use crate::error::{ErrorCode, Result};

/// A directory of the host. A program that gets it reaches what is below, and
/// nothing else.
#[derive(Debug)]
pub struct HostDir(fs::File);

impl HostDir {
    /// Opens a directory with the rights of the host's process.
    ///
    /// # Errors
    ///
    /// If there is no such directory, or it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> io::Result<HostDir> {
        let authority = cap_primitives::ambient_authority();
        Ok(HostDir(cap::open_ambient_dir(path.as_ref(), authority)?))
    }

    /// The other directory, if it is one of the host.
    fn peer(to: &dyn Dir) -> Result<&HostDir> {
        (to as &dyn std::any::Any)
            .downcast_ref()
            .ok_or(ErrorCode::CrossDevice)
    }
}

fn followed(follow: bool) -> FollowSymlinks {
    match follow {
        true => FollowSymlinks::Yes,
        false => FollowSymlinks::No,
    }
}

impl Dir for HostDir {
    fn open_at(&self, path: &str, options: OpenOptions) -> Result<Opened> {
        if options.directory {
            let dir = match options.follow {
                true => cap::open_dir(&self.0, path.as_ref()),
                false => cap::open_dir_nofollow(&self.0, path.as_ref()),
            };
            return Ok(Opened::Dir(Arc::new(HostDir(dir?))));
        }
        // Opening a device can do something; so it is looked at first, and, since
        // another could take its place meanwhile, once more afterwards.
        let seen = cap::stat(&self.0, path.as_ref(), followed(options.follow));
        if seen.is_ok_and(|seen| is_special(seen.file_type())) {
            return Err(ErrorCode::NotPermitted);
        }
        let mut how = cap::OpenOptions::new();
        how.read(options.read)
            .write(options.write)
            .create(options.create)
            .create_new(options.create && options.exclusive)
            .truncate(options.truncate && !(options.create && options.exclusive))
            ._cap_fs_ext_follow(followed(options.follow))
            ._cap_fs_ext_maybe_dir(true)
            // A pipe that nobody writes must not stop us.
            ._cap_fs_ext_nonblock(true);
        #[cfg(unix)]
        {
            use cap::OpenOptionsExt;
            how.custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed());
        }
        let file = cap::open(&self.0, path.as_ref(), &how)?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            Ok(Opened::Dir(Arc::new(HostDir(file))))
        } else if kind.is_file() {
            Ok(Opened::File(Arc::new(HostFile(file))))
        } else {
            Err(ErrorCode::NotPermitted)
        }
    }

    fn stat(&self) -> Result<Stat> {
        Ok(stat(&cap::Metadata::from_file(&self.0)?))
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Stat> {
        let known = cap::stat(&self.0, path.as_ref(), followed(follow))?;
        Ok(stat(&known))
    }

    fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()> {
        // The directory may be open for paths alone, which has no times to set.
        self.set_times_at(".", true, accessed, modified)
    }

    fn set_times_at(
        &self,
        path: &str,
        follow: bool,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<()> {
        let (accessed, modified) = (spec(accessed)?, spec(modified)?);
        match follow {
            true => cap::set_times(&self.0, path.as_ref(), accessed, modified)?,
            false => cap::set_times_nofollow(&self.0, path.as_ref(), accessed, modified)?,
        }
        Ok(())
    }

    fn entries(&self) -> Result<Entries> {
        let entries = cap::read_base_dir(&self.0)?;
        Ok(Box::new(entries.map(|entry| {
            let entry = entry?;
            let name = entry
                .file_name()
                .into_string()
                .map_err(|_| ErrorCode::IllegalByteSequence)?;
            Ok(DirEntry {
                name,
                kind: kind(entry.file_type()?),
                inode: inode(&entry)?,
            })
        })))
    }

    fn create_dir_at(&self, path: &str) -> Result<()> {
        cap::create_dir(&self.0, path.as_ref(), &cap::DirOptions::new())?;
        Ok(())
    }

    fn remove_dir_at(&self, path: &str) -> Result<()> {
        Ok(cap::remove_dir(&self.0, path.as_ref())?)
    }

    fn unlink_at(&self, path: &str) -> Result<()> {
        Ok(cap::remove_file(&self.0, path.as_ref())?)
    }

    fn rename_at(&self, path: &str, to: &dyn Dir, to_path: &str) -> Result<()> {
        let to = HostDir::peer(to)?;
        Ok(cap::rename(
            &self.0,
            path.as_ref(),
            &to.0,
            to_path.as_ref(),
        )?)
    }

    fn link_at(&self, path: &str, to: &dyn Dir, to_path: &str) -> Result<()> {
        let to = HostDir::peer(to)?;
        Ok(cap::hard_link(
            &self.0,
            path.as_ref(),
            &to.0,
            to_path.as_ref(),
        )?)
    }

    #[cfg(not(windows))]
    fn symlink_at(&self, target: &str, path: &str) -> Result<()> {
        Ok(cap::symlink(target.as_ref(), &self.0, path.as_ref())?)
    }

    #[cfg(windows)]
    fn symlink_at(&self, target: &str, path: &str) -> Result<()> {
        Ok(cap::symlink_file(target.as_ref(), &self.0, path.as_ref())?)
    }

    fn read_link_at(&self, path: &str) -> Result<String> {
        cap::read_link(&self.0, path.as_ref())?
            .into_os_string()
            .into_string()
            .map_err(|_| ErrorCode::IllegalByteSequence)
    }

    fn sync(&self) -> Result<()> {
        // The directory may be open for paths alone, which cannot be synchronised.
        let mut how = cap::OpenOptions::new();
        how.read(true)._cap_fs_ext_maybe_dir(true);
        Ok(cap::open(&self.0, ".".as_ref(), &how)?.sync_all()?)
    }
}

/// A regular file of the host.
#[derive(Debug)]
struct HostFile(fs::File);

impl File for HostFile {
    fn read_at(&self, bytes: &mut [u8], position: u64) -> Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(&self.0, bytes, position)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(&self.0, bytes, position)?;
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::write_at(&self.0, bytes, position)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_write(&self.0, bytes, position)?;
        Ok(count)
    }

    fn append(&self, bytes: &[u8]) -> Result<usize> {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{Errno, ReadWriteFlags, pwritev2};
            let parts = [io::IoSlice::new(bytes)];
            match pwritev2(&self.0, &parts, 0, ReadWriteFlags::APPEND) {
                // Then without the system's help.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
                Err(error) => return Err(io::Error::from(error).into()),
                Ok(count) => return Ok(count),
            }
        }
        self.write_at(bytes, self.0.metadata()?.len())
    }

    fn stat(&self) -> Result<Stat> {
        Ok(stat(&cap::Metadata::from_file(&self.0)?))
    }

    fn set_size(&self, size: u64) -> Result<()> {
        Ok(self.0.set_len(size)?)
    }

    fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()> {
        let mut times = fs::FileTimes::new();
        if let Some(time) = instant(accessed)? {
            times = times.set_accessed(time);
        }
        if let Some(time) = instant(modified)? {
            times = times.set_modified(time);
        }
        Ok(self.0.set_times(times)?)
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        match data_only {
            true => self.0.sync_data()?,
            false => self.0.sync_all()?,
        }
        Ok(())
    }

    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::Advice as Told;
            let told = match advice {
                Advice::Normal => Told::Normal,
                Advice::Sequential => Told::Sequential,
                Advice::Random => Told::Random,
                Advice::WillNeed => Told::WillNeed,
                Advice::DontNeed => Told::DontNeed,
                Advice::NoReuse => Told::NoReuse,
            };
            let length = std::num::NonZeroU64::new(length);
            rustix::fs::fadvise(&self.0, offset, length, told).map_err(io::Error::from)?;
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (offset, length, advice);
        Ok(())
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<()> {
        #[cfg(target_os = "linux")]
        return Ok(rustix::fs::fallocate(
            &self.0,
            rustix::fs::FallocateFlags::empty(),
            offset,
            length,
        )
        .map_err(io::Error::from)?);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (offset, length);
            Err(ErrorCode::Unsupported)
        }
    }
}

fn stat(known: &cap::Metadata) -> Stat {
    #[cfg(unix)]
    let (device, inode, links, changed) = {
        use cap::MetadataExt;
        let changed = u64::try_from(known.ctime())
            .ok()
            .zip(u32::try_from(known.ctime_nsec()).ok())
            .map(|(seconds, nanos)| Duration::new(seconds, nanos));
        (known.dev(), known.ino(), known.nlink(), changed)
    };
    #[cfg(not(unix))]
    let (device, inode, links, changed) = (0, 0, 1, None);
    let since = |time: io::Result<cap_primitives::time::SystemTime>| {
        time.ok()?.into_std().duration_since(UNIX_EPOCH).ok()
    };
    Stat {
        kind: kind(known.file_type()),
        device,
        inode,
        links,
        size: known.len(),
        accessed: since(known.accessed()),
        modified: since(known.modified()),
        changed,
    }
}

fn kind(found: cap::FileType) -> FileKind {
    if found.is_dir() {
        return FileKind::Directory;
    }
    if found.is_file() {
        return FileKind::RegularFile;
    }
    if found.is_symlink() {
        return FileKind::SymbolicLink;
    }
    #[cfg(unix)]
    {
        use cap::FileTypeExt;
        if found.is_block_device() {
            return FileKind::BlockDevice;
        }
        if found.is_char_device() {
            return FileKind::CharacterDevice;
        }
        if found.is_fifo() {
            return FileKind::Fifo;
        }
        if found.is_socket() {
            return FileKind::Socket;
        }
    }
    FileKind::Unknown
}

/// Whether it is neither a file, nor a directory, nor a link to look at.
fn is_special(found: cap::FileType) -> bool {
    !found.is_file() && !found.is_dir() && !found.is_symlink()
}

fn inode(entry: &cap::DirEntry) -> Result<u64> {
    #[cfg(unix)]
    {
        // What the directory says itself: no look-up for each name.
        Ok(std::os::unix::fs::DirEntryExt::ino(entry))
    }
    #[cfg(not(unix))]
    {
        let _ = entry;
        Ok(0)
    }
}

fn instant(time: SetTime) -> Result<Option<SystemTime>> {
    match time {
        SetTime::Keep => Ok(None),
        SetTime::Now => Ok(Some(SystemTime::now())),
        SetTime::At(time) => UNIX_EPOCH
            .checked_add(time)
            .map(Some)
            .ok_or(ErrorCode::Overflow),
    }
}

fn spec(time: SetTime) -> Result<Option<SystemTimeSpec>> {
    Ok(match time {
        SetTime::Now => Some(SystemTimeSpec::SymbolicNow),
        SetTime::Keep | SetTime::At(_) => instant(time)?
            .map(|time| SystemTimeSpec::Absolute(cap_primitives::time::SystemTime::from_std(time))),
    })
}
