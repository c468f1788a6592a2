//! What of a connection most have none of most of the time: the memory of a flight, of a loss, of timers that run.
//!
//! Owns: [`Rest`], a part of a connection that takes no room while it is at rest. It reads as the part at rest, and is made
//! when it is first written to. Once it is at rest again it stays where it is, so that a connection that works does not
//! make it anew with every exchange, until it is told to give the room back ([`Rest::rest`]); that changes nothing that
//! can be seen.
//!
//! ```text
//!  Rest(None)  -- recovery.sent.push(..) -->  Rest(Some(..))  -- acknowledged, rest() -->  Rest(None)
//!     8 octets                                  8 + 300
//! ```

use alloc::boxed::Box;
use core::ops::{Deref, DerefMut};

/// A part that can be at rest.
pub(crate) trait AtRest: Clone + 'static {
    /// The part at rest.
    fn at_rest() -> &'static Self;

    /// Whether what this does from now on is what a part at rest does.
    fn is_at_rest(&self) -> bool;
}

/// A part that takes no room while it is at rest.
#[derive(Clone, Debug)]
pub(crate) struct Rest<T>(Option<Box<T>>);

impl<T: AtRest> Rest<T> {
    /// This one.
    pub(crate) fn new(part: T) -> Self {
        Rest(Some(Box::new(part)))
    }

    /// To be written to, where it is more than one at rest.
    pub(crate) fn awake(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Gives back the room of one that is at rest.
    pub(crate) fn rest(&mut self) {
        if self.0.as_ref().is_some_and(|part| part.is_at_rest()) {
            self.0 = None;
        }
    }
}

impl<T> Default for Rest<T> {
    fn default() -> Self {
        Rest(None)
    }
}

impl<T: AtRest> Deref for Rest<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::at_rest())
    }
}

impl<T: AtRest> DerefMut for Rest<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(T::at_rest().clone()))
    }
}
