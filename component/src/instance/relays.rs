//! What a component hands back of its imports: functions of the host that it
//! exports or calls as start functions, as functions that can be called.

use std::sync::Arc;

use linkspan_canon_abi as abi;
use linkspan_engine as core;
use linkspan_engine::AsContextMut;

use super::run::{Run, linked_elsewhere};
use crate::code::Pointers;
use crate::error::{Error, Result};
use crate::func::builtin::Unsupported;
use crate::func::guest::Site;
use crate::func::host::{HostFunction, LoweredImport};
use crate::func::relay::{Area, Relay};
use crate::func::{Func, Lifted};
use crate::linker::Definition;
use crate::plan::{FuncTypeId, ImportId};

/// The guest that stands between the host and its own functions.
pub(super) struct Between {
    owner: u32,
    /// Made for the first function whose values need it.
    area: Option<(Area, core::Func)>,
}

impl Run<'_> {
    /// Makes the functions that are handed back.
    pub(super) fn handed_back(&mut self) -> Result<()> {
        let code = &self.pre.code;
        let mut between = None;
        for (import, ty) in &code.handed_back {
            let func = match self.pre.imports.get(import.index()) {
                Some(Definition::Guest(_, func)) => {
                    func.lifted(self.store.extra())
                        .map_err(|_| linked_elsewhere())?;
                    *func
                }
                // It is there, and calls of it say what is missing.
                Some(Definition::Host(_)) if code.needs_async(*ty) => {
                    self.relay_unbuilt(&mut between, *ty)?
                }
                Some(Definition::Host(host)) => {
                    let host = Arc::clone(host);
                    self.relay(&mut between, host, *import, *ty)?
                }
                _ => return Err(Error::inconsistent("a function is missing")),
            };
            self.func_imports.push((import.0, func));
        }
        Ok(())
    }

    fn relay(
        &mut self,
        between: &mut Option<Between>,
        host: Arc<dyn HostFunction>,
        import: ImportId,
        ty: FuncTypeId,
    ) -> Result<Func> {
        let code = Arc::clone(&self.pre.code);
        let path: Arc<str> = match code.imports.get(import.index()) {
            Some(import) => import.path.to_string().into(),
            None => return Err(Error::inconsistent("an import is missing")),
        };
        let signature = Arc::clone(
            code.signature(ty, Pointers::both(abi::PointerSize::P32))
                .map_err(|error| error.within(format!("import {path}")))?,
        );
        let needs_memory = signature.ty.needs_memory(&code.types);
        let (site, area) = self.site_between(between, needs_memory)?;
        let import = LoweredImport {
            site,
            code: Arc::clone(&code),
            signature: Arc::clone(&signature),
            path,
        };
        let lowered = host.bind(&mut self.store, import)?;
        let facts = signature.facts;
        let (mut func, mut post_return) = (lowered, None);
        if needs_memory || facts.has_borrow {
            let core_type = code.lifted_core_type(ty, abi::PointerSize::P32)?;
            let core_type =
                core_type.ok_or_else(|| Error::inconsistent("a function without a core type"))?;
            let result = signature.ty.result;
            let layout = result.map(|ty| code.types.layout(ty, abi::PointerSize::P32));
            if let Some(area) = &area {
                let results = core_type.results();
                post_return = Some(area.post_return(&mut self.store.as_context_mut(), results)?);
            }
            let relay = Relay {
                lowered,
                facts,
                result: layout.map_or((0, 1), |l| (u64::from(l.size), u64::from(l.align))),
                owner: site.owner,
                area,
            };
            func = core::Func::from_host(&mut self.store, &core_type, relay)?;
        }
        let lifted = Lifted {
            func,
            post_return,
            site,
            ty,
            facts,
        };
        self.add_func(lifted)
    }

    fn relay_unbuilt(&mut self, between: &mut Option<Between>, ty: FuncTypeId) -> Result<Func> {
        let (site, _) = self.site_between(between, false)?;
        let stand_in = Unsupported {
            owner: site.owner,
            name: None,
            what: "async is",
            offset: 0,
        };
        let core_type = core::FuncType::new([], []);
        let facts = self.pre.code.facts(ty)?;
        let lifted = Lifted {
            func: core::Func::from_host(&mut self.store, &core_type, stand_in)?,
            post_return: None,
            site,
            ty,
            facts,
        };
        self.add_func(lifted)
    }

    /// The guest between, made if there is none.
    fn site_between(
        &mut self,
        between: &mut Option<Between>,
        needs_memory: bool,
    ) -> Result<(Site, Option<Area>)> {
        let between = match between {
            Some(between) => between,
            None => {
                let state = self.store.extra_mut();
                let owner = state.new_owner()?;
                state.never_poison(owner);
                between.insert(Between { owner, area: None })
            }
        };
        let area = match (&between.area, needs_memory) {
            (Some(area), true) => Some(area.clone()),
            (None, true) => {
                let area = Area::new(&mut self.store.as_context_mut())?;
                let state = self.store.extra_mut();
                state.set_area(between.owner, area.in_use.clone());
                let realloc = area.realloc(&mut self.store.as_context_mut())?;
                Some(between.area.insert((area, realloc)).clone())
            }
            (_, false) => None,
        };
        let site = Site {
            memory: area.as_ref().map(|(area, _)| area.memory),
            realloc: area.as_ref().map(|(_, realloc)| *realloc),
            options: abi::Options::default(),
            owner: between.owner,
            instance: self.instance,
            framed: false,
            leaves: false,
        };
        Ok((site, area.map(|(area, _)| area)))
    }
}
