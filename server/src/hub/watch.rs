//! Watching: a snapshot of the sockets, then every event after it.
//!
//! Owns [`WatchStream`]. A watcher's own state is a place in the ring and the events that its filter admitted and that
//! were not sent yet. It reads when its client does; a client that does not read costs the ring's memory and nothing
//! else.
//!
//! Fallen behind is who has more admitted events waiting than its limit, or whose place the ring has forgotten. Events
//! that the filter does not admit count only for the latter.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use sockwright_engine::host::Errno;
use sockwright_engine::id::SocketId;
use sockwright_proto::v1::watch_response::Part;
use sockwright_proto::v1::{self as pb, Delivery, GapReason, Position, WatchResponse};
use tokio::time::{Sleep, sleep};
use tokio_stream::Stream;
use tonic::Status;

use super::conflate::Conflater;
use super::figures::{Place, Watcher};
use super::filter::CompiledFilter;
use super::interest::Want;
use super::mirror::Row;
use super::page::Page;
use super::ring::{Block, Record};
use super::told::{Batch, Told};
use super::{Hub, stopping};
use crate::access::caller::Caller;
use crate::access::identity::IdentityId;
use crate::access::quota::Quota;
use crate::access::sight::Sight;
use crate::convert::{Invalid, unknown};
use crate::error::status_saying;

impl Hub {
    /// Begins a watch. See `Events.Watch` for the stream.
    ///
    /// With LOSSLESS, resuming at a position that is forgotten or of another epoch gives a `Gap` and goes on from a new
    /// snapshot, as with CONFLATE. What a resumed watch catches up with does not count against its limit.
    ///
    /// Dropping the stream ends the watch and frees its place.
    pub fn watch(self: &Arc<Self>, request: pb::WatchRequest) -> Result<WatchStream, Status> {
        self.watch_seeing(request, Sight::All, IdentityId::SERVER, |_| Ok(()))
    }

    /// A watch of what a caller sees.
    pub(crate) fn watch_for(
        self: &Arc<Self>,
        request: pb::WatchRequest,
        caller: &Caller,
    ) -> Result<WatchStream, Status> {
        let room = |has: &dyn Fn() -> usize| caller.has_room(Quota::Watchers, has);
        self.watch_seeing(request, caller.sight(), caller.id(), room)
    }

    fn watch_seeing(
        self: &Arc<Self>,
        request: pb::WatchRequest,
        sight: Sight,
        owner: IdentityId,
        has_room: impl FnOnce(&dyn Fn() -> usize) -> Result<(), Status>,
    ) -> Result<WatchStream, Status> {
        let filter = CompiledFilter::of(request.filter.as_ref())?.seen_by(sight);
        let delivery = match Delivery::try_from(request.delivery) {
            Ok(Delivery::Unspecified | Delivery::Lossless) => Delivery::Lossless,
            Ok(Delivery::Conflate) => Delivery::Conflate,
            Err(_) => return Err(unknown(request.delivery, "delivery").into()),
        };
        let limit = match usize::try_from(request.queue_limit) {
            Ok(0) | Err(_) => self.config.watcher_queue,
            Ok(limit) => limit.min(self.config.watcher_queue),
        };
        // Before the snapshot, so that nothing of what is asked for is untold after it.
        let want = self.wanted.want(filter.kinds());

        let mut inner = self.lock();
        if inner.stopping {
            return Err(stopping());
        }
        if inner.watchers.len() >= self.config.watchers {
            let message = format!("there are {} watches already", self.config.watchers);
            return Err(status_saying(Errno::ENOBUFS, message, None));
        }
        has_room(&|| inner.watchers.values().filter(|watcher| watcher.owner == Some(owner)).count())?;
        let last = inner.ring.last();
        let gap = match request.resume {
            Some(resume) if resume.epoch != self.epoch => Some((resume, GapReason::OtherEpoch)),
            Some(resume) if resume.seq > last => {
                return Err(Invalid::new("resume", "that has not happened yet").into());
            }
            Some(resume) if !inner.ring.remembers_after(resume.seq) => Some((resume, GapReason::Forgotten)),
            _ => None,
        };
        let resumed = request.resume.filter(|_| gap.is_none()).map(|resume| resume.seq);
        let snapshot = resumed.is_none().then(|| Snapshot::of(inner.mirror.pages_from(SocketId(0)), last));
        let key = inner.new_key();
        let cursor = resumed.unwrap_or(last);
        let place = Arc::new(Place { cursor: cursor.into(), waiting: 0.into() });
        inner
            .watchers
            .insert(key, Watcher { waker: None, delivery, place: Arc::clone(&place), owner: Some(owner) });
        drop(inner);
        self.crowd.came(delivery == Delivery::Conflate);

        let through = self.position_at(last);
        let ready = gap.map(|(after, reason)| Ok(self.gap_response(after, through, reason)));
        Ok(WatchStream {
            hub: Arc::clone(self),
            key,
            filter,
            _want: want,
            queue: match delivery {
                Delivery::Conflate => Queue::Conflate(Conflater::default()),
                Delivery::Lossless | Delivery::Unspecified => {
                    Queue::Lossless { waiting: VecDeque::new(), count: 0, octets: 0 }
                }
            },
            delivery,
            place,
            limit,
            cursor,
            catching_up_to: last,
            ready: ready.into_iter().collect(),
            snapshot,
            rest: None,
            over: false,
        })
    }

