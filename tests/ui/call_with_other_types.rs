//! A call whose arguments are others than WIT's.
linkspan::bindgen! {
    package acme:app;

    interface shapes {
        record point { x: u32, y: u32 }
        area: func(of: list<point>) -> u32;
    }
    world app { export shapes; export greet-all: func(names: list<string>) -> u32; }
}

pub fn calls(app: &mut App<()>) -> linkspan::Result<()> {
    app.greet_all(5)?;
    app.greet_some(&[])?;
    app.shapes().area()?;
    let _ = exports::acme::app::shapes::Point { x: 1 };
    Ok(())
}
