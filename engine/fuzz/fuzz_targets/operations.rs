//! One engine: any calls, hostile segments, any passing of time. See `engine/tests/fuzz_driver`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../../tests/fuzz_driver/mod.rs"]
mod fuzz_driver;

fuzz_target!(|bytes: &[u8]| fuzz_driver::operations::operations(bytes));