    fn gap_response(&self, after: Position, through: Position, reason: GapReason) -> Told {
        self.tally.gap(reason);
        told(Part::Gap(pb::Gap { after: Some(after), through: Some(through), reason: reason.into() }))
    }

    /// The block with the record after `cursor`, if that has happened and is remembered.
    fn block_after(&self, cursor: u64) -> Option<Arc<Block>> {
        let inner = self.lock();
        inner.ring.block_after(cursor).filter(|_| inner.ring.remembers_after(cursor)).cloned()
    }

    /// The block with the record after `cursor`. Where there is none, has `waker` woken when there is.
    pub(super) fn read_after(&self, key: u64, cursor: u64, waker: &Waker) -> Read {
        let mut inner = self.lock();
        if !inner.ring.remembers_after(cursor) {
            return Read::Forgotten;
        }
        if let Some(block) = inner.ring.block_after(cursor) {
            return Read::Some(Arc::clone(block));
        }
        if inner.stopping {
            return Read::Stopping;
        }
        if let Some(watcher) = inner.watchers.get_mut(&key) {
            watcher.waker = Some(waker.clone());
        }
        Read::Nothing
    }
}

/// What there is after a place in the ring.
pub(super) enum Read {
    /// This.
    Some(Arc<Block>),
    /// Nothing yet.
    Nothing,
    /// The place is forgotten.
    Forgotten,
    /// Nothing any more.
    Stopping,
}

/// A watch. As a stream it gives what `Events.Watch` does.
#[derive(Debug)]
pub struct WatchStream {
    hub: Arc<Hub>,
    key: u64,
    filter: CompiledFilter,
    _want: Want,
    /// Admitted, not sent.
    queue: Queue,
    delivery: Delivery,
    /// What the hub can see of it.
    place: Arc<Place>,
    limit: usize,
    /// The last event that was looked at.
    cursor: u64,
    /// What had happened when the watch began: reading it is catching up, not falling behind.
    catching_up_to: u64,
    /// To be sent before anything else.
    ready: VecDeque<Result<Told, Status>>,
    /// To be sent before any event.
    snapshot: Option<Snapshot>,
    /// Others have their turn until this is over.
    rest: Option<Pin<Box<Sleep>>>,
    over: bool,
}

/// What an event takes that may be merged: itself, the row that only it may still hold, its place among the others.
const MERGED_OCTETS: usize = size_of::<Record>() + size_of::<Row>() + 64;
/// Responses hold at most so many sockets or events.
const BATCH: usize = 256;
/// A call reads at most so many blocks, so that the runtime's other tasks have their turn.
const READS_PER_POLL: usize = 16;
/// A call looks at most at so many pages of the mirror.
const PAGES_PER_POLL: usize = 64;

impl Stream for WatchStream {
    type Item = Result<Told, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(rest) = &mut this.rest {
            ready!(rest.as_mut().poll(cx));
            this.rest = None;
        }
        let began = Instant::now();
        let next = this.look(cx);
        if this.delivery == Delivery::Conflate {
            this.rest = this.hub.crowd.rest(began.elapsed()).map(|rest| Box::pin(sleep(rest)));
            if next.is_pending()
                && let Some(rest) = &mut this.rest
            {
                // Whoever wakes it does so in vain until then.
                _ = rest.as_mut().poll(cx);
            }
        }
        next
    }
}

