//! Calls and returns. A callee's window lies on top of the caller's frame:
//! arguments are in place, results come back there. Behind them stands the
//! header with the return position and the caller's frame.
//!
//! A call site of a defined function holds a pointer to the callee's code,
//! the one mutable word of the code: at first it leads to [`Lazy`], which
//! translates the callee and sets the pointer. While a call is on its way
//! to its callee, `acc` names the site (its address) or the function
//! reference (its address plus one). While a return is on its way, `acc`
//! holds the address of the header that it read.
//!
//! In a direct call, `d` is the window; then come the callee's header (in
//! slots from its window), its index and the pointer, whose place depends on
//! the alignment of the instruction: see [`Site`].

use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::control::{Slice, Stopped, move_slots};
use super::dispatch::{Dispatch, Op, Regs};
use super::operand::{Source, Value};
use super::shape::stop;
use crate::entity::{FuncIndex, TypeId};
use crate::runtime::instance::InstanceData;
use crate::runtime::vmctx::{Exit, FuncDef, HostStatus, Ip, Slot, VmCtx, header};
use crate::trap::Trap;

/// Words of a direct call.
pub(super) const CALL_WORDS: usize = 5;

/// Where the parts of a direct call are. Its pointer must be aligned to two
/// words; with `ODD` the instruction starts at an odd word.
pub(super) struct Site<const ODD: bool>;

impl<const ODD: bool> Site<ODD> {
    /// The callee's header, in slots from its window.
    pub(super) const HEADER: usize = if ODD { 3 } else { 1 };
    /// The pointer to the callee's code.
    pub(super) const POINTER: usize = if ODD { 1 } else { 2 };
    /// The callee's index.
    pub(super) const FUNC: usize = 4;
}

/// Makes a pointer of a slot that was made of one.
#[inline(always)]
pub(super) fn pointer<T>(slot: Slot) -> *mut T {
    ptr::with_exposed_provenance_mut(slot as usize)
}

/// Makes a slot of a pointer.
#[inline(always)]
pub(super) fn slot<T>(pointer: *const T) -> Slot {
    pointer.expose_provenance() as Slot
}

/// The code pointer of the call site at `ip`.
#[inline(always)]
unsafe fn code_pointer(ip: Ip, index: usize) -> *const AtomicPtr<u32> {
    // SAFETY: the encoder aligns it to two words.
    unsafe { ip.add(index).cast() }
}

/// A frame at `nsp` may start.
#[inline(always)]
unsafe fn fits(r: &Regs, nsp: *mut Slot) -> bool {
    // SAFETY: contexts live as long as the store.
    unsafe { nsp <= (*(*r.cx).store).stack_limit }
}

/// Calls a defined function of the same instance.
pub(super) struct Call<const ODD: bool>;

impl<const ODD: bool> Op for Call<ODD> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads; below the
        // limit there is room for a header.
        unsafe {
            r.tick -= 1;
            if r.tick < 0 {
                return D::cold::<Slice>(r);
            }
            let nsp = r.sp.add(r.d());
            if !fits(&r, nsp) {
                return stop::<D>(r, Trap::StackOverflow);
            }
            let at = nsp.add(r.word(Site::<ODD>::HEADER) as usize);
            *at.add(header::RETURN_IP) = slot(r.ip.add(CALL_WORDS));
            *at.add(header::CALLER_SP) = slot(r.sp);
            let code = (*code_pointer(r.ip, Site::<ODD>::POINTER)).load(Ordering::Acquire);
            r.acc = slot(r.ip);
            r.sp = nsp;
            r.ip = code;
            D::next(r)
        }
    }
}

/// Calls a defined function in place of this one: word 5 is the header of
/// this frame, word 6 the number of argument slots.
pub(super) struct ReturnCall<const ODD: bool>;

impl<const ODD: bool> Op for ReturnCall<ODD> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads; the frame
        // has passed the limit check.
        unsafe {
            r.tick -= 1;
            if r.tick < 0 {
                return D::cold::<Slice>(r);
            }
            let code = (*code_pointer(r.ip, Site::<ODD>::POINTER)).load(Ordering::Acquire);
            let at = r.word(Site::<ODD>::HEADER) as usize;
            let old = Header::read(r.sp.add(r.word(CALL_WORDS) as usize));
            move_slots(r.sp.add(r.d()), r.sp, r.word(CALL_WORDS + 1) as usize);
            old.write(r.sp.add(at));
            r.acc = slot(r.ip);
            r.ip = code;
            D::next(r)
        }
    }
}

/// A frame's header, on its way to another place.
#[derive(Clone, Copy)]
struct Header([Slot; header::SLOTS]);

