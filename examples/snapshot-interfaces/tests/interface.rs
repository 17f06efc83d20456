//! Pictures of the interface: what a change of the WIT changes for everybody who implements or
//! calls it is read in a review, and accepted with `cargo insta review`.

use linkspan_wit::bindgen::{Generator, Output, Source};

/// The bindings of the world, as `bindgen!` writes them.
fn generate(source: Source) -> Output {
    let output = Generator::new(source).world("plugin").generate();
    let output = output.and_then(Output::into_result);
    output.unwrap_or_else(|error| panic!("{}", error.render()))
}

/// The source: tests run in the folder of the package.
fn wit() -> Source {
    Source::path("wit")
}

/// A line for each type and function: the interface at a glance.
#[test]
fn summary() {
    insta::assert_snapshot!(generate(wit()).summary());
}

/// The whole text: what exactly a host compiles against.
#[test]
fn code() {
    insta::assert_snapshot!(generate(wit()).code);
}
