//! Rust paths that lead nowhere are errors on the path.
linkspan::bindgen!({
    path: "wit/good",
    with: { "acme:good/log": crate::missing::log },
});

mod derives {
    linkspan::bindgen!({
        wit: {
            package acme:app;

            interface shapes {
                record point { x: u32, y: u32 }
                area: func(of: point) -> u32;
            }
            world app { import shapes; }
        },
        derive: [serde::Serialize],
    });
}

mod crates {
    linkspan::bindgen!({ path: "wit/good", crate: ::linkspam });
}
