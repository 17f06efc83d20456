//! WASI 0.1, `wasi_snapshot_preview1`: 46 functions for core modules.
//!
//! A program's memory is what its instance exports as `memory`. Descriptors are
//! numbers: 0, 1 and 2 are standard input, output and error, the directories that it
//! finds open follow.
//!
//! Rights of descriptors are told, and follow from how a descriptor was opened; they
//! cannot be dropped (`fd_fdstat_set_rights` is not supported, as WASI has no rights
//! any more). There are no sockets and no signals: `proc_raise` is not supported, and
//! no descriptor is a socket.

mod abi;
mod fd;
mod path;
mod poll;
mod process;
mod table;

use linkspan::InterruptHandle;
use linkspan::core::{self, AsContextMut, Caller, Error, Linker, Trap};

use crate::ctx::{WasiCtx, WasiView};
use crate::error::{ErrorCode, Result};
use abi::Guest;

pub(crate) use table::State;

/// The name of the module that programs import.
const MODULE: &str = "wasi_snapshot_preview1";

/// One call of a function: whose it is, and where it reads and writes.
struct Call<'a> {
    ctx: &'a mut WasiCtx,
    memory: Guest<'a>,
    interrupt: InterruptHandle,
}

/// Defines the functions of WASI 0.1 in a linker.
///
/// # Errors
///
/// If one of the names is defined already.
pub fn add_to_linker<T, X>(linker: &mut Linker<T, X>) -> core::Result<()>
where
    T: WasiView + 'static,
    X: 'static,
{
    add_process(linker)?;
    add_descriptors(linker)?;
    add_paths(linker)
}

/// Functions that answer with an error number.
macro_rules! functions {
    ($linker:ident, $($name:ident($($arg:ident: $ty:ident),*) in $module:ident;)*) => {$(
        $linker.func_wrap(
            MODULE,
            stringify!($name),
            |caller: Caller<'_, T, X>, $($arg: $ty),*| {
                run(caller, |call| $module::$name(call, $($arg),*))
            },
        )?;
    )*};
}

fn add_process<T: WasiView + 'static, X: 'static>(linker: &mut Linker<T, X>) -> core::Result<()> {
    functions! {
        linker,
        args_get(argv: u32, bytes: u32) in process;
        args_sizes_get(count: u32, size: u32) in process;
        environ_get(environ: u32, bytes: u32) in process;
        environ_sizes_get(count: u32, size: u32) in process;
        clock_res_get(id: u32, resolution: u32) in process;
        clock_time_get(id: u32, precision: u64, time: u32) in process;
        poll_oneoff(subscriptions: u32, events: u32, count: u32, ready: u32) in poll;
        proc_raise(signal: u32) in process;
        sched_yield() in process;
        random_get(buffer: u32, length: u32) in process;
    }
    // The only one without an answer.
    linker.func_wrap(MODULE, "proc_exit", |status: u32| -> core::Result<()> {
        Err(Error::host(crate::Exit::new(status)))
    })?;
    Ok(())
}

