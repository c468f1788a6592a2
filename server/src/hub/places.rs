//! The stacks that belong to somebody, as they come: what happens there is of a session, sockets or not.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use tokio::sync::Notify;

use super::Name;

/// Names of stacks, which grow while they are read.
#[derive(Debug, Default)]
pub struct Places {
    names: RwLock<HashSet<Name>>,
    changed: Notify,
}

impl Places {
    /// Whether this stack is one of them.
    pub fn contains(&self, stack: &Name) -> bool {
        self.names.read().unwrap_or_else(PoisonError::into_inner).contains(stack)
    }

    /// Whether a stack of this lab is one of them.
    pub fn contains_lab(&self, lab: &str) -> bool {
        self.any(|name| name.split_once('/').is_some_and(|(of, _)| of == lab))
    }

    /// Whether a stack of this name is one of them, whoever owns it.
    pub fn contains_text(&self, stack: &str) -> bool {
        self.any(|name| **name == *stack)
    }

    fn any(&self, is_one: impl Fn(&Name) -> bool) -> bool {
        self.names.read().unwrap_or_else(PoisonError::into_inner).iter().any(is_one)
    }

    /// These came.
    pub(crate) fn add(&self, names: impl IntoIterator<Item = Name>) {
        self.names.write().unwrap_or_else(PoisonError::into_inner).extend(names);
        self.changed.notify_one();
    }

    /// These are somebody else's by now. One that is only gone stays: its end is still told.
    pub(crate) fn remove<'n>(&self, names: impl IntoIterator<Item = &'n Name>) {
        let mut there = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.into_iter().for_each(|name| _ = there.remove(name));
    }

    /// Waits until some came since it was waited for last.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
