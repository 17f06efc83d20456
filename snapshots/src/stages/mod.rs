//! The stages, one file each.

pub mod bindgen;
pub mod cli;
pub mod error;
pub mod ir;
pub mod layout;
pub mod plan;
pub mod wit;
