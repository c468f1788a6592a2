//! What goes on on a connection, and how long one may be there on which nothing does.
//!
//! Whoever connects and says nothing, or says nothing of who he is, holds a place that others want. So the first octets of HTTP
//! have their time, and where nobody has proved anything yet, so has the silence between calls, and the connection as a whole: a call that
//! never ends holds a place too. Who is known is left alone: the keep-alive of HTTP/2, and of TCP, finds out whether he is still there.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// What goes on on one connection.
#[derive(Debug)]
pub(super) struct Presence {
    /// Addresses of IP, here and there.
    pub(super) at: Option<(SocketAddr, SocketAddr)>,
    /// The connection has proved who is there, or a call on it has.
    known: AtomicBool,
    /// Calls of nobody that are under way.
    calls: AtomicUsize,
    began: Instant,
    /// When nobody last asked for something, in milliseconds from then.
    last_ms: AtomicU64,
}

impl Presence {
    pub(super) fn new(at: Option<(SocketAddr, SocketAddr)>, known: bool) -> Arc<Presence> {
        let (known, calls, last_ms) = (known.into(), AtomicUsize::new(0), AtomicU64::new(0));
        Arc::new(Presence { at, known, calls, began: Instant::now(), last_ms })
    }

    /// Somebody has proved who he is.
    pub(super) fn prove(&self) {
        if !self.known.load(Ordering::Relaxed) {
            self.known.store(true, Ordering::Relaxed);
        }
    }

    /// Nobody asks for something.
    pub(super) fn asked(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    /// When it will have been silent for too long, if nothing comes, or too old.
    fn over_by(&self, times: &Times) -> Instant {
        let silent = match self.calls.load(Ordering::Acquire) {
            0 => self.began + Duration::from_millis(self.last_ms.load(Ordering::Relaxed)) + times.of_nobody,
            _ => Instant::now() + times.of_nobody,
        };
        silent.min(self.began + times.age_of_nobody)
    }
}

/// A call of nobody, while it is under way.
#[derive(Debug)]
pub(crate) struct Visit {
    presence: Arc<Presence>,
    /// Others of the connection that were under way.
    others: usize,
}

impl Visit {
    pub(super) fn begin(presence: &Arc<Presence>) -> Visit {
        let others = presence.calls.fetch_add(1, Ordering::AcqRel);
        Visit { presence: Arc::clone(presence), others }
    }

    /// Calls of nobody that were under way on the connection when it began.
    pub(crate) fn others(&self) -> usize {
        self.others
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.presence.asked();
        self.presence.calls.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How long a connection may be silent, or there at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Before the first octets of HTTP are there.
    pub(super) first_octets: Duration,
    /// Between calls, where nobody has proved who he is.
    pub(super) of_nobody: Duration,
    /// From its beginning to its end, where nobody has.
    pub(super) age_of_nobody: Duration,
}

/// Waits for a connection to be of use.
#[derive(Debug)]
pub(super) struct Patience {
    presence: Arc<Presence>,
    timer: Pin<Box<Sleep>>,
    /// Octets that have to come yet.
    missing: usize,
    times: Times,
}

/// What to make of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Wait on.
    On,
    /// It is of use, and will be.
    NoMore,
    /// Cut it.
    InVain,
}

impl Patience {
    pub(super) fn new(presence: Arc<Presence>, times: Times) -> Patience {
        let timer = Box::pin(sleep(times.first_octets));
        Patience { presence, timer, missing: FIRST_OCTETS, times }
    }

    /// So many octets came.
    pub(super) fn heard(&mut self, octets: usize) {
        if self.missing > 0 {
            self.missing = self.missing.saturating_sub(octets);
            if self.missing == 0 {
                self.presence.asked();
                self.timer.as_mut().reset(self.presence.over_by(&self.times));
            }
        }
    }

    /// Looks whether its time is over; whoever polls is woken when it may be.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Wait {
        if self.missing == 0 && self.presence.known.load(Ordering::Relaxed) {
            return Wait::NoMore;
        }
        loop {
            match self.timer.as_mut().poll(cx) {
                Poll::Pending => return Wait::On,
                Poll::Ready(()) if self.missing > 0 => return Wait::InVain,
                Poll::Ready(()) => {}
            }
            let until = self.presence.over_by(&self.times);
            if until <= Instant::now() {
                return Wait::InVain;
            }
            self.timer.as_mut().reset(until);
        }
    }
}

/// `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, with which HTTP/2 begins. A request of HTTP/1.1, which has a `Host`, is no shorter.
const FIRST_OCTETS: usize = 24;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const TIMES: Times = Times {
        first_octets: Duration::from_secs(10),
        of_nobody: Duration::from_secs(60),
        age_of_nobody: Duration::from_secs(600),
    };

    /// After what time it is over, and how.
    async fn over(patience: &mut Patience) -> (Duration, Wait) {
        let began = Instant::now();
        let how = poll_fn(|cx| match patience.poll(cx) {
            Wait::On => Poll::Pending,
            how => Poll::Ready(how),
        });
        let how = how.await;
        (began.elapsed(), how)
    }

    fn about(time: Duration, seconds: u64) -> bool {
        time.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(100)
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_begin_is_cut_known_or_not_however_slowly_he_goes_about_it() {
        for known in [false, true] {
            let mut patience = Patience::new(Presence::new(None, known), TIMES);
            patience.heard(FIRST_OCTETS - 1);
            let (time, how) = over(&mut patience).await;
            assert!(about(time, 10) && how == Wait::InVain, "{time:?} {how:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_known_is_left_alone_once_he_has_begun() {
        let mut patience = Patience::new(Presence::new(None, true), TIMES);
        patience.heard(FIRST_OCTETS);
        assert_eq!(over(&mut patience).await, (Duration::ZERO, Wait::NoMore));
        let presence = Presence::new(None, false);
        let mut patience = Patience::new(Arc::clone(&presence), TIMES);
        patience.heard(FIRST_OCTETS);
        presence.prove();
        assert_eq!(over(&mut patience).await, (Duration::ZERO, Wait::NoMore));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_cut_when_he_is_silent_and_not_while_a_call_is_under_way() {
        let presence = Presence::new(None, false);
        let mut patience = Patience::new(Arc::clone(&presence), TIMES);
        patience.heard(100);
        let call = Visit::begin(&presence);
        let watched = tokio::time::timeout(Duration::from_secs(500), over(&mut patience));
        watched.await.expect_err("a call is under way");
        drop(call);
        let (time, how) = over(&mut patience).await;
        assert!(about(time, 60) && how == Wait::InVain, "{time:?} {how:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_there_for_ever_whatever_he_does() {
        let presence = Presence::new(None, false);
        let mut patience = Patience::new(Arc::clone(&presence), TIMES);
        patience.heard(100);
        let _call = Visit::begin(&presence);
        let (time, how) = over(&mut patience).await;
        assert!(about(time, 600) && how == Wait::InVain, "{time:?} {how:?}");
    }
}
