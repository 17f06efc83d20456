//! What is none of the forms.
linkspan::bindgen!(5);
linkspan::bindgen!(hello);
linkspan::bindgen!("hello" from "wit");
linkspan::bindgen!({ path: "wit/good" } more);
