//! What a Prometheus server reads of us: figures of the RPCs, the engines, the hub and the process.
//!
//! Owns [`Metrics`], which gathers what others count, and [`Ledger`], [`Calls`] and [`Durations`], with which they do. What
//! is counted elsewhere is read there and not counted again: engines have their counters, the hub its own. An engine's thread
//! is asked by one message and answers between two of its steps; one that does not answer in time keeps what it said
//! before, so that a scrape neither waits for a thread nor makes one wait.
//!
//! ```text
//! GET /metrics --> threads: Count --> ledger --\
//!                  hub, captures, sessions -----+--> OpenMetrics text
//!                  calls, /proc/self ----------/
//! ```

mod calls;
mod described;
mod durations;
mod ledger;
mod process;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use calls::{CallFigures, Calls, code_name};
pub(crate) use durations::Durations;
pub(crate) use ledger::{AccountId, Counted, LABS, Ledger, Totals};

use crate::hub::Hub;
use crate::networks::Networks;
use crate::sessions::Sessions;
use process::Process;
use text::Moment;

/// The metrics of a server.
pub(crate) struct Metrics {
    calls: Arc<Calls>,
    hub: Arc<Hub>,
    networks: Arc<Networks>,
    sessions: Arc<Sessions>,
    /// One scrape at a time: however many ask, a thread has one question to answer.
    scraping: tokio::sync::Mutex<()>,
}

impl Metrics {
    /// Of these.
    pub(crate) fn new(
        calls: Arc<Calls>,
        hub: Arc<Hub>,
        networks: Arc<Networks>,
        sessions: Arc<Sessions>,
    ) -> Self {
        Metrics { calls, hub, networks, sessions, scraping: tokio::sync::Mutex::default() }
    }

    /// What is counted of RPCs.
    pub(crate) fn calls(&self) -> &Arc<Calls> {
        &self.calls
    }

    /// All figures, as OpenMetrics text.
    pub(crate) async fn scrape(&self) -> Result<String, fmt::Error> {
        let _one = self.scraping.lock().await;
        let ledger = self.networks.ledger();
        let threads = self.networks.threads();
        let (mut labs, mut attached_stacks, mut threads_silent) = (0, 0, 0);
        let mut commands_waiting = BTreeMap::from([(Arc::from(LABS), 0)]);
        let mut asked = Vec::with_capacity(threads.len());
        for (account, stack, thread) in &threads {
            match stack {
                Some(_) => attached_stacks += 1,
                None => labs += 1,
            }
            let name = stack.clone().unwrap_or_else(|| Arc::from(LABS));
            *commands_waiting.entry(name).or_default() += thread.commands_waiting();
            asked.push((*account, thread.ask_what_it_counted()));
        }
        let deadline = tokio::time::Instant::now() + ANSWER_WITHIN;
        for (account, answer) in asked {
            let answered = async { answer?.await.ok() };
            match tokio::time::timeout_at(deadline, answered).await.ok().flatten() {
                Some(counted) => ledger.note(account, counted),
                None => threads_silent += 1,
            }
        }
        let moment = Moment {
            calls: Arc::clone(&self.calls),
            hub: self.hub.figures(),
            captures: self.networks.captures().figures(),
            counted: ledger.read(),
            commands_waiting,
            threads_silent,
            labs,
            attached_stacks,
            sessions: self.sessions.count(),
            process: Process::read(),
        };
        moment.into_text()
    }
}

/// How long a scrape waits for the engines' threads.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

const fn micros<const N: usize>(micros: [u64; N]) -> [Duration; N] {
    let mut durations = [Duration::ZERO; N];
    let mut at = 0;
    while at < N {
        durations[at] = Duration::from_micros(micros[at]);
        at += 1;
    }
    durations
}

/// The bounds of what a turn of an engine's thread may take: most take microseconds.
pub(crate) static TURN_BOUNDS: &[Duration] =
    &micros([5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000]);

/// The bounds of what a call may take.
static CALL_BOUNDS: &[Duration] = &micros([
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
]);

#[cfg(test)]
mod tests;
