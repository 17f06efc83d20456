//! A plan together with what is compiled of it: for each function type the
//! signatures on both sides and the programs that move its values. Compiled
//! when first linked, then shared by all instances.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use linkspan_canon_abi::program::{Program, Programs};
use linkspan_canon_abi::{
    Context, CoreSignature, CoreType, FuncType, PointerSize, ValType, flatten_functype,
};
use linkspan_engine as core;

use crate::error::{Error, Result};
use crate::plan::{FuncTypeId, Plan};

/// Signatures of one function type, at [`Pointers::place`].
type SignatureCells = [OnceLock<Arc<Signature>>; 4];

/// The pointer sizes of a call: of the memory that the caller uses, and of the
/// one that the callee uses. A host has none of its own: it is given the
/// guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointers {
    pub(crate) caller: PointerSize,
    pub(crate) callee: PointerSize,
}

impl Pointers {
    /// A call between a guest and the host.
    pub(crate) fn both(pointer: PointerSize) -> Pointers {
        Pointers {
            caller: pointer,
            callee: pointer,
        }
    }

    fn place(self) -> usize {
        2 * self.caller.index() + self.callee.index()
    }
}

/// A plan and its compiled function types. Dereferences to the plan.
pub(crate) struct Code {
    plan: Plan,
    /// For each function type one for each pair of pointer sizes.
    signatures: Box<[SignatureCells]>,
    /// Beside each signature what can be said without it.
    facts: Box<[OnceLock<CallFacts>]>,
    /// Programs that signatures share.
    programs: Mutex<Programs>,
}

impl Code {
    pub(crate) fn new(plan: Plan) -> Code {
        let signatures = plan
            .func_types
            .iter()
            .map(|_| SignatureCells::default())
            .collect();
        let facts = plan.func_types.iter().map(|_| OnceLock::new()).collect();
        Code {
            plan,
            signatures,
            facts,
            programs: Mutex::default(),
        }
    }

    /// The compiled form of a function type, for memories of these pointer
    /// sizes.
    pub(crate) fn signature(&self, id: FuncTypeId, pointers: Pointers) -> Result<&Arc<Signature>> {
        let cell = self
            .signatures
            .get(id.index())
            .and_then(|cells| cells.get(pointers.place()))
            .ok_or_else(|| Error::inconsistent("a function type is missing"))?;
        if let Some(signature) = cell.get() {
            return Ok(signature);
        }
        let signature = Arc::new(self.compile(id, pointers)?);
        Ok(cell.get_or_init(|| signature))
    }

    /// What a call needs to know of a function type, without compiling it: an
    /// instance does not pay for functions that are never called.
    pub(crate) fn facts(&self, id: FuncTypeId) -> Result<CallFacts> {
        let (Some(cell), Some(ty)) = (
            self.facts.get(id.index()),
            self.plan.func_types.get(id.index()),
        ) else {
            return Err(Error::inconsistent("a function type is missing"));
        };
        Ok(*cell.get_or_init(|| match ty {
            Ok(ty) if !ty.needs_async(&self.plan.types) => {
                let types = &self.plan.types;
                // The size of pointers changes the types of slots, not how many
                // there are.
                let lift = flatten_functype(types, ty, PointerSize::P32, Context::Lift);
                CallFacts::new(&self.plan, ty, &lift)
            }
            // Calls of it are refused when its signature is asked for.
            Ok(_) | Err(_) => CallFacts::default(),
        }))
    }

    /// The type of the core function that is lifted to a function type;
    /// `None` if that type cannot be used.
    pub(crate) fn lifted_core_type(
        &self,
        id: FuncTypeId,
        pointer: PointerSize,
    ) -> Result<Option<core::FuncType>> {
        match self.plan.func_types.get(id.index()) {
            Some(Ok(ty)) if !ty.needs_async(&self.plan.types) => {
                let lift = flatten_functype(&self.plan.types, ty, pointer, Context::Lift);
                Ok(Some(core_type(&lift)))
            }
            Some(Ok(_) | Err(_)) => Ok(None),
            None => Err(Error::inconsistent("a function type is missing")),
        }
    }

    fn compile(&self, id: FuncTypeId, pointers: Pointers) -> Result<Signature> {
        match self.plan.func_types.get(id.index()) {
            Some(Ok(ty)) if ty.needs_async(&self.plan.types) => Err(Error::unsupported("async is")),
            Some(Ok(ty)) => {
                let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
                Signature::new(&self.plan, &mut programs, ty, pointers)
            }
            Some(Err(reason)) => Err(Error::unsupported(
                self.plan
                    .reasons
                    .get(reason.index())
                    .map_or("this type is", |r| r),
            )),
            None => Err(Error::inconsistent("a function type is missing")),
        }
    }
}

