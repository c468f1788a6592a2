//! Places for connections: so many at all, and so many of one source, so that nobody takes those of all others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The places of a server.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_source: HashMap<Source, Held>,
    /// When the log was told last that there are as many as there may be.
    told: Option<Instant>,
}

/// What one source has.
#[derive(Debug, Default)]
struct Held {
    places: usize,
    /// It wanted more than it may have, and the log was told.
    told: bool,
}

/// Where a connection is from, as places are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    V4(Ipv4Addr),
    /// The first 64 bits: whoever has one such address has all of its net.
    V6(u64),
    /// An address of a link, which every station there has in the same net.
    Link(Ipv6Addr),
    /// A user of this machine.
    User(u32),
}

impl From<IpAddr> for Source {
    fn from(ip: IpAddr) -> Source {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Source::V4(ip),
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Source::Link(ip),
            IpAddr::V6(ip) => Source::V6((ip.to_bits() >> 64) as u64),
        }
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    source: Source,
}

impl Places {
    /// So many at all, and of one source.
    pub(super) fn new(all: usize, of_one: usize) -> Arc<Places> {
        Arc::new(Places { all, of_one, taken: Mutex::default() })
    }

    /// A place for one more. Where there is none, the log is told.
    pub(super) fn take(self: &Arc<Self>, source: Source) -> Option<Place> {
        let mut taken = self.taken();
        if taken.all >= self.all {
            if taken.told.is_none_or(|told| told.elapsed() >= SELDOM) {
                taken.told = Some(Instant::now());
                tracing::warn!("connections are closed: there are as many as the server takes");
            }
            return None;
        }
        let held = taken.by_source.entry(source).or_default();
        if held.places >= self.of_one {
            // Once: it may go on trying.
            if !std::mem::replace(&mut held.told, true) {
                tracing::warn!(?source, "a connection is closed: its source has as many as one may have");
            }
            return None;
        }
        held.places += 1;
        taken.all += 1;
        Some(Place { places: Arc::clone(self), source })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(held) = taken.by_source.get_mut(&self.source) {
            held.places -= 1;
            if held.places == 0 {
                taken.by_source.remove(&self.source);
            }
        }
    }
}

/// Between two lines of the log.
const SELDOM: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Source {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn one_source_leaves_places_for_others_and_gives_back_what_it_had() {
        let places = Places::new(3, 2);
        let (one, other) = (from("10.0.0.1"), from("10.0.0.2"));
        let held = [places.take(one).unwrap(), places.take(one).unwrap()];
        assert!(places.take(one).is_none(), "it has its share");
        let others = places.take(other).unwrap();
        assert!(places.take(other).is_none(), "there is none left at all");
        drop(held);
        let _again = places.take(one).unwrap();
        drop(others);
        assert_eq!(places.taken().by_source.len(), 1, "who has gone is forgotten");
    }

    #[test]
    fn a_source_of_ipv6_is_a_net_and_one_of_ipv4_an_address_however_it_is_written() {
        assert_eq!(from("fd00::1"), from("fd00::ffff:1:2:3"));
        assert_ne!(from("fd00::1"), from("fd00:0:0:1::1"));
        assert_ne!(from("fe80::1"), from("fe80::2"), "each station of a link has one there");
        assert_eq!(from("::ffff:10.0.0.1"), from("10.0.0.1"));
    }
}
