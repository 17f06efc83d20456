//! What the macro expands to: the bindings, or an `include!` of the file that holds them, and items
//! that make the compiler watch what was read.

use std::path::{Path, PathBuf};

use linkspan_wit::Error;
use linkspan_wit::bindgen::Output;
use proc_macro::{Span, TokenStream};

use crate::cursor::Text;
use crate::definitions;
use crate::error::SpannedError;
use crate::given_paths;
use crate::input::Input;
use crate::sources::{from_here, manifest_folder};

/// The environment variable that says what to do with files.
const VARIABLE: &str = "LINKSPAN_BINDGEN";

/// The expansion for `output`.
pub(crate) fn expansion(input: &Input, output: &Output) -> Result<TokenStream, SpannedError> {
    let crate_path = input.options.crate_path.as_deref().unwrap_or("::linkspan");
    let mut text = match &input.emit {
        None => format!("{}\n", output.code),
        Some(path) => include(path, output)?,
    };
    text += &format!("use {crate_path}::Bindings as _;\n");
    for file in &output.files {
        let file = absolute(file, Span::call_site())?;
        text += &format!("const _: &[u8] = ::core::include_bytes!({file:?});\n");
    }
    let code: TokenStream = text.parse().map_err(|error| {
        SpannedError::new(
            Span::call_site(),
            format!("the generated bindings are no Rust; this is a bug of the generator: {error}"),
        )
    })?;
    let code = given_paths::place(code, &input.paths_given);
    Ok(match &input.wit {
        Some(wit) => definitions::place(code, output, wit),
        None => code,
    })
}

/// Brings the file up to date, or checks that it is, and includes it.
fn include(path: &Text, output: &Output) -> Result<String, SpannedError> {
    let failed = |message: String| SpannedError::new(path.span, message);
    let file = from_here(manifest_folder()?.join(&path.value));
    let report = |error: Error| {
        let report = format!("{error:#}");
        failed(report.strip_prefix("error: ").unwrap_or(&report).to_owned())
    };
    match std::env::var(VARIABLE).as_deref() {
        Err(std::env::VarError::NotPresent) | Ok("" | "write") => {
            // A file that is up to date keeps its time, so that nothing is built again for it.
            output.write_if_changed(&file).map_err(report)?;
        }
        Ok("check") => output.check(&file).map_err(report)?,
        Ok(_) | Err(std::env::VarError::NotUnicode(_)) => {
            let message =
                format!("the environment variable `{VARIABLE}` is neither `check` nor `write`");
            return Err(failed(message));
        }
    }
    let file = absolute(&file, path.span)?;
    // The compiler records that the result depends on the variable.
    Ok(format!(
        "::core::include!({file:?});\n\
         const _: ::core::option::Option<&str> = ::core::option_env!({VARIABLE:?});\n"
    ))
}

fn absolute(file: &Path, span: Span) -> Result<String, SpannedError> {
    let file = std::path::absolute(file).unwrap_or_else(|_| PathBuf::from(file));
    let text = file.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        let message = format!("the path `{}` is not UTF-8", file.display());
        SpannedError::new(span, message)
    })
}
