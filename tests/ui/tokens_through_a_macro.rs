//! Tokens that another macro passes on have no text of their own.
macro_rules! world {
    ($name:ident, $ty:ident) => {
        linkspan::bindgen!({
            wit: {
                package acme:app@1.2.0-rc.1;

                /// Documentation.
                world $name {
                    import a-b: func(x: list<u8>) -> result<u8, u8>;
                    import %c: func(x: u32) -> $ty;
                }
            }
        });
    };
}

world!(app, strng);
