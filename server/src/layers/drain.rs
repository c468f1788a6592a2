//! Draining: what would make something new is refused with UNAVAILABLE; what is under way goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Request;
use tonic::Status;

use super::gate::{Answer, Keeper};

/// Refuses what is new from the moment on at which it is told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drains(Arc<AtomicBool>);

impl Drains {
    /// From now on.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Keeper for Drains {
    fn answer<B>(&self, request: &Request<B>) -> Option<Answer> {
        let refused = self.0.load(Ordering::Acquire) && NEW.contains(&request.uri().path());
        let sentence =
            "the server is about to end and makes nothing new: try another one, or again in a while";
        refused.then(|| Answer::Now(Status::unavailable(sentence).into_http()))
    }
}

/// Calls that make sessions, sockets, or what sockets are on, and those that go on for as long as they like.
const NEW: [&str; 8] = [
    "/sockwright.v1.Sessions/Open",
    "/sockwright.v1.Sockets/Create",
    "/sockwright.v1.Networks/CreateLab",
    "/sockwright.v1.Networks/Attach",
    "/sockwright.v1.Networks/Capture",
    "/sockwright.v1.Traces/Start",
    "/sockwright.v1.Traffic/Run",
    "/sockwright.v1.Events/Watch",
];

#[cfg(test)]
mod tests {
    use super::NEW;
    use crate::metrics::Calls;

    #[test]
    fn what_is_refused_is_there() {
        let calls = Calls::of(&[sockwright_proto::v1::FILE_DESCRIPTOR_SET]);
        for path in NEW {
            assert_eq!(format!("/{}", calls.method(path).full_name), path);
        }
    }
}
