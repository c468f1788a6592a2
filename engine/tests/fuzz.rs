//! The fuzz targets in small: so many random inputs, and every input that was ever worth keeping.

mod fuzz_driver;

use std::path::Path;

use fuzz_driver::{operations::operations, pair::pair};
use proptest::prelude::*;

#[test]
fn what_the_operations_target_keeps_still_passes() {
    replay("operations", operations);
}

#[test]
fn what_the_pair_target_keeps_still_passes() {
    replay("pair", pair);
}

proptest! {
    // What fails is kept in the corpus, not in proptest's own files.
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_engine_survives_any_calls_and_segments(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
        operations(&bytes);
    }

    #[test]
    fn two_engines_survive_any_wire_and_deliver_over_a_good_one(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        pair(&bytes);
    }
}

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs: Vec<_> = corpus.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "no inputs in {}", corpus.display());
    for input in inputs {
        println!("{}", input.display());
        run(&std::fs::read(input).unwrap());
    }
}
