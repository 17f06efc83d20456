//! A Rust type that cannot stand for a type of WIT.
linkspan::bindgen!({
    wit: {
        package acme:app;

        interface shapes {
            record point { x: u32, y: u32 }
            area: func(of: point) -> u32;
        }
        world app { import shapes; }
    },
    with: { "acme:app/shapes.point": crate::Point },
});

pub struct Point;
