//! `wasi:cli`: arguments, variables, standard streams, terminals, and the end of a
//! program.

use linkspan::{Error, Result};

use super::bindings::wasi::cli;
use super::stream::{Input, Output};
use crate::ctx::WasiView;
use crate::exit::Exit;
use crate::poll::Stream;

impl<T: WasiView + 'static> cli::environment::Host for T {
    fn get_environment(&mut self) -> Vec<(String, String)> {
        self.wasi().env().to_vec()
    }

    fn get_arguments(&mut self) -> Vec<String> {
        self.wasi().args().to_vec()
    }

    /// Paths of a program mean what its preopens say; there is no other place.
    fn initial_cwd(&mut self) -> Option<String> {
        None
    }
}

impl<T: WasiView + 'static> cli::exit::Host for T {
    fn exit(&mut self, status: Result<(), ()>) -> Result<()> {
        Err(Error::host(Exit::new(u32::from(status.is_err()))))
    }

    fn exit_with_code(&mut self, status_code: u8) -> Result<()> {
        Err(Error::host(Exit::new(status_code.into())))
    }
}

impl<T: WasiView + 'static> cli::stdin::Host for T {
    fn get_stdin(&mut self) -> Input {
        Input::stdin()
    }
}

impl<T: WasiView + 'static> cli::stdout::Host for T {
    fn get_stdout(&mut self) -> Output {
        Output::standard(Stream::Out)
    }
}

impl<T: WasiView + 'static> cli::stderr::Host for T {
    fn get_stderr(&mut self) -> Output {
        Output::standard(Stream::Error)
    }
}

/// A terminal: there is nothing that a program could do with it but have it.
#[derive(Clone, Copy, Debug)]
pub struct Terminal;

impl<T: WasiView + 'static> cli::terminal_input::HostTerminalInput<T> for Terminal {}

impl<T: WasiView + 'static> cli::terminal_input::Host for T {
    type TerminalInput = Terminal;
}

impl<T: WasiView + 'static> cli::terminal_output::HostTerminalOutput<T> for Terminal {}

impl<T: WasiView + 'static> cli::terminal_output::Host for T {
    type TerminalOutput = Terminal;
}

impl<T: WasiView + 'static> cli::terminal_stdin::Host for T {
    fn get_terminal_stdin(&mut self) -> Option<Terminal> {
        self.wasi().stdin().is_terminal().then_some(Terminal)
    }
}

impl<T: WasiView + 'static> cli::terminal_stdout::Host for T {
    fn get_terminal_stdout(&mut self) -> Option<Terminal> {
        self.wasi().stdout().is_terminal().then_some(Terminal)
    }
}

impl<T: WasiView + 'static> cli::terminal_stderr::Host for T {
    fn get_terminal_stderr(&mut self) -> Option<Terminal> {
        self.wasi().stderr().is_terminal().then_some(Terminal)
    }
}
