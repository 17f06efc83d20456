//! An asynchronous service whose requests are answered by a plug-in: `cargo run -p tokio-service`.
//!
//! A guest is synchronous: a call returns when it has an answer. So each call runs on a thread that
//! may block, and the service waits for it as for anything else. A call that takes too long is
//! stopped from outside, whether it computes or sleeps.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use linkspan::bound::Pre;
use linkspan::{Bindings, Component, Engine, Linker, Trap};
use linkspan_wasi::{WasiCtx, WasiView};
use tokio::sync::Semaphore;
use tokio::task::{self, JoinSet};
use tokio::time::timeout;

linkspan::bindgen!("plugin");

/// What one request's guest may see of the world.
struct Sandbox {
    wasi: WasiCtx,
}

impl WasiView for Sandbox {
    fn wasi(&mut self) -> &mut WasiCtx {
        &mut self.wasi
    }
}

/// A plug-in, loaded and linked once; clones share it.
#[derive(Clone)]
struct Service {
    plugin: Arc<Pre<Plugin<Sandbox>>>,
    /// How many guests run at a time: threads and memory are not endless.
    running: Arc<Semaphore>,
    patience: Duration,
}

impl Service {
    fn new(wat: &str) -> linkspan::Result<Service> {
        let engine = Engine::default();
        let component = Component::new(&engine, wat)?;
        let mut linker = Linker::new(&engine);
        Plugin::<Sandbox>::link(&mut linker)?;
        Ok(Service {
            plugin: Arc::new(Pre::new(&component, &linker)?),
            running: Arc::new(Semaphore::new(8)),
            patience: Duration::from_millis(200),
        })
    }

    /// Answers a request with an instance of its own, which no other request can disturb.
    async fn answer(&self, request: String) -> Result<String, String> {
        let permit = self.running.clone().acquire_owned().await;
        let permit = permit.map_err(|_| "the service is shutting down".to_owned())?;
        let sandbox = Sandbox {
            wasi: WasiCtx::builder().build(),
        };
        let guest = self.plugin.instantiate(sandbox);
        let mut guest = guest.map_err(|error| format!("cannot start: {error}"))?;
        // The handle stays here while the guest moves to its thread.
        let handle = guest.store().interrupt_handle();
        let mut call = task::spawn_blocking(move || {
            // Kept until the thread is free again.
            let _permit = permit;
            guest.answer(&request)
        });
        let answer = match timeout(self.patience, &mut call).await {
            Ok(answer) => answer,
            Err(_) => {
                handle.interrupt();
                // It ends within moments, and with it what the guest held.
                call.await
            }
        };
        let answer = answer.map_err(|error| format!("the host failed: {error}"))?;
        answer.map_err(|error| match error.trap() {
            Some(Trap::Interrupted) => "stopped: it took too long".to_owned(),
            Some(trap) => format!("trapped: {trap}"),
            None => error.to_string(),
        })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = Service::new(include_str!("../plugin.wat"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    let mut answers = runtime.block_on(async {
        let mut requests = JoinSet::new();
        for (n, request) in ["hello", "sleep", "spin", "trap", "goodbye"]
            .into_iter()
            .enumerate()
        {
            let service = service.clone();
            requests.spawn(async move { (n, request, service.answer(request.to_owned()).await) });
        }
        requests.join_all().await
    });
    answers.sort_by_key(|(n, ..)| *n);
    for (_, request, answer) in &answers {
        match answer {
            Ok(answer) => println!("{request}: {answer}"),
            Err(why) => println!("{request}: no answer, {why}"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn no_guest_stops_the_service() {
        let start = Instant::now();
        let service = Service::new(include_str!("../plugin.wat")).expect("the plug-in loads");
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let mut requests = JoinSet::new();
            for n in 0..40 {
                let service = service.clone();
                let request = ["hello", "sleep", "spin", "trap"][n % 4];
                requests.spawn(async move { (request, service.answer(request.to_owned()).await) });
            }
            for (request, answer) in requests.join_all().await {
                match request {
                    "hello" => assert_eq!(answer.as_deref(), Ok("HELLO")),
                    "trap" => assert!(answer.expect_err("a trap").starts_with("trapped")),
                    _ => assert!(answer.expect_err("no answer").starts_with("stopped")),
                }
            }
        });
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
