//! One workload under way: its sides, what it tells, and its end.

use sockwright_engine::host::OpError;
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_proto::v1::Position;
use sockwright_sim::StackId;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;

use super::plan::{Part, Place, Plan, Role, SidePlan};
use super::side::{Names, Side};
use super::tally::Figures;
use crate::stack::site::Site;

/// A workload under way.
pub(super) struct Run {
    pub(super) session: SessionId,
    ours: Side,
    peer: Option<Side>,
    role: Role,
    deadline: Option<Instant>,
    every: Duration,
    next_progress: Instant,
    feed: Feed,
    /// Why it is over, once it is; and until when its peer may take to find out.
    end: Option<(End, Instant)>,
}

/// How whoever asked for a workload hears of it.
#[derive(Debug)]
pub(crate) struct Feed {
    /// What there is no room for is left out.
    pub(crate) progress: mpsc::Sender<Told>,
    /// Room for the report.
    pub(crate) report: mpsc::OwnedPermit<Told>,
}

/// What is told, and when it was true.
#[derive(Debug)]
pub(crate) struct Told {
    /// Our side.
    pub(crate) figures: Figures,
    /// The other.
    pub(crate) peer: Option<Figures>,
    /// Why it ended, in the report.
    pub(crate) end: Option<End>,
    /// When.
    pub(crate) at: Position,
}

/// Why a workload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The limit of octets.
    Octets,
    /// No more connections.
    Connections,
    /// The limit of exchanges.
    Exchanges,
    /// The limit of time.
    Time,
    /// The session ended.
    Session,
}

/// Something to be told, when it is known where in the stream of events that is.
pub(crate) enum Notice {
    /// How it goes.
    Progress(mpsc::Sender<Told>, Box<(Figures, Option<Figures>)>),
    /// What it came to.
    Report(mpsc::OwnedPermit<Told>, Box<(Figures, Option<Figures>)>, End),
}

impl Notice {
    /// Tells it.
    pub(crate) fn tell(self, at: Position) {
        match self {
            Notice::Progress(to, figures) => {
                let (figures, peer) = *figures;
                // Whoever is too slow for it hears the next one, or nobody listens any more.
                _ = to.try_send(Told { figures, peer, end: None, at });
            }
            Notice::Report(to, figures, end) => {
                let (figures, peer) = *figures;
                to.send(Told { figures, peer, end: Some(end), at });
            }
        }
    }
}

impl Run {
    /// Begins a workload. Where something fails, nothing is left.
    pub(super) fn begin<S: Site>(key: u32, plan: Plan, feed: Feed, site: &mut S) -> Result<Self, OpError> {
        let Plan { ours, peer, time, progress } = plan;
        let (role, session, now) = (ours.role, ours.session, site.now());
        let mut begin = |plan: SidePlan, is_peer| Side::begin(plan, Names::new(key, is_peer), &mut *site);
        // The one that listens is there before the other.
        let (mut ours, mut peer) = match peer {
            Some(peer) if matches!(peer.place, Place::Listening { .. }) => {
                let peer = begin(peer, true)?;
                (begin(ours, false)?, Some(peer))
            }
            peer => (begin(ours, false)?, peer.map(|peer| begin(peer, true)).transpose()?),
        };
        if let Some(peer) = &mut peer {
            if let Some(local) = peer.local(site) {
                ours.aim(local);
            } else if let Some(local) = ours.local(site) {
                peer.aim(local);
            }
        }
        Ok(Run {
            session,
            ours,
            peer,
            role,
            deadline: time.map(|time| now + time),
            every: progress,
            next_progress: now + progress,
            feed,
            end: None,
        })
    }

    /// Where it listens.
    pub(super) fn local<S: Site>(&self, site: &S) -> Option<SocketAddr> {
        self.ours.local(site).or_else(|| self.peer.as_ref()?.local(site))
    }

    /// A socket of one of its sides woke up.
    pub(super) fn woken<S: Site>(&mut self, site: &mut S, is_peer: bool, slot: u32, socket: SocketId) {
        match (is_peer, &mut self.peer) {
            (true, Some(peer)) => peer.woken(site, slot, socket),
            _ => self.ours.woken(site, slot, socket),
        }
    }

