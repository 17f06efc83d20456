//! With escapes in a string, its places are no places of the file.
linkspan::bindgen!({
    inline: "package acme:app;\n\tworld w { import f: func(x: strin); }",
});
