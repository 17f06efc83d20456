//! Comments, tabs and wide characters do not move the mark.
linkspan::bindgen!({
    wit: {
        package acme:app; // größer, 日本

        /* 日本 */ interface i { /** a /* nested */ comment */
            /// Docs: 日本.
	/* tab */	f: func(a: /* 日本 */ u8, b: nothing-near);
        }
        world w { import i; }
    }
});
