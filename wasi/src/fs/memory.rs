//! A file system in memory, for tests, for repeatable runs, and for programs that
//! must leave no trace.
//!
//! Every operation that follows paths holds the file system's lock, so that each is
//! seen whole. Paths resolve below the directory that they start from, as on the
//! host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Advice, Dir, DirEntry, Entries, File, FileKind, OpenOptions, Opened, SetTime, Stat};
use crate::error::{ErrorCode, Result};

/// How many symbolic links one path follows.
const LINKS_MAX: usize = 40;
/// The longest name in bytes.
const NAME_MAX: usize = 255;
/// What each file costs beside its bytes.
const NODE_COST: u64 = 512;

/// A directory in memory.
pub struct MemoryDir {
    space: Arc<Space>,
    node: Arc<Node>,
}

/// What the files of one file system share.
struct Space {
    lock: Mutex<()>,
    next_inode: AtomicU64,
    used: AtomicU64,
    limit: u64,
}

struct Node {
    space: Arc<Space>,
    inode: u64,
    state: Mutex<State>,
}

struct State {
    links: u64,
    accessed: Duration,
    modified: Duration,
    changed: Duration,
    content: Content,
}

enum Content {
    Dir {
        names: BTreeMap<String, Arc<Node>>,
        parent: Weak<Node>,
    },
    File(Vec<u8>),
    Link(String),
}

/// Where a path leads.
struct Found {
    /// The directory and the name; none if the path ends in `.` or `..`.
    place: Option<(Arc<Node>, String)>,
    /// What is there.
    node: Option<Arc<Node>>,
    /// Whether the path says that it must be a directory.
    slash: bool,
}

