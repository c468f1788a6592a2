//! placeholder
pub mod seq;
