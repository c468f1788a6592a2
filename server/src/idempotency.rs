//! Calls that are made once, however often they are asked for.
//!
//! A client that does not know whether its call arrived makes it again under the same key. The first one that
//! succeeds is remembered; one that comes while it is under way waits for it; one that failed, or whose client went
//! away, is forgotten, and the next one in line makes the call.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tonic::Status;

use crate::access::identity::IdentityId;
use crate::convert::Invalid;

/// What calls of one kind gave, by their keys.
#[derive(Debug)]
pub(crate) struct Keys<T> {
    table: Mutex<Table<T>>,
    limit: usize,
}

#[derive(Debug)]
struct Table<T> {
    entries: HashMap<Key, Entry<T>>,
    /// Those that are done, oldest first.
    done: VecDeque<Key>,
}

/// A key, within the scope in which clients have to keep it apart: whose it is, and a stack, a listener.
type Key = (IdentityId, String, String);

#[derive(Debug)]
enum Entry<T> {
    /// Closed when the call has ended, one way or another.
    UnderWay(watch::Receiver<()>),
    Done(T),
}

impl<T: Clone> Keys<T> {
    /// None yet; the oldest of more than `limit` is forgotten.
    pub(crate) fn new(limit: usize) -> Self {
        Keys { table: Mutex::new(Table { entries: HashMap::new(), done: VecDeque::new() }), limit }
    }

    /// What the first call with this key gave, or what `call` gives. An empty key is none.
    pub(crate) async fn once(
        &self,
        owner: IdentityId,
        scope: &str,
        key: &str,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        if key.is_empty() {
            return call.await;
        }
        let key = (owner, scope.to_owned(), key.to_owned());
        let lead = loop {
            match self.find_or_lead(&key) {
                Found::Done(value) => return Ok(value),
                Found::Lead(lead) => break lead,
                // It ends with the sender, which the leading call drops.
                Found::UnderWay(mut end) => while end.changed().await.is_ok() {},
            }
        };
        let value = call.await?;
        lead.done(value.clone());
        Ok(value)
    }

    fn find_or_lead(&self, key: &Key) -> Found<'_, T> {
        let mut table = self.table();
        match table.entries.get(key) {
            Some(Entry::Done(value)) => Found::Done(value.clone()),
            Some(Entry::UnderWay(end)) => Found::UnderWay(end.clone()),
            None => {
                let (end, ended) = watch::channel(());
                table.entries.insert(key.clone(), Entry::UnderWay(ended));
                Found::Lead(Lead { keys: self, key: Some(key.clone()), _end: end })
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Found<'a, T> {
    Done(T),
    UnderWay(watch::Receiver<()>),
    Lead(Lead<'a, T>),
}

/// The call that the others wait for.
struct Lead<'a, T> {
    keys: &'a Keys<T>,
    key: Option<Key>,
    _end: watch::Sender<()>,
}

impl<T> Lead<'_, T> {
    fn done(mut self, value: T) {
        let Some(key) = self.key.take() else { return };
        let mut table = self.keys.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.entries.insert(key.clone(), Entry::Done(value));
        table.done.push_back(key);
        while table.done.len() > self.keys.limit {
            if let Some(oldest) = table.done.pop_front() {
                table.entries.remove(&oldest);
            }
        }
    }
}

/// It failed, or was dropped on the way.
impl<T> Drop for Lead<'_, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut table = self.keys.table.lock().unwrap_or_else(PoisonError::into_inner);
            table.entries.remove(&key);
        }
    }
}

/// Keys have up to 64 octets.
pub(crate) fn check_key(key: &str) -> Result<(), Invalid> {
    match key.len() <= 64 {
        true => Ok(()),
        false => Err(Invalid::new("idempotency_key", "it is longer than 64 octets")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_second_call_gives_what_the_first_one_gave() {
        let keys = Keys::new(8);
        assert_eq!(keys.once(IdentityId::LOCAL, "s", "k", async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(keys.once(IdentityId::LOCAL, "s", "k", async { Ok(2) }).await.unwrap(), 1);
        assert_eq!(keys.once(IdentityId::LOCAL, "t", "k", async { Ok(3) }).await.unwrap(), 3);
        assert_eq!(keys.once(IdentityId::LOCAL, "s", "", async { Ok(4) }).await.unwrap(), 4);
        let somebody = keys.once(IdentityId(2), "s", "k", async { Ok(5) });
        assert_eq!(somebody.await.unwrap(), 5, "what another was given is nobody else's");
    }

    #[tokio::test]
    async fn a_failed_call_is_forgotten() {
        let keys = Keys::new(8);
        keys.once(IdentityId::LOCAL, "s", "k", async { Err::<u32, _>(Status::aborted("")) })
            .await
            .unwrap_err();
        assert_eq!(keys.once(IdentityId::LOCAL, "s", "k", async { Ok(2) }).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn duplicates_wait_for_the_first_and_take_over_when_it_goes_away() {
        let keys = Keys::new(8);
        let calls = AtomicU32::new(0);
        let (go, gone) = oneshot::channel::<()>();
        let mut first = Box::pin(keys.once(IdentityId::LOCAL, "s", "k", async {
            calls.fetch_add(1, Ordering::Relaxed);
            _ = gone.await;
            Ok(1)
        }));
        let mut second = Box::pin(keys.once(IdentityId::LOCAL, "s", "k", async {
            calls.fetch_add(1, Ordering::Relaxed);
            Ok(2)
        }));
        let poll_once = std::future::poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending() && second.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        });
        poll_once.await;
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        drop(first);
        drop(go);
        assert_eq!(second.await.unwrap(), 2);
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn the_oldest_key_gives_way() {
        let keys = Keys::new(2);
        for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
            keys.once(IdentityId::LOCAL, "", key, async { Ok(value) }).await.unwrap();
        }
        assert_eq!(keys.once(IdentityId::LOCAL, "", "a", async { Ok(9) }).await.unwrap(), 9);
        assert_eq!(keys.once(IdentityId::LOCAL, "", "c", async { Ok(9) }).await.unwrap(), 3);
    }
}