impl Header {
    #[inline(always)]
    unsafe fn read(at: *mut Slot) -> Header {
        // SAFETY: the caller names a header.
        unsafe { Header([*at, *at.add(1), *at.add(2), *at.add(3)]) }
    }

    #[inline(always)]
    unsafe fn write(self, at: *mut Slot) {
        // SAFETY: the caller has room for a header at `at`.
        unsafe {
            *at = self.0[0];
            *at.add(1) = self.0[1];
            *at.add(2) = self.0[2];
            *at.add(3) = self.0[3];
        }
    }
}

/// How an instruction finds the function that it calls.
pub(super) trait Target {
    /// Words before the common part.
    const WORDS: usize;
    /// # Safety
    ///
    /// As for [`Op::run`].
    unsafe fn find(r: &Regs) -> Result<*const FuncDef, Trap>;
}

/// The import whose index is word 1.
pub(super) struct Import;

impl Target for Import {
    const WORDS: usize = 2;

    #[inline(always)]
    unsafe fn find(r: &Regs) -> Result<*const FuncDef, Trap> {
        // SAFETY: validation has seen that the import exists.
        unsafe { Ok(*(*r.cx).imports.add(r.word(1) as usize)) }
    }
}

/// How a function's type is compared with the one that a call expects.
pub(super) trait TypeTest {
    /// # Safety
    ///
    /// As for [`Op::run`]; `def` is a live definition.
    unsafe fn fits(r: &Regs, def: *const FuncDef) -> bool;
}

/// The type in word 3, which has no subtypes.
pub(super) struct Final;

impl TypeTest for Final {
    #[inline(always)]
    unsafe fn fits(r: &Regs, def: *const FuncDef) -> bool {
        // SAFETY: the encoder writes the words that this reads.
        unsafe { (*def).type_id.0 == r.word(3) }
    }
}

/// The type in word 3 or a subtype; `b` is its depth.
pub(super) struct Open;

impl TypeTest for Open {
    #[inline(always)]
    unsafe fn fits(r: &Regs, def: *const FuncDef) -> bool {
        // SAFETY: the encoder writes the words that this reads; a function's
        // type lives as long as the function.
        unsafe {
            (*def).type_id.0 == r.word(3)
                || (*(*def).rtt).is_subtype(TypeId(r.word(3)), r.b() as u8)
        }
    }
}

/// An element of the table in word 2, at the index in slot `a`, which is an
/// `I`, of the type that `E` says.
pub(super) struct Indirect<I, E>(PhantomData<(I, E)>);

impl<I: Value + Into<u64>, E: TypeTest> Target for Indirect<I, E> {
    const WORDS: usize = 4;

    #[inline(always)]
    unsafe fn find(r: &Regs) -> Result<*const FuncDef, Trap> {
        // SAFETY: validation has seen that the table exists; its elements
        // are null or functions that live as long as the store.
        unsafe {
            let table = *(*r.cx).tables.add(r.word(2) as usize);
            let index: u64 = r.get::<I>(r.a()).into();
            if index >= (*table).size {
                return Err(Trap::UndefinedElement);
            }
            let def: *const FuncDef = pointer(*(*table).base.add(index as usize));
            if def.is_null() {
                return Err(Trap::UninitializedElement);
            }
            if !E::fits(r, def) {
                return Err(Trap::IndirectCallTypeMismatch);
            }
            Ok(def)
        }
    }
}

/// What the reference in slot `a` points to.
pub(super) struct Reference;

impl Target for Reference {
    const WORDS: usize = 2;

    #[inline(always)]
    unsafe fn find(r: &Regs) -> Result<*const FuncDef, Trap> {
        // SAFETY: validation has seen that the slot holds a reference to a
        // function of the type that the call expects, or null.
        let def: *const FuncDef = unsafe { pointer(r.get::<u64>(r.a())) };
        if def.is_null() {
            return Err(Trap::NullFunctionReference);
        }
        Ok(def)
    }
}

/// Calls through a function reference. The word behind the target's holds
/// the callee's header, in slots from its window, and in the upper half the
/// window.
pub(super) struct CallRef<T>(PhantomData<T>);

