//! Some seeds for every day, and the proof that a run is a function of its seed.

use super::{Settings, run};

const DIGEST: Settings = Settings { verbose: false, digest: true };

#[test]
fn no_law_is_broken_in_the_first_seeds() {
    for seed in 0..20 {
        if let Err(failed) = run(seed, Settings::default()) {
            panic!("{failed}");
        }
    }
}

#[test]
fn one_seed_is_one_story() {
    for seed in [1, 2, 3] {
        let (first, second) = (run(seed, DIGEST), run(seed, DIGEST));
        let stories = [first, second].map(|story| story.unwrap_or_else(|failed| panic!("{failed}")));
        assert_eq!(stories[0], stories[1], "seed {seed}");
    }
}

#[test]
fn another_seed_is_another_story() {
    let [one, other] = [4, 5].map(|seed| run(seed, DIGEST).unwrap_or_else(|failed| panic!("{failed}")));
    assert_ne!(one.digest, other.digest);
}
