//! Unknown keys are all reported, beside other errors.
linkspan::bindgen!({
    wrld: "w",
    paths: "wit",
    completely_different: { a, b },
    features: 5,
    world: "w",
});
