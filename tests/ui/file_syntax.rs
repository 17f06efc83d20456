//! An error in a file names line and column in it.
linkspan::bindgen!(in "wit/bad.wit");
