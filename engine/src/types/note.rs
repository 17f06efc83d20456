//! What to say beside two types that do not match: the definitions behind
//! their ids, or why types that are written alike differ.

use core::fmt::Write as _;

use super::registry::TypeRegistry;
use super::{ExternType, TagType, ValType};

/// Definitions that a note tells.
const DEFINITIONS_MAX: usize = 4;

/// Characters of a definition that a note tells.
const DEFINITION_CHARS_MAX: usize = 200;

impl TypeRegistry {
    /// What the printed forms of `expected` and `found` leave open, to stand
    /// behind them; empty if that is nothing.
    pub(crate) fn note(&self, expected: &ExternType, found: Option<&ExternType>) -> String {
        let mut note = String::new();
        if found == Some(expected) {
            note.push_str(" with other supertypes, finality or recursion group");
        }
        let mut ids = Vec::new();
        for ty in [Some(expected), found].into_iter().flatten() {
            each_value(ty, &mut |ty| {
                let id = ty.as_ref_type().and_then(|ty| ty.heap.type_id());
                ids.extend(id.filter(|id| ids.len() < DEFINITIONS_MAX && !ids.contains(id)));
            });
        }
        for (i, id) in ids.into_iter().enumerate() {
            let Some(defined) = self.find(id) else {
                continue;
            };
            let mut text = defined.definition().to_string();
            if let Some((at, _)) = text.char_indices().nth(DEFINITION_CHARS_MAX) {
                text.truncate(at);
                text.push('…');
            }
            let word = if i == 0 { ", where" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(note, "{word} {} = {text}", id.0);
        }
        note
    }
}

fn each_value(ty: &ExternType, each: &mut dyn FnMut(ValType)) {
    match ty {
        ExternType::Func(ty) | ExternType::Tag(TagType { func: ty }) => {
            ty.types.iter().copied().for_each(each);
        }
        ExternType::Table(ty) => each(ty.element.into()),
        ExternType::Global(ty) => each(ty.content),
        ExternType::Memory(_) => {}
    }
}
