//! Files and directories: what a file system offers, and what a program holds.
//!
//! A file system is a [`Dir`], the directory that a program gets to see as one of
//! its roots, and whatever can be opened in it. Two are here: directories of the
//! host ([`HostDir`]) and one in memory ([`MemoryDir`]). Programs reach them through
//! [`Descriptor`] alone, which checks paths and permissions, so that no face and no
//! file system has to.

mod descriptor;
mod host;
mod memory;
mod path;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;

pub(crate) use descriptor::Root;
pub use descriptor::{Descriptor, DirHandle, FileHandle, Perms, WriteSync};
pub use host::HostDir;
pub use memory::MemoryDir;
#[cfg(feature = "p1")]
pub(crate) use path::PATH_MAX;

/// What something in a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// None of the others, or not known.
    Unknown,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A symbolic link.
    SymbolicLink,
    /// A file with bytes in it.
    RegularFile,
    /// A socket.
    Socket,
}

/// What is known about a file or a directory. Times are counted from 1970-01-01
/// 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// The device; with `inode` it tells files apart.
    pub device: u64,
    /// The number of the file on its device.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last read, if known.
    pub accessed: Option<Duration>,
    /// When it was last written, if known.
    pub modified: Option<Duration>,
    /// When what is known about it last changed, if known.
    pub changed: Option<Duration>,
}

/// What becomes of a time of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// It stays.
    Keep,
    /// It becomes the time of the file system's clock.
    Now,
    /// It becomes this time after 1970-01-01 00:00 UTC.
    At(Duration),
}

/// How something is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// A file is made if there is none.
    pub create: bool,
    /// It is an error if there is something already.
    pub exclusive: bool,
    /// What a file holds is thrown away.
    pub truncate: bool,
    /// It must be a directory.
    pub directory: bool,
    /// If the last name of the path is a symbolic link, it is followed.
    pub follow: bool,
}

/// How a part of a file will be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// In no special way.
    Normal,
    /// From lower to higher positions.
    Sequential,
    /// In no order.
    Random,
    /// Soon.
    WillNeed,
    /// Not soon.
    DontNeed,
    /// Once.
    NoReuse,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name.
    pub name: String,
    /// What it names; a symbolic link is not followed.
    pub kind: FileKind,
    /// The number of what it names.
    pub inode: u64,
}

/// The names in a directory, without `.` and `..`.
pub type Entries = Box<dyn Iterator<Item = Result<DirEntry>> + Send>;

/// What was opened.
#[derive(Clone, Debug)]
pub enum Opened {
    /// A file.
    File(Arc<dyn File>),
    /// A directory.
    Dir(Arc<dyn Dir>),
}

/// An open directory of a file system.
///
/// Paths are relative, and resolve inside the directory whatever symbolic links and
/// `..` they meet, also if others change the directory meanwhile: one that would
/// leave it is [`NotPermitted`](crate::ErrorCode::NotPermitted). They hold no NUL and
/// are not empty; [`DirHandle`] sees to both.
pub trait Dir: fmt::Debug + Send + Sync + Any {
    /// Opens a file or a directory. Whatever is neither is refused with
    /// [`NotPermitted`](crate::ErrorCode::NotPermitted), without waiting.
    ///
    /// # Errors
    ///
    /// What is wrong with the path or the options.
    fn open_at(&self, path: &str, options: OpenOptions) -> Result<Opened>;

    /// What is known about this directory.
    ///
    /// # Errors
    ///
    /// If the file system does not say.
    fn stat(&self) -> Result<Stat>;

    /// What is known about what a path names.
    ///
    /// # Errors
    ///
    /// What is wrong with the path.
    fn stat_at(&self, path: &str, follow: bool) -> Result<Stat>;

    /// Sets the times of this directory.
    ///
    /// # Errors
    ///
    /// If the file system refuses.
    fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()>;

