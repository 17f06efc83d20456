//! The driver: enters guest code, and goes on when guest code comes back
//! with something that it cannot do itself.
//!
//! A guest that calls a guest, or a host function that is done at once, never
//! comes here. What does: the end of a call, a trap, a host function that
//! answers *pending*, and a host function that asks for a guest function to
//! be called. For the last the driver builds a frame for the host function
//! on the slot stack, so that the host function's continuation is data, too.
//!
//! ```text
//! host window | scratch | HostFrame | callee's window ...
//! ```

use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering;

use super::activation::{ActivationId, Parked};
use super::exception;
use super::frames::Frames;
use super::store::StoreCore;
use super::unwind::{self, Found};
use super::vmctx::{Exit, FuncDef, HostStatus, Ip, Slot, StoreCtx, VmCtx, header};
use crate::error::{Error, ErrorKind, Result};
use crate::interp;
use crate::trap::Trap;

/// What a host function leaves on the slot stack while a guest function that
/// it asked for runs.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct HostFrame {
    /// Where the host function returns to.
    pub(crate) ip: Ip,
    /// See `ip`.
    pub(crate) sp: *mut Slot,
    /// See `ip`.
    pub(crate) cx: *mut VmCtx,
    window: *mut Slot,
    func: *const FuncDef,
    then: u64,
}

/// Slots of a [`HostFrame`].
pub(crate) const HOST_FRAME_SLOTS: usize = size_of::<HostFrame>() / size_of::<Slot>();

const _: () = assert!(size_of::<HostFrame>().is_multiple_of(size_of::<Slot>()));
const _: () = assert!(align_of::<HostFrame>() <= align_of::<Slot>());

impl HostFrame {
    /// The frame at a position of the slot stack.
    pub(crate) fn at(sp: *mut Slot) -> *mut HostFrame {
        sp.cast()
    }
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    Pending,
}

/// The registers of the context that an entry overwrites. Those of all runs
/// that wait for an inner one form a list, for the collector.
pub(crate) struct Saved {
    ip: Ip,
    sp: *mut Slot,
    cx: *mut VmCtx,
    window: *mut Slot,
    host: *const FuncDef,
    outer: *const Saved,
}

impl Saved {
    /// The run that was interrupted before this one.
    pub(super) fn outer(&self) -> *const Saved {
        self.outer
    }

    /// The frames of this run.
    ///
    /// # Safety
    ///
    /// The run must still wait.
    pub(super) unsafe fn frames<'a>(&self) -> Frames<'a> {
        // SAFETY: passed on to the caller.
        unsafe { Frames::at(self.ip, self.sp, self.cx) }
    }

    /// Puts the run on the list of those that wait.
    ///
    /// # Safety
    ///
    /// `store` must be a live context, and `self` must stay where it is
    /// until [`restore`](Saved::restore).
    #[inline]
    unsafe fn link(&self, store: *mut StoreCtx) {
        // SAFETY: passed on to the caller.
        unsafe { (*store).outer = self };
    }

    /// # Safety
    ///
    /// `store` must be a live context.
    #[inline]
    unsafe fn take(store: *const StoreCtx) -> Saved {
        // SAFETY: passed on to the caller.
        let store = unsafe { &*store };
        Saved {
            ip: store.ip,
            sp: store.sp,
            cx: store.cx,
            window: store.window,
            host: store.host,
            outer: store.outer,
        }
    }

    /// # Safety
    ///
    /// `store` must be a live context.
    #[inline]
    unsafe fn restore(self, store: *mut StoreCtx) {
        // SAFETY: passed on to the caller; the borrow ends here.
        let store = unsafe { &mut *store };
        store.ip = self.ip;
        store.sp = self.sp;
        store.cx = self.cx;
        store.window = self.window;
        store.host = self.host;
        store.outer = self.outer;
    }
}

