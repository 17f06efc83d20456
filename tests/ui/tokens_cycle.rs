//! Types that contain each other.
linkspan::bindgen!({
    wit: {
        package acme:app;

        interface i {
            record a { b: b }
            record b { a: option<a> }
        }
        world w { import i; }
    }
});
