//! Names for things: sockets, calls, links. Plain numbers, never used twice.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A socket. Given by the engine from an [`IdSource`], from 1.
    SocketId(u64)
);
id!(
    /// A call that may park. Chosen by the caller of the engine; unique among the calls that wait.
    OpId(u64)
);
id!(
    /// A link that the engine has an interface on. Chosen by the caller of the engine.
    LinkId(u32)
);
id!(
    /// Whose socket it is. Chosen by the caller of the engine; 0 is nobody's.
    SessionId(u64)
);

/// The name of a socket where there may be none, in as much room as one takes: none has the number 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MaybeSocket(u64);

impl From<Option<SocketId>> for MaybeSocket {
    fn from(socket: Option<SocketId>) -> Self {
        MaybeSocket(socket.map_or(0, |socket| socket.0))
    }
}

impl MaybeSocket {
    pub(crate) fn get(self) -> Option<SocketId> {
        (self.0 != 0).then_some(SocketId(self.0))
    }
}

/// Where socket identifiers come from.
///
/// Engines that share one source never give the same identifier, so that one server can name the sockets of all
/// its stacks by one number. The numbers appear in events only, never on the wire: engines on several threads
/// stay deterministic in what they send.
#[derive(Clone, Debug, Default)]
pub struct IdSource(Arc<AtomicU64>);

impl IdSource {
    /// A source that begins at 1.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn next_socket(&self) -> SocketId {
        SocketId(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
