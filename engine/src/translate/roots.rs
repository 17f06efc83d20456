//! Which slots of a frame hold references for the collector, at any place
//! where a collection may happen. A walk notes only those operands that were
//! in their homes across such a place; they are few.

use super::sink::FrameSlot;

/// How an activation came to the place where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safepoint {
    /// In a call: the arguments belong to the callee.
    Call,
    /// In an operator that makes an object, or before a call: all operands
    /// are still needed.
    Operator,
}

/// An operand was in its home behind the operator at `from`, and was taken
/// from there by the operator at `to`; both are offsets in the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RootSpan {
    pub(super) slot: FrameSlot,
    pub(super) from: u32,
    pub(super) to: u32,
}

/// The references of a function's frames.
#[derive(Clone, Debug, Default)]
pub(crate) struct RootMaps {
    /// Parameters and locals: always references, or null.
    locals: Box<[FrameSlot]>,
    /// Operands, sorted.
    spans: Box<[RootSpan]>,
}

impl RootMaps {
    pub(super) fn new(locals: &[FrameSlot], mut spans: Vec<RootSpan>) -> RootMaps {
        spans.sort_unstable();
        RootMaps {
            locals: locals.into(),
            spans: spans.into(),
        }
    }

    /// Calls `each` with every slot that holds a reference while the
    /// operator at `offset` runs.
    pub(crate) fn for_each(
        &self,
        offset: u32,
        safepoint: Safepoint,
        mut each: impl FnMut(FrameSlot),
    ) {
        self.locals.iter().for_each(|slot| each(*slot));
        let is_live = |span: &RootSpan| match safepoint {
            Safepoint::Call => span.from < offset && offset < span.to,
            Safepoint::Operator => {
                // What the operator itself has brought home, or what was
                // there before and is not gone yet; but not its result.
                let is_operand = span.from == offset && span.to == offset;
                is_operand || span.from < offset && offset <= span.to
            }
        };
        // Spans of one slot follow each other without overlap, so at most
        // two of them touch the offset.
        let mut rest = &*self.spans;
        while let Some(first) = rest.first() {
            let (same, others) = rest.split_at(rest.partition_point(|s| s.slot <= first.slot));
            let behind = same.partition_point(|span| span.from <= offset);
            let near = &same[behind.saturating_sub(2)..behind];
            if near.iter().any(is_live) {
                each(first.slot);
            }
            rest = others;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_count_while_they_are_home() {
        let span = |slot, from, to| RootSpan { slot, from, to };
        let spans = vec![
            span(9, 30, 40),
            span(7, 10, 20),
            span(7, 20, 30),
            span(8, 5, 20),
            span(10, 20, 20),
        ];
        let maps = RootMaps::new(&[1], spans);
        let at = |offset, safepoint| {
            let mut slots = Vec::new();
            maps.for_each(offset, safepoint, |slot| slots.push(slot));
            slots
        };
        assert_eq!(at(15, Safepoint::Call), [1, 7, 8]);
        assert_eq!(at(10, Safepoint::Operator), [1, 8]);
        assert_eq!(at(20, Safepoint::Call), [1]);
        assert_eq!(at(20, Safepoint::Operator), [1, 7, 8, 10]);
        assert_eq!(at(30, Safepoint::Operator), [1, 7]);
        assert_eq!(at(40, Safepoint::Call), [1]);
    }
}