/// Where the window of a call from the host starts: above the window of the
/// host function that runs now, or at the start of the stack.
///
/// # Errors
///
/// [`Trap::StackOverflow`] if a frame may no longer start there.
///
/// # Safety
///
/// `store` must be the context of a live store that the caller has alone.
#[inline]
pub(crate) unsafe fn entry_window(store: *mut StoreCtx) -> Result<*mut Slot> {
    // SAFETY: the context is live; a host function that runs has a live
    // definition, and its window with all it may use was checked against
    // the stack's limit.
    let (window, limit) = unsafe {
        let host = (*store).host;
        let used = if host.is_null() { 0 } else { used_slots(host) };
        ((*store).window.wrapping_add(used), (*store).stack_limit)
    };
    if window <= limit && !window.is_null() {
        return Ok(window);
    }
    // SAFETY: passed on to the caller.
    unsafe { entry_window_slow(store) }
}

/// # Safety
///
/// As for [`entry_window`].
#[cold]
unsafe fn entry_window_slow(store: *mut StoreCtx) -> Result<*mut Slot> {
    // SAFETY: the context is live and knows its store's core, to which
    // nobody holds a reference now.
    unsafe {
        if !(*store).stack_limit.is_null() {
            return Err(Trap::StackOverflow.into());
        }
        let core = &mut *(*store).core;
        let (base, limit) = core.activations.open_main(core.engine.stacks())?;
        (*store).stack_limit = limit;
        (*store).window = base;
        Ok((*store).window)
    }
}

/// Slots from a host function's window to the first that is free while it
/// runs.
///
/// # Safety
///
/// `func` must be a live definition.
unsafe fn used_slots(func: *const FuncDef) -> usize {
    // SAFETY: passed on to the caller.
    unsafe {
        let func = &*func;
        match func.host.as_ref() {
            Some(host) => callee_offset(func) + host.callee_slots as usize,
            None => func.header_slot(),
        }
    }
}

/// Slots from a host function's window to that of a guest function that it
/// asks to be called.
///
/// # Safety
///
/// `func` must be a live definition.
#[inline]
pub(crate) unsafe fn callee_offset(func: *const FuncDef) -> usize {
    // SAFETY: passed on to the caller.
    unsafe { frame_offset(func) + HOST_FRAME_SLOTS }
}

/// Slots from a host function's window to its [`HostFrame`].
#[inline]
unsafe fn frame_offset(func: *const FuncDef) -> usize {
    // SAFETY: passed on to the caller.
    unsafe {
        let func = &*func;
        let scratch = func
            .host
            .as_ref()
            .map_or(0, |host| host.scratch_slots as usize);
        func.header_slot() + scratch
    }
}

/// Calls `func` with its arguments at `base`; its results stand there when
/// it answers.
///
/// # Errors
///
/// Whatever stopped the guest, with a backtrace.
///
/// # Safety
///
/// `base` must come from [`entry_window`] of the same store, `func` must be
/// a definition of that store, and the caller must have the store alone.
#[inline]
pub(crate) unsafe fn invoke(
    store: *mut StoreCtx,
    base: *mut Slot,
    func: NonNull<FuncDef>,
) -> Result<()> {
    // SAFETY: the context is live, and `begin` and `drive` get what they
    // need from the caller's promises.
    unsafe {
        let saved = Saved::take(store);
        enter_level(store)?;
        saved.link(store);
        let exit = begin(store, base, func);
        let result = if exit == Exit::Return {
            Ok(())
        } else {
            finish(store, exit)
        };
        leave_level(store);
        saved.restore(store);
        result
    }
}

/// Drives an ordinary call to its end.
///
/// # Safety
///
/// As for [`drive`].
#[cold]
unsafe fn finish(store: *mut StoreCtx, exit: Exit) -> Result<()> {
    // SAFETY: passed on to the caller.
    match unsafe { drive(store, exit) }? {
        Outcome::Done => Ok(()),
        Outcome::Pending => Err(Error::new(
            ErrorKind::Usage,
            "a host function answered pending in a call that cannot be suspended: make the call \
             with Func::start",
        )),
    }
}