impl Space {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: u64) -> Result<()> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= self.limit)
            })
            .map(|_| ())
            .map_err(|_| ErrorCode::InsufficientSpace)
    }

    fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Node {
    fn new(space: &Arc<Space>, content: Content) -> Result<Arc<Node>> {
        space.take(NODE_COST + content.size())?;
        let now = now();
        Ok(Arc::new(Node {
            inode: space.next_inode.fetch_add(1, Ordering::Relaxed),
            space: Arc::clone(space),
            state: Mutex::new(State {
                links: 1,
                accessed: now,
                modified: now,
                changed: now,
                content,
            }),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kind(&self) -> FileKind {
        self.state().content.kind()
    }

    fn stat(&self) -> Stat {
        let state = self.state();
        Stat {
            kind: state.content.kind(),
            device: 1,
            inode: self.inode,
            links: state.links,
            size: state.content.size(),
            accessed: Some(state.accessed),
            modified: Some(state.modified),
            changed: Some(state.changed),
        }
    }

    fn set_times(&self, accessed: SetTime, modified: SetTime) {
        let now = now();
        let mut state = self.state();
        let time = |set: SetTime, old| match set {
            SetTime::Keep => old,
            SetTime::Now => now,
            SetTime::At(time) => time,
        };
        state.accessed = time(accessed, state.accessed);
        state.modified = time(modified, state.modified);
        state.changed = now;
    }

    /// What a directory holds under a name.
    fn get(&self, name: &str) -> Option<Arc<Node>> {
        match &self.state().content {
            Content::Dir { names, .. } => names.get(name).cloned(),
            Content::File(_) | Content::Link(_) => None,
        }
    }

    /// Changes the names in a directory.
    fn names<R>(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<Node>>) -> R) -> Result<R> {
        let mut state = self.state();
        let state = &mut *state;
        let Content::Dir { names, .. } = &mut state.content else {
            return Err(ErrorCode::NotDirectory);
        };
        state.modified = now();
        state.changed = state.modified;
        Ok(change(names))
    }

    fn is_empty_dir(&self) -> bool {
        matches!(&self.state().content, Content::Dir { names, .. } if names.is_empty())
    }

    fn link_count(&self, change: impl FnOnce(u64) -> u64) {
        let mut state = self.state();
        state.links = change(state.links);
        state.changed = now();
    }

    /// Changes the bytes of a file, whose length becomes `length` if it is larger.
    fn bytes<R>(&self, length: usize, change: impl FnOnce(&mut Vec<u8>) -> R) -> Result<R> {
        let mut state = self.state();
        let state = &mut *state;
        let Content::File(bytes) = &mut state.content else {
            return Err(ErrorCode::IsDirectory);
        };
        if let Some(more) = length.checked_sub(bytes.len()) {
            self.space.take(more as u64)?;
            if bytes.try_reserve(more).is_err() {
                self.space.give(more as u64);
                return Err(ErrorCode::InsufficientMemory);
            }
            bytes.resize(length, 0);
        }
        state.modified = now();
        state.changed = state.modified;
        Ok(change(bytes))
    }
}

impl Content {
    fn kind(&self) -> FileKind {
        match self {
            Content::Dir { .. } => FileKind::Directory,
            Content::File(_) => FileKind::RegularFile,
            Content::Link(_) => FileKind::SymbolicLink,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Content::Dir { .. } => 0,
            Content::File(bytes) => bytes.len() as u64,
            Content::Link(target) => target.len() as u64,
        }
    }

    fn dir(parent: Weak<Node>) -> Content {
        Content::Dir {
            names: BTreeMap::new(),
            parent,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Directories can be nested deeper than a stack is.
        let mut left = Vec::new();
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.space.give(NODE_COST + state.content.size());
        if let Content::Dir { names, .. } = &mut state.content {
            left.extend(std::mem::take(names).into_values());
        }
        while let Some(node) = left.pop() {
            let Some(mut node) = Arc::into_inner(node) else {
                continue;
            };
            let state = node.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            if let Content::Dir { names, .. } = &mut state.content {
                left.extend(std::mem::take(names).into_values());
            }
        }
    }
}

impl MemoryDir {
    /// An empty directory of a new file system that holds `limit_bytes`, of which
    /// every file takes a few hundred beside its own.
    #[must_use]
    pub fn new(limit_bytes: u64) -> MemoryDir {
        let space = Arc::new(Space {
            lock: Mutex::new(()),
            next_inode: AtomicU64::new(2),
            used: AtomicU64::new(NODE_COST),
            limit: limit_bytes.max(NODE_COST),
        });
        let now = now();
        let node = Arc::new(Node {
            space: Arc::clone(&space),
            inode: 1,
            state: Mutex::new(State {
                links: 1,
                accessed: now,
                modified: now,
                changed: now,
                content: Content::dir(Weak::new()),
            }),
        });
        MemoryDir { space, node }
    }

    fn at(&self, node: Arc<Node>) -> MemoryDir {
        MemoryDir {
            space: Arc::clone(&self.space),
            node,
        }
    }

    /// The other directory, if it belongs to the same file system.
    fn peer<'a>(&self, to: &'a dyn Dir) -> Result<&'a MemoryDir> {
        (to as &dyn std::any::Any)
            .downcast_ref::<MemoryDir>()
            .filter(|to| Arc::ptr_eq(&to.space, &self.space))
            .ok_or(ErrorCode::CrossDevice)
    }

    /// Follows a path; the caller holds the lock.
    fn walk(&self, path: &str, follow: bool) -> Result<Found> {
        if path.starts_with('/') {
            return Err(ErrorCode::NotPermitted);
        }
        let mut dirs = vec![Arc::clone(&self.node)];
        let mut slash = path.ends_with('/');
        let mut links = 0;
        let mut rest = Vec::new();
        push(&mut rest, path);
        while let Some(name) = rest.pop() {
            let dir = dirs.last().ok_or(ErrorCode::NotPermitted)?;
            match &*name {
                "." => continue,
                ".." => {
                    dirs.pop();
                    if dirs.is_empty() {
                        return Err(ErrorCode::NotPermitted);
                    }
                    continue;
                }
                name if name.len() > NAME_MAX => return Err(ErrorCode::NameTooLong),
                _ => {}
            }
            let (last, dir) = (rest.is_empty(), Arc::clone(dir));
            let Some(node) = dir.get(&name) else {
                let place = Some((dir, name));
                let node = None;
                return match last {
                    true => Ok(Found { place, node, slash }),
                    false => Err(ErrorCode::NoEntry),
                };
            };
            let target = match &node.state().content {
                Content::Link(target) if !last || follow || slash => target.clone(),
                Content::File(_) | Content::Link(_) if !last || slash => {
                    return Err(ErrorCode::NotDirectory);
                }
                Content::Dir { .. } if !last => {
                    dirs.push(Arc::clone(&node));
                    continue;
                }
                Content::Dir { .. } | Content::File(_) | Content::Link(_) => {
                    let (place, node) = (Some((dir, name)), Some(Arc::clone(&node)));
                    return Ok(Found { place, node, slash });
                }
            };
            links += 1;
            if links > LINKS_MAX {
                return Err(ErrorCode::Loop);
            }
            if target.starts_with('/') {
                return Err(ErrorCode::NotPermitted);
            }
            slash |= last && target.ends_with('/');
            push(&mut rest, &target);
        }
        Ok(Found {
            place: None,
            node: dirs.pop(),
            slash: true,
        })
    }

    /// What a path names.
    fn find(&self, path: &str, follow: bool) -> Result<Arc<Node>> {
        self.walk(path, follow)?.node.ok_or(ErrorCode::NoEntry)
    }

    /// Puts something new where a path leads.
    fn add(&self, found: Found, content: impl FnOnce(&Arc<Node>) -> Content) -> Result<Arc<Node>> {
        let Some((dir, name)) = found.place.filter(|_| found.node.is_none()) else {
            return Err(ErrorCode::Exist);
        };
        // A directory that was removed takes no more names.
        if dir.stat().links == 0 {
            return Err(ErrorCode::NoEntry);
        }
        let node = Node::new(&self.space, content(&dir))?;
        dir.names(|names| names.insert(name, Arc::clone(&node)))?;
        Ok(node)
    }

    fn opened(&self, node: Arc<Node>, options: OpenOptions) -> Result<Opened> {
        match node.kind() {
            FileKind::Directory if options.write => Err(ErrorCode::IsDirectory),
            FileKind::Directory => Ok(Opened::Dir(Arc::new(self.at(node)))),
            FileKind::SymbolicLink if !options.directory => Err(ErrorCode::Loop),
            _ if options.directory => Err(ErrorCode::NotDirectory),
            _ => {
                let file = MemoryFile(node);
                if options.truncate {
                    file.set_size(0)?;
                }
                Ok(Opened::File(Arc::new(file)))
            }
        }
    }
}

/// Puts the names of a path onto what is left to follow, the first one last.
fn push(rest: &mut Vec<String>, path: &str) {
    let names = path.split('/').filter(|name| !name.is_empty());
    rest.extend(names.rev().map(str::to_owned));
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

impl Dir for MemoryDir {
    fn open_at(&self, path: &str, options: OpenOptions) -> Result<Opened> {
        let _lock = self.space.lock();
        let fresh = options.create && options.exclusive;
        let found = self.walk(path, options.follow && !fresh)?;
        if found.node.is_some() && fresh {
            return Err(ErrorCode::Exist);
        }
        let node = match &found.node {
            Some(node) => Arc::clone(node),
            None if options.create && found.slash => return Err(ErrorCode::IsDirectory),
            None if options.create => self.add(found, |_| Content::File(Vec::new()))?,
            None => return Err(ErrorCode::NoEntry),
        };
        self.opened(node, options)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.node.stat())
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Stat> {
        let _lock = self.space.lock();
        Ok(self.find(path, follow)?.stat())
    }

    fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()> {
        self.node.set_times(accessed, modified);
        Ok(())
    }

    fn set_times_at(
        &self,
        path: &str,
        follow: bool,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<()> {
        let _lock = self.space.lock();
        self.find(path, follow)?.set_times(accessed, modified);
        Ok(())
    }

    fn entries(&self) -> Result<Entries> {
        let _lock = self.space.lock();
        let entries: Vec<Result<DirEntry>> = self.node.names(|names| {
            let entry = |(name, node): (&String, &Arc<Node>)| {
                Ok(DirEntry {
                    name: name.clone(),
                    kind: node.kind(),
                    inode: node.inode,
                })
            };
            names.iter().map(entry).collect()
        })?;
        Ok(Box::new(entries.into_iter()))
    }

    fn create_dir_at(&self, path: &str) -> Result<()> {
        let _lock = self.space.lock();
        // A name in front of a slash is not a link to follow here.
        let found = self.walk(path.trim_end_matches('/'), false)?;
        self.add(found, |dir| Content::dir(Arc::downgrade(dir)))?;
        Ok(())
    }

    fn remove_dir_at(&self, path: &str) -> Result<()> {
        let _lock = self.space.lock();
        let found = self.walk(path.trim_end_matches('/'), false)?;
        let node = found.node.ok_or(ErrorCode::NoEntry)?;
        let (dir, name) = found.place.ok_or(ErrorCode::Invalid)?;
        if node.kind() != FileKind::Directory {
            return Err(ErrorCode::NotDirectory);
        }
        if !node.is_empty_dir() {
            return Err(ErrorCode::NotEmpty);
        }
        dir.names(|names| names.remove(&name))?;
        node.link_count(|_| 0);
        Ok(())
    }

    fn unlink_at(&self, path: &str) -> Result<()> {
        let _lock = self.space.lock();
        let found = self.walk(path, false)?;
        let node = found.node.ok_or(ErrorCode::NoEntry)?;
        if node.kind() == FileKind::Directory {
            return Err(ErrorCode::IsDirectory);
        }
        let (dir, name) = found.place.ok_or(ErrorCode::IsDirectory)?;
        dir.names(|names| names.remove(&name))?;
        node.link_count(|links| links - 1);
        Ok(())
    }

    fn rename_at(&self, path: &str, to: &dyn Dir, to_path: &str) -> Result<()> {
        let to = self.peer(to)?;
        let _lock = self.space.lock();
        let found = self.walk(path.trim_end_matches('/'), false)?;
        let node = found.node.ok_or(ErrorCode::NoEntry)?;
        let (dir, name) = found.place.ok_or(ErrorCode::Busy)?;
        let is_dir = node.kind() == FileKind::Directory;
        if path.ends_with('/') && !is_dir {
            return Err(ErrorCode::NotDirectory);
        }
        let target = to.walk(to_path.trim_end_matches('/'), false)?;
        if to_path.ends_with('/') && !is_dir {
            return Err(ErrorCode::NotDirectory);
        }
        let (to_dir, to_name) = target.place.ok_or(ErrorCode::Busy)?;
        if to_dir.stat().links == 0 {
            return Err(ErrorCode::NoEntry);
        }
        if is_dir && is_inside(&to_dir, &node) {
            return Err(ErrorCode::Invalid);
        }
        if let Some(old) = target.node {
            if Arc::ptr_eq(&old, &node) {
                return Ok(());
            }
            match (is_dir, old.kind() == FileKind::Directory) {
                (true, false) => return Err(ErrorCode::NotDirectory),
                (false, true) => return Err(ErrorCode::IsDirectory),
                (true, true) if !old.is_empty_dir() => return Err(ErrorCode::NotEmpty),
                (true, true) => old.link_count(|_| 0),
                (false, false) => old.link_count(|links| links - 1),
            }
        }
        dir.names(|names| names.remove(&name))?;
        if let Content::Dir { parent, .. } = &mut node.state().content {
            *parent = Arc::downgrade(&to_dir);
        }
        to_dir.names(|names| names.insert(to_name, Arc::clone(&node)))?;
        Ok(())
    }

    fn link_at(&self, path: &str, to: &dyn Dir, to_path: &str) -> Result<()> {
        let to = self.peer(to)?;
        let _lock = self.space.lock();
        let node = self.find(path, false)?;
        let target = to.walk(to_path, false)?;
        if target.node.is_some() {
            return Err(ErrorCode::Exist);
        }
        if node.kind() == FileKind::Directory {
            return Err(ErrorCode::NotPermitted);
        }
        let (dir, name) = target.place.ok_or(ErrorCode::Exist)?;
        if target.slash || dir.stat().links == 0 {
            return Err(ErrorCode::NoEntry);
        }
        // Names cost, too, or one file could have any number of them.
        self.space.take(NODE_COST)?;
        dir.names(|names| names.insert(name, Arc::clone(&node)))?;
        node.link_count(|links| links + 1);
        Ok(())
    }

    fn symlink_at(&self, target: &str, path: &str) -> Result<()> {
        if target.starts_with('/') {
            return Err(ErrorCode::NotPermitted);
        }
        let _lock = self.space.lock();
        let found = self.walk(path, false)?;
        if found.slash {
            let exists = found.node.is_some();
            return Err(if exists {
                ErrorCode::Exist
            } else {
                ErrorCode::NoEntry
            });
        }
        self.add(found, |_| Content::Link(target.to_owned()))?;
        Ok(())
    }

    fn read_link_at(&self, path: &str) -> Result<String> {
        let _lock = self.space.lock();
        match &self.find(path, false)?.state().content {
            Content::Link(target) => Ok(target.clone()),
            Content::Dir { .. } | Content::File(_) => Err(ErrorCode::Invalid),
        }
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

/// Whether a directory is `outer`, or lies in it.
fn is_inside(dir: &Arc<Node>, outer: &Arc<Node>) -> bool {
    let mut dir = Some(Arc::clone(dir));
    while let Some(node) = dir {
        if Arc::ptr_eq(&node, outer) {
            return true;
        }
        dir = match &node.state().content {
            Content::Dir { parent, .. } => parent.upgrade(),
            Content::File(_) | Content::Link(_) => None,
        };
    }
    false
}

impl fmt::Debug for MemoryDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryDir({})", self.node.inode)
    }
}

/// A file in memory.
struct MemoryFile(Arc<Node>);

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryFile({})", self.0.inode)
    }
}

impl File for MemoryFile {
    fn read_at(&self, bytes: &mut [u8], position: u64) -> Result<usize> {
        let mut state = self.0.state();
        let Content::File(held) = &state.content else {
            return Err(ErrorCode::IsDirectory);
        };
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        let held = held.get(start..).unwrap_or_default();
        let count = held.len().min(bytes.len());
        bytes[..count].copy_from_slice(&held[..count]);
        state.accessed = now();
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let start = usize::try_from(position).map_err(|_| ErrorCode::FileTooLarge)?;
        let end = start
            .checked_add(bytes.len())
            .ok_or(ErrorCode::FileTooLarge)?;
        self.0
            .bytes(end, |held| held[start..end].copy_from_slice(bytes))?;
        Ok(bytes.len())
    }

    fn append(&self, bytes: &[u8]) -> Result<usize> {
        let _lock = self.0.space.lock();
        self.write_at(bytes, self.0.stat().size)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.0.stat())
    }

    fn set_size(&self, size: u64) -> Result<()> {
        let size = usize::try_from(size).map_err(|_| ErrorCode::FileTooLarge)?;
        let freed = self.0.bytes(size, |held| {
            let freed = held.len() - size;
            held.truncate(size);
            held.shrink_to_fit();
            freed
        })?;
        self.0.space.give(freed as u64);
        Ok(())
    }

    fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()> {
        self.0.set_times(accessed, modified);
        Ok(())
    }

    fn sync(&self, _: bool) -> Result<()> {
        Ok(())
    }

    fn advise(&self, _: u64, _: u64, _: Advice) -> Result<()> {
        Ok(())
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<()> {
        let end = usize::try_from(offset + length).map_err(|_| ErrorCode::FileTooLarge)?;
        self.0.bytes(end, |_| ())
    }
}
