//! One list of cases, run over every file system: what a program can do with files
//! and directories, and what it must not be able to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use linkspan_wasi::fs::{
    Advice, Descriptor, Dir, DirHandle, FileHandle, FileKind, HostDir, MemoryDir, OpenOptions,
    Perms, SetTime, WriteSync,
};
use linkspan_wasi::{ErrorCode, Limits, Result, WasiCtx};

/// A folder of the host, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("linkspan-wasi-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(path.join("root")).expect("a folder for the test");
        Folder(path)
    }

    /// What the program gets; its parent is what it must not reach.
    fn root(&self) -> PathBuf {
        self.0.join("root")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The directory that a program finds, with permissions.
fn granted(dir: Arc<dyn Dir>, perms: Perms) -> Arc<DirHandle> {
    let ctx = WasiCtx::builder().preopen(dir, "/", perms).build();
    let (_, dir) = ctx.preopens().next().expect("it was given");
    Arc::clone(dir)
}

/// Runs a case over every file system.
fn each(case: impl Fn(&DirHandle)) {
    case(&granted(Arc::new(MemoryDir::new(1 << 20)), Perms::ALL));
    let folder = Folder::new();
    let host = HostDir::open(folder.root()).expect("a folder for the test");
    case(&granted(Arc::new(host), Perms::ALL));
}

const CREATE: OpenOptions = OpenOptions {
    read: true,
    write: true,
    create: true,
    exclusive: false,
    truncate: false,
    directory: false,
    follow: true,
};
const READ: OpenOptions = OpenOptions {
    write: false,
    create: false,
    ..CREATE
};
const DIRECTORY: OpenOptions = OpenOptions {
    directory: true,
    ..READ
};

fn open(dir: &DirHandle, path: &str, options: OpenOptions) -> Result<Descriptor> {
    dir.open_at(path, options, WriteSync::Nothing)
}

fn create(dir: &DirHandle, path: &str, bytes: &[u8]) -> Arc<FileHandle> {
    let file = open(dir, path, CREATE).expect("a new file");
    let file = Arc::clone(file.file().expect("a file"));
    assert_eq!(file.write_at(bytes, 0), Ok(bytes.len()));
    file
}

fn subdir(dir: &DirHandle, path: &str) -> Arc<DirHandle> {
    let opened = open(dir, path, DIRECTORY).expect("a directory");
    Arc::clone(opened.dir().expect("a directory"))
}

fn contents(dir: &DirHandle, path: &str) -> Result<Vec<u8>> {
    let file = open(dir, path, READ)?;
    let mut bytes = vec![0; 64];
    let count = file.file()?.read_at(&mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}

fn names(dir: &DirHandle) -> Vec<String> {
    let entries = dir.entries().expect("it may be listed");
    let mut names: Vec<String> = entries.map(|entry| entry.expect("an entry").name).collect();
    names.sort();
    names
}

#[test]
fn files_keep_their_bytes() {
    each(|dir| {
        let file = create(dir, "a", b"hello");
        assert_eq!(file.write_at(b"J", 0), Ok(1));
        assert_eq!(file.append(b"!"), Ok(1));
        assert_eq!(contents(dir, "a"), Ok(b"Jello!".to_vec()));
        assert_eq!(file.write_at(b"x", 8), Ok(1));
        assert_eq!(contents(dir, "a"), Ok(b"Jello!\0\0x".to_vec()));
        assert_eq!(file.set_size(2), Ok(()));
        assert_eq!(contents(dir, "a"), Ok(b"Je".to_vec()));
        assert_eq!(file.read_at(&mut [0; 4], 100), Ok(0));
        assert_eq!(file.advise(0, 2, Advice::Sequential), Ok(()));
        assert_eq!(file.read_at(&mut [0; 4], u64::MAX), Err(ErrorCode::Invalid));
        assert_eq!(file.write_at(b"x", u64::MAX), Err(ErrorCode::Invalid));

        let truncate = OpenOptions {
            truncate: true,
            ..CREATE
        };
        open(dir, "a", truncate).expect("it may be written");
        assert_eq!(contents(dir, "a"), Ok(Vec::new()));
        let fresh = OpenOptions {
            exclusive: true,
            ..CREATE
        };
        assert_eq!(open(dir, "a", fresh).err(), Some(ErrorCode::Exist));
        assert_eq!(open(dir, "b", READ).err(), Some(ErrorCode::NoEntry));
    });
}

#[test]
fn what_is_not_open_for_it_is_refused() {
    each(|dir| {
        create(dir, "a", b"hello");
        let read = open(dir, "a", READ).expect("it is there");
        let read = read.file().expect("a file");
        assert_eq!(read.write_at(b"x", 0), Err(ErrorCode::BadDescriptor));
        assert_eq!(read.append(b"x"), Err(ErrorCode::BadDescriptor));
        assert_eq!(read.set_size(0), Err(ErrorCode::Invalid));
        let write = OpenOptions {
            read: false,
            ..CREATE
        };
        let write = open(dir, "a", write).expect("it is there");
        let write = write.file().expect("a file");
        assert_eq!(write.read_at(&mut [0], 0), Err(ErrorCode::BadDescriptor));
        assert_eq!(
            open(dir, "a", DIRECTORY).err(),
            Some(ErrorCode::NotDirectory)
        );
        dir.create_dir_at("d").expect("a new directory");
        assert_eq!(open(dir, "d", CREATE).err(), Some(ErrorCode::IsDirectory));
    });
}

#[test]
fn directories_hold_names() {
    each(|dir| {
        dir.create_dir_at("d").expect("a new directory");
        assert_eq!(dir.create_dir_at("d"), Err(ErrorCode::Exist));
        let inner = subdir(dir, "d");
        create(&inner, "x", b"1");
        create(dir, "d/y", b"2");
        assert_eq!(names(&inner), ["x", "y"]);
        assert_eq!(dir.remove_dir_at("d"), Err(ErrorCode::NotEmpty));
        assert_eq!(dir.unlink_at("d"), Err(ErrorCode::IsDirectory));
        assert_eq!(dir.remove_dir_at("d/x"), Err(ErrorCode::NotDirectory));
        assert_eq!(dir.unlink_at("d/x"), Ok(()));
        assert_eq!(dir.unlink_at("d/y"), Ok(()));
        assert_eq!(dir.unlink_at("d/y"), Err(ErrorCode::NoEntry));
        assert_eq!(dir.remove_dir_at("d"), Ok(()));
        assert_eq!(names(dir), [""; 0]);
        // The removed directory is still open, and empty for good.
        assert!(open(&inner, "z", CREATE).is_err());
    });
}

#[test]
fn names_move() {
    each(|dir| {
        dir.create_dir_at("d").expect("a new directory");
        dir.create_dir_at("e").expect("a new directory");
        let inner = subdir(dir, "d");
        create(dir, "a", b"1");
        create(dir, "b", b"2");
        assert_eq!(dir.rename_at("a", &inner, "b"), Ok(()));
        assert_eq!(contents(&inner, "b"), Ok(b"1".to_vec()));
        assert_eq!(dir.rename_at("b", &inner, "b"), Ok(()));
        assert_eq!(contents(dir, "d/b"), Ok(b"2".to_vec()));
        assert_eq!(names(dir), ["d", "e"]);
        assert_eq!(dir.rename_at("e", dir, "d"), Err(ErrorCode::NotEmpty));
        assert_eq!(dir.rename_at("d", dir, "d/in"), Err(ErrorCode::Invalid));
        assert_eq!(dir.rename_at("d/b", dir, "e"), Err(ErrorCode::IsDirectory));
        assert_eq!(dir.rename_at("e", dir, "d/b"), Err(ErrorCode::NotDirectory));
        assert_eq!(dir.rename_at("d", dir, "e"), Ok(()));
        assert_eq!(dir.rename_at("none", dir, "x"), Err(ErrorCode::NoEntry));
        // What was opened before moves along.
        assert_eq!(names(&inner), ["b"]);
        assert_eq!(inner.link_at("b", dir, "c"), Ok(()));
        assert_eq!(dir.stat_at("c", true).map(|stat| stat.links), Ok(2));
        assert_eq!(inner.link_at("b", dir, "c"), Err(ErrorCode::Exist));
    });
}

#[test]
fn file_systems_do_not_mix() {
    let folder = Folder::new();
    let host = HostDir::open(folder.root()).expect("a folder for the test");
    let host = granted(Arc::new(host), Perms::ALL);
    let memory = granted(Arc::new(MemoryDir::new(1 << 20)), Perms::ALL);
    let other = granted(Arc::new(MemoryDir::new(1 << 20)), Perms::ALL);
    create(&host, "a", b"");
    create(&memory, "a", b"");
    for (from, to) in [(&host, &memory), (&memory, &host), (&memory, &other)] {
        assert_eq!(from.rename_at("a", to, "b"), Err(ErrorCode::CrossDevice));
        assert_eq!(from.link_at("a", to, "b"), Err(ErrorCode::CrossDevice));
    }
}

#[test]
fn times_are_set() {
    each(|dir| {
        let file = create(dir, "a", b"1");
        let time = Duration::new(1_000_000_000, 5_000);
        let set = Descriptor::File(file);
        assert_eq!(set.set_times(SetTime::Keep, SetTime::At(time)), Ok(()));
        let stat = dir.stat_at("a", true).expect("it is there");
        assert_eq!(
            (stat.kind, stat.modified),
            (FileKind::RegularFile, Some(time))
        );
        assert_eq!(
            dir.set_times_at("a", true, SetTime::At(time), SetTime::Now),
            Ok(())
        );
        let stat = dir.stat_at("a", true).expect("it is there");
        assert_eq!(stat.accessed, Some(time));
        assert!(stat.modified > Some(time));
    });
}

#[test]
fn links_resolve_inside() {
    each(|dir| {
        dir.create_dir_at("d").expect("a new directory");
        create(dir, "d/x", b"1");
        assert_eq!(dir.symlink_at("d", "l"), Ok(()));
        assert_eq!(dir.symlink_at("../d/x", "d/up"), Ok(()));
        assert_eq!(dir.symlink_at("loop", "loop"), Ok(()));
        assert_eq!(dir.symlink_at("nowhere", "dangling"), Ok(()));
        assert_eq!(dir.read_link_at("l"), Ok("d".to_owned()));
        assert_eq!(dir.read_link_at("d"), Err(ErrorCode::Invalid));
        assert_eq!(contents(dir, "l/x"), Ok(b"1".to_vec()));
        assert_eq!(contents(dir, "l/up"), Ok(b"1".to_vec()));
        assert_eq!(contents(dir, "l/../d/./x"), Ok(b"1".to_vec()));
        assert_eq!(contents(dir, "loop"), Err(ErrorCode::Loop));
        assert_eq!(contents(dir, "dangling"), Err(ErrorCode::NoEntry));
        let kind = |path, follow| dir.stat_at(path, follow).map(|stat| stat.kind);
        assert_eq!(kind("l", true), Ok(FileKind::Directory));
        assert_eq!(kind("l", false), Ok(FileKind::SymbolicLink));
        let nofollow = OpenOptions {
            follow: false,
            ..READ
        };
        assert_eq!(open(dir, "l", nofollow).err(), Some(ErrorCode::Loop));
        // From inside `d` the way up is closed, though it stays in the root.
        assert_eq!(
            contents(&subdir(dir, "d"), "up"),
            Err(ErrorCode::NotPermitted)
        );
    });
}

/// Paths that lead out, or are no paths.
fn escapes() -> Vec<(String, ErrorCode)> {
    let outside = ErrorCode::NotPermitted;
    vec![
        ("..".into(), outside),
        ("../secret".into(), outside),
        ("d/../../secret".into(), outside),
        ("./d/../../root/d".into(), outside),
        ("/etc/passwd".into(), outside),
        ("/".into(), outside),
        ("out/secret".into(), outside),
        ("d/above/secret".into(), outside),
        (String::new(), ErrorCode::NoEntry),
        ("a\0b".into(), ErrorCode::Invalid),
        ("a/".repeat(2049), ErrorCode::NameTooLong),
        ("a".repeat(300), ErrorCode::NameTooLong),
    ]
}

#[test]
fn no_path_leads_out() {
    each(|dir| {
        dir.create_dir_at("d").expect("a new directory");
        assert_eq!(dir.symlink_at("..", "out"), Ok(()));
        assert_eq!(dir.symlink_at("../..", "d/above"), Ok(()));
        assert_eq!(dir.symlink_at("/etc", "abs"), Err(ErrorCode::NotPermitted));
        create(dir, "a", b"1");
        for (path, code) in escapes() {
            let refused = Err(code);
            let path = path.as_str();
            assert_eq!(open(dir, path, READ).map(drop), refused, "open {path:?}");
            assert_eq!(
                open(dir, path, CREATE).map(drop),
                refused,
                "create {path:?}"
            );
            assert_eq!(
                open(dir, path, DIRECTORY).map(drop),
                refused,
                "directory {path:?}"
            );
            assert_eq!(dir.stat_at(path, true).map(drop), refused, "stat {path:?}");
            assert_eq!(dir.create_dir_at(path), refused, "create_dir {path:?}");
            assert_eq!(dir.unlink_at(path), refused, "unlink {path:?}");
            assert_eq!(dir.remove_dir_at(path), refused, "remove_dir {path:?}");
            assert_eq!(dir.rename_at("a", dir, path), refused, "rename to {path:?}");
            assert_eq!(dir.rename_at(path, dir, "b"), refused, "rename {path:?}");
            assert_eq!(dir.link_at("a", dir, path), refused, "link {path:?}");
            assert_eq!(dir.symlink_at("a", path), refused, "symlink {path:?}");
            assert_eq!(
                dir.read_link_at(path).map(drop),
                refused,
                "read_link {path:?}"
            );
            let times = dir.set_times_at(path, true, SetTime::Now, SetTime::Now);
            assert_eq!(times, refused, "set_times {path:?}");
        }
    });
}

#[test]
fn reading_alone_changes_nothing() {
    let folder = Folder::new();
    std::fs::write(folder.root().join("a"), "1").expect("a file for the test");
    let host = HostDir::open(folder.root()).expect("a folder for the test");
    let dir = &granted(Arc::new(host), Perms::READ);
    let refused = Err(ErrorCode::NotPermitted);
    assert_eq!(contents(dir, "a"), Ok(b"1".to_vec()));
    assert_eq!(names(dir), ["a"]);
    assert_eq!(open(dir, "a", CREATE).map(drop), refused);
    let truncate = OpenOptions {
        truncate: true,
        ..READ
    };
    assert_eq!(open(dir, "a", truncate).map(drop), refused);
    assert_eq!(dir.create_dir_at("d"), refused);
    assert_eq!(dir.unlink_at("a"), refused);
    assert_eq!(dir.rename_at("a", dir, "b"), refused);
    assert_eq!(dir.link_at("a", dir, "b"), refused);
    assert_eq!(dir.symlink_at("a", "b"), refused);
    assert_eq!(
        dir.set_times_at("a", true, SetTime::Now, SetTime::Now),
        refused
    );
    let file = open(dir, "a", READ).expect("it may be read");
    assert_eq!(file.set_times(SetTime::Now, SetTime::Now), refused);
}

#[test]
fn open_files_are_counted() {
    let limits = Limits {
        open_files: 2,
        ..Limits::default()
    };
    let ctx = WasiCtx::builder()
        .preopen(Arc::new(MemoryDir::new(1 << 20)), "/", Perms::ALL)
        .limits(limits)
        .build();
    let (_, dir) = ctx.preopens().next().expect("it was given");
    let first = create(dir, "a", b"");
    let _second = create(dir, "b", b"");
    assert_eq!(open(dir, "c", CREATE).err(), Some(ErrorCode::TooManyFiles));
    drop(first);
    assert!(open(dir, "c", CREATE).is_ok());
}

#[test]
fn memory_is_bounded_and_given_back() {
    let dir = &granted(Arc::new(MemoryDir::new(16 << 10)), Perms::ALL);
    for _ in 0..10 {
        let file = create(dir, "a", &[1; 10 << 10]);
        assert_eq!(
            file.append(&[1; 10 << 10]),
            Err(ErrorCode::InsufficientSpace)
        );
        assert_eq!(file.allocate(0, 1 << 40), Err(ErrorCode::InsufficientSpace));
        assert_eq!(file.set_size(1 << 40), Err(ErrorCode::InsufficientSpace));
        assert_eq!(dir.unlink_at("a"), Ok(()));
    }
    let full = (0..1000).find_map(|n| dir.create_dir_at(&n.to_string()).err());
    assert_eq!(full, Some(ErrorCode::InsufficientSpace));
}

#[test]
fn deep_directories_are_dropped_without_a_deep_stack() {
    let root = granted(Arc::new(MemoryDir::new(1 << 30)), Perms::ALL);
    let mut dir = Arc::clone(&root);
    for _ in 0..100_000 {
        dir.create_dir_at("d").expect("there is room");
        dir = subdir(&dir, "d");
    }
}

#[cfg(unix)]
mod planted {
    //! What the host, or somebody else, puts into a directory.

    use std::os::unix::fs::symlink;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    fn host(folder: &Folder) -> Arc<DirHandle> {
        std::fs::write(folder.0.join("secret"), "secret").expect("a file for the test");
        let host = HostDir::open(folder.root()).expect("a folder for the test");
        granted(Arc::new(host), Perms::ALL)
    }

    #[test]
    fn links_that_lead_out_are_not_followed() {
        let folder = Folder::new();
        let dir = &host(&folder);
        let root = folder.root();
        std::fs::create_dir(root.join("d")).expect("a folder for the test");
        let plant = |target: &std::path::Path, name: &str| {
            symlink(target, root.join(name)).expect("a link for the test");
        };
        plant("../secret".as_ref(), "file");
        plant("..".as_ref(), "up");
        plant(&folder.0, "absolute");
        plant("/proc/self/root".as_ref(), "magic");
        plant("../../secret".as_ref(), "d/file");
        for path in [
            "file",
            "up/secret",
            "absolute/secret",
            "magic/etc",
            "d/file",
        ] {
            assert_eq!(contents(dir, path), Err(ErrorCode::NotPermitted), "{path}");
            assert_eq!(
                dir.stat_at(path, true).err(),
                Some(ErrorCode::NotPermitted),
                "{path}"
            );
            let created = open(dir, path, CREATE).map(drop);
            assert_eq!(created, Err(ErrorCode::NotPermitted), "{path}");
        }
        // Planted where the program had looked before.
        create(dir, "before", b"1");
        std::fs::remove_file(root.join("before")).expect("it is there");
        plant("../secret".as_ref(), "before");
        assert_eq!(contents(dir, "before"), Err(ErrorCode::NotPermitted));
        assert_eq!(dir.read_link_at("absolute"), Err(ErrorCode::NotPermitted));
    }

    #[test]
    fn a_race_of_directory_and_link_never_leads_out() {
        let folder = Folder::new();
        let dir = host(&folder);
        let (root, stop) = (folder.root(), AtomicBool::new(false));
        std::fs::create_dir(root.join("d")).expect("a folder for the test");
        std::fs::write(root.join("d/secret"), "mine").expect("a file for the test");
        symlink("..", root.join("l")).expect("a link for the test");
        thread::scope(|scope| {
            scope.spawn(|| {
                // The directory and the link change places, again and again.
                while !stop.load(Ordering::Relaxed) {
                    for (from, to) in [("d", "t"), ("l", "d"), ("d", "l"), ("t", "d")] {
                        let _ = std::fs::rename(root.join(from), root.join(to));
                    }
                }
            });
            let mut reads = 0;
            for _ in 0..20_000 {
                if let Ok(bytes) = contents(&dir, "d/secret") {
                    assert_eq!(bytes, b"mine", "the race led out");
                    reads += 1;
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert!(reads > 0, "nothing could be read");
        });
    }

    #[test]
    fn special_files_are_refused_without_waiting() {
        let folder = Folder::new();
        let dir = host(&folder);
        let root = folder.root();
        let made = std::process::Command::new("mkfifo")
            .arg(root.join("fifo"))
            .status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "no pipe was made"
        );
        let _socket =
            std::os::unix::net::UnixListener::bind(root.join("socket")).expect("a socket");
        let kind = |path| dir.stat_at(path, true).map(|stat| stat.kind);
        assert_eq!(kind("fifo"), Ok(FileKind::Fifo));
        assert_eq!(kind("socket"), Ok(FileKind::Socket));
        assert_eq!(
            open(&dir, "fifo", READ).err(),
            Some(ErrorCode::NotPermitted)
        );
        for path in ["fifo", "socket"] {
            for options in [READ, CREATE] {
                assert!(open(&dir, path, options).is_err(), "{path}");
            }
        }
    }

    #[test]
    fn devices_are_refused() {
        let dir = HostDir::open("/dev").expect("the devices");
        let dir = granted(Arc::new(dir), Perms::READ);
        assert_eq!(
            open(&dir, "null", READ).err(),
            Some(ErrorCode::NotPermitted)
        );
    }
}