impl WatchStream {
    /// What is to be sent next.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Told, Status>>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Poll::Ready(Some(item));
            }
            if self.over {
                return Poll::Ready(None);
            }
            if let Some(snapshot) = &mut self.snapshot {
                let chunk = snapshot.chunk(&self.filter);
                if chunk.is_empty() && !snapshot.is_over() {
                    return again(cx);
                }
                let last = snapshot.is_over();
                let at = Some(self.hub.position_at(snapshot.at));
                if last {
                    self.snapshot = None;
                }
                let part = Part::Snapshot(pb::Snapshot { sockets: chunk, last, at });
                return Poll::Ready(Some(Ok(told(part))));
            }
            let pulled = self.pull(cx.waker());
            self.tell_place();
            match pulled {
                Pulled::Events => {
                    let batch = self.queue.pop(self.hub.epoch);
                    self.tell_place();
                    if let Some(batch) = batch {
                        self.hub.tally.told(self.delivery, batch.len());
                        return Poll::Ready(Some(Ok(Told::Events(batch))));
                    }
                }
                Pulled::Nothing => return Poll::Pending,
                Pulled::MoreLater => return again(cx),
                Pulled::TooSlow => self.fall_behind(),
                Pulled::Stopping => self.end(stopping()),
            }
        }
    }
}

enum Pulled {
    /// There are events to send.
    Events,
    /// There are none; the waker is called when there are.
    Nothing,
    /// There are none yet, and more to read.
    MoreLater,
    TooSlow,
    Stopping,
}

impl WatchStream {
    /// Reads what there is in the ring: all of it where something may be merged, or where there may be more than may wait,
    /// and otherwise no more than is sent next.
    fn pull(&mut self, waker: &Waker) -> Pulled {
        if self.is_doomed() {
            return Pulled::TooSlow;
        }
        for _ in 0..READS_PER_POLL {
            let next = self.queue.first().unwrap_or(self.cursor + 1);
            let catching_up = next <= self.catching_up_to;
            if self.queue.len() >= BATCH && (catching_up || self.may_read_later()) {
                return Pulled::Events;
            }
            let block = match self.hub.read_after(self.key, self.cursor, waker) {
                Read::Some(block) => block,
                Read::Forgotten => return Pulled::TooSlow,
                Read::Nothing | Read::Stopping if self.queue.len() > 0 => return Pulled::Events,
                Read::Nothing => return Pulled::Nothing,
                Read::Stopping => return Pulled::Stopping,
            };
            let records = block.after(self.cursor);
            for record in records {
                if self.filter.admits_event(record) {
                    self.queue.push(record, self.hub.epoch);
                }
            }
            self.cursor += records.len() as u64;
            self.tell_place();
            if !catching_up && (self.queue.len() > self.limit || self.is_too_much()) {
                return Pulled::TooSlow;
            }
        }
        if self.queue.len() > 0 { Pulled::Events } else { Pulled::MoreLater }
    }

    /// Whether what is unread has more for it than may wait: found out by looking, which costs far less than to encode it first.
    fn is_doomed(&self) -> bool {
        let next = self.queue.first().unwrap_or(self.cursor + 1);
        if matches!(self.queue, Queue::Conflate(_)) || next <= self.catching_up_to || self.may_read_later() {
            return false;
        }
        let (mut cursor, mut waiting) = (self.cursor, self.queue.len());
        while waiting <= self.limit {
            let Some(block) = self.hub.block_after(cursor) else { return false };
            let records = block.after(cursor);
            waiting += records.iter().filter(|record| self.filter.admits_event(record)).count();
            cursor += records.len() as u64;
        }
        true
    }

    /// Tells the hub how far it is, and what waits for it.
    fn tell_place(&self) {
        let waiting = self.queue.octets();
        self.place.cursor.store(self.cursor, Ordering::Relaxed);
        self.hub.crowd.waits(self.place.waiting.swap(waiting, Ordering::Relaxed), waiting);
    }

    /// Whether it has more of the memory of all watchers than it may.
    fn is_too_much(&self) -> bool {
        self.hub.crowd.is_too_much(self.queue.octets(), self.hub.config.watcher_bytes)
    }

    /// Whether the limit is not reached even if all that is unread were admitted.
    fn may_read_later(&self) -> bool {
        let unread = self.hub.last.load(Ordering::Acquire).saturating_sub(self.cursor);
        matches!(self.queue, Queue::Lossless { .. }) && self.queue.len() as u64 + unread <= self.limit as u64
    }

