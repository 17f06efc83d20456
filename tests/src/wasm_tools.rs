//! What the scripts of wasm-tools say about themselves: their first lines hold
//! the command with which that tool runs them, and with it the proposals.

use linkspan::{ComponentFeatures, ComponentProposal};
use linkspan_engine::{Features, Proposal};
use linkspan_script::Proposals;

/// The proposals to the component model that the tool has on by default.
const ON: &[ComponentProposal] = &[
    ComponentProposal::Async,
    ComponentProposal::Map,
    ComponentProposal::Implements,
];

/// The proposals that the command at the start of a script asks for.
///
/// # Errors
///
/// When there is no command, or it names a proposal that nobody knows.
pub fn features(text: &str) -> Result<Proposals, String> {
    let mut components = ComponentFeatures::none();
    for proposal in ON {
        components.set(*proposal, true);
    }
    let mut proposals = Proposals {
        core: Features::default(),
        components,
    };
    let command = command(text).ok_or("expected a line `;; RUN:`, found none")?;
    let mut words = command.split_whitespace();
    while let Some(word) = words.next() {
        let list = match word {
            "-f" => words.next(),
            _ => word
                .strip_prefix("-f=")
                .or_else(|| word.strip_prefix("--features=")),
        };
        for change in list.into_iter().flat_map(|list| list.split(',')) {
            switch(&mut proposals, change)?;
        }
    }
    Ok(proposals)
}

/// The command, which goes on in the next line after a backslash.
fn command(text: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(";; RUN:"));
    let mut command = lines.next()?.strip_prefix(";; RUN:")?.to_owned();
    while command.ends_with('\\') {
        command.pop();
        command.push_str(lines.next()?.strip_prefix(";;")?);
    }
    Some(command)
}

fn switch(proposals: &mut Proposals, change: &str) -> Result<(), String> {
    let enable = !change.starts_with('-');
    let name = change.trim_start_matches('-');
    // The tool has one switch for what is a proposal to core WebAssembly, and
    // for the built-ins of components that come with it.
    let component_name = match name {
        "shared-everything-threads" => "cm-shared-threads",
        name => name,
    };
    let mut components = ComponentProposal::ALL.iter();
    if let Some(proposal) = components.find(|proposal| proposal.name() == component_name) {
        proposals.components.set(*proposal, enable);
        return Ok(());
    }
    let core_name = match name {
        "exceptions" => "exception-handling",
        name => name,
    };
    let mut core = Proposal::ALL.iter();
    match core.find(|proposal| proposal.name() == core_name) {
        // What the engine does not have is decoded all the same.
        Some(proposal) if !proposal.is_supported() => Ok(()),
        Some(proposal) => {
            proposals.core.set(*proposal, enable);
            Ok(())
        }
        None => Err(format!("expected the name of a proposal, found {change:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_switches_proposals() {
        let text = ";; RUN: wast --assert default % \\\n;;   -f=cm-values,-cm-async\n(component)";
        let proposals = features(text).unwrap();
        let has = |proposal| proposals.components.contains(proposal);
        assert!(has(ComponentProposal::Values));
        assert!(!has(ComponentProposal::Async));
        assert!(has(ComponentProposal::Map));
        assert!(!has(ComponentProposal::Threading));
        let off = features(";; RUN: wast --features=-exceptions %").unwrap();
        assert!(!off.core.contains(Proposal::Exceptions));
        assert!(
            features(";; RUN: wast -f nothing")
                .unwrap_err()
                .contains("nothing")
        );
        assert!(features("(component)").is_err());
    }
}
