//! Guest to host: a function of the host as the core function that a guest
//! calls. Everything that a call needs stands in the stub when it is made.

use linkspan_canon_abi::{
    FuncType, Guest, LiftContext, LowerContext, ResourceTypeId, Scratch, TypeTable, Val,
};
use linkspan_engine as core;
use linkspan_engine::{Answer, HostCall, HostFunc};

use std::marker::PhantomData;
use std::sync::Arc;

use super::guest::{GuestView, Site};
use super::values;
use crate::code::{Code, Signature};
use crate::error::{Error, Result};
use crate::linker::LinkDifference;
use crate::resource::ResourceType;
use crate::store::{AnyStore, ComponentState, HandleMode, OpaqueStore, StoreContextMut};

/// A function of the host that a linker knows: it can be compared with the
/// type that a component imports it with, and be put into a store.
///
/// It is made for one type of the host's data, which it does not say: linkers are
/// generic in that type, and what they consist of is not.
pub(crate) trait HostFunction: Send + Sync + 'static {
    /// Compares types; called once, at link.
    fn check(&self, with: FuncCheck<'_>) -> Result<(), FuncMismatch>;

    /// Whether it stands in for a function that nobody defined.
    fn is_stub(&self) -> bool;

    /// Makes the core function for one `canon lower` of it.
    fn bind(self: Arc<Self>, store: &mut AnyStore<'_>, import: LoweredImport)
    -> Result<core::Func>;
}

/// The store with data of the type that a function or destructor was made for.
pub(crate) fn host_store<'s, T: 'static>(
    store: &'s mut AnyStore<'_>,
) -> Result<StoreContextMut<'s, T>> {
    // Linkers and stores are compared when the host is compiled.
    let found = store.downcast();
    found.ok_or_else(|| Error::inconsistent("a linker for stores of other data"))
}

/// The type with which a component imports a function.
pub(crate) struct FuncCheck<'a> {
    /// Value types.
    pub(crate) types: &'a TypeTable,
    /// The type.
    pub(crate) ty: &'a FuncType,
    /// Whether what a resource type of `types` was linked to satisfies a
    /// condition.
    pub(crate) resource: &'a dyn Fn(ResourceTypeId, &dyn Fn(ResourceType) -> bool) -> bool,
}

/// A function of another type than a component imports.
pub(crate) struct FuncMismatch {
    /// Its type.
    pub(crate) found: String,
    /// Where the types differ.
    pub(crate) differences: Vec<LinkDifference>,
}

impl FuncMismatch {
    /// The differences as an error of one line.
    #[cold]
    pub(crate) fn into_error(self) -> Error {
        let texts: Vec<String> = self.differences.iter().map(ToString::to_string).collect();
        Error::ty(texts.join("; "))
    }
}

/// One `canon lower` of a function of the host.
#[derive(Clone)]
pub(crate) struct LoweredImport {
    /// The calling guest.
    pub(crate) site: Site,
    /// The plan that numbers resource types.
    pub(crate) code: Arc<Code>,
    /// The compiled type.
    pub(crate) signature: Arc<Signature>,
    /// The import, for errors.
    pub(crate) path: Arc<str>,
}

impl LoweredImport {
    /// Says in which import an error happened.
    #[cold]
    pub(crate) fn error(&self, error: impl Into<Error>) -> core::Error {
        error.into().within(format!("import {}", self.path)).into()
    }
}

/// A closure on dynamic values.
pub(crate) struct DynamicFunc<T, F> {
    func: F,
    _data: PhantomData<fn(T)>,
}

impl<T, F> DynamicFunc<T, F> {
    pub(crate) fn new(func: F) -> DynamicFunc<T, F> {
        DynamicFunc {
            func,
            _data: PhantomData,
        }
    }
}

impl<T, F> HostFunction for DynamicFunc<T, F>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    fn check(&self, _with: FuncCheck<'_>) -> Result<(), FuncMismatch> {
        Ok(())
    }

    fn is_stub(&self) -> bool {
        false
    }

    fn bind(
        self: Arc<Self>,
        store: &mut AnyStore<'_>,
        import: LoweredImport,
    ) -> Result<core::Func> {
        let ty = import.signature.lower.clone();
        Ok(core::Func::from_host(
            host_store::<T>(store)?,
            &ty,
            DynamicStub { def: self, import },
        )?)
    }
}

