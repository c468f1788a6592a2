//! Calls, counted: what the metrics of RPCs are made of.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use http::Request;
use tonic::Code;
use tonic::body::Body;

use super::observe::{Observed, Observer};
use crate::metrics::{CallFigures, Calls};

/// Counts every call.
pub(crate) fn measures(calls: Arc<Calls>) -> Observed<impl Fn(&Request<Body>) -> Measure + Clone> {
    Observed::by(move |request: &Request<Body>| Measure { call: calls.begin(request.uri().path()) })
}

/// Counts one call.
pub(crate) struct Measure {
    call: CallFigures,
}

impl Observer for Measure {
    fn received(&self) -> Option<Arc<AtomicU64>> {
        self.call.received()
    }

    fn sent(&mut self, messages: u64) {
        self.call.sent(messages);
    }

    fn end(&mut self, code: Code) {
        self.call.end(code);
    }
}
