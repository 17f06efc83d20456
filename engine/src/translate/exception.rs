//! Exceptions: `try_table`, `throw`, `throw_ref`.
//!
//! A clause is a branch that no instruction takes: its label is that of an
//! outer block, whose operands all went home when it was opened, and locals
//! are always in their slots. So a handler needs nothing from the code that
//! threw, and entering a `try_table` costs nothing. Locals that the body of
//! a `try_table` writes are forgotten where its labels' blocks end, as after
//! any other branch.

use wasmparser::{Catch, TryTable};

use crate::error::Result;
use crate::module::TagIndex;
use crate::types::ValType;

use super::Walk;
use super::control::Kind;
use super::sink::{Check, Clause, Sink};

impl<C: Check, S: Sink> Walk<'_, C, S> {
    pub(super) fn try_table(&mut self, table: &TryTable) -> Result<()> {
        let mut frame = self.open(Kind::Try, table.ty)?;
        frame.label = Some(self.sink.label());
        let clauses: Vec<_> = table.catches.iter().map(|c| self.clause(c)).collect();
        self.sink.try_table(&clauses);
        self.frames.push(frame);
        Ok(())
    }

    fn clause(&mut self, catch: &Catch) -> Clause<S::Label> {
        let (tag, with_ref, depth) = match *catch {
            Catch::One { tag, label } => (Some(TagIndex(tag)), false, label),
            Catch::OneRef { tag, label } => (Some(TagIndex(tag)), true, label),
            Catch::All { label } => (None, false, label),
            Catch::AllRef { label } => (None, true, label),
        };
        let target = self.target(depth);
        let frame = &mut self.frames[target];
        frame.used = true;
        let (label, payload) = match frame.label {
            Some(label) => (label, frame.base),
            // The function's label is a return: code at its end brings the
            // payload from the first homes to the results.
            None => {
                let sink = &mut *self.sink;
                let label = *self.catch_return.get_or_insert_with(|| sink.label());
                (label, self.layout.operands)
            }
        };
        Clause {
            tag,
            with_ref,
            label,
            payload,
        }
    }

    /// At the end of the function: returns what clauses caught for it.
    pub(super) fn catch_and_return(&mut self, results: &[ValType]) -> Result<()> {
        let Some(label) = self.catch_return.take() else {
            return Ok(());
        };
        self.stack.truncate(0);
        self.sink.bind(label);
        self.push_homes(results)?;
        self.emit_return(results.len())
    }

    pub(super) fn throw(&mut self, tag: TagIndex) -> Result<()> {
        let count = self.module.tag_type(tag).params().len();
        let first = self.stack.height() - count;
        let payload = match self.stack.above(first).first() {
            Some(first) => first.home,
            None => self.stack.next_home()?,
        };
        self.stack.flush_above(first, self.sink);
        // A handler may want an object.
        self.stack.safepoint();
        self.sink.throw(tag, payload, &self.stack.roots(payload));
        self.dead();
        Ok(())
    }

    pub(super) fn throw_ref(&mut self) {
        let exception = self.stack.pop();
        self.stack.safepoint();
        let roots = self.stack.roots(exception.home);
        self.sink.throw_ref(exception.val, exception.home, &roots);
        self.dead();
    }
}
