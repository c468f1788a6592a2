//! Calls, counted: what the metrics of RPCs are made of.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tonic::Code;

use super::observe::Observer;
use crate::metrics::{CallFigures, Calls};

/// Counts one call.
pub(crate) struct Measure {
    call: CallFigures,
}

impl Measure {
    /// A call of what `path` names begins.
    pub(super) fn begin(calls: &Arc<Calls>, path: &str) -> Self {
        Measure { call: calls.begin(path) }
    }
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