/// # Safety
///
/// `store` must be a live context.
#[inline]
unsafe fn enter_level(store: *mut StoreCtx) -> Result<()> {
    // SAFETY: the context is live and knows its core.
    let core: &mut StoreCore = unsafe { &mut *(*store).core };
    if core.depth >= core.limits.nesting_depth_max {
        return Err(too_deep(core.limits.nesting_depth_max));
    }
    core.depth += 1;
    Ok(())
}

/// # Safety
///
/// `store` must be a live context, entered by [`enter_level`].
#[inline]
unsafe fn leave_level(store: *mut StoreCtx) {
    // SAFETY: the context is live and knows its core.
    unsafe { (*(*store).core).depth -= 1 };
}

#[cold]
fn too_deep(depth_max: u32) -> Error {
    Error::from(Trap::StackOverflow).context(format!(
        "host and guest call each other more than {depth_max} levels deep"
    ))
}

/// A call on an activation of its own.
///
/// # Errors
///
/// Whatever stopped the guest before it ended or was parked.
///
/// # Safety
///
/// `func` must be a definition of the store, and the caller must have the
/// store alone.
pub(crate) unsafe fn start<R>(
    store: *mut StoreCtx,
    func: NonNull<FuncDef>,
    write: impl FnOnce(*mut Slot) -> Result<()>,
    read: impl FnOnce(*mut Slot) -> R,
) -> Result<Result<R, ActivationId>> {
    // SAFETY: the context is live; the borrow of its core ends before
    // anything is entered.
    let (id, base, limit) = unsafe {
        let core = &mut *(*store).core;
        let count_max = core.limits.activations_max;
        let stacks = core.engine.stacks();
        let id = core.activations.open(core.id, stacks, count_max)?;
        let stack = core.activations.stack(id)?;
        (id, stack.base(), stack.limit())
    };
    let run = |store: *mut StoreCtx| {
        write(base)?;
        // SAFETY: `base` is the start of a stack that is now the context's.
        let exit = unsafe { begin(store, base, func) };
        // SAFETY: the exit is what entering answered.
        unsafe { drive(store, exit) }
    };
    // SAFETY: the stack belongs to `id`.
    unsafe { run_on(store, id, (base, limit), func, run, read) }
}

/// Goes on with a parked call, after `write` has put the results of the host
/// function that it waits for into its window, or has said what else came of
/// it.
///
/// # Errors
///
/// As for [`start`]; [`ErrorKind::Usage`] if `id` does not wait.
///
/// # Safety
///
/// The caller must have the store alone.
pub(crate) unsafe fn resume<R>(
    store: *mut StoreCtx,
    id: ActivationId,
    write: impl FnOnce(NonNull<FuncDef>, *mut Slot) -> Result<HostStatus>,
    read: impl FnOnce(NonNull<FuncDef>, *mut Slot) -> R,
) -> Result<Result<R, ActivationId>> {
    // SAFETY: the context is live; the borrows of its core end before
    // anything is entered.
    let (parked, status, base, limit) = unsafe {
        let core = &mut *(*store).core;
        let parked = core.activations.parked(core.id, id)?;
        // Refused now, the call waits on; refused later, it would be lost.
        if core.depth >= core.limits.nesting_depth_max {
            return Err(too_deep(core.limits.nesting_depth_max));
        }
        let status = write(parked.host, parked.window)?;
        let core = &mut *(*store).core;
        let parked_again = core.activations.unpark(id)?;
        let stack = core.activations.stack(id)?;
        debug_assert_eq!(parked.window, parked_again.window);
        (parked, status, stack.base(), stack.limit())
    };
    let run = |store: *mut StoreCtx| {
        // SAFETY: the context is live, and the registers are those with
        // which the call was parked on this stack.
        unsafe {
            (*store).ip = parked.ip;
            (*store).sp = parked.sp;
            (*store).cx = parked.cx;
            (*store).window = parked.window;
            let exit = after_host(store, status);
            drive(store, exit)
        }
    };
    let root = parked.root;
    // SAFETY: the stack belongs to `id`.
    unsafe { run_on(store, id, (base, limit), root, run, |base| read(root, base)) }
}