fn add_descriptors<T: WasiView + 'static, X: 'static>(
    linker: &mut Linker<T, X>,
) -> core::Result<()> {
    functions! {
        linker,
        fd_advise(fd: u32, offset: u64, length: u64, advice: u32) in fd;
        fd_allocate(fd: u32, offset: u64, length: u64) in fd;
        fd_close(fd: u32) in fd;
        fd_datasync(fd: u32) in fd;
        fd_fdstat_get(fd: u32, stat: u32) in fd;
        fd_fdstat_set_flags(fd: u32, flags: u32) in fd;
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) in fd;
        fd_filestat_get(fd: u32, stat: u32) in fd;
        fd_filestat_set_size(fd: u32, size: u64) in fd;
        fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32) in fd;
        fd_pread(fd: u32, iovs: u32, count: u32, offset: u64, read: u32) in fd;
        fd_prestat_get(fd: u32, stat: u32) in fd;
        fd_prestat_dir_name(fd: u32, name: u32, length: u32) in fd;
        fd_pwrite(fd: u32, iovs: u32, count: u32, offset: u64, written: u32) in fd;
        fd_read(fd: u32, iovs: u32, count: u32, read: u32) in fd;
        fd_readdir(fd: u32, buffer: u32, length: u32, cookie: u64, used: u32) in fd;
        fd_renumber(fd: u32, to: u32) in fd;
        fd_seek(fd: u32, offset: i64, whence: u32, position: u32) in fd;
        fd_sync(fd: u32) in fd;
        fd_tell(fd: u32, position: u32) in fd;
        fd_write(fd: u32, iovs: u32, count: u32, written: u32) in fd;
        sock_accept(fd: u32, flags: u32, accepted: u32) in fd;
        sock_recv(fd: u32, iovs: u32, count: u32, flags: u32, read: u32, answer: u32) in fd;
        sock_send(fd: u32, iovs: u32, count: u32, flags: u32, written: u32) in fd;
        sock_shutdown(fd: u32, how: u32) in fd;
    }
    Ok(())
}

fn add_paths<T: WasiView + 'static, X: 'static>(linker: &mut Linker<T, X>) -> core::Result<()> {
    functions! {
        linker,
        path_create_directory(fd: u32, path: u32, length: u32) in path;
        path_filestat_get(fd: u32, flags: u32, path: u32, length: u32, stat: u32) in path;
        path_filestat_set_times(
            fd: u32, flags: u32, path: u32, length: u32, accessed: u64, modified: u64, set: u32
        ) in path;
        path_link(
            fd: u32, flags: u32, path: u32, length: u32, to: u32, to_path: u32, to_length: u32
        ) in path;
        path_open(
            fd: u32, lookup: u32, path: u32, length: u32, how: u32, base: u64, inheriting: u64,
            flags: u32, opened: u32
        ) in path;
        path_readlink(
            fd: u32, path: u32, length: u32, buffer: u32, buffer_length: u32, used: u32
        ) in path;
        path_remove_directory(fd: u32, path: u32, length: u32) in path;
        path_rename(
            fd: u32, path: u32, length: u32, to: u32, to_path: u32, to_length: u32
        ) in path;
        path_symlink(target: u32, target_length: u32, fd: u32, path: u32, length: u32) in path;
        path_unlink_file(fd: u32, path: u32, length: u32) in path;
    }
    Ok(())
}

/// Runs a function and answers with its error number. The bytes that it moved cost
/// fuel.
fn run<T: WasiView, X>(
    mut caller: Caller<'_, T, X>,
    function: impl FnOnce(&mut Call<'_>) -> Result<()>,
) -> core::Result<u32> {
    let memory = caller.get_memory("memory").ok_or_else(|| {
        Error::msg(format!(
            "expected the program to export a memory that is not shared as `memory`, found none: \
             functions of `{MODULE}` read and write it"
        ))
    })?;
    let mut store = caller.as_context_mut();
    let interrupt = store.interrupt_handle();
    let parts = store.parts();
    let mut call = Call {
        ctx: parts.data.wasi(),
        memory: Guest::new(parts.memories.into_bytes(memory)?),
        interrupt,
    };
    let result = function(&mut call);
    // Whoever waited in vain stops here: the guest would come back and wait again.
    if result == Err(ErrorCode::Interrupted) && call.interrupt.is_interrupted() {
        return Err(Trap::Interrupted.into());
    }
    let moved = call.memory.moved();
    // Without fuel there is nothing to charge.
    store.charge_fuel(moved / 8)?;
    Ok(abi::errno(result).into())
}

/// What is not there: the functions of sockets look at the descriptor alone.
fn no_socket(call: &mut Call<'_>, fd: u32) -> Result<()> {
    call.ctx.p1.get(fd)?;
    Err(ErrorCode::NotSocket)
}
