//! Values of component-level types, and the start functions that take and
//! make them. Values that are passed from instance to instance need no step:
//! every name of one is the same number.

use linkspan_canon_abi::ValType;

use super::eval::Usable;
use super::flatten::Flattener;
use super::space::{EnvId, get};
use super::{FuncItem, Item, Step, ValueDef, ValueId, ValueSource};
use crate::error::{Error, Result};

impl Flattener {
    /// Adds a value.
    pub(super) fn new_value(
        &mut self,
        source: ValueSource,
        ty: Usable<ValType>,
    ) -> Result<ValueId> {
        let id = ValueId(self.next(self.plan.values.len())?);
        self.plan.values.push(ValueDef { source, ty });
        Ok(id)
    }

    /// The type of a value.
    pub(super) fn value_type(&self, value: ValueId) -> Result<Usable<ValType>> {
        match self.plan.values.get(value.index()) {
            Some(value) => Ok(value.ty),
            None => Err(Error::inconsistent("a value is missing")),
        }
    }

    /// Calls a start function at this point of the plan.
    pub(super) fn start(
        &mut self,
        env: EnvId,
        func: u32,
        args: &[u32],
        results: u32,
    ) -> Result<()> {
        self.spend(self.next(args.len())?)?;
        let func = get(&self.env(env).funcs, func)?;
        let args = args
            .iter()
            .map(|index| get(&self.env(env).values, *index))
            .collect::<Result<Vec<_>>>()?;
        let result = match results {
            0 => None,
            _ => {
                let ty = self.result_type(func)?;
                Some(self.new_value(ValueSource::Start, ty)?)
            }
        };
        self.step(Step::Start { func, args, result })?;
        if let Some(result) = result {
            self.env_mut(env).push(Item::Value(result));
        }
        Ok(())
    }

    fn result_type(&self, func: FuncItem) -> Result<Usable<ValType>> {
        match self.plan.func_types.get(func.ty.index()) {
            Some(Ok(ty)) => ty
                .result
                .map(Ok)
                .ok_or_else(|| Error::inconsistent("a start function without a result")),
            Some(Err(reason)) => Ok(Err(*reason)),
            None => Err(Error::inconsistent("a function type is missing")),
        }
    }
}
