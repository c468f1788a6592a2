//! What is counted of RPCs: by method, and no others than those that the server has.
//!
//! Owns [`Calls`], the figures, and [`Method`], what a path names. A path that names nothing is counted as
//! [`Method::UNKNOWN`], so that no client can make the list grow.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;

use super::CALL_BOUNDS;
use super::durations::Durations;

/// The methods of a server, and what was counted of their calls.
#[derive(Debug)]
pub(crate) struct Calls {
    /// By path.
    places: HashMap<String, usize>,
    methods: Vec<Method>,
    figures: Vec<Figures>,
}

/// A method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// With its package.
    pub(crate) service: String,
    /// Without its service.
    pub(crate) name: String,
    /// Both, as in a path.
    pub(crate) full_name: String,
    /// One of its sides, or both, sends any number of messages.
    pub(crate) streams: bool,
}

/// What was counted of one method.
#[derive(Debug)]
struct Figures {
    under_way: AtomicU64,
    received: Arc<AtomicU64>,
    sent: AtomicU64,
    ended: Mutex<Ended>,
}

#[derive(Debug)]
struct Ended {
    by_code: [u64; CODES.len()],
    durations: Durations,
}

/// What was counted of one method, at one moment.
pub(super) struct Read<'a> {
    pub(super) method: &'a Method,
    pub(super) under_way: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
    /// With the names of the codes. OK is always there.
    pub(super) by_code: Vec<(&'static str, u64)>,
    /// Of calls that do not stream.
    pub(super) durations: Option<Durations>,
}

impl Calls {
    /// Of the services in these encoded sets of file descriptors.
    pub(crate) fn of(descriptors: &[&[u8]]) -> Self {
        let mut methods = vec![Method::unknown()];
        for set in descriptors {
            // What we made ourselves can be read.
            let set = FileDescriptorSet::decode(*set).unwrap_or_default();
            for file in &set.file {
                methods.extend(file.service.iter().flat_map(|service| Method::of(file.package(), service)));
            }
        }
        let path = |method: &Method| format!("/{}", method.full_name);
        let places =
            methods.iter().enumerate().skip(1).map(|(place, method)| (path(method), place)).collect();
        let figures = methods.iter().map(|_| Figures::default()).collect();
        Calls { places, methods, figures }
    }

    /// What `path` names.
    pub(crate) fn method(&self, path: &str) -> &Method {
        &self.methods[self.places.get(path).copied().unwrap_or(UNKNOWN)]
    }

    /// A call of what `path` names begins.
    pub(crate) fn begin(self: &Arc<Self>, path: &str) -> CallFigures {
        let place = self.places.get(path).copied().unwrap_or(UNKNOWN);
        let figures = &self.figures[place];
        figures.under_way.fetch_add(1, Ordering::Relaxed);
        if !self.methods[place].streams {
            figures.received.fetch_add(1, Ordering::Relaxed);
        }
        CallFigures { calls: Arc::clone(self), place, began: std::time::Instant::now(), over: false }
    }

    /// What was counted, of every method that there is.
    pub(super) fn read(&self) -> impl Iterator<Item = Read<'_>> {
        self.methods.iter().zip(&self.figures).map(|(method, figures)| {
            let ended = figures.ended.lock().unwrap_or_else(PoisonError::into_inner);
            let counts = CODES.iter().zip(ended.by_code);
            Read {
                method,
                under_way: figures.under_way.load(Ordering::Relaxed),
                received: figures.received.load(Ordering::Relaxed),
                sent: figures.sent.load(Ordering::Relaxed),
                by_code: counts
                    .filter(|((code, _), count)| *count > 0 || *code == Code::Ok)
                    .map(|((_, name), count)| (*name, count))
                    .collect(),
                durations: (!method.streams).then(|| ended.durations.clone()),
            }
        })
    }
}

impl Method {
    /// What is not there.
    fn unknown() -> Method {
        let unknown = || "unknown".to_owned();
        Method { service: unknown(), name: unknown(), full_name: unknown(), streams: false }
    }

    fn of<'s>(
        package: &'s str,
        service: &'s prost_types::ServiceDescriptorProto,
    ) -> impl Iterator<Item = Method> + use<'s> {
        service.method.iter().map(move |method| Method {
            service: format!("{package}.{}", service.name()),
            name: method.name().to_owned(),
            full_name: format!("{package}.{}/{}", service.name(), method.name()),
            streams: method.client_streaming() || method.server_streaming(),
        })
    }
}

impl Default for Figures {
    fn default() -> Self {
        let ended = Ended { by_code: [0; CODES.len()], durations: Durations::within(CALL_BOUNDS) };
        Figures {
            under_way: AtomicU64::new(0),
            received: Arc::default(),
            sent: AtomicU64::new(0),
            ended: Mutex::new(ended),
        }
    }
}

