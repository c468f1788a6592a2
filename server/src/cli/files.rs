//! How many files this process may have open, and a program that it starts.
//!
//! Each connection, each link and each port that is taken from the host has a descriptor: the server takes as many as the
//! machine allows. A program gets what there was before: one that uses `select`, or closes every descriptor that there may be,
//! reckons with that.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What was allowed before it was raised, where it was.
#[derive(Clone, Debug)]
pub(super) struct Files {
    before: Option<Rlimit>,
}

impl Files {
    /// Has this process have as many as it may. Where that fails it has what it had.
    pub(super) fn raise() -> Files {
        let before = getrlimit(Resource::Nofile);
        let raised = before.current != before.maximum && raise_from(&before);
        Files { before: raised.then_some(before) }
    }

    /// Starts something that is to have what there was before. What is open stays open meanwhile.
    pub(super) fn as_before<T>(&self, start: impl FnOnce() -> T) -> T {
        let Some(before) = &self.before else { return start() };
        _ = setrlimit(Resource::Nofile, *before);
        let started = start();
        raise_from(before);
        started
    }
}

fn raise_from(before: &Rlimit) -> bool {
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    setrlimit(Resource::Nofile, raised).is_ok()
}
