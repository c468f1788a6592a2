//! Workloads: traffic that is made on an engine's own thread, inside of its turns.
//!
//! A workload opens or accepts connections and does the same thing on each: pours octets, takes them, answers requests,
//! holds still. Its sockets are the engine's as any others, but it is woken by the engine when something happens to one
//! of them ([`sockwright_engine::host::Engine::watch`]) in place of waiting in calls.
//!
//! ```text
//! site.work():  a frame arrives -> the engine touches socket 7 -> it wakes up
//! drive():      socket 7 is slot 3 of run 1 -> its role takes and sends what it can
//! site.flush(): frames leave
//! ```
//!
//! On links of the host, what the frames that wait together ask for leaves together with what workloads do about them: a
//! response acknowledges its request, and the FIN of a churn the SYN,ACK.
//!
//! A site stops working as soon as a socket woke up, so that what follows happens at the same virtual instant, and stops
//! at an alarm where a workload has something to do by the clock. A round does a bounded amount, and a turn has a bounded
//! number of rounds.
//!
//! | module | what it is |
//! |---|---|
//! | [`plan`] | what is asked for |
//! | [`run`] | a workload under way: two sides, and what they tell |
//! | [`side`] | the connections of one side |
//! | [`connection`] | what each role does on one connection |
//! | [`pattern`] | octets that can be checked |
//! | [`tally`] | what is counted |

mod connection;
pub(crate) mod pattern;
pub(crate) mod plan;
mod run;
mod side;
mod tally;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sockwright_engine::host::op::Request;
use sockwright_engine::host::{Errno, OpError};
use sockwright_engine::id::{OpId, SessionId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_sim::StackId;

use super::command::{Command, Policy};
use super::handle::Urgent;
use super::site::Site;
use plan::Plan;
use run::Run;
use side::Names;

pub(crate) use run::{End, Feed, Notice, Told};
pub(crate) use tally::{Figures, Latency};

/// The workloads of a thread.
#[derive(Default)]
pub(super) struct Traffic {
    runs: BTreeMap<u32, Run>,
    last_key: u32,
    /// Sockets of cancelled workloads, still to be aborted.
    aborting: Vec<std::vec::IntoIter<(StackId, SocketId)>>,
    notices: Vec<Notice>,
}

/// A workload has begun. Dropped, it is cancelled.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) local: Option<SocketAddr>,
    /// When it began.
    pub(crate) began: Instant,
    key: u32,
    urgent: Urgent,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.urgent.send(Command::CancelTraffic { key: self.key });
    }
}

impl Traffic {
    /// Begins a workload, where there are fewer than `at_most`.
    pub(super) fn start<S: Site>(
        &mut self,
        plan: Plan,
        feed: Feed,
        at_most: usize,
        site: &mut S,
        urgent: Urgent,
    ) -> Result<Running, OpError> {
        if self.runs.len() >= at_most {
            let detail = Some("The stack's thread has as many workloads as its limit allows.");
            return Err(OpError { detail, ..Errno::ENOBUFS.into() });
        }
        self.last_key = (self.last_key + 1) & LAST_KEY;
        let key = self.last_key;
        let stacks = [Some(plan.ours.stack), plan.peer.as_ref().map(|peer| peer.stack)];
        match Run::begin(key, plan, feed, site) {
            Ok(run) => {
                let running = Running { local: run.local(site), began: site.now(), key, urgent };
                self.runs.insert(key, run);
                self.set_alarm(site);
                Ok(running)
            }
            Err(error) => {
                // What one side began is undone where the other could not.
                self.abort_sockets(site, key, stacks.into_iter().flatten());
                Err(error)
            }
        }
    }

    /// How many there are.
    pub(super) fn running(&self) -> usize {
        self.runs.len()
    }

