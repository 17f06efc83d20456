//! `rust-resources`: a resource of the guest and one of the host, owned and
//! lent in both directions, with destructors that call back.

use std::collections::BTreeMap;
use std::path::Path;

use linkspan::{Error, ErrorKind, Linker, ResourceAny, ResourceType, StoreContextMut, Val};
use linkspan_script::Mode;
use linkspan_tests::harness::Failure;

use super::guest::{Guest, engine};
use super::transcript::Transcript;

const LEVELS: [&str; 3] = ["debug", "info", "warn"];

/// What the host keeps: its loggers, and what it saw happen.
#[derive(Default)]
struct Host {
    loggers: BTreeMap<u32, Logger>,
    lines: Vec<String>,
    made: u32,
}

struct Logger {
    name: String,
    messages: u32,
}

impl Host {
    fn make(&mut self, name: &str) -> u32 {
        self.made += 1;
        let (name, messages) = (name.to_owned(), 0);
        self.lines
            .push(format!("host: new logger {name} -> rep {}", self.made));
        self.loggers.insert(self.made, Logger { name, messages });
        self.made
    }

    fn logger(&mut self, rep: u32) -> Result<&mut Logger, Error> {
        self.loggers
            .get_mut(&rep)
            .ok_or_else(|| Error::msg(format!("no logger {rep}")))
    }
}

/// Plays the session of `EXPECT`.
pub(crate) fn transcript(folder: &Path, mode: Mode, expect: &str) -> Result<Vec<Failure>, Error> {
    let mut linker = Linker::new(&engine(mode)?);
    define_host_log(&mut linker)?;
    let path = folder.join("rust-resources.stripped.wasm");
    let guest = Guest::load(&path, &linker, Host::default())?;
    let transcript = Transcript::new(expect);
    let mut session = Session { guest, transcript };
    session.play()?;
    Ok(session.transcript.end())
}

fn define_host_log(linker: &mut Linker<Host>) -> Result<(), Error> {
    let mut log = linker.instance("corpus:resources/host-log@0.1.0")?;
    log.resource(
        "logger",
        ResourceType::host::<Logger>(),
        |mut store, rep| {
            let host = store.data_mut();
            if let Some(logger) = host.loggers.remove(&rep) {
                let line = format!(
                    "host: drop logger {} after {}",
                    logger.name, logger.messages
                );
                host.lines.push(line);
            }
            Ok(())
        },
    )?;
    log.func_new("[constructor]logger", |mut store, params, results| {
        let Val::String(name) = &params[0] else {
            return Err(misfit(params));
        };
        let rep = store.data_mut().make(name);
        results[0] = own(&mut store, rep)?;
        Ok(())
    })?;
    log.func_new("[static]logger.shared", |mut store, _, results| {
        let rep = store.data_mut().make("shared");
        results[0] = own(&mut store, rep)?;
        Ok(())
    })?;
    log.func_new("[method]logger.log", |mut store, params, _| {
        let (Val::Enum(level), Val::String(text)) = (&params[1], &params[2]) else {
            return Err(misfit(params));
        };
        let rep = rep(&mut store, &params[0])?;
        let logger = store.data_mut().logger(rep)?;
        logger.messages += 1;
        let line = format!("host: [{}/{}] {text}", logger.name, LEVELS[*level as usize]);
        store.data_mut().lines.push(line);
        Ok(())
    })?;
    log.func_new("[method]logger.count", |mut store, params, results| {
        let rep = rep(&mut store, &params[0])?;
        results[0] = Val::U32(store.data_mut().logger(rep)?.messages);
        Ok(())
    })?;
    log.func_new("describe", |mut store, params, results| {
        let rep = rep(&mut store, &params[0])?;
        let name = &store.data_mut().logger(rep)?.name;
        results[0] = Val::from(format!("logger<{name}>"));
        Ok(())
    })?;
    Ok(())
}

fn own(store: &mut StoreContextMut<'_, Host>, rep: u32) -> Result<Val, Error> {
    Ok(ResourceAny::new_own(store, ResourceType::host::<Logger>(), rep)?.into_own())
}

fn rep(store: &mut StoreContextMut<'_, Host>, value: &Val) -> Result<u32, Error> {
    let handle = ResourceAny::from_val(value);
    handle
        .ok_or_else(|| Error::msg("expected a handle"))?
        .rep(store)
}

fn misfit(params: &[Val]) -> Error {
    Error::msg(format!("expected other parameters, found {params:?}"))
}

struct Session<'a> {
    guest: Guest<Host>,
    transcript: Transcript<'a>,
}

