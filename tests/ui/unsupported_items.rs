//! Each item for which there are no bindings is an error of its own.
linkspan::bindgen!({
    wit: {
        package acme:app;

        interface net {
            resource socket {
                read: func() -> stream<u8>;
                close: async func();
            }
            type later = future<string>;
            fetch: async func(url: string) -> string;
            last-error: func() -> error-context;
            fine: func() -> u8;
        }
        world app {
            import net;
            export run: async func();
        }
    }
});
