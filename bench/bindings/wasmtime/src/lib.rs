//! A host as a user writes one: every import implemented, every export called.
#![forbid(unsafe_code)]

use bench::plugin::services::{Host, HostSession};
use bench::plugin::types::{Level, Point, Problem, Request, Response, Rights};
use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{Engine, Result, Store};

wasmtime::component::bindgen!({
    path: "../plugin.wit",
    with: { "bench:plugin/services.session": Session },
    imports: { default: trappable },
});

pub struct Services {
    log: Vec<String>,
    table: ResourceTable,
}

#[derive(Debug)]
pub struct Session(Vec<(String, String)>);

impl HostSession for Services {
    fn new(&mut self, name: String) -> Result<Resource<Session>> {
        Ok(self.table.push(Session(vec![("name".to_owned(), name)]))?)
    }

    fn get(&mut self, this: Resource<Session>, key: String) -> Result<Option<String>> {
        let this = self.table.get(&this)?;
        let entry = this.0.iter().find(|entry| entry.0 == key);
        Ok(entry.map(|entry| entry.1.clone()))
    }

    fn set(
        &mut self,
        this: Resource<Session>,
        key: String,
        value: String,
    ) -> Result<Result<(), Problem>> {
        self.table.get_mut(&this)?.0.push((key, value));
        Ok(Ok(()))
    }

    fn keys(&mut self, this: Resource<Session>) -> Result<Vec<String>> {
        let this = self.table.get(&this)?;
        Ok(this.0.iter().map(|entry| entry.0.clone()).collect())
    }

    fn rights(&mut self, _: Resource<Session>) -> Result<Rights> {
        Ok(Rights::READ | Rights::WRITE)
    }

    fn drop(&mut self, this: Resource<Session>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl bench::plugin::types::Host for Services {}

impl Host for Services {
    fn log(&mut self, at: Level, message: String) -> Result<()> {
        self.log.push(format!("{at:?}: {message}"));
        Ok(())
    }

    fn now(&mut self) -> Result<u64> {
        Ok(self.log.len() as u64)
    }

    fn random(&mut self, count: u32) -> Result<Vec<u8>> {
        Ok(vec![4; count as usize])
    }

    fn fetch(&mut self, what: Request) -> Result<Result<Response, Problem>> {
        Ok(Err(Problem::NotFound(what.path)))
    }

    fn resolve(&mut self, name: String) -> Result<Result<Vec<(u8, u8, u8, u8)>, Problem>> {
        Ok(Err(Problem::NotFound(name)))
    }

    fn allowed(&mut self, what: Rights, path: String) -> Result<bool> {
        Ok(what.contains(Rights::READ) && path.starts_with('/'))
    }

    fn distance(&mut self, a: Point, b: Point) -> Result<f64> {
        Ok((a.x - b.x).hypot(a.y - b.y))
    }

    fn hull(&mut self, points: Vec<Point>) -> Result<Vec<Point>> {
        Ok(points)
    }

    fn setting(&mut self, name: String) -> Result<Option<String>> {
        Ok(Some(name))
    }

    fn report(&mut self, _: Problem) -> Result<Level> {
        Ok(Level::Warn)
    }
}

/// Calls every export once.
pub fn run(path: &str, request: &Request) -> Result<String> {
    let engine = Engine::default();
    let component = Component::from_file(&engine, path)?;
    let mut linker = Linker::new(&engine);
    Plugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |services| services)?;
    let services = Services {
        log: Vec::new(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(&engine, services);
    let plugin = Plugin::instantiate(&mut store, &component, &linker)?;
    let handler = plugin.bench_plugin_handler();
    let mut text = format!(
        "{:?}",
        handler.call_init(&mut store, "bench", Rights::READ)?
    );
    text += &format!("{:?}", handler.call_handle(&mut store, request)?);
    text += &format!(
        "{:?}",
        handler.call_handle_all(&mut store, std::slice::from_ref(request))?
    );
    text += &format!("{:?}", handler.call_needs(&mut store)?);
    text += &format!("{:?}", handler.call_verbosity(&mut store)?);
    text += &handler.call_describe(&mut store, &Problem::Denied)?;
    text += &format!(
        "{:?}",
        handler.call_centre(&mut store, &[Point { x: 1.0, y: 2.0 }])?
    );
    text += &format!("{:?}", handler.call_checksum(&mut store, b"bytes")?);
    text += &format!("{:?}", handler.call_names(&mut store)?);
    let jobs = handler.job();
    let job = jobs.call_constructor(&mut store, request)?;
    text += &format!("{:?}", jobs.call_step(&mut store, job, 3)?);
    text += &format!("{:?}", jobs.call_progress(&mut store, job)?);
    jobs.call_cancel(&mut store, job)?;
    text += &format!("{:?}", jobs.call_outcome(&mut store, job)?);
    handler.call_shutdown(&mut store, true)?;
    Ok(text)
}