/// Runs on the stack of an activation, and parks or closes it afterwards.
///
/// # Safety
///
/// `stack` must be base and limit of the activation's stack.
unsafe fn run_on<R>(
    store: *mut StoreCtx,
    id: ActivationId,
    (base, limit): (*mut Slot, *mut Slot),
    root: NonNull<FuncDef>,
    run: impl FnOnce(*mut StoreCtx) -> Result<Outcome>,
    read: impl FnOnce(*mut Slot) -> R,
) -> Result<Result<R, ActivationId>> {
    // SAFETY: the context is live; references to parts of it end before
    // `run` starts and begin after it has ended.
    unsafe {
        let saved = Saved::take(store);
        saved.link(store);
        let outer_limit = (*store).stack_limit;
        let outer = (*(*store).core).activations.current.replace(id);
        (*store).stack_limit = limit;
        let result = match enter_level(store) {
            Ok(()) => {
                let result = run(store);
                leave_level(store);
                result
            }
            Err(error) => Err(error),
        };
        let parked = NonNull::new((*store).host.cast_mut()).map(|host| Parked {
            ip: (*store).ip,
            sp: (*store).sp,
            cx: (*store).cx,
            window: (*store).window,
            host,
            root,
        });
        (*store).stack_limit = outer_limit;
        saved.restore(store);
        let core = &mut *(*store).core;
        let (activations, stacks) = (&mut core.activations, core.engine.stacks());
        activations.current = outer;
        match (result, parked) {
            (Ok(Outcome::Pending), Some(parked)) => {
                activations.park(id, parked)?;
                Ok(Err(id))
            }
            (Ok(Outcome::Done | Outcome::Pending), _) => {
                let results = read(base);
                activations.close(id, stacks)?;
                Ok(Ok(results))
            }
            (Err(error), _) => {
                activations.close(id, stacks)?;
                Err(error)
            }
        }
    }
}

/// Goes on until the run ends or is to be parked.
///
/// # Safety
///
/// `exit` must be what the last entry into guest code of this store answered.
unsafe fn drive(store: *mut StoreCtx, mut exit: Exit) -> Result<Outcome> {
    loop {
        // SAFETY: `exit` says what the context holds; each function needs
        // just that.
        unsafe {
            exit = match exit {
                Exit::Return => return Ok(Outcome::Done),
                Exit::Pending => return Ok(Outcome::Pending),
                Exit::Trap => return Err(take_error(store)),
                Exit::Call => call_for_host(store),
                Exit::HostReturn => return_to_host(store),
                Exit::Throw => throw(store),
            };
        }
    }
}

/// Starts `func` with its arguments at `base`, to return to the driver.
///
/// # Safety
///
/// As for [`invoke`].
#[inline]
unsafe fn begin(store: *mut StoreCtx, base: *mut Slot, func: NonNull<FuncDef>) -> Exit {
    // SAFETY: `func` is live by the caller's promise.
    let def = unsafe { func.as_ref() };
    if !def.host.is_null() {
        // SAFETY: as above, and the registers say that the host returns to
        // the driver.
        return unsafe { begin_host(store, base, func, interp::exit_ip(), base, ptr::null_mut()) };
    }
    // SAFETY: above a window there is room for a header.
    unsafe {
        write_header(base.add(def.header_slot()), interp::exit_ip(), base);
        enter_def(store, base, def, interp::exit_ip())
    }
}

/// Calls a host function that returns to `ip`, `sp`, `cx`.
///
/// # Safety
///
/// `func` must be a live host function, `window` must hold its arguments.
unsafe fn begin_host(
    store: *mut StoreCtx,
    window: *mut Slot,
    func: NonNull<FuncDef>,
    ip: Ip,
    sp: *mut Slot,
    cx: *mut VmCtx,
) -> Exit {
    // SAFETY: the context is live, and the trampoline gets a window that
    // holds what it expects.
    unsafe {
        (*store).ip = ip;
        (*store).sp = sp;
        (*store).cx = cx;
        (*store).window = window;
        let entry = (*func.as_ref().host).entry;
        let status = entry(store, cx, window, func.as_ptr(), 0);
        after_host(store, status)
    }
}

