//! `wasi:filesystem`: open files and directories.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use linkspan::{Borrow, HostError, HostValues, Resource, StoreContextMut};

use super::bindings::wasi::clocks::wall_clock::Datetime;
use super::bindings::wasi::filesystem::preopens;
use super::bindings::wasi::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use super::clocks::datetime;
use super::stream::{Cause, Failure, Input, Output};
use crate::ctx::WasiView;
use crate::fs::{self, DirHandle, Entries, FileKind, OpenOptions, SetTime, Stat, WriteSync};

type Answer<R = ()> = Result<R, ErrorCode>;

/// The codes that both have, by the same names; what WASI 0.1 says beyond them.
macro_rules! codes {
    ($($name:ident)*) => {
        impl From<crate::ErrorCode> for ErrorCode {
            fn from(code: crate::ErrorCode) -> ErrorCode {
                match code {
                    $(crate::ErrorCode::$name => ErrorCode::$name,)*
                    crate::ErrorCode::NotSocket => ErrorCode::BadDescriptor,
                    crate::ErrorCode::TooManyFiles => ErrorCode::Quota,
                    crate::ErrorCode::Fault => ErrorCode::Invalid,
                }
            }
        }
    };
}

codes! {
    Access WouldBlock Already BadDescriptor Busy Deadlock Quota Exist FileTooLarge
    IllegalByteSequence InProgress Interrupted Invalid Io IsDirectory Loop TooManyLinks
    MessageSize NameTooLong NoDevice NoEntry NoLock InsufficientMemory InsufficientSpace
    NotDirectory NotEmpty NotRecoverable Unsupported NoTty NoSuchDevice Overflow NotPermitted
    Pipe ReadOnly InvalidSeek TextFileBusy CrossDevice
}

/// An open file or directory: the value of the resource `descriptor`.
#[derive(Clone, Debug)]
pub struct Descriptor {
    inner: fs::Descriptor,
    /// Whether the program opened a directory to change it.
    mutates: bool,
}

impl Descriptor {
    fn dir(&self) -> Answer<&DirHandle> {
        Ok(self.inner.dir()?)
    }

    /// The directory, if it may be changed through this descriptor.
    fn mutable_dir(&self) -> Answer<&DirHandle> {
        let dir = self.inner.dir()?;
        match self.mutates {
            true => Ok(dir),
            false => Err(ErrorCode::ReadOnly),
        }
    }

    fn link(&self, flags: PathFlags, path: &str, to: &Descriptor, to_path: &str) -> Answer {
        // A link to where a symbolic link leads could be one to anything.
        if follows(flags) {
            return Err(ErrorCode::Invalid);
        }
        let (dir, to) = (self.mutable_dir()?, to.mutable_dir()?);
        Ok(dir.link_at(path, to, to_path)?)
    }

    fn rename(&self, path: &str, to: &Descriptor, to_path: &str) -> Answer {
        let (dir, to) = (self.mutable_dir()?, to.mutable_dir()?);
        Ok(dir.rename_at(path, to, to_path)?)
    }
}

type Handle = Borrow<Resource<types::Descriptor>>;

/// Both descriptors of a call. They may be the same, so neither can be lent from the
/// store.
fn two<T: WasiView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    one: &Handle,
    other: &Handle,
) -> linkspan::Result<(Descriptor, Descriptor)> {
    let one = store.value::<types::Descriptor>(&one.resource())?.clone();
    let other = store.value::<types::Descriptor>(&other.resource())?;
    Ok((one, other.clone()))
}

/// The names in a directory that are still to be read: the value of the resource
/// `directory-entry-stream`.
pub struct Listing(Entries);

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listing")
    }
}

