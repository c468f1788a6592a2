//! Our own addresses on one interface: asked for before they are used, announced, and defended.
//!
//! An address is tentative until one probe for it stays unanswered for a second: a neighbor solicitation from nobody
//! (RFC 4861 §7) or an ARP request from nobody. Both protocols do the same here. While the link is down nothing is
//! asked.
//!
//! ```text
//! begin(0 s) ─> Step::Probe(10.0.0.1)     who has 10.0.0.1, tell 0.0.0.0
//! due(1 s)   ─> Step::Announce(10.0.0.1)  who has 10.0.0.1, tell 10.0.0.1
//! ```

use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::time::Duration;

use super::AddressState;
use crate::time::Instant;

/// The addresses of one interface.
#[derive(Debug)]
pub(crate) struct Claims {
    claims: BTreeMap<IpAddr, Claim>,
}

#[derive(Debug)]
struct Claim {
    state: AddressState,
    next: Option<(Instant, Next)>,
    /// When a conflict was last told and answered.
    defended: Option<Instant>,
    /// When it was last told that somebody asked whether it is free.
    wanted: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Probe,
    /// Nobody objected to the probe.
    Assign,
    Announce,
}

/// What is to be sent for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The question whose it is.
    Probe(IpAddr),
    /// That it is ours.
    Announce(IpAddr),
}

/// What a conflict means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The address will not be ours.
    Lost,
    /// It is ours and remains so: say that it is.
    Defend,
    /// Known already.
    Old,
}

impl Claims {
    /// Claims to `addresses`: to be asked for first, or granted at once.
    pub(crate) fn new(addresses: impl Iterator<Item = IpAddr>, ask_first: bool) -> Self {
        let state = if ask_first { AddressState::Tentative } else { AddressState::Assigned };
        let claim = || Claim { state, next: None, defended: None, wanted: None };
        Claims { claims: addresses.map(|ip| (ip, claim())).collect() }
    }

    /// The addresses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.claims.keys().copied()
    }

    /// The state of an address of the interface.
    pub(crate) fn state(&self, ip: IpAddr) -> Option<AddressState> {
        self.claims.get(&ip).map(|claim| claim.state)
    }

    /// The link is up: addresses that are ours are announced, all others asked for.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.6
    //# In
    //# such a case, the node SHOULD introduce a small delay between the
    //# sending of each advertisement to reduce the probability of the
    //# advertisements being lost due to congestion.
    pub(crate) fn begin(&mut self, now: Instant) {
        let mut at = now;
        for claim in self.claims.values_mut() {
            let next = if claim.state == AddressState::Assigned { Next::Announce } else { Next::Probe };
            if next == Next::Probe {
                claim.state = AddressState::Tentative;
            }
            claim.next = Some((at, next));
            at += BETWEEN_ADDRESSES;
        }
    }

    /// The link is down.
    pub(crate) fn suspend(&mut self) {
        self.claims.values_mut().for_each(|claim| claim.next = None);
    }

    /// When [`Claims::due`] wants to be called next.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.claims.values().filter_map(|claim| claim.next).map(|(at, _)| at).min()
    }

    /// The next thing that is due.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Step> {
        let due = |claim: &Claim| claim.next.is_some_and(|(at, _)| at <= now);
        let (ip, claim) = self.claims.iter_mut().find(|(_, claim)| due(claim))?;
        Some(match claim.next.take()?.1 {
            Next::Probe => {
                claim.next = Some((now + ANSWER_TIME, Next::Assign));
                Step::Probe(*ip)
            }
            Next::Assign => {
                claim.state = AddressState::Assigned;
                Step::Announce(*ip)
            }
            Next::Announce => Step::Announce(*ip),
        })
    }

    /// Somebody else uses, or wants, one of these addresses.
    pub(crate) fn on_conflict(&mut self, now: Instant, ip: IpAddr) -> Conflict {
        let Some(claim) = self.claims.get_mut(&ip) else { return Conflict::Old };
        match claim.state {
            AddressState::Tentative => {
                claim.state = AddressState::Duplicate;
                claim.next = None;
                Conflict::Lost
            }
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.6
            //# These advertisements MUST be separated by at least RetransTimer seconds.
            AddressState::Assigned if claim.defended.is_none_or(|at| now - at >= DEFEND_INTERVAL) => {
                claim.defended = Some(now);
                Conflict::Defend
            }
            AddressState::Assigned | AddressState::Duplicate => Conflict::Old,
        }
    }

    /// Somebody asks whether an address is free that is ours; says whether that is news.
    pub(crate) fn on_probe(&mut self, now: Instant, ip: IpAddr) -> bool {
        let Some(claim) = self.claims.get_mut(&ip) else { return false };
        let news = claim.wanted.is_none_or(|at| now - at >= DEFEND_INTERVAL);
        if news {
            claim.wanted = Some(now);
        }
        news
    }
}

/// How long a probe may be answered: `RetransTimer`.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// Between the probes or announcements of two addresses.
const BETWEEN_ADDRESSES: Duration = Duration::from_millis(10);
/// Between two defences of one address, and two tellings of who asks for it. Two stations that both defend would otherwise never stop.
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
