//! What a program holds of a file system: an open file or directory with what it may
//! do there. Every operation of every face goes through here, so paths and
//! permissions are checked in one place.

use std::sync::Arc;

use super::path::checked;
use super::{Advice, Dir, Entries, File, OpenOptions, Opened, SetTime, Stat};
use crate::denial::{Denial, Denials, shortened};
use crate::error::{ErrorCode, Result};
use crate::limits::{Ticket, Tickets};

/// What a program may do in a directory and in everything below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Perms {
    /// It may list directories and read files.
    pub read: bool,
    /// It may make, change, rename and remove what is there.
    pub write: bool,
}

impl Perms {
    /// Reading alone.
    pub const READ: Perms = Perms {
        read: true,
        write: false,
    };
    /// Reading and writing.
    pub const ALL: Perms = Perms {
        read: true,
        write: true,
    };

    fn check_read(self) -> Result<()> {
        self.read.then_some(()).ok_or(ErrorCode::NotPermitted)
    }

    fn check_write(self) -> Result<()> {
        self.write.then_some(()).ok_or(ErrorCode::NotPermitted)
    }
}

/// What has reached the device when a write is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteSync {
    /// Perhaps nothing.
    #[default]
    Nothing,
    /// The bytes.
    Data,
    /// The bytes, and what is known about the file.
    All,
}

/// An open file or directory.
#[derive(Clone, Debug)]
pub enum Descriptor {
    /// A directory.
    Dir(Arc<DirHandle>),
    /// A file.
    File(Arc<FileHandle>),
}

impl Descriptor {
    /// The directory.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NotDirectory`] if it is a file.
    pub fn dir(&self) -> Result<&Arc<DirHandle>> {
        match self {
            Descriptor::Dir(dir) => Ok(dir),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory),
        }
    }

    /// The file.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::BadDescriptor`] if it is a directory.
    pub fn file(&self) -> Result<&Arc<FileHandle>> {
        match self {
            Descriptor::File(file) => Ok(file),
            Descriptor::Dir(_) => Err(ErrorCode::BadDescriptor),
        }
    }

    /// What is known about it.
    ///
    /// # Errors
    ///
    /// As for [`File::stat`].
    pub fn stat(&self) -> Result<Stat> {
        match self {
            Descriptor::Dir(dir) => dir.dir.stat(),
            Descriptor::File(file) => file.file.stat(),
        }
    }

    /// Sets its times.
    ///
    /// # Errors
    ///
    /// If that is not permitted, and as for [`File::set_times`].
    pub fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()> {
        match self {
            Descriptor::Dir(dir) => {
                dir.perms.check_write()?;
                dir.dir.set_times(accessed, modified)
            }
            Descriptor::File(file) => {
                file.perms.check_write()?;
                file.file.set_times(accessed, modified)
            }
        }
    }

    /// Waits until it is on the device.
    ///
    /// # Errors
    ///
    /// As for [`File::sync`].
    pub fn sync(&self, data_only: bool) -> Result<()> {
        match self {
            Descriptor::Dir(dir) => dir.dir.sync(),
            Descriptor::File(file) => file.file.sync(data_only),
        }
    }

    /// Whether both are the same file.
    ///
    /// # Errors
    ///
    /// As for [`File::stat`].
    pub fn is_same(&self, other: &Descriptor) -> Result<bool> {
        let (one, other) = (self.stat()?, other.stat()?);
        Ok((one.device, one.inode) == (other.device, other.inode))
    }
}

/// An open directory, with what a program may do in it.
#[derive(Debug)]
pub struct DirHandle {
    dir: Arc<dyn Dir>,
    perms: Perms,
    tickets: Tickets,
    root: Arc<Root>,
    _ticket: Option<Ticket>,
}

/// The directory that a program found open and through which it opened others.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) name: String,
    pub(crate) denials: Denials,
}

impl Root {
    fn denied(&self, path: &str, denial: impl FnOnce(String, String) -> Denial) {
        self.denials.add(denial(self.name.clone(), shortened(path)));
    }
}

impl DirHandle {
    /// A directory that a program finds open. What is opened in it counts as open
    /// files of `tickets`, it does not.
    pub(crate) fn preopened(
        dir: Arc<dyn Dir>,
        perms: Perms,
        tickets: &Tickets,
        root: Root,
    ) -> DirHandle {
        DirHandle {
            dir,
            perms,
            tickets: tickets.clone(),
            root: Arc::new(root),
            _ticket: None,
        }
    }

    /// What a program may do here.
    #[must_use]
    pub fn perms(&self) -> Perms {
        self.perms
    }