    /// Sets the times of what a path names.
    ///
    /// # Errors
    ///
    /// What is wrong with the path, or if the file system refuses.
    fn set_times_at(
        &self,
        path: &str,
        follow: bool,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<()>;

    /// The names in this directory.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    fn entries(&self) -> Result<Entries>;

    /// Makes a directory.
    ///
    /// # Errors
    ///
    /// What is wrong with the path, or that there is something already.
    fn create_dir_at(&self, path: &str) -> Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// What is wrong with the path, or that it is not an empty directory.
    fn remove_dir_at(&self, path: &str) -> Result<()>;

    /// Removes the name of something that is not a directory.
    ///
    /// # Errors
    ///
    /// What is wrong with the path, or that it is a directory.
    fn unlink_at(&self, path: &str) -> Result<()>;

    /// Gives what a path names another name, in this directory or in another one of
    /// the same file system.
    ///
    /// # Errors
    ///
    /// What is wrong with a path; [`CrossDevice`](crate::ErrorCode::CrossDevice) if
    /// the other directory belongs to another file system.
    fn rename_at(&self, path: &str, to: &dyn Dir, to_path: &str) -> Result<()>;

    /// Gives a file one more name.
    ///
    /// # Errors
    ///
    /// As for [`rename_at`](Dir::rename_at), and if there is something already.
    fn link_at(&self, path: &str, to: &dyn Dir, to_path: &str) -> Result<()>;

    /// Makes a symbolic link to `target`, which need not exist.
    ///
    /// # Errors
    ///
    /// What is wrong with the path; [`NotPermitted`](crate::ErrorCode::NotPermitted)
    /// if the target is absolute.
    fn symlink_at(&self, target: &str, path: &str) -> Result<()>;

    /// The target of a symbolic link.
    ///
    /// # Errors
    ///
    /// What is wrong with the path; [`Invalid`](crate::ErrorCode::Invalid) if it
    /// names something else.
    fn read_link_at(&self, path: &str) -> Result<String>;

    /// Waits until what was changed is on the device.
    ///
    /// # Errors
    ///
    /// If the device fails.
    fn sync(&self) -> Result<()>;
}

/// An open file of a file system. Positions are the caller's business.
pub trait File: fmt::Debug + Send + Sync {
    /// Reads at a position; fewer bytes than asked for are fine, none is the end.
    ///
    /// # Errors
    ///
    /// If the file is not open for reading, or the device fails.
    fn read_at(&self, bytes: &mut [u8], position: u64) -> Result<usize>;

    /// Writes at a position; fewer bytes than asked for are fine.
    ///
    /// # Errors
    ///
    /// If the file is not open for writing, or the device fails.
    fn write_at(&self, bytes: &[u8], position: u64) -> Result<usize>;

    /// Writes at the end, wherever it is by then.
    ///
    /// # Errors
    ///
    /// As for [`write_at`](File::write_at).
    fn append(&self, bytes: &[u8]) -> Result<usize>;

    /// What is known about the file.
    ///
    /// # Errors
    ///
    /// If the file system does not say.
    fn stat(&self) -> Result<Stat>;

    /// Cuts the file, or fills it up with zeros.
    ///
    /// # Errors
    ///
    /// As for [`write_at`](File::write_at), and if it would be too large.
    fn set_size(&self, size: u64) -> Result<()>;

    /// Sets the times of the file.
    ///
    /// # Errors
    ///
    /// If the file system refuses.
    fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()>;

    /// Waits until the file is on the device; its bytes alone if `data_only`.
    ///
    /// # Errors
    ///
    /// If the device fails.
    fn sync(&self, data_only: bool) -> Result<()>;

    /// Says how a part of the file will be used; a length of zero is all that
    /// follows.
    ///
    /// # Errors
    ///
    /// If the part has no meaning.
    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<()>;

    /// Makes sure that there is room for a part of the file, which grows if it ends
    /// before.
    ///
    /// # Errors
    ///
    /// As for [`set_size`](File::set_size), and if the file system cannot do it.
    fn allocate(&self, offset: u64, length: u64) -> Result<()>;
}