struct DynamicStub<T, F> {
    def: Arc<DynamicFunc<T, F>>,
    import: LoweredImport,
}

impl<T, F> HostFunc<T, ComponentState> for DynamicStub<T, F>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    fn call(&self, mut call: HostCall<'_, T, ComponentState>) -> Answer {
        if let Err(error) = call.extra().check_leave(self.import.site.owner) {
            return Answer::Trap(error);
        }
        match self.run(&mut call) {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Trap(self.import.error(error)),
        }
    }

    fn callee_slots(&self) -> u32 {
        0
    }
}

impl<T, F> DynamicStub<T, F>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()>,
{
    fn run(&self, call: &mut HostCall<'_, T, ComponentState>) -> Result<()> {
        let import = &self.import;
        let facts = import.signature.facts;
        let mut window = [0; super::WINDOW_SLOTS];
        let slots = call.window();
        let count = slots.len().min(window.len());
        window[..count].copy_from_slice(&slots[..count]);

        let params = import.lift_dynamic(&mut call.store().opaque(), &window)?;
        // A function without a result gets an empty slice.
        let mut results = [Val::Bool(false)];
        let results = &mut results[..usize::from(facts.has_result)];
        (self.def.func)(call.store(), &params, results)?;
        import.lower_dynamic(&mut call.store().opaque(), results, &mut window)?;
        if facts.has_result
            && !facts.result_in_memory
            && let Some(slot) = call.window().first_mut()
        {
            *slot = window[0];
        }
        Ok(())
    }
}

impl LoweredImport {
    /// Starts a call of a function on dynamic values: its parameters.
    fn lift_dynamic(
        &self,
        store: &mut OpaqueStore<'_>,
        window: &[u64; super::WINDOW_SLOTS],
    ) -> Result<Vec<Val>> {
        let (site, signature) = (self.site, &self.signature);
        if signature.facts.has_borrow {
            store.extra_mut().enter_host(site.owner);
        }
        let guest = GuestView::new(store, site, HandleMode::Dynamic);
        let mut cx = LowerContext::new(guest, site.options);
        signature
            .result
            .check_return_area(&mut cx, window, signature.facts.param_slots)
            .map_err(|error| Error::from(error).within("result"))?;
        let mut guest = GuestView::new(store, site, HandleMode::Dynamic);
        let scratch = Scratch::new();
        let (memory, handles) = guest.parts();
        let budget = handles.limits.lift_bytes_max;
        let mut cx = LiftContext::new(memory, handles, &scratch, site.options).with_budget(budget);
        let params = signature
            .params
            .lift_params(&mut cx, window)
            .map_err(|error| signature.param_error(error));
        let bytes = cx.charged_bytes();
        // Who cannot pay gets back what was taken.
        let params = params.and_then(|params| {
            super::pay(store, bytes)?;
            Ok(params)
        });
        store.extra_mut().end_lift(params)
    }

    /// Ends such a call: its result.
    fn lower_dynamic(
        &self,
        store: &mut OpaqueStore<'_>,
        results: &mut [Val],
        window: &mut [u64; super::WINDOW_SLOTS],
    ) -> Result<()> {
        let (site, signature) = (self.site, &self.signature);
        store.extra_mut().check_resume(site.owner)?;
        let guest = GuestView::new(store, site, HandleMode::Dynamic);
        let mut cx = LowerContext::new(guest, site.options);
        let result = match (results.first_mut(), signature.ty.result) {
            (Some(result), Some(ty)) => {
                let result = std::mem::replace(result, Val::Bool(false));
                Some(values::result_for(&self.code.types, ty, result))
            }
            _ => None,
        };
        signature
            .result
            .lower_result(
                &mut cx,
                result.as_ref(),
                window,
                signature.facts.param_slots,
            )
            .map_err(|error| Error::from(error).within("result"))?;
        if signature.facts.has_borrow {
            store.extra_mut().exit();
        }
        Ok(())
    }
}
