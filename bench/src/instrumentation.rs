//! What events cost when nobody watches: time for each segment, beside the same engine with its events compiled out.
//!
//! Both are the source of `engine/`: one as it is, with an interest in nothing, and once more with the feature `silent`. Two
//! engines of each send bulk data to each other in memory, in short turns that alternate between the two builds.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

use crate::figure::{Better, Bounds, Case, Figure, Round, Sample, median};

/// The engine as it is.
#[path = "instrumentation"]
mod told {
    pub(super) use sockwright_engine as engine;
    #[allow(clippy::duplicate_mod, reason = "each build of the engine has types of its own")]
    #[path = "pair.rs"]
    pub(super) mod pair;
}

/// The engine that tells nothing.
#[path = "instrumentation"]
mod silent {
    pub(super) use sockwright_engine_silent as engine;
    #[allow(clippy::duplicate_mod, reason = "each build of the engine has types of its own")]
    #[path = "pair.rs"]
    pub(super) mod pair;
}

/// Segments of data with their acknowledgments.
pub(crate) const CASE: Case = Case {
    name: "instrumentation",
    figures: &[Figure {
        name: "a segment while nobody watches",
        peer: "without events",
        unit: "ns",
        better: Better::Lower,
        bounds: Bounds::Ratio { at_least: 1.05, aim: 1.02 },
        point: None,
    }],
    measure,
    once: false,
};

fn measure(round: &Round) -> anyhow::Result<Vec<Sample>> {
    let (mut told, mut silent) = (told::pair::Pair::new()?, silent::pair::Pair::new()?);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while began.elapsed() < round.length * 2 {
        let sample = round.compare(|| turn(|| told.send(TURN)), || turn(|| silent.send(TURN)))?;
        ours.push(sample.ours);
        theirs.extend(sample.theirs);
    }
    Ok(vec![Sample { ours: median(ours), theirs: Some(median(theirs)) }])
}

/// Nanoseconds of a processor for each segment that `send` says it carried.
fn turn(send: impl FnOnce() -> anyhow::Result<u64>) -> anyhow::Result<f64> {
    let began = processor_time();
    let segments = send()?;
    Ok((processor_time() - began) / segments as f64)
}

/// What this thread used of a processor so far, in nanoseconds: others that run meanwhile do not count.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Octets in one turn: a few milliseconds.
const TURN: usize = 4 << 20;
