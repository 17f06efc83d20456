//! What the translator tells a tier about each function of a core module:
//! operations on frame slots, labels, and the root map of each call.

use linkspan_engine::{Engine, Error, Module, print_ir};

use crate::Case;

/// Translates every function of the module and prints what came out.
///
/// # Errors
///
/// When the module is refused: that is a case of the stage `error`.
pub fn translate(case: &Case) -> Result<String, String> {
    print(case).map_err(|error| format!("{error:#}"))
}

fn print(case: &Case) -> Result<String, Error> {
    let module = Module::new(&Engine::default(), &case.text)?;
    let is_func = |ty: &_| matches!(ty, linkspan_engine::ExternType::Func(_));
    let imported = module
        .imports()
        .filter(|import| is_func(&import.ty))
        .count();
    let mut functions = Vec::new();
    // A number that is no function ends the list.
    for func in u32::try_from(imported).unwrap_or(u32::MAX).. {
        match print_ir(&module, func) {
            Ok(text) => functions.push(text),
            Err(_) if !functions.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(functions.join("\n"))
}