/// Enters the code of a guest function whose frame is ready at `base`.
///
/// # Safety
///
/// `def` must be a live guest function, its arguments and header must stand
/// at `base`.
#[inline]
unsafe fn enter_def(store: *mut StoreCtx, base: *mut Slot, def: &FuncDef, return_ip: Ip) -> Exit {
    let mut ip: Ip = def.code.load(Ordering::Relaxed).cast_const();
    if ip == interp::lazy_ip() {
        // SAFETY: passed on to the caller.
        match unsafe { translate(store, def, return_ip) } {
            Ok(code) => ip = code,
            Err(exit) => return exit,
        }
    }
    // SAFETY: the frame is ready, and the code belongs to the context.
    unsafe { enter(store, def.cx, ip, base) }
}

/// # Safety
///
/// `ip`, `sp` and `cx` must be a position, a frame and a context that belong
/// together.
#[inline]
unsafe fn enter(store: *mut StoreCtx, cx: *mut VmCtx, ip: Ip, sp: *mut Slot) -> Exit {
    // SAFETY: passed on to the caller; no reference to the store is held.
    unsafe {
        let dispatch = (*(*store).core).dispatch;
        interp::enter(store, cx, ip, sp, (*store).tick, dispatch)
    }
}

/// Makes a function's code when the host is the first to call it.
///
/// # Safety
///
/// `def` must be a live guest function.
#[cold]
unsafe fn translate(store: *mut StoreCtx, def: &FuncDef, return_ip: Ip) -> Result<Ip, Exit> {
    // SAFETY: the context of a guest function is that of a live instance.
    let module = unsafe { &(*super::instance::InstanceData::of(def.cx)).module };
    match interp::code_for(module.inner(), def.index) {
        Ok(code) => {
            let ip = code.ip();
            def.code.store(ip.cast_mut(), Ordering::Relaxed);
            Ok(ip)
        }
        Err(error) => {
            // SAFETY: the context is live. The function has not started, so
            // the backtrace starts with its caller.
            unsafe {
                (*store).ip = return_ip;
                (*(*store).core).pending = Some(error);
            }
            Err(Exit::Trap)
        }
    }
}

/// Writes the header of a frame that returns to the driver.
///
/// # Safety
///
/// There must be room for a header at `at`.
#[inline]
unsafe fn write_header(at: *mut Slot, return_ip: Ip, caller_sp: *mut Slot) {
    // SAFETY: passed on to the caller.
    unsafe {
        at.add(header::RETURN_IP)
            .write(return_ip.expose_provenance() as Slot);
        at.add(header::CALLER_SP)
            .write(caller_sp.expose_provenance() as Slot);
        at.add(header::CALLER_IP).write(0);
        at.add(header::CALLER_CX).write(0);
    }
}

/// A host function has answered: goes on where it returns to, or hands its
/// answer to the loop.
///
/// # Safety
///
/// Position, frame and context in the context must be those that the host
/// function returns to.
unsafe fn after_host(store: *mut StoreCtx, status: HostStatus) -> Exit {
    match status {
        HostStatus::Trap => Exit::Trap,
        HostStatus::Pending => Exit::Pending,
        HostStatus::Call => Exit::Call,
        HostStatus::Throw => Exit::Throw,
        HostStatus::Done => {
            // SAFETY: passed on to the caller.
            let (ip, sp, cx) = unsafe { ((*store).ip, (*store).sp, (*store).cx) };
            if ip == interp::exit_ip() {
                Exit::Return
            } else if ip == interp::host_resume_ip() {
                Exit::HostReturn
            } else {
                // SAFETY: as above.
                unsafe { enter(store, cx, ip, sp) }
            }
        }
    }
}