    /// Opens a file or a directory; `sync` is what writes wait for.
    ///
    /// # Errors
    ///
    /// If the path is wrong, the options contradict each other, something is not
    /// permitted, or too many files are open.
    pub fn open_at(&self, path: &str, options: OpenOptions, sync: WriteSync) -> Result<Descriptor> {
        let path = self.path(path)?;
        if options.directory && (options.create || options.exclusive || options.truncate) {
            return Err(ErrorCode::Invalid);
        }
        if options.directory && options.write {
            return Err(ErrorCode::IsDirectory);
        }
        let changes = options.create || options.truncate;
        if options.write || changes {
            self.check_write(path)?;
        }
        if options.read {
            self.check_read(path)?;
        }
        let ticket = self.tickets.take()?;
        let options = OpenOptions {
            // A directory is read, and what is neither read nor written is opened to
            // look at.
            read: options.read || options.directory || !(options.write || changes),
            write: options.write || changes,
            ..options
        };
        let opened = self.inside(path, self.dir.open_at(path, options))?;
        Ok(match opened {
            Opened::Dir(dir) => Descriptor::Dir(Arc::new(DirHandle {
                dir,
                perms: self.perms,
                tickets: self.tickets.clone(),
                root: Arc::clone(&self.root),
                _ticket: Some(ticket),
            })),
            Opened::File(file) => Descriptor::File(Arc::new(FileHandle {
                file,
                perms: self.perms,
                read: options.read,
                write: options.write,
                sync,
                _ticket: ticket,
            })),
        })
    }

    /// What is known about this directory.
    ///
    /// # Errors
    ///
    /// As for [`Dir::stat`].
    pub fn stat(&self) -> Result<Stat> {
        self.dir.stat()
    }

    /// What is known about what a path names.
    ///
    /// # Errors
    ///
    /// If the path is wrong.
    pub fn stat_at(&self, path: &str, follow: bool) -> Result<Stat> {
        let path = self.path(path)?;
        self.inside(path, self.dir.stat_at(path, follow))
    }

    /// Sets the times of what a path names.
    ///
    /// # Errors
    ///
    /// If the path is wrong, or it is not permitted.
    pub fn set_times_at(
        &self,
        path: &str,
        follow: bool,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<()> {
        let path = self.path(path)?;
        self.check_write(path)?;
        self.inside(
            path,
            self.dir.set_times_at(path, follow, accessed, modified),
        )
    }

    /// The names in this directory, without `.` and `..`.
    ///
    /// # Errors
    ///
    /// If it may not or cannot be read.
    pub fn entries(&self) -> Result<Entries> {
        self.check_read(".")?;
        self.dir.entries()
    }

    /// Makes a directory.
    ///
    /// # Errors
    ///
    /// If the path is wrong, or it is not permitted.
    pub fn create_dir_at(&self, path: &str) -> Result<()> {
        let path = self.path(path)?;
        self.check_write(path)?;
        self.inside(path, self.dir.create_dir_at(path))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// If the path is wrong, or it is not permitted.
    pub fn remove_dir_at(&self, path: &str) -> Result<()> {
        let path = self.path(path)?;
        self.check_write(path)?;
        self.inside(path, self.dir.remove_dir_at(path))
    }

    /// Removes the name of something that is not a directory.
    ///
    /// # Errors
    ///
    /// If the path is wrong, or it is not permitted.
    pub fn unlink_at(&self, path: &str) -> Result<()> {
        let path = self.path(path)?;
        self.check_write(path)?;
        self.inside(path, self.dir.unlink_at(path))
    }

    /// Gives what a path names another name.
    ///
    /// # Errors
    ///
    /// If a path is wrong, or it is not permitted in both directories.
    pub fn rename_at(&self, path: &str, to: &DirHandle, to_path: &str) -> Result<()> {
        let (path, to_path) = (self.path(path)?, to.path(to_path)?);
        self.check_write(path)?;
        to.check_write(to_path)?;
        // What is moved must not become more than it was.
        if self.perms.read != to.perms.read {
            return Err(ErrorCode::NotPermitted);
        }
        self.inside(path, self.dir.rename_at(path, &*to.dir, to_path))
    }

    /// Gives a file one more name.
    ///
    /// # Errors
    ///
    /// As for [`rename_at`](DirHandle::rename_at).
    pub fn link_at(&self, path: &str, to: &DirHandle, to_path: &str) -> Result<()> {
        let (path, to_path) = (self.path(path)?, to.path(to_path)?);
        self.check_write(path)?;
        to.check_write(to_path)?;
        if self.perms.read != to.perms.read {
            return Err(ErrorCode::NotPermitted);
        }
        self.inside(path, self.dir.link_at(path, &*to.dir, to_path))
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    ///
    /// If the path is wrong, the target absolute, or it is not permitted.
    pub fn symlink_at(&self, target: &str, path: &str) -> Result<()> {
        let (target, path) = (self.path(target)?, self.path(path)?);
        self.check_write(path)?;
        self.inside(path, self.dir.symlink_at(target, path))
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    ///
    /// If the path is wrong, or it is not permitted.
    pub fn read_link_at(&self, path: &str) -> Result<String> {
        let path = self.path(path)?;
        self.check_read(path)?;
        self.inside(path, self.dir.read_link_at(path))
    }

    /// The path, if it can be one.
    fn path<'p>(&self, path: &'p str) -> Result<&'p str> {
        self.inside(path, checked(path))
    }

    fn check_read(&self, path: &str) -> Result<()> {
        let checked = self.perms.check_read();
        if checked.is_err() {
            self.root
                .denied(path, |dir, path| Denial::Read { dir, path });
        }
        checked
    }

    fn check_write(&self, path: &str) -> Result<()> {
        let checked = self.perms.check_write();
        if checked.is_err() {
            self.root
                .denied(path, |dir, path| Denial::Write { dir, path });
        }
        checked
    }

    /// What the file system answered for a path, remembered if that led outside.
    fn inside<R>(&self, path: &str, answer: Result<R>) -> Result<R> {
        if let Err(ErrorCode::NotPermitted) = answer {
            self.root
                .denied(path, |dir, path| Denial::Outside { dir, path });
        }
        answer
    }
}

/// An open file, with what a program may do with it.
#[derive(Debug)]
pub struct FileHandle {
    file: Arc<dyn File>,
    perms: Perms,
    read: bool,
    write: bool,
    sync: WriteSync,
    _ticket: Ticket,
}

impl FileHandle {
    /// Whether it was opened for reading.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.read
    }

    /// Whether it was opened for writing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.write
    }