    /// Ends a workload without a report, and aborts its sockets.
    pub(super) fn cancel<S: Site>(&mut self, site: &mut S, key: u32) {
        if let Some(run) = self.runs.remove(&key) {
            self.abort_sockets(site, key, run.stacks());
            self.set_alarm(site);
        }
    }

    /// A session ended, and its sockets were treated as its policy says.
    pub(super) fn end_session(&mut self, session: SessionId, policy: Policy, nobody: SessionId) {
        for run in self.runs.values_mut().filter(|run| run.session == session) {
            match policy {
                Policy::Keep => run.session = nobody,
                Policy::Reset | Policy::Fin | Policy::Vanish => run.forget_all(),
            }
        }
    }

    /// The thread is to end as soon as its connections have.
    pub(super) fn end_all(&mut self) {
        self.runs.values_mut().for_each(Run::forget_all);
    }

    /// One round: whoever woke up, and what is due by the clock. Whether there was anything to do.
    pub(super) fn drive<S: Site>(&mut self, site: &mut S) -> bool {
        if self.runs.is_empty() && self.aborting.is_empty() {
            // Of workloads that are over.
            while site.poll_woken().is_some() {}
            return false;
        }
        let before: u64 = self.runs.values().map(Run::moves).sum();
        let mut found = !self.aborting.is_empty();
        self.abort_some(site);
        for _ in 0..WOKEN_PER_ROUND {
            let Some((_, socket, token)) = site.poll_woken() else { break };
            found = true;
            let (key, is_peer, slot) = Names::read(token);
            if let Some(run) = self.runs.get_mut(&key) {
                run.woken(site, is_peer, slot, socket);
            }
        }
        let mut over = Vec::new();
        for (key, run) in &mut self.runs {
            if run.work(site, &mut self.notices) {
                over.push(*key);
            }
        }
        for run in over.iter().filter_map(|key| self.runs.remove(key)) {
            self.notices.push(run.report(site.now()));
        }
        self.set_alarm(site);
        let did = self.runs.values().map(Run::moves).sum::<u64>() != before || !over.is_empty();
        if did {
            // A virtual clock goes on for as long as a workload gets on.
            site.called();
        }
        found || did
    }

    /// What is to be told.
    pub(super) fn take_notices(&mut self) -> impl Iterator<Item = Notice> + use<'_> {
        self.notices.drain(..)
    }

    fn set_alarm<S: Site>(&self, site: &mut S) {
        let with_progress = site.has_real_clock();
        let next = self.runs.values().filter_map(|run| run.next_time(with_progress)).min();
        site.set_alarm(next);
    }

    fn abort_sockets<S: Site>(&mut self, site: &mut S, key: u32, stacks: impl Iterator<Item = StackId>) {
        let mut all = Vec::new();
        for stack in stacks {
            let Some(engine) = site.engine(stack) else { continue };
            let of_this_run =
                |socket: &SocketId| engine.watched_as(*socket).is_some_and(|name| Names::read(name).0 == key);
            all.extend(engine.sockets().into_iter().filter(of_this_run).map(|socket| (stack, socket)));
        }
        self.aborting.push(all.into_iter());
        self.abort_some(site);
    }

    fn abort_some<S: Site>(&mut self, site: &mut S) {
        let Some(sockets) = self.aborting.last_mut() else { return };
        for _ in 0..ABORTED_PER_ROUND {
            let Some((stack, socket)) = sockets.next() else {
                self.aborting.pop();
                return;
            };
            // One that is gone by now is what we want.
            site.op(stack, OWN_CALL, Request::Abort { socket });
        }
    }
}

/// Runs are counted up to here, and then anew.
const LAST_KEY: u32 = (1 << 30) - 1;
/// Sockets that are looked at in one round.
const WOKEN_PER_ROUND: usize = 256;
/// Sockets of cancelled workloads that are aborted in one round.
const ABORTED_PER_ROUND: usize = 256;
/// The name of the calls that the thread makes by itself.
const OWN_CALL: OpId = OpId(0);
