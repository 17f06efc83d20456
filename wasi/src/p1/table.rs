//! The descriptors of one program, by number.

use std::sync::Arc;

use super::abi::fdflags;
use crate::ctx::Preopen;
use crate::error::{ErrorCode, Result};
use crate::fs::{Descriptor, DirEntry, DirHandle, Entries, FileHandle, FileKind, Stat};
use crate::poll::Stream;

/// What a program has open.
pub(crate) struct State {
    entries: Vec<Option<Entry>>,
}

/// What stands behind a descriptor.
pub(super) enum Entry {
    Stream(Stream),
    Dir(OpenDir),
    File(OpenFile),
}

pub(super) struct OpenDir {
    pub(super) dir: Arc<DirHandle>,
    /// The name, if the program found the directory open.
    pub(super) name: Option<String>,
    listing: Option<Listing>,
}

pub(super) struct OpenFile {
    pub(super) file: Arc<FileHandle>,
    pub(super) position: u64,
    pub(super) flags: u16,
}

/// How far a directory has been listed.
struct Listing {
    entries: Entries,
    /// The cookie of the name that comes next.
    cookie: u64,
    /// That name, if it was taken and did not fit.
    next: Option<DirEntry>,
}

impl State {
    pub(crate) fn new(preopens: &[Preopen]) -> State {
        let streams = [Stream::In, Stream::Out, Stream::Error].map(Entry::Stream);
        let dirs = preopens.iter().map(|preopen| {
            Entry::Dir(OpenDir {
                dir: Arc::clone(&preopen.dir),
                name: Some(preopen.name.clone()),
                listing: None,
            })
        });
        State {
            entries: streams.into_iter().chain(dirs).map(Some).collect(),
        }
    }

    pub(super) fn get(&mut self, fd: u32) -> Result<&mut Entry> {
        self.slot(fd)?.as_mut().ok_or(ErrorCode::BadDescriptor)
    }

    pub(super) fn dir(&mut self, fd: u32) -> Result<&mut OpenDir> {
        match self.get(fd)? {
            Entry::Dir(dir) => Ok(dir),
            Entry::File(_) | Entry::Stream(_) => Err(ErrorCode::NotDirectory),
        }
    }

    /// A file, or an error that says what else it is.
    pub(super) fn file(&mut self, fd: u32) -> Result<&mut OpenFile> {
        match self.get(fd)? {
            Entry::File(file) => Ok(file),
            Entry::Dir(_) => Err(ErrorCode::BadDescriptor),
            Entry::Stream(_) => Err(ErrorCode::InvalidSeek),
        }
    }

    /// Gives what was opened the lowest number that is free. How many there can be is
    /// limited by the files that may be open.
    pub(super) fn add(&mut self, opened: Descriptor, flags: u16) -> Result<u32> {
        let entry = Some(match opened {
            Descriptor::Dir(dir) => Entry::Dir(OpenDir {
                dir,
                name: None,
                listing: None,
            }),
            Descriptor::File(file) => Entry::File(OpenFile {
                file,
                position: 0,
                flags,
            }),
        });
        let free = self.entries.iter().position(Option::is_none);
        let index = free.unwrap_or(self.entries.len());
        match free {
            Some(free) => self.entries[free] = entry,
            None => self.entries.push(entry),
        }
        u32::try_from(index).map_err(|_| ErrorCode::TooManyFiles)
    }

    pub(super) fn close(&mut self, fd: u32) -> Result<()> {
        self.get(fd)?;
        *self.slot(fd)? = None;
        Ok(())
    }

    /// Moves a descriptor onto another one that is open.
    pub(super) fn renumber(&mut self, fd: u32, to: u32) -> Result<()> {
        self.get(fd)?;
        self.get(to)?;
        if fd != to {
            let moved = self.slot(fd)?.take();
            *self.slot(to)? = moved;
        }
        Ok(())
    }

    fn slot(&mut self, fd: u32) -> Result<&mut Option<Entry>> {
        self.entries
            .get_mut(fd as usize)
            .ok_or(ErrorCode::BadDescriptor)
    }
}

impl OpenFile {
    pub(super) fn appends(&self) -> bool {
        self.flags & fdflags::APPEND != 0
    }
}

impl OpenDir {
    /// Gives names to `take`, each with its cookie, from the one with `cookie` on
    /// until `take` has no room.
    pub(super) fn list(
        &mut self,
        cookie: u64,
        mut take: impl FnMut(u64, &DirEntry) -> Result<bool>,
    ) -> Result<()> {
        let mut listing = match self.listing.take() {
            Some(listing) if listing.cookie == cookie => listing,
            _ => self.listing_at(cookie)?,
        };
        while let Some(entry) = listing
            .next
            .take()
            .map(Ok)
            .or_else(|| listing.entries.next())
        {
            let entry = entry?;
            if !take(listing.cookie, &entry)? {
                listing.next = Some(entry);
                break;
            }
            listing.cookie += 1;
        }
        self.listing = Some(listing);
        Ok(())
    }

    /// A listing that starts with the name of a cookie, the first one having zero.
    fn listing_at(&self, cookie: u64) -> Result<Listing> {
        let here = self.dir.stat()?;
        let special = |name: &str, inode| {
            Ok(DirEntry {
                name: name.to_owned(),
                kind: FileKind::Directory,
                inode,
            })
        };
        // What is above is none of the program's business.
        let special = [special(".", here.inode), special("..", 0)];
        let mut entries: Entries = Box::new(special.into_iter().chain(self.dir.entries()?));
        for _ in 0..cookie {
            if entries.next().is_none() {
                break;
            }
        }
        Ok(Listing {
            entries,
            cookie,
            next: None,
        })
    }
}

impl Entry {
    /// The file or directory for operations that know both.
    pub(super) fn descriptor(&self) -> Option<Descriptor> {
        match self {
            Entry::Stream(_) => None,
            Entry::Dir(dir) => Some(Descriptor::Dir(Arc::clone(&dir.dir))),
            Entry::File(file) => Some(Descriptor::File(Arc::clone(&file.file))),
        }
    }

    /// What is known about it; of a stream that is nothing but its kind.
    pub(super) fn stat(&self, stream_kind: impl FnOnce(Stream) -> FileKind) -> Result<Stat> {
        match self {
            Entry::Dir(dir) => dir.dir.stat(),
            Entry::File(file) => file.file.stat(),
            Entry::Stream(stream) => Ok(Stat {
                kind: stream_kind(*stream),
                device: 0,
                inode: 0,
                links: 0,
                size: 0,
                accessed: None,
                modified: None,
                changed: None,
            }),
        }
    }
}