    /// What writes wait for.
    #[must_use]
    pub fn write_sync(&self) -> WriteSync {
        self.sync
    }

    /// Reads at a position; no byte is the end.
    ///
    /// # Errors
    ///
    /// If it is not open for reading, the position has no meaning, or the device fails.
    pub fn read_at(&self, bytes: &mut [u8], position: u64) -> Result<usize> {
        if !self.read {
            return Err(ErrorCode::BadDescriptor);
        }
        self.file
            .read_at(bytes, checked_end(position, bytes.len())?)
    }

    /// Writes at a position.
    ///
    /// # Errors
    ///
    /// If it is not open for writing, the position has no meaning, or the device fails.
    pub fn write_at(&self, bytes: &[u8], position: u64) -> Result<usize> {
        self.check_write()?;
        let count = self
            .file
            .write_at(bytes, checked_end(position, bytes.len())?)?;
        self.written(count)
    }

    /// Writes at the end.
    ///
    /// # Errors
    ///
    /// As for [`write_at`](FileHandle::write_at).
    pub fn append(&self, bytes: &[u8]) -> Result<usize> {
        self.check_write()?;
        let count = self.file.append(bytes)?;
        self.written(count)
    }

    /// What is known about it.
    ///
    /// # Errors
    ///
    /// As for [`File::stat`].
    pub fn stat(&self) -> Result<Stat> {
        self.file.stat()
    }

    /// Cuts the file, or fills it up with zeros.
    ///
    /// # Errors
    ///
    /// If it is not open for writing, or cannot have that size.
    pub fn set_size(&self, size: u64) -> Result<()> {
        self.perms.check_write()?;
        if !self.write {
            return Err(ErrorCode::Invalid);
        }
        checked_end(size, 0)?;
        self.file.set_size(size)
    }

    /// Says how a part of the file will be used.
    ///
    /// # Errors
    ///
    /// If the part has no meaning.
    pub fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<()> {
        checked_range(offset, length)?;
        self.file.advise(offset, length, advice)
    }

    /// Makes sure that there is room for a part of the file.
    ///
    /// # Errors
    ///
    /// If it is not open for writing, or there is no room.
    pub fn allocate(&self, offset: u64, length: u64) -> Result<()> {
        self.check_write()?;
        if length == 0 {
            return Err(ErrorCode::Invalid);
        }
        checked_range(offset, length)?;
        self.file.allocate(offset, length)
    }

    fn check_write(&self) -> Result<()> {
        self.write.then_some(()).ok_or(ErrorCode::BadDescriptor)
    }

    fn written(&self, count: usize) -> Result<usize> {
        match self.sync {
            WriteSync::Nothing => {}
            WriteSync::Data => self.file.sync(true)?,
            WriteSync::All => self.file.sync(false)?,
        }
        Ok(count)
    }
}

/// Positions of systems are signed.
fn checked_end(position: u64, length: usize) -> Result<u64> {
    checked_range(position, length as u64)?;
    Ok(position)
}

fn checked_range(offset: u64, length: u64) -> Result<()> {
    match offset.checked_add(length) {
        Some(end) if i64::try_from(end).is_ok() => Ok(()),
        _ => Err(ErrorCode::Invalid),
    }
}
