//! Resources in both directions: pages that the host implements in Rust, accounts that the guest
//! implements and the host holds as Rust values.
//!
//! `cargo run --example resources`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

linkspan::bindgen!(in "resources/resources.wit");

use example::resources::journal::{self, Page};
use exports::example::resources::bank::Account;

/// The store holds the host, and the host counts what all pages together hold.
#[derive(Default)]
struct Host {
    lines: usize,
}

/// The host's own type behind the resource `page`.
struct Sheet {
    title: String,
    lines: Vec<String>,
}

impl journal::Host for Host {
    type Page = Sheet;
}

impl journal::HostPage<Host> for Sheet {
    fn new(_: &mut Host, title: &str) -> Self {
        let (title, lines) = (title.to_owned(), Vec::new());
        Self { title, lines }
    }

    fn write(&mut self, host: &mut Host, line: &str) {
        host.lines += 1;
        self.lines.push(line.to_owned());
    }
}

fn main() -> linkspan::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/resources/resources.wasm");
    let mut teller = Teller::load(path, Host::default())?;

    // A value of the host goes into the store, and is lent to the guest by its handle.
    let sheet = journal::HostPage::new(teller.host(), "today");
    let page = teller.push::<Page>(sheet)?;
    let account = Account::new(&mut teller, 100)?;
    for n in [11, 31] {
        println!("balance {}", account.deposit(&mut teller, n, &page)?);
    }
    let lines = teller.host().lines;
    println!("open: {}, lines: {lines}", teller.bank().open()?);

    // Dropping the account drops the guest's resource; the value comes back out of the store.
    drop(account);
    let sheet = teller.take(page)?;
    println!("open: {}", teller.bank().open()?);
    println!("{}: {}", sheet.title, sheet.lines.join(", "));
    Ok(())
}
