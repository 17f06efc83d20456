//! How commands run guests, and what they may consume.

use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use linkspan::core::Store;
use linkspan::{Config, Engine, InterruptHandle};
use linkspan_script::Mode;

use crate::failure::Result;

/// How guests are run.
#[derive(Debug, Args)]
pub(super) struct Running {
    /// How guests are run: `auto`, `threaded` or `loop`.
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = Mode::named)]
    tier: Mode,

    /// Trap when this many units of fuel, about one per operator, are consumed.
    #[arg(long, value_name = "UNITS")]
    fuel: Option<u64>,

    /// Trap when guests take longer.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

impl Running {
    pub(super) fn engine(&self) -> Result<Engine> {
        let options = linkspan_script::Options {
            mode: self.tier,
            ..Default::default()
        };
        let mut config: Config = options.config();
        config.fuel(self.fuel.is_some());
        Ok(Engine::new(&config).map_err(linkspan::Error::from)?)
    }

    /// Limits what guests in a store may consume from now on, as long as the answer is kept.
    pub(super) fn limit<T: 'static, X: 'static>(
        &self,
        store: &mut Store<T, X>,
    ) -> Result<Option<mpsc::Sender<()>>> {
        self.set_fuel(store)?;
        Ok(self.timer(store.interrupt_handle()))
    }

    /// Limits the fuel of guests in a store.
    pub(super) fn set_fuel<T: 'static, X: 'static>(
        &self,
        store: &mut Store<T, X>,
    ) -> linkspan::Result<()> {
        match self.fuel {
            Some(fuel) => Ok(store.set_fuel(fuel)?),
            None => Ok(()),
        }
    }

    /// How long guests may take.
    pub(super) fn time(&self) -> Option<Duration> {
        self.timeout.map(Duration::from_secs)
    }

    /// Interrupts the guest when its time is up; the answer takes that back when it is dropped.
    fn timer(&self, handle: InterruptHandle) -> Option<mpsc::Sender<()>> {
        let time = self.time()?;
        let (sender, receiver) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if receiver.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout) {
                handle.interrupt();
            }
        });
        Some(sender)
    }
}