    /// Tells the gap. LOSSLESS ends with it; CONFLATE goes on from a new snapshot, which makes up for it.
    fn fall_behind(&mut self) {
        let after = self.queue.first().map_or(self.cursor, |first| first - 1);
        let last = {
            let inner = self.hub.lock();
            let last = inner.ring.last();
            if matches!(self.queue, Queue::Conflate(_)) {
                self.snapshot = Some(Snapshot::of(inner.mirror.pages_from(SocketId(0)), last));
            }
            last
        };
        let (after, through) = (self.hub.position_at(after), self.hub.position_at(last));
        self.ready.push_back(Ok(self.hub.gap_response(after, through, GapReason::WatcherTooSlow)));
        self.cursor = last;
        match &mut self.queue {
            Queue::Conflate(conflater) => *conflater = Conflater::default(),
            Queue::Lossless { waiting, count, octets } => {
                waiting.clear();
                (*count, *octets) = (0, 0);
                let message = "the watcher fell behind and events were lost to it";
                self.end(status_saying(Errno::ENOBUFS, message, None));
            }
        }
        self.tell_place();
    }

    fn end(&mut self, status: Status) {
        self.ready.push_back(Err(status));
        self.over = true;
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        self.hub.lock().watchers.remove(&self.key);
        let waiting = self.place.waiting.load(Ordering::Relaxed);
        self.hub.crowd.went(self.delivery == Delivery::Conflate, waiting);
    }
}

/// Events that wait for the client.
#[derive(Debug)]
enum Queue {
    /// Encoded as they will be sent, so that they hold nothing of the ring's.
    Lossless {
        waiting: VecDeque<Batch>,
        count: usize,
        octets: usize,
    },
    Conflate(Conflater),
}

impl Queue {
    fn push(&mut self, record: &Record, epoch: u64) {
        match self {
            Queue::Lossless { waiting, count, octets } => {
                *count += 1;
                if waiting.back().is_none_or(|batch| batch.len() == BATCH) {
                    waiting.push_back(Batch::with_room_for(epoch, BATCH));
                }
                if let Some(batch) = waiting.back_mut() {
                    let before = batch.octets();
                    batch.push(record);
                    *octets += batch.octets() - before;
                }
            }
            Queue::Conflate(conflater) => conflater.push(record),
        }
    }

    /// The next ones.
    fn pop(&mut self, epoch: u64) -> Option<Batch> {
        match self {
            Queue::Lossless { waiting, count, octets } => {
                let batch = waiting.pop_front()?;
                *count -= batch.len();
                *octets -= batch.octets();
                Some(batch)
            }
            Queue::Conflate(conflater) => {
                let mut batch = Batch::with_room_for(epoch, conflater.len().min(BATCH));
                std::iter::from_fn(|| conflater.pop()).take(BATCH).for_each(|record| batch.push(&record));
                (batch.len() > 0).then_some(batch)
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Queue::Lossless { count, .. } => *count,
            Queue::Conflate(conflater) => conflater.len(),
        }
    }

    /// What it holds, about.
    fn octets(&self) -> usize {
        match self {
            Queue::Lossless { octets, .. } => *octets,
            Queue::Conflate(conflater) => conflater.len() * MERGED_OCTETS,
        }
    }

    /// The number of the oldest.
    fn first(&self) -> Option<u64> {
        match self {
            Queue::Lossless { waiting, .. } => waiting.front().map(Batch::first),
            Queue::Conflate(conflater) => conflater.first(),
        }
    }
}

/// A snapshot that is being sent: the pages of the mirror as they were at `at`.
#[derive(Debug)]
struct Snapshot {
    pages: std::iter::Peekable<std::vec::IntoIter<Arc<Page>>>,
    /// Rows of the first page that were looked at.
    done: usize,
    at: u64,
}

impl Snapshot {
    fn of(pages: Vec<Arc<Page>>, at: u64) -> Self {
        Snapshot { pages: pages.into_iter().peekable(), done: 0, at }
    }

    /// The next sockets that the filter admits: up to [`BATCH`], fewer where many are not admitted.
    fn chunk(&mut self, filter: &CompiledFilter) -> Vec<pb::SocketSummary> {
        let mut sockets = Vec::new();
        for _ in 0..PAGES_PER_POLL {
            let Some(page) = self.pages.peek() else { break };
            while let Some(row) = page.rows().get(self.done) {
                if sockets.len() == BATCH {
                    return sockets;
                }
                self.done += 1;
                if filter.admits_row(row) {
                    sockets.push(row.summary());
                }
            }
            self.pages.next();
            self.done = 0;
        }
        sockets
    }

    /// Whether all of it was given.
    fn is_over(&mut self) -> bool {
        self.pages.peek().is_none()
    }
}

fn told(part: Part) -> Told {
    Told::Other(Box::new(WatchResponse { part: Some(part) }))
}

/// Not finished, but others have their turn first.
fn again<T>(cx: &Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}
