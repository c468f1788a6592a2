//! Following: every event that a filter admits, encoded, for those inside of the server that keep it.
//!
//! Owns [`Follower`], which reads the ring as a watch does, but waits for nobody and merges nothing. What it asks for is told
//! as long as it lives; it counts as a watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use prost::encoding::encode_varint;
use sockwright_engine::host::Errno;
use sockwright_engine::id::SocketId;
use sockwright_proto::v1::{self as pb, Delivery};
use tonic::Status;

use super::Name;
use super::figures::{Place, Watcher};
use super::filter::CompiledFilter;
use super::interest::Want;
use super::watch::Read;
use super::{Hub, stopping};
use crate::error::status_saying;

/// One that follows. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Follower {
    hub: Arc<Hub>,
    key: u64,
    filter: CompiledFilter,
    _want: Want,
    place: Arc<Place>,
    /// The last event that was looked at.
    cursor: u64,
}

/// What came next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Followed {
    /// Events.
    Events(Events),
    /// Those after `after`, up to and with `through`, are forgotten: it was too slow.
    Missed {
        /// The last before the hole.
        after: u64,
        /// The last inside it.
        through: u64,
    },
    /// The server is stopping.
    Stopping,
}

/// Events that follow each other, with holes where the filter has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Events {
    /// Messages `Event`, each with its length before it.
    pub(crate) octets: Vec<u8>,
    /// How many.
    pub(crate) count: u64,
    /// When the last one was on each stack, on its clock.
    pub(crate) last_ns: BTreeMap<Name, u64>,
}

impl Hub {
    /// Begins to follow what the filter admits; with the sockets that are there, and after which event it begins.
    pub(crate) fn follow(
        self: &Arc<Self>,
        filter: CompiledFilter,
    ) -> Result<(Follower, Vec<pb::SocketSummary>, u64), Status> {
        // Before anything is read, so that nothing of what is asked for is untold after it.
        let want = self.wanted.want(filter.kinds());
        let mut inner = self.lock();
        if inner.stopping {
            return Err(stopping());
        }
        if inner.watchers.len() >= self.config.watchers {
            let message = format!("there are {} watches already", self.config.watchers);
            return Err(status_saying(Errno::ENOBUFS, message, None));
        }
        let (cursor, key) = (inner.ring.last(), inner.new_key());
        let place = Arc::new(Place { cursor: AtomicU64::new(cursor), ..Place::default() });
        let place_of = Arc::clone(&place);
        let watcher = Watcher { waker: None, delivery: Delivery::Lossless, place: place_of, owner: None };
        inner.watchers.insert(key, watcher);
        let pages = inner.mirror.pages_from(SocketId(0));
        drop(inner);
        let rows = pages.iter().flat_map(|page| page.rows()).filter(|row| filter.admits_row(row));
        let sockets = rows.map(|row| row.summary()).collect();
        let follower = Follower { hub: Arc::clone(self), key, filter, _want: want, place, cursor };
        Ok((follower, sockets, cursor))
    }

    /// Whether the filter admits this socket, as it is or as it ended.
    pub(crate) fn admits_socket(&self, filter: &CompiledFilter, socket: SocketId) -> bool {
        let inner = self.lock();
        let ended = || inner.mirror.ended(socket).map(|last| &last.row);
        inner.mirror.get(socket).or_else(ended).is_some_and(|row| filter.admits_row(row))
    }
}

impl Follower {
    /// The last event that was looked at.
    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// What comes next.
    pub(crate) async fn next(&mut self) -> Followed {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// What has come already.
    pub(crate) fn next_now(&mut self) -> Option<Followed> {
        match self.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(followed) => Some(followed),
            Poll::Pending => None,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Followed> {
        let polled = self.read(cx);
        self.place.cursor.store(self.cursor, Ordering::Relaxed);
        polled
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Followed> {
        let mut events = Events::default();
        let mut message = Vec::new();
        loop {
            let block = match self.hub.read_after(self.key, self.cursor, cx.waker()) {
                Read::Some(block) => block,
                _ if events.count > 0 => return Poll::Ready(Followed::Events(events)),
                Read::Nothing => return Poll::Pending,
                Read::Stopping => return Poll::Ready(Followed::Stopping),
                Read::Forgotten => {
                    let after = self.cursor;
                    self.cursor = self.hub.position().seq;
                    return Poll::Ready(Followed::Missed { after, through: self.cursor });
                }
            };
            let records = block.after(self.cursor);
            for record in records.iter().filter(|record| self.filter.admits_event(record)) {
                message.clear();
                record.write(&mut message);
                encode_varint(message.len() as u64, &mut events.octets);
                events.octets.extend_from_slice(&message);
                events.count += 1;
                events.last_ns.insert(record.stack.clone(), record.event.at().as_nanos());
            }
            self.cursor += records.len() as u64;
            if events.octets.len() >= AT_ONCE {
                return Poll::Ready(Followed::Events(events));
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.hub.lock().watchers.remove(&self.key);
    }
}

/// Octets of events that are given at once, about.
const AT_ONCE: usize = 64 << 10;