impl<T: Target> Op for CallRef<T> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads; below the
        // limit there is room for a header; functions, contexts and host
        // functions live as long as the store.
        unsafe {
            r.tick -= 1;
            if r.tick < 0 {
                return D::cold::<Slice>(r);
            }
            let def = match T::find(&r) {
                Ok(def) => def,
                Err(trap) => return stop::<D>(r, trap),
            };
            let next = r.ip.add(T::WORDS + 1);
            let (nsp, at) = window(&r, next);
            if !fits(&r, nsp) {
                return stop::<D>(r, Trap::StackOverflow);
            }
            if (*def).cx != r.cx {
                r.acc = slot(def);
                r.ip = next;
                return if (*def).host.is_null() {
                    D::then::<CallOther>(r)
                } else {
                    D::then::<CallHost>(r)
                };
            }
            *at.add(header::RETURN_IP) = slot(next);
            *at.add(header::CALLER_SP) = slot(r.sp);
            r.acc = slot(def) + 1;
            r.sp = nsp;
            r.ip = (*def).code.load(Ordering::Relaxed);
            D::next(r)
        }
    }
}

/// The window and header of a call through a reference that ends at `end`:
/// its last word tells, so that whoever goes on from there finds them.
#[inline(always)]
unsafe fn window(r: &Regs, end: Ip) -> (*mut Slot, *mut Slot) {
    // SAFETY: the encoder writes the words that this reads.
    unsafe {
        let word = *end.sub(1);
        let nsp = r.sp.add((word >> 16) as usize);
        (nsp, nsp.add((word & 0xffff) as usize))
    }
}

/// Rare ending of a call: to a function of another instance, whose reference
/// is in `acc`. `r.ip` is the end of the call.
pub(super) struct CallOther;

impl Op for CallOther {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: as for `CallRef`.
        unsafe {
            let def: *const FuncDef = pointer(r.acc);
            let (nsp, at) = window(&r, r.ip);
            *at.add(header::RETURN_IP) = slot(super::restore_ip());
            *at.add(header::CALLER_SP) = slot(r.sp);
            *at.add(header::CALLER_IP) = slot(r.ip);
            *at.add(header::CALLER_CX) = slot(r.cx.cast_const());
            r.cx = (*def).cx;
            r.mem = (*(*r.cx).memory0).base;
            r.acc += 1;
            r.sp = nsp;
            r.ip = (*def).code.load(Ordering::Relaxed);
            D::next(r)
        }
    }
}

/// Ending of a call: runs the host function whose reference is in `acc`.
/// `r.ip` is the end of the call.
pub(super) struct CallHost;

impl Op for CallHost {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: as for `CallRef`; the trampoline keeps to its window.
        unsafe {
            let def: *const FuncDef = pointer(r.acc);
            let (nsp, _) = window(&r, r.ip);
            let store = (*r.cx).store;
            (*store).ip = r.ip;
            (*store).sp = r.sp;
            (*store).cx = r.cx;
            (*store).tick = r.tick;
            (*store).window = nsp;
            let status = ((*(*def).host).entry)(store, r.cx, nsp, def, 0);
            if status != HostStatus::Done {
                return D::exit(match status {
                    HostStatus::Done | HostStatus::Trap => Exit::Trap,
                    HostStatus::Pending => Exit::Pending,
                    HostStatus::Call => Exit::Call,
                    HostStatus::Throw => Exit::Throw,
                });
            }
            r.tick = (*store).tick;
            r.mem = (*(*r.cx).memory0).base;
            D::next(r)
        }
    }
}

/// Calls through a function reference in place of this function. The words
/// behind the target's: this frame's header, the number of argument slots,
/// the callee's header and window as in [`CallRef`]. A host function is
/// called as by [`CallRef`]; the code behind returns its results.
pub(super) struct ReturnCallRef<T>(PhantomData<T>);

impl<T: Target> Op for ReturnCallRef<T> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: as for `CallRef`.
        unsafe {
            r.tick -= 1;
            if r.tick < 0 {
                return D::cold::<Slice>(r);
            }
            let def = match T::find(&r) {
                Ok(def) => def,
                Err(trap) => return stop::<D>(r, trap),
            };
            let next = r.ip.add(T::WORDS + 3);
            let (nsp, at) = window(&r, next);
            if !(*def).host.is_null() {
                if !fits(&r, nsp) {
                    return stop::<D>(r, Trap::StackOverflow);
                }
                r.acc = slot(def);
                r.ip = next;
                return D::then::<CallHost>(r);
            }
            let at = at.offset_from_unsigned(nsp);
            let mut old = Header::read(r.sp.add(r.word(T::WORDS) as usize));
            move_slots(nsp, r.sp, r.word(T::WORDS + 1) as usize);
            if (*def).cx != r.cx {
                if old.0[header::RETURN_IP] != slot(super::restore_ip()) {
                    old.0[header::CALLER_IP] = old.0[header::RETURN_IP];
                    old.0[header::CALLER_CX] = slot(r.cx.cast_const());
                    old.0[header::RETURN_IP] = slot(super::restore_ip());
                }
                r.cx = (*def).cx;
                r.mem = (*(*r.cx).memory0).base;
            }
            old.write(r.sp.add(at));
            r.acc = slot(def) + 1;
            r.ip = (*def).code.load(Ordering::Relaxed);
            D::next(r)
        }
    }
}