    /// Does what is due. What is to be told; whether it is over.
    pub(super) fn work<S: Site>(&mut self, site: &mut S, notices: &mut Vec<Notice>) -> bool {
        self.ours.work(site);
        if let Some(peer) = &mut self.peer {
            peer.work(site);
        }
        let now = site.now();
        if self.end.is_none()
            && let Some(end) = self.reached(now)
        {
            self.end_by(site, end);
        }
        if self.end.is_some() {
            return self.wind_down(site, now);
        }
        if now >= self.next_progress {
            let periods = (now - self.next_progress).as_nanos() / self.every.as_nanos().max(1) + 1;
            self.next_progress += self.every * u32::try_from(periods).unwrap_or(u32::MAX);
            let figures = (self.ours.progress(now), self.peer.as_mut().map(|peer| peer.progress(now)));
            notices.push(Notice::Progress(self.feed.progress.clone(), Box::new(figures)));
        }
        false
    }

    /// The limit that is reached, if one is.
    fn reached(&self, now: Instant) -> Option<End> {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return Some(End::Time);
        }
        let is_over = self.ours.is_over();
        let answers = matches!(self.role, Role::Exchange { part: Part::Respond, .. });
        if self.ours.exchanges_are_used_up() && (is_over || answers) {
            return Some(End::Exchanges);
        }
        if self.ours.octets_are_used_up() && (is_over || !self.ours.sends_to_the_limit()) {
            return Some(End::Octets);
        }
        // Whoever listens has nobody to wait for when its peer is done.
        let left_alone = self.ours.open() == 0
            && self
                .peer
                .as_ref()
                .is_some_and(|peer| peer.is_over() && peer.established() == self.ours.established());
        (is_over || left_alone).then_some(End::Connections)
    }

    fn end_by<S: Site>(&mut self, site: &mut S, end: End) {
        self.end = Some((end, site.now() + FINISH_AT_MOST));
        self.ours.close_all(site);
    }

    /// Waits until its sides have let go of everything.
    fn wind_down<S: Site>(&mut self, site: &mut S, now: Instant) -> bool {
        let Some((_, until)) = self.end else { return false };
        if self.ours.open() > 0 {
            return false;
        }
        let Some(peer) = &mut self.peer else { return true };
        // It is told by TCP, as it would be if it were somebody else's.
        if now >= until || peer.open() == 0 && peer.established() >= self.ours.established() {
            peer.close_all(site);
        }
        peer.is_over() && peer.open() == 0
    }

    /// What it came to.
    pub(super) fn report(self, now: Instant) -> Notice {
        let end = self.end.map_or(End::Session, |(end, _)| end);
        let figures = (self.ours.total(now), self.peer.map(|peer| peer.total(now)));
        Notice::Report(self.feed.report, Box::new(figures), end)
    }

    /// Its session ended, which took care of its sockets.
    pub(super) fn forget_all(&mut self) {
        self.end = Some((End::Session, Instant::ZERO));
        self.ours.forget_all();
        if let Some(peer) = &mut self.peer {
            peer.forget_all();
        }
    }

    /// When it has something to do next, whatever happens. Progress counts where time does not wait for it.
    pub(super) fn next_time(&self, with_progress: bool) -> Option<Instant> {
        let end = match self.end {
            Some((_, until)) => Some(until),
            None => self.deadline,
        };
        let progress = (with_progress && self.end.is_none()).then_some(self.next_progress);
        let peer = self.peer.as_ref().and_then(Side::next_time);
        [end, progress, self.ours.next_time(), peer].into_iter().flatten().min()
    }

    /// A number that changes whenever it did something.
    pub(super) fn moves(&self) -> u64 {
        self.ours.moves() + self.peer.as_ref().map_or(0, Side::moves)
    }

    /// The stacks that its sockets are on.
    pub(super) fn stacks(&self) -> impl Iterator<Item = StackId> + use<> {
        [Some(self.ours.stack()), self.peer.as_ref().map(Side::stack)].into_iter().flatten()
    }
}

/// How long the peer's connections may take to end after ours did.
const FINISH_AT_MOST: Duration = Duration::from_secs(10);
