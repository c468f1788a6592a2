//! Two engines over a wire that is hostile first and good afterwards. See `engine/tests/fuzz_driver`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../../tests/fuzz_driver/mod.rs"]
mod fuzz_driver;

fuzz_target!(|bytes: &[u8]| fuzz_driver::pair::pair(bytes));