/// Returns; `d` is the header.
#[inline(always)]
unsafe fn leave<D: Dispatch>(mut r: Regs) -> D::Next {
    // SAFETY: the header was written by a call or by the driver.
    unsafe {
        let at = r.sp.add(r.d());
        r.acc = slot(at.cast_const());
        r.ip = pointer(*at.add(header::RETURN_IP));
        r.sp = pointer(*at.add(header::CALLER_SP));
        D::next(r)
    }
}

/// Returns what is in the first slots.
pub(super) struct Return;

impl Op for Return {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: passed on.
        unsafe { leave::<D>(r) }
    }
}

/// Returns one value: slot `a`, the accumulator, or the immediate in word 1.
pub(super) struct ReturnValue<T, A>(PhantomData<(T, A)>);

impl<T: Value, A: Source> Op for ReturnValue<T, A> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            r.put(0, A::a::<T>(&r, 1));
            leave::<D>(r)
        }
    }
}

/// A function of another instance returns here: back to the caller's
/// instance, as its header says.
pub(super) struct Restore;

impl Op for Restore {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: `acc` is the address of a header that `CallOther` or
        // `ReturnCallRef` wrote.
        unsafe {
            let at: *mut Slot = pointer(r.acc);
            r.ip = pointer(*at.add(header::CALLER_IP));
            r.cx = pointer(*at.add(header::CALLER_CX));
            r.mem = (*(*r.cx).memory0).base;
            D::next(r)
        }
    }
}

/// What call sites and function references lead to before the function has
/// code.
pub(super) struct Lazy;

impl Op for Lazy {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: `acc` names a call site or a function reference.
        unsafe {
            let code = link(r.cx, r.acc);
            if code.is_null() {
                // The callee's frame does not exist yet: the caller stops.
                let at = r.sp.add(callee_header(r.acc));
                r.ip = pointer(*at.add(header::RETURN_IP));
                r.sp = pointer(*at.add(header::CALLER_SP));
                if r.ip == super::restore_ip() {
                    r.ip = pointer(*at.add(header::CALLER_IP));
                    r.cx = pointer(*at.add(header::CALLER_CX));
                }
                // A stub of one word may be all that is there.
                r.ip = r.ip.wrapping_sub(1);
                return D::cold::<Stopped>(r);
            }
            r.ip = code;
            D::next(r)
        }
    }
}

/// The header of a callee that `acc` names, in slots from its window.
unsafe fn callee_header(acc: u64) -> usize {
    // SAFETY: as for `link`.
    unsafe {
        if acc & 1 == 1 {
            let def: *const FuncDef = pointer(acc - 1);
            (*def).header_slot()
        } else {
            let ip: Ip = pointer(acc);
            let index = if is_odd(ip) {
                Site::<true>::HEADER
            } else {
                Site::<false>::HEADER
            };
            *ip.add(index) as usize
        }
    }
}

/// Whether an instruction starts at an odd word of its code, which is
/// aligned to two words.
fn is_odd(ip: Ip) -> bool {
    ip.addr() & 4 != 0
}

/// Translates the callee that `acc` names and leads whoever comes here again
/// to its code. Null if that fails; the error is recorded.
///
/// # Safety
///
/// `cx` is the callee's context; `acc` is the address of a call site of its
/// code, or the address plus one of a reference to one of its functions.
#[inline(never)]
unsafe extern "C" fn link(cx: *mut VmCtx, acc: u64) -> Ip {
    // SAFETY: the caller's promise.
    unsafe {
        let (cell, func): (*const AtomicPtr<u32>, FuncIndex) = if acc & 1 == 1 {
            let def: *const FuncDef = pointer(acc - 1);
            (&raw const (*def).code, (*def).index)
        } else {
            let ip: Ip = pointer(acc);
            let odd = is_odd(ip);
            let at = if odd {
                Site::<true>::POINTER
            } else {
                Site::<false>::POINTER
            };
            (code_pointer(ip, at), FuncIndex(*ip.add(Site::<true>::FUNC)))
        };
        let module = &(*InstanceData::of(cx)).module;
        match super::code_for(module.inner(), func) {
            Ok(code) => {
                let code = code.ip();
                // Another thread that finds this pointer must find the code
                // behind it, too.
                (*cell).store(code.cast_mut(), Ordering::Release);
                code
            }
            Err(error) => {
                (*(*(*cx).store).core).pending = Some(error);
                ptr::null()
            }
        }
    }
}
