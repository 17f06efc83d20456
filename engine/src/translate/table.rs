//! The operators on table elements.

use crate::error::Result;
use crate::types::ValType;

use super::Walk;
use super::sink::{Check, Sink};

impl<C: Check, S: Sink> Walk<'_, C, S> {
    pub(super) fn table_get(&mut self, table: u32) -> Result<()> {
        let index = self.stack.pop();
        let val = self.sink.table_get(table, index.val, index.home);
        self.stack
            .push(self.module.tables[table as usize].element.into(), val)
    }

    pub(super) fn table_set(&mut self, table: u32) {
        let val = self.stack.pop();
        let index = self.stack.pop();
        self.sink.table_set(table, index.val, val.val, index.home);
    }

    pub(super) fn table_size(&mut self, table: u32) -> Result<()> {
        let val = self.sink.table_size(table, self.stack.next_home()?);
        self.stack.push(self.table_address(table), val)
    }

    /// The type of indices and sizes of a table.
    fn table_address(&self, table: u32) -> ValType {
        self.module.tables[table as usize].address.val_type()
    }

    pub(super) fn table_grow(&mut self, table: u32) -> Result<()> {
        let delta = self.stack.pop();
        let init = self.stack.pop();
        let val = self.sink.table_grow(table, init.val, delta.val, init.home);
        self.stack.push(self.table_address(table), val)
    }
}