/// A call that is counted. Dropped before it is over, it is counted as cancelled: its client is gone.
#[derive(Debug)]
pub(crate) struct CallFigures {
    calls: Arc<Calls>,
    place: usize,
    began: std::time::Instant,
    over: bool,
}

impl CallFigures {
    /// What is called.
    pub(crate) fn method(&self) -> &Method {
        &self.calls.methods[self.place]
    }

    /// Where to count what the client sends, if that may be more than one message. That one is counted already.
    pub(crate) fn received(&self) -> Option<Arc<AtomicU64>> {
        self.method().streams.then(|| Arc::clone(&self.calls.figures[self.place].received))
    }

    /// So many messages went.
    pub(crate) fn sent(&self, messages: u64) {
        self.calls.figures[self.place].sent.fetch_add(messages, Ordering::Relaxed);
    }

    /// It ended so. How long it took; only its first end counts.
    pub(crate) fn end(&mut self, code: Code) -> Option<Duration> {
        if std::mem::replace(&mut self.over, true) {
            return None;
        }
        let took = self.began.elapsed();
        let figures = &self.calls.figures[self.place];
        figures.under_way.fetch_sub(1, Ordering::Relaxed);
        let mut ended = figures.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.by_code[code as usize] += 1;
        ended.durations.note(took);
        Some(took)
    }
}

impl Drop for CallFigures {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// The name of a code, as gRPC's documentation has it.
pub(crate) fn code_name(code: Code) -> &'static str {
    CODES[code as usize].1
}

/// The place of [`Method::unknown`].
const UNKNOWN: usize = 0;

/// In the order of their numbers.
const CODES: [(Code, &str); 17] = [
    (Code::Ok, "OK"),
    (Code::Cancelled, "CANCELLED"),
    (Code::Unknown, "UNKNOWN"),
    (Code::InvalidArgument, "INVALID_ARGUMENT"),
    (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
    (Code::NotFound, "NOT_FOUND"),
    (Code::AlreadyExists, "ALREADY_EXISTS"),
    (Code::PermissionDenied, "PERMISSION_DENIED"),
    (Code::ResourceExhausted, "RESOURCE_EXHAUSTED"),
    (Code::FailedPrecondition, "FAILED_PRECONDITION"),
    (Code::Aborted, "ABORTED"),
    (Code::OutOfRange, "OUT_OF_RANGE"),
    (Code::Unimplemented, "UNIMPLEMENTED"),
    (Code::Internal, "INTERNAL"),
    (Code::Unavailable, "UNAVAILABLE"),
    (Code::DataLoss, "DATA_LOSS"),
    (Code::Unauthenticated, "UNAUTHENTICATED"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Arc<Calls> {
        Arc::new(Calls::of(&[sockwright_proto::v1::FILE_DESCRIPTOR_SET]))
    }

    fn read<'c>(calls: &'c Calls, name: &str) -> Read<'c> {
        calls.read().find(|read| read.method.name == name).unwrap()
    }

    #[test]
    fn codes_stand_at_their_numbers() {
        for (number, (code, _)) in CODES.iter().enumerate() {
            assert_eq!(*code as usize, number);
        }
    }

    #[test]
    fn a_call_is_under_way_and_then_over_once() {
        let calls = calls();
        let mut call = calls.begin("/sockwright.v1.Sockets/Create");
        assert_eq!(call.method().service, "sockwright.v1.Sockets");
        assert_eq!(read(&calls, "Create").under_way, 1);
        assert!(call.end(Code::NotFound).is_some());
        assert!(call.end(Code::Ok).is_none());
        drop(call);
        let create = read(&calls, "Create");
        assert_eq!((create.under_way, create.by_code), (0, vec![("OK", 0), ("NOT_FOUND", 1)]));
        assert_eq!(create.durations.unwrap().count(), 1);
    }

    #[test]
    fn a_call_that_nobody_waits_for_any_more_was_cancelled() {
        let calls = calls();
        drop(calls.begin("/sockwright.v1.Events/Watch"));
        let watch = read(&calls, "Watch");
        assert_eq!(watch.by_code, [("OK", 0), ("CANCELLED", 1)]);
        assert!(watch.durations.is_none(), "it streams");
    }

    #[test]
    fn paths_that_name_nothing_are_one_method() {
        let calls = calls();
        let before = calls.read().count();
        for path in ["/a/b", "/sockwright.v1.Sockets/Nothing", ""] {
            calls.begin(path).end(Code::Unimplemented);
        }
        assert_eq!(calls.read().count(), before);
        assert_eq!(read(&calls, "unknown").by_code, [("OK", 0), ("UNIMPLEMENTED", 3)]);
    }
}