fn kind(kind: FileKind) -> DescriptorType {
    match kind {
        FileKind::Unknown => DescriptorType::Unknown,
        FileKind::BlockDevice => DescriptorType::BlockDevice,
        FileKind::CharacterDevice => DescriptorType::CharacterDevice,
        FileKind::Directory => DescriptorType::Directory,
        FileKind::Fifo => DescriptorType::Fifo,
        FileKind::SymbolicLink => DescriptorType::SymbolicLink,
        FileKind::RegularFile => DescriptorType::RegularFile,
        FileKind::Socket => DescriptorType::Socket,
    }
}

fn known(stat: Stat) -> DescriptorStat {
    DescriptorStat {
        type_: kind(stat.kind),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: stat.accessed.map(datetime),
        data_modification_timestamp: stat.modified.map(datetime),
        status_change_timestamp: stat.changed.map(datetime),
    }
}

/// A number that changes with the file. It keeps the file's own numbers to itself.
fn metadata_hash(stat: Stat) -> MetadataHashValue {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        let numbers = (salt, stat.device, stat.inode, stat.size);
        (numbers, stat.modified, stat.changed).hash(&mut hasher);
        hasher.finish()
    };
    MetadataHashValue {
        lower: half(0),
        upper: half(1),
    }
}

fn time(time: NewTimestamp) -> Answer<SetTime> {
    Ok(match time {
        NewTimestamp::NoChange => SetTime::Keep,
        NewTimestamp::Now => SetTime::Now,
        NewTimestamp::Timestamp(Datetime {
            seconds,
            nanoseconds,
        }) => {
            // More nanoseconds than a second has are no time.
            if nanoseconds >= 1_000_000_000 {
                return Err(ErrorCode::Invalid);
            }
            SetTime::At(Duration::new(seconds, nanoseconds))
        }
    })
}

fn follows(flags: PathFlags) -> bool {
    flags.contains(PathFlags::SYMLINK_FOLLOW)
}

impl<T: WasiView + 'static> preopens::Host for T {
    fn get_directories(&mut self) -> Vec<(Descriptor, String)> {
        let preopens = self.wasi().preopens();
        let preopens = preopens.map(|(name, dir)| {
            let descriptor = Descriptor {
                inner: fs::Descriptor::Dir(std::sync::Arc::clone(dir)),
                mutates: dir.perms().write,
            };
            (descriptor, name.to_owned())
        });
        preopens.collect()
    }
}

impl<T: WasiView + 'static> types::Host for T {
    type Descriptor = Descriptor;
    type DirectoryEntryStream = Listing;

    fn filesystem_error_code(&mut self, err: &Failure) -> Option<ErrorCode> {
        match err.0 {
            Cause::File(code) => Some(code.into()),
            Cause::Socket(_) | Cause::Stream(_) => None,
            #[cfg(feature = "http")]
            Cause::Http(_) => None,
        }
    }
}

impl<T: WasiView + 'static> types::HostDirectoryEntryStream<T> for Listing {
    fn read_directory_entry(&mut self, _: &mut T) -> Answer<Option<DirectoryEntry>> {
        let Some(entry) = self.0.next().transpose()? else {
            return Ok(None);
        };
        Ok(Some(DirectoryEntry {
            type_: kind(entry.kind),
            name: entry.name,
        }))
    }
}

