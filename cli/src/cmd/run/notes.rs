//! What a program lacked: what it was denied, and what it could use but was not granted at all.

use std::fmt::Write;

use linkspan_wasi::{Denial, WasiCtx};

/// What a program imports that may need a grant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Needs {
    pub(super) files: bool,
    pub(super) network: bool,
}

/// Notes on what was denied, each with the option that would have granted it.
pub(super) fn denied(ctx: &WasiCtx) -> String {
    let mut notes = String::new();
    let mut helps: Vec<&str> = Vec::new();
    for denial in ctx.denials() {
        let _ = writeln!(notes, "note: the program was denied {denial}");
        let help = help(&denial);
        if !helps.contains(&help) {
            helps.push(help);
        }
    }
    for help in helps {
        let _ = writeln!(notes, "  = help: {help}");
    }
    notes
}

/// The option that grants what was denied.
fn help(denial: &Denial) -> &'static str {
    match denial {
        Denial::Write { .. } => "`--dir` in place of `--dir-read-only` lets it change files",
        Denial::Read { .. } | Denial::Outside { .. } => {
            "`--dir HOST::GUEST` grants a directory, which the program finds as GUEST"
        }
        Denial::Socket { .. }
        | Denial::Address { .. }
        | Denial::Name { .. }
        | Denial::Http { .. } => {
            "`--allow-address HOST:PORT` grants an address, `--allow-network` all of them"
        }
        _ => "`linkspan help run` lists what can be granted",
    }
}

/// Notes on what a program that failed may have missed without asking for it: the libraries of
/// programs look for a directory first, and ask nobody if there is none.
pub(super) fn missing(ctx: &WasiCtx, needs: Needs) -> String {
    let mut notes = String::new();
    if needs.files && ctx.preopens().next().is_none() {
        notes += "note: the program can open files, but was granted no directory\n  \
                  = help: `--dir HOST::GUEST` grants one\n";
    }
    let denials = ctx.denials();
    let mut denials = denials.iter();
    let asked = denials.any(|denial| matches!(denial, Denial::Socket { .. } | Denial::Name { .. }));
    if needs.network && !asked {
        notes += "note: the program can use the network, but was granted no part of it\n  \
                  = help: `--allow-address HOST:PORT` grants an address\n";
    }
    notes
}
