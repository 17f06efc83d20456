//! A host as a user writes one: every import implemented, every export called.
#![forbid(unsafe_code)]

use bench::plugin::services::{Host, HostSession};
use bench::plugin::types::{Level, Point, Problem, Request, Response, Rights};
use exports::bench::plugin::handler::Job;

linkspan::bindgen!({ path: "../plugin.wit" });

#[derive(Debug)]
pub struct Services {
    log: Vec<String>,
}

#[derive(Debug)]
pub struct Session(Vec<(String, String)>);

impl HostSession<Services> for Session {
    fn new(_: &mut Services, name: &str) -> Self {
        Self(vec![("name".to_owned(), name.to_owned())])
    }

    fn get(&mut self, _: &mut Services, key: &str) -> Option<String> {
        let entry = self.0.iter().find(|entry| entry.0 == key);
        entry.map(|entry| entry.1.clone())
    }

    fn set(&mut self, _: &mut Services, key: &str, value: &str) -> Result<(), Problem> {
        self.0.push((key.to_owned(), value.to_owned()));
        Ok(())
    }

    fn keys(&mut self, _: &mut Services) -> Vec<String> {
        self.0.iter().map(|entry| entry.0.clone()).collect()
    }

    fn rights(&mut self, _: &mut Services) -> Rights {
        Rights::READ | Rights::WRITE
    }
}

impl Host for Services {
    type Session = Session;

    fn log(&mut self, at: Level, message: &str) {
        self.log.push(format!("{at:?}: {message}"));
    }

    fn now(&mut self) -> u64 {
        self.log.len() as u64
    }

    fn random(&mut self, count: u32) -> Vec<u8> {
        vec![4; count as usize]
    }

    fn fetch(&mut self, what: Request) -> Result<Response, Problem> {
        Err(Problem::NotFound(what.path))
    }

    fn resolve(&mut self, name: &str) -> Result<Vec<(u8, u8, u8, u8)>, Problem> {
        Err(Problem::NotFound(name.to_owned()))
    }

    fn allowed(&mut self, what: Rights, path: &str) -> bool {
        what.contains(Rights::READ) && path.starts_with('/')
    }

    fn distance(&mut self, a: Point, b: Point) -> f64 {
        (a.x - b.x).hypot(a.y - b.y)
    }

    fn hull(&mut self, points: &[Point]) -> Vec<Point> {
        points.to_vec()
    }

    fn setting(&mut self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    fn report(&mut self, _: Problem) -> Level {
        Level::Warn
    }
}

/// Calls every export once.
pub fn run(path: &str, request: &Request) -> linkspan::Result<String> {
    let mut plugin = Plugin::load(path, Services { log: Vec::new() })?;
    let mut text = format!("{:?}", plugin.handler().init("bench", Rights::READ)?);
    text += &format!("{:?}", plugin.handler().handle(request)?);
    text += &format!(
        "{:?}",
        plugin.handler().handle_all(std::slice::from_ref(request))?
    );
    text += &format!("{:?}", plugin.handler().needs()?);
    text += &format!("{:?}", plugin.handler().verbosity()?);
    text += &plugin.handler().describe(&Problem::Denied)?;
    text += &format!(
        "{:?}",
        plugin.handler().centre(&[Point { x: 1.0, y: 2.0 }])?
    );
    text += &format!("{:?}", plugin.handler().checksum(b"bytes")?);
    text += &format!("{:?}", plugin.handler().names()?);
    let job = Job::new(&mut plugin, request)?;
    text += &format!("{:?}", job.step(&mut plugin, 3)?);
    text += &format!("{:?}", job.progress(&mut plugin)?);
    job.cancel(&mut plugin)?;
    text += &format!("{:?}", job.outcome(&mut plugin)?);
    plugin.handler().shutdown(true)?;
    Ok(text)
}