impl<T: WasiView + 'static> types::HostDescriptor<T> for Descriptor {
    fn read_via_stream(&mut self, _: &mut T, offset: u64) -> Answer<Input> {
        let file = self.inner.file()?;
        match file.is_readable() {
            true => Ok(Input::file(file.clone(), offset)),
            false => Err(ErrorCode::BadDescriptor),
        }
    }

    fn write_via_stream(&mut self, _: &mut T, offset: u64) -> Answer<Output> {
        let file = self.inner.file()?;
        match file.is_writable() {
            true => Ok(Output::file(file.clone(), offset)),
            false => Err(ErrorCode::BadDescriptor),
        }
    }

    fn append_via_stream(&mut self, _: &mut T) -> Answer<Output> {
        let file = self.inner.file()?;
        match file.is_writable() {
            true => Ok(Output::append(file.clone())),
            false => Err(ErrorCode::BadDescriptor),
        }
    }

    fn advise(&mut self, _: &mut T, offset: u64, length: u64, advice: Advice) -> Answer {
        let advice = match advice {
            Advice::Normal => fs::Advice::Normal,
            Advice::Sequential => fs::Advice::Sequential,
            Advice::Random => fs::Advice::Random,
            Advice::WillNeed => fs::Advice::WillNeed,
            Advice::DontNeed => fs::Advice::DontNeed,
            Advice::NoReuse => fs::Advice::NoReuse,
        };
        Ok(self.inner.file()?.advise(offset, length, advice)?)
    }

    fn sync_data(&mut self, _: &mut T) -> Answer {
        Ok(self.inner.sync(true)?)
    }

    fn get_flags(&mut self, _: &mut T) -> Answer<DescriptorFlags> {
        let mut flags = DescriptorFlags::empty();
        let mut set = |flag, is_set: bool| {
            if is_set {
                flags |= flag;
            }
        };
        match &self.inner {
            fs::Descriptor::Dir(dir) => {
                set(DescriptorFlags::READ, dir.perms().read);
                set(DescriptorFlags::MUTATE_DIRECTORY, self.mutates);
            }
            fs::Descriptor::File(file) => {
                set(DescriptorFlags::READ, file.is_readable());
                set(DescriptorFlags::WRITE, file.is_writable());
                let (data, all) = (WriteSync::Data, WriteSync::All);
                set(
                    DescriptorFlags::DATA_INTEGRITY_SYNC,
                    file.write_sync() == data,
                );
                set(
                    DescriptorFlags::FILE_INTEGRITY_SYNC,
                    file.write_sync() == all,
                );
            }
        }
        Ok(flags)
    }

    fn get_type(&mut self, _: &mut T) -> Answer<DescriptorType> {
        Ok(match &self.inner {
            fs::Descriptor::Dir(_) => DescriptorType::Directory,
            fs::Descriptor::File(file) => kind(file.stat()?.kind),
        })
    }

    fn set_size(&mut self, _: &mut T, size: u64) -> Answer {
        Ok(self.inner.file()?.set_size(size)?)
    }

    fn set_times(&mut self, _: &mut T, accessed: NewTimestamp, modified: NewTimestamp) -> Answer {
        if let fs::Descriptor::Dir(_) = self.inner {
            self.mutable_dir()?;
        }
        Ok(self.inner.set_times(time(accessed)?, time(modified)?)?)
    }

    fn read(&mut self, host: &mut T, length: u64, offset: u64) -> Answer<(Vec<u8>, bool)> {
        let max = host.wasi().limits().transfer_bytes;
        let length = usize::try_from(length).unwrap_or(max).min(max);
        let mut bytes = vec![0; length];
        let count = self.inner.file()?.read_at(&mut bytes, offset)?;
        bytes.truncate(count);
        Ok((bytes, count == 0 && length > 0))
    }

    fn write(&mut self, host: &mut T, buffer: &[u8], offset: u64) -> Answer<u64> {
        let max = host.wasi().limits().transfer_bytes;
        let buffer = &buffer[..buffer.len().min(max)];
        Ok(self.inner.file()?.write_at(buffer, offset)? as u64)
    }

    fn read_directory(&mut self, _: &mut T) -> Answer<Listing> {
        Ok(Listing(self.dir()?.entries()?))
    }

    fn sync(&mut self, _: &mut T) -> Answer {
        Ok(self.inner.sync(false)?)
    }

    fn create_directory_at(&mut self, _: &mut T, path: &str) -> Answer {
        Ok(self.mutable_dir()?.create_dir_at(path)?)
    }

    fn stat(&mut self, _: &mut T) -> Answer<DescriptorStat> {
        Ok(known(self.inner.stat()?))
    }

    fn stat_at(&mut self, _: &mut T, flags: PathFlags, path: &str) -> Answer<DescriptorStat> {
        Ok(known(self.dir()?.stat_at(path, follows(flags))?))
    }

    fn set_times_at(
        &mut self,
        _: &mut T,
        flags: PathFlags,
        path: &str,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Answer {
        let (accessed, modified) = (time(accessed)?, time(modified)?);
        let dir = self.mutable_dir()?;
        Ok(dir.set_times_at(path, follows(flags), accessed, modified)?)
    }

    fn link_at(
        mut store: StoreContextMut<'_, T>,
        this: Handle,
        flags: PathFlags,
        path: String,
        to: Handle,
        to_path: String,
    ) -> Result<(), HostError<ErrorCode>> {
        let (this, to) = two(&mut store, &this, &to).map_err(HostError::Trap)?;
        Ok(this.link(flags, &path, &to, &to_path)?)
    }

    fn open_at(
        &mut self,
        _: &mut T,
        path_flags: PathFlags,
        path: &str,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Answer<Descriptor> {
        let mutates = flags.contains(DescriptorFlags::MUTATE_DIRECTORY);
        let options = OpenOptions {
            read: flags.contains(DescriptorFlags::READ),
            write: flags.contains(DescriptorFlags::WRITE),
            create: open.contains(OpenFlags::CREATE),
            exclusive: open.contains(OpenFlags::EXCLUSIVE),
            truncate: open.contains(OpenFlags::TRUNCATE),
            directory: open.contains(OpenFlags::DIRECTORY),
            follow: follows(path_flags),
        };
        let changes = mutates || options.write || options.create || options.truncate;
        let dir = match changes {
            true => self.mutable_dir()?,
            false => self.dir()?,
        };
        let sync = if flags.contains(DescriptorFlags::FILE_INTEGRITY_SYNC) {
            WriteSync::All
        } else if flags.contains(DescriptorFlags::DATA_INTEGRITY_SYNC) {
            WriteSync::Data
        } else {
            WriteSync::Nothing
        };
        let inner = dir.open_at(path, options, sync)?;
        Ok(Descriptor { inner, mutates })
    }

    fn readlink_at(&mut self, _: &mut T, path: &str) -> Answer<String> {
        let target = self.dir()?.read_link_at(path)?;
        match target.starts_with('/') {
            true => Err(ErrorCode::NotPermitted),
            false => Ok(target),
        }
    }

    fn remove_directory_at(&mut self, _: &mut T, path: &str) -> Answer {
        Ok(self.mutable_dir()?.remove_dir_at(path)?)
    }

    fn rename_at(
        mut store: StoreContextMut<'_, T>,
        this: Handle,
        path: String,
        to: Handle,
        to_path: String,
    ) -> Result<(), HostError<ErrorCode>> {
        let (this, to) = two(&mut store, &this, &to).map_err(HostError::Trap)?;
        Ok(this.rename(&path, &to, &to_path)?)
    }

    fn symlink_at(&mut self, _: &mut T, target: &str, path: &str) -> Answer {
        Ok(self.mutable_dir()?.symlink_at(target, path)?)
    }

    fn unlink_file_at(&mut self, _: &mut T, path: &str) -> Answer {
        Ok(self.mutable_dir()?.unlink_at(path)?)
    }

    fn is_same_object(
        mut store: StoreContextMut<'_, T>,
        this: Handle,
        other: Handle,
    ) -> linkspan::Result<bool> {
        let (this, other) = two(&mut store, &this, &other)?;
        Ok(this.inner.is_same(&other.inner).unwrap_or(false))
    }

    fn metadata_hash(&mut self, _: &mut T) -> Answer<MetadataHashValue> {
        Ok(metadata_hash(self.inner.stat()?))
    }

    fn metadata_hash_at(
        &mut self,
        _: &mut T,
        flags: PathFlags,
        path: &str,
    ) -> Answer<MetadataHashValue> {
        Ok(metadata_hash(self.dir()?.stat_at(path, follows(flags))?))
    }
}
