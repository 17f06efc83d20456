//! What commands grant to guests of WASI.

use std::sync::Arc;

use clap::Args;
use linkspan::core::Store;
use linkspan_wasi::fs::{Dir, HostDir, Perms};
use linkspan_wasi::{WasiCtx, WasiCtxBuilder};

use super::network::{Network, Reach};
use crate::failure::{Failure, Kind, Result};

/// What a guest is granted, and the memory that it may take.
#[derive(Debug, Args)]
pub(super) struct Granting {
    /// Let the program read and change this directory, which it finds as GUEST, or else by the
    /// same name; may be given several times.
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    dirs: Vec<String>,

    /// Let the program read this directory, as with `--dir`.
    #[arg(long = "dir-read-only", value_name = "HOST[::GUEST]")]
    read_only_dirs: Vec<String>,

    /// Set a variable of the program's environment, to the command's own value if none is given;
    /// may be given several times.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    variables: Vec<String>,

    #[command(flatten)]
    network: Network,

    /// The bytes that all memories of the program may take together.
    #[arg(long, value_name = "BYTES")]
    max_memory: Option<u64>,
}

/// What was found of it on this machine, for any number of programs.
#[derive(Clone)]
pub(super) struct Granted {
    dirs: Vec<(Arc<dyn Dir>, String, Perms)>,
    variables: Vec<(String, String)>,
    reach: Reach,
}

impl Granting {
    /// Opens directories, reads variables and looks hosts up.
    pub(super) fn find(&self) -> Result<Granted> {
        let variable = |variable: &String| match variable.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            // A variable that is not set here is not set there.
            None => Some((variable.clone(), std::env::var(variable).ok()?)),
        };
        let dirs = self.dirs.iter().map(|dir| (dir, Perms::ALL));
        let read_only = self.read_only_dirs.iter().map(|dir| (dir, Perms::READ));
        let open = |(dir, perms): (&String, Perms)| {
            let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
            let opened = HostDir::open(host).map_err(|e| {
                let message = format!("cannot open the directory `{host}`: {e}");
                Failure::new(Kind::Input, message)
            })?;
            Ok((Arc::new(opened) as Arc<dyn Dir>, guest.to_owned(), perms))
        };
        Ok(Granted {
            dirs: dirs.chain(read_only).map(open).collect::<Result<_>>()?,
            variables: self.variables.iter().filter_map(variable).collect(),
            reach: self.network.find()?,
        })
    }

    /// Whether some part of the network is granted.
    pub(super) fn has_network(&self) -> bool {
        self.network.is_granted()
    }

    /// Limits what all memories in a store may take together.
    pub(super) fn limit_memory<T: 'static, X: 'static>(&self, store: &mut Store<T, X>) {
        if let Some(bytes) = self.max_memory {
            let limits = store.limits_mut();
            limits.memory_size_bytes_max = limits.memory_size_bytes_max.min(bytes);
            limits.memory_total_bytes_max = bytes;
        }
    }
}

impl Granted {
    /// A context that grants it.
    pub(super) fn ctx(&self) -> WasiCtxBuilder {
        let mut ctx = WasiCtx::builder();
        for (name, value) in &self.variables {
            ctx = ctx.env(name, value);
        }
        for (dir, name, perms) in &self.dirs {
            ctx = ctx.preopen(Arc::clone(dir), name, *perms);
        }
        self.reach.grant(ctx)
    }
}
