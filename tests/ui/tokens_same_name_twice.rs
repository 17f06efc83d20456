//! Two items of one name.
linkspan::bindgen!({
    wit: {
        package acme:app;

        interface i {
            type a = u8;
            record a { x: u8 }
        }
        world w { import i; }
    }
});