impl Deref for Code {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("steps", &self.plan.steps.len())
            .finish_non_exhaustive()
    }
}

/// A function type, compiled.
#[derive(Debug)]
pub(crate) struct Signature {
    /// The type.
    pub(crate) ty: FuncType,
    /// Moves the parameters.
    pub(crate) params: Arc<Program>,
    /// Moves the result.
    pub(crate) result: Arc<Program>,
    /// The core type that a lowered function has.
    pub(crate) lower: core::FuncType,
    pub(crate) facts: CallFacts,
}

/// What a call needs to know of a function type.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallFacts {
    /// Slots of the parameters, without a pointer for the results.
    pub(crate) param_slots: usize,
    /// Whether a result comes back in slot 0: a value or a pointer to it.
    pub(crate) has_result: bool,
    /// Whether the result travels through memory.
    pub(crate) result_in_memory: bool,
    /// Whether a parameter holds a borrow.
    pub(crate) has_borrow: bool,
    /// Whether all parameters are numbers of 32 or 64 bits: their slots can
    /// be copied.
    pub(crate) params_copy: bool,
    /// As `params_copy`, for the result.
    pub(crate) result_copy: bool,
    /// Whether parameters and result are primitive, each in a slot of its own: a call
    /// needs neither memory nor handles.
    pub(crate) primitive: bool,
}

impl Signature {
    /// Says which parameter an error is about.
    #[cold]
    pub(crate) fn param_error(&self, error: linkspan_canon_abi::Error) -> Error {
        let error = Error::from(error);
        // Several parameters are a tuple to the program: its first step is
        // the position.
        let position = error.path().next().and_then(|path| {
            let first = path.split(['.', '[']).next()?;
            first.parse::<usize>().ok()
        });
        let param = match &self.ty.params[..] {
            [only] => Some(only),
            params => params.get(position.unwrap_or(usize::MAX)),
        };
        match param {
            Some(param) => error.within(format!("parameter {:?}", param.name)),
            None => error,
        }
    }

    fn new(
        plan: &Plan,
        programs: &mut Programs,
        ty: &FuncType,
        pointers: Pointers,
    ) -> Result<Signature> {
        let Pointers { caller, callee } = pointers;
        let types = &plan.types;
        let lift = flatten_functype(types, ty, callee, Context::Lift);
        let lower = flatten_functype(types, ty, caller, Context::Lower);
        let facts = CallFacts::new(plan, ty, &lift);
        Ok(Signature {
            ty: ty.clone(),
            params: programs.params(types, ty, caller, callee)?,
            result: programs.result(types, ty, callee, caller)?,
            lower: core_type(&lower),
            facts,
        })
    }
}

impl CallFacts {
    fn new(plan: &Plan, ty: &FuncType, lift: &CoreSignature) -> CallFacts {
        let copies = |ty: ValType| {
            matches!(
                ty,
                ValType::U32
                    | ValType::S32
                    | ValType::U64
                    | ValType::S64
                    | ValType::F32
                    | ValType::F64
            )
        };
        let primitive = |ty| !matches!(ty, ValType::String | ValType::Defined(_));
        CallFacts {
            param_slots: lift.params.len(),
            has_result: ty.result.is_some(),
            result_in_memory: lift.results_in_memory,
            has_borrow: ty.param_types().any(|ty| plan.types.facts(ty).has_borrow),
            params_copy: !lift.params_in_memory && ty.param_types().all(copies),
            result_copy: ty.result.is_none_or(copies),
            primitive: !lift.params_in_memory
                && ty.param_types().all(primitive)
                && ty.result.is_none_or(primitive),
        }
    }
}

fn core_type(signature: &CoreSignature) -> core::FuncType {
    core::FuncType::new(
        signature.params.iter().copied().map(core_val_type),
        signature.results.iter().copied().map(core_val_type),
    )
}

/// A core type of numbers as the engine calls it.
pub(crate) fn core_val_type(ty: CoreType) -> core::ValType {
    match ty {
        CoreType::I32 => core::ValType::I32,
        CoreType::I64 => core::ValType::I64,
        CoreType::F32 => core::ValType::F32,
        CoreType::F64 => core::ValType::F64,
    }
}

/// The core type of a pointer, and of what is as wide as one.
pub(crate) fn core_pointer(pointer: PointerSize) -> core::ValType {
    core_val_type(CoreType::pointer(pointer))
}