impl Session<'_> {
    fn play(&mut self) -> Result<(), Error> {
        let ann = self.account("ann", 100)?;
        let bob = self.account("bob", 5)?;
        self.line_with_live("live")?;
        let owner = self.text("[method]account.owner", &[ann.into_borrow()])?;
        self.transcript
            .line(&format!("[method]account.owner {owner}"));
        self.compare(
            "[method]account.deposit",
            &[ann.into_borrow(), Val::U64(11)],
        )?;
        self.compare(
            "[method]account.withdraw",
            &[bob.into_borrow(), Val::U64(6)],
        )?;
        self.compare(
            "[method]account.withdraw",
            &[bob.into_borrow(), Val::U64(1)],
        )?;
        for (from, to, sum) in [(ann, bob, 50), (ann, ann, 1), (bob, ann, 55)] {
            let arguments = [from.into_borrow(), to.into_borrow(), Val::U64(sum)];
            self.compare("[static]account.transfer", &arguments)?;
        }
        let both = Val::from(vec![ann.into_borrow(), bob.into_borrow()]);
        self.compare("total", &[both])?;
        let opened = self.open_many()?;
        self.loggers(ann, bob)?;
        let merged = self
            .guest
            .value("[static]account.merge", &[ann.into_own(), bob.into_own()])?;
        let merged = handle(&merged)?;
        let owner = self.text("[method]account.owner", &[merged.into_borrow()])?;
        let balance = self.number("[method]account.balance", &[merged.into_borrow()])?;
        self.line_with_live(&format!("merge <account> {owner} {balance} live"))?;
        match self
            .guest
            .call("[method]account.owner", &[ann.into_borrow()])
        {
            Err(error) if error.kind() == ErrorKind::Resource => {
                self.transcript.line("use after move: TRAP already closed");
            }
            other => self.transcript.line(&format!("use after move: {other:?}")),
        }
        merged.resource_drop(&mut self.guest.store)?;
        self.line_with_live("after drop live")?;
        for account in opened {
            account.resource_drop(&mut self.guest.store)?;
        }
        self.line_with_live("after drops live")
    }

    fn open_many(&mut self) -> Result<Vec<ResourceAny>, Error> {
        let names = ["x", "y", "z"].map(Val::from).to_vec();
        let opened = self.guest.value("open-many", &[Val::from(names)])?;
        self.host_lines();
        let Val::List(list) = opened else {
            return Err(Error::msg("expected a list"));
        };
        let opened: Result<Vec<_>, _> = list.iter().map(|value| handle(&value)).collect();
        let opened = opened?;
        let live = self.number("live", &[])?;
        let lent: Vec<Val> = opened.iter().map(|account| account.into_borrow()).collect();
        let total = self.number("total", &[Val::from(lent)])?;
        let names = vec!["'<account>'"; opened.len()].join(", ");
        self.transcript
            .line(&format!("open-many [{names}] live {live} total {total}"));
        Ok(opened)
    }

    /// A logger goes to a guest, works there, comes back, and is lent.
    fn loggers(&mut self, ann: ResourceAny, bob: ResourceAny) -> Result<(), Error> {
        let rep = self.guest.store.data_mut().make("main");
        let main =
            ResourceAny::new_own(&mut self.guest.store, ResourceType::host::<Logger>(), rep)?;
        self.guest.call(
            "[method]account.set-logger",
            &[ann.into_borrow(), main.into_own()],
        )?;
        self.host_lines();
        self.transcript.line("set-logger None");
        self.compare("[method]account.deposit", &[ann.into_borrow(), Val::U64(1)])?;
        self.compare(
            "[method]account.withdraw",
            &[ann.into_borrow(), Val::U64(9999)],
        )?;
        let taken = self
            .guest
            .value("[method]account.take-logger", &[ann.into_borrow()])?;
        let Val::Option(Some(taken)) = taken else {
            return Err(Error::msg("expected a logger"));
        };
        let taken = handle(&taken)?;
        if taken.rep(&self.guest.store)? == rep {
            self.transcript.line("take-logger ResourceAny");
        }
        let again = self
            .guest
            .value("[method]account.take-logger", &[ann.into_borrow()])?;
        self.transcript.line(match again {
            Val::Option(None) => "take-logger again None",
            _ => "take-logger again something",
        });
        self.guest.call(
            "[method]account.use-logger",
            &[bob.into_borrow(), taken.into_borrow()],
        )?;
        self.host_lines();
        self.transcript.line("use-logger None");
        Ok(())
    }

    fn account(&mut self, owner: &str, initial: u64) -> Result<ResourceAny, Error> {
        let arguments = [Val::from(owner), Val::U64(initial)];
        handle(&self.guest.value("[constructor]account", &arguments)?)
    }

    /// Calls a function and compares its result with the next line.
    fn compare(&mut self, name: &str, arguments: &[Val]) -> Result<(), Error> {
        let found = self.guest.value(name, arguments)?;
        self.host_lines();
        let ty = self.guest.func_type(name)?.result();
        let ty = ty.ok_or_else(|| Error::msg("expected a result"))?;
        self.transcript.value(name, ty, &found);
        Ok(())
    }

    fn line_with_live(&mut self, label: &str) -> Result<(), Error> {
        let live = self.number("live", &[])?;
        self.transcript.line(&format!("{label} {live}"));
        Ok(())
    }

    fn text(&mut self, name: &str, arguments: &[Val]) -> Result<String, Error> {
        match self.guest.value(name, arguments)? {
            Val::String(text) => Ok(text.into()),
            other => Err(misfit(&[other])),
        }
    }

    fn number(&mut self, name: &str, arguments: &[Val]) -> Result<u64, Error> {
        match self.guest.value(name, arguments)? {
            Val::U64(number) => Ok(number),
            Val::U32(number) => Ok(number.into()),
            other => Err(misfit(&[other])),
        }
    }

    /// What the host saw since it was last asked comes next.
    fn host_lines(&mut self) {
        for line in std::mem::take(&mut self.guest.store.data_mut().lines) {
            self.transcript.line(&line);
        }
    }
}

fn handle(value: &Val) -> Result<ResourceAny, Error> {
    ResourceAny::from_val(value)
        .ok_or_else(|| Error::msg(format!("expected a handle, found {value:?}")))
}
