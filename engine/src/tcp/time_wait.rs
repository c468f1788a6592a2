//! TIME-WAIT of a connection that nobody holds any more, as a small record without buffers.
//!
//! Like a half-open one it is thawed into a connection for each segment that arrives, and frozen again. Why the state
//! exists: the last ACK may be lost and the peer's FIN come again, and segments of this connection may still be on
//! their way when the next one with the same addresses begins. Both are over after 2·MSL.

use core::time::Duration;

use crate::event::Relative;
use crate::id::SocketId;
use crate::tcp::agreed::Agreed;
use crate::tcp::cx::Tuple;
use crate::tcp::seq::Seq;
use crate::tcp::throttle::Spacing;
use crate::tcp::timestamps::Clock;
use crate::time::Instant;

/// A connection in TIME-WAIT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeWait {
    pub(crate) id: SocketId,
    pub(crate) tuple: Tuple,
    pub(crate) snd_nxt: Seq,
    pub(crate) rcv_nxt: Seq,
    /// RCV.WND, as last announced.
    pub(crate) rcv_wnd: u32,
    pub(crate) max_wnd: u32,
    pub(crate) agreed: Agreed,
    pub(crate) clock: Clock,
    pub(crate) replies: Spacing,
    pub(crate) relative: Relative,
    pub(crate) msl: Duration,
    /// When 2·MSL are over.
    pub(crate) deadline: Instant,
}
