//! The engine: what modules and stores share. Immutable to an observer; the
//! type registry inside locks only to register and to forget a type, the
//! pool of stacks only when a store makes its first call and when it ends.

use std::sync::Arc;

use crate::config::{Config, DispatchMode, Features, Proposal, Tier};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::vmctx::RED_ZONE_SLOTS;
use crate::sys::{RegionPool, StackPool};
use crate::types::{
    CompositeType, DefinedType, FuncType, FuncTypeRef, SubType, TypeId, TypeRegistry, ValType,
};

/// A configuration made ready to load modules. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    types: Arc<TypeRegistry>,
    stacks: StackPool,
    regions: RegionPool,
}

impl Engine {
    /// An engine for `config`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] if the configuration asks for a proposal or
    /// a way of dispatch that this build does not have;
    /// [`ErrorKind::Limit`] if the stack is smaller than 4 KiB or larger than
    /// 1 GiB.
    pub fn new(config: &Config) -> Result<Engine> {
        if let Some(proposal) = config.features.iter().find(|p| !p.is_supported()) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("the proposal {proposal} is not supported by this version: leave it off"),
            )
            .with_proposal(proposal));
        }
        if config.dispatch == DispatchMode::Threaded && !cfg!(tail_dispatch) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "this build has no threaded dispatch: use DispatchMode::Auto, or build with \
                 optimisation for a supported processor",
            ));
        }
        if !(1 << 12..=1 << 30).contains(&config.max_stack_bytes) {
            return Err(Error::limit(format!(
                "expected a stack of 4096 to 1073741824 bytes, found {}",
                config.max_stack_bytes
            )));
        }
        Ok(Engine::from_checked(config.clone()))
    }

    fn from_checked(config: Config) -> Engine {
        let stacks = StackPool::new(config.max_stack_bytes, RED_ZONE_SLOTS);
        Engine(Arc::new(Inner {
            config,
            types: Arc::default(),
            stacks,
            regions: RegionPool::default(),
        }))
    }

    /// Whether `a` and `b` are clones of one engine. Modules run only in
    /// stores of the same engine.
    #[must_use]
    pub fn same(a: &Engine, b: &Engine) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    /// The proposals that this engine accepts.
    #[must_use]
    pub fn features(&self) -> Features {
        self.0.config.features
    }

    /// Whether `proposal` is on.
    #[must_use]
    pub fn has(&self, proposal: Proposal) -> bool {
        self.features().contains(proposal)
    }

    /// The settings of that type which a layer above has put into the
    /// engine's [`Config`].
    #[must_use]
    pub fn extension<E: core::any::Any + Send + Sync>(&self) -> Option<&E> {
        self.0.config.get_extension()
    }

    /// The tier that was chosen.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.0.config.tier
    }

    /// The slot stacks that stores of this engine share.
    pub(crate) fn stacks(&self) -> &StackPool {
        &self.0.stacks
    }

    /// The regions for memories that stores of this engine share.
    pub(crate) fn regions(&self) -> &RegionPool {
        &self.0.regions
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Defines a type that stands alone: equal to what a module of this
    /// engine defines alike.
    ///
    /// # Errors
    ///
    /// As for [`define_types`](Engine::define_types).
    pub fn define_type(&self, composite: impl Into<CompositeType>) -> Result<DefinedType> {
        let types = self.define_types([SubType::plain(composite)])?;
        let first = types.into_iter().next();
        first.ok_or_else(|| Error::usage("expected a type, found none"))
    }

    /// Defines a recursion group. Definitions name each other with
    /// [`TypeId::in_group`], and types of earlier groups by their ids.
    /// Groups are equal if they are written alike, here or in a module.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`] if a definition names a type that is not there
    /// or is of another kind than the reference says, or does not match its
    /// supertype; [`ErrorKind::Limit`] for more than 1000 parameters or
    /// results, 10 000 fields or 63 supertypes.
    pub fn define_types(
        &self,
        definitions: impl IntoIterator<Item = SubType>,
    ) -> Result<Vec<DefinedType>> {
        self.0.types.define_group(definitions.into_iter().collect())
    }

    /// The type that an id names. `None` if nobody keeps it any more.
    #[must_use]
    pub fn defined_type(&self, id: TypeId) -> Option<DefinedType> {
        self.0.types.find(id)
    }

    /// Whether every value of type `sub` is one of type `sup`.
    #[must_use]
    pub fn matches(&self, sub: ValType, sup: ValType) -> bool {
        self.0.types.matches(sub, sup)
    }

    /// Registers a function type that stands alone.
    pub(crate) fn register(&self, ty: &FuncType) -> Result<FuncTypeRef> {
        self.0.types.register(ty)
    }

    pub(crate) fn types(&self) -> &Arc<TypeRegistry> {
        &self.0.types
    }
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::from_checked(Config::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::Module;

    #[test]
    fn types_are_forgotten_with_the_modules_that_name_them() {
        let engine = Engine::default();
        let text = "(module (type (func (param i64))) (type (func)) (type (func)))";
        let a = Module::new(&engine, text).unwrap();
        let b = Module::new(&engine, text).unwrap();
        assert_eq!(engine.types().len(), 2);
        drop(a);
        assert_eq!(engine.types().len(), 2);
        drop(b);
        assert_eq!(engine.types().len(), 0);
    }
}