/// A host function asked for a guest function: leaves its frame on the stack
/// and starts the guest function, to return here.
///
/// # Safety
///
/// The context must be as the host function's trampoline left it.
unsafe fn call_for_host(store: *mut StoreCtx) -> Exit {
    // SAFETY: the trampoline left the request, the window and the host's
    // definition; the window and what follows it within `used_slots` lie
    // below the end of the red zone.
    unsafe {
        let Some(request) = (*(*store).core).call.take() else {
            return trap(store, Error::usage("a host function asked for no call"));
        };
        let func = (*store).host;
        let frame = (*store).window.add(frame_offset(func));
        let base = frame.add(HOST_FRAME_SLOTS);
        HostFrame::at(frame).write(HostFrame {
            ip: (*store).ip,
            sp: (*store).sp,
            cx: (*store).cx,
            window: (*store).window,
            func,
            then: u64::from(request.then),
        });
        if base > (*store).stack_limit {
            return trap(store, Trap::StackOverflow.into());
        }
        let callee = request.callee.as_ref();
        // From here on the innermost frame is the host's.
        (*store).ip = interp::host_resume_ip();
        (*store).sp = frame;
        if callee.host.is_null() {
            let at = base.add(callee.header_slot());
            write_header(at, interp::host_resume_ip(), frame);
            return enter_def(store, base, callee, interp::host_resume_ip());
        }
        let (ip, cx) = ((*store).ip, (*store).cx);
        begin_host(store, base, request.callee, ip, frame, cx)
    }
}

/// A guest function that a host function asked for has returned: continues
/// the host function.
///
/// # Safety
///
/// `sp` of the context must be the host function's frame.
unsafe fn return_to_host(store: *mut StoreCtx) -> Exit {
    // SAFETY: passed on to the caller; the frame was written by
    // `call_for_host`, and the function in it lives as long as the store.
    unsafe {
        let frame = HostFrame::at((*store).sp).read();
        (*store).ip = frame.ip;
        (*store).sp = frame.sp;
        (*store).cx = frame.cx;
        (*store).window = frame.window;
        let entry = (*(*frame.func).host).entry;
        let then = u32::try_from(frame.then).unwrap_or(u32::MAX);
        let status = entry(store, frame.cx, frame.window, frame.func, then);
        after_host(store, status)
    }
}

/// An exception was thrown: goes on with whoever takes it.
///
/// # Safety
///
/// The context must hold the position, frame and context that threw.
unsafe fn throw(store: *mut StoreCtx) -> Exit {
    // SAFETY: passed on to the caller; the search leaves a handler's place in
    // the context, or answers where a host function's frame is.
    unsafe {
        match unwind::search(store) {
            Ok(Found::Handler) => enter(store, (*store).cx, (*store).ip, (*store).sp),
            Ok(Found::Host(frame)) => {
                let mut error = exception::take_error(&mut *(*store).core);
                error.backtrace_mut().capture(store, true);
                (*store).sp = frame.cast();
                // The host function finds the error instead of results.
                (*(*store).core).pending = Some(error);
                return_to_host(store)
            }
            Ok(Found::Nobody) => {
                let error = exception::take_error(&mut *(*store).core);
                trap(store, error)
            }
            Err(error) => {
                (*(*store).core).exceptions.clear();
                trap(store, error)
            }
        }
    }
}

/// Records an error as the reason of a trap.
///
/// # Safety
///
/// `store` must be a live context.
unsafe fn trap(store: *mut StoreCtx, error: Error) -> Exit {
    // SAFETY: passed on to the caller.
    unsafe { (*(*store).core).pending = Some(error) };
    Exit::Trap
}

/// The reason of a trap, with the frames of this run.
///
/// # Safety
///
/// `store` must be a live context whose registers describe the innermost
/// frame.
unsafe fn take_error(store: *mut StoreCtx) -> Error {
    // SAFETY: passed on to the caller.
    unsafe {
        let core = &mut *(*store).core;
        let mut error = core
            .pending
            .take()
            .unwrap_or_else(|| Error::usage("a guest stopped without a reason"));
        if error.trap() == Some(Trap::Interrupted) {
            core.interrupt.clear();
        }
        error.backtrace_mut().capture(store, false);
        error
    }
}
