//! The limit on everything that a peer or a client can grow, and the counts of hitting them.

use core::fmt;

macro_rules! limits {
    ($($(#[$doc:meta])* $field:ident / $variant:ident = $default:expr;)*) => {
        /// The limits of one engine. Each is a bound that is never passed, and has a counter for being hit.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])* pub $field: usize,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($field: $default,)* }
            }
        }

        /// The name of a limit, for counters and events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Limit {
            $($(#[$doc])* $variant,)*
        }

        impl Limit {
            /// Every limit.
            pub const ALL: &[Limit] = &[$(Limit::$variant,)*];

            /// The name of its field in [`Limits`].
            pub const fn name(self) -> &'static str {
                match self { $(Limit::$variant => stringify!($field),)* }
            }
        }
    };
}

limits! {
    /// Sockets, those that TCP still finishes included.
    sockets / Sockets = 1 << 20;
    /// Handshakes under way at one listener. A SYN beyond it is dropped.
    half_open / HalfOpen = 1024;
    /// The largest backlog of one listener. A larger one is lowered to it.
    backlog / Backlog = 4096;
    /// Connections in TIME-WAIT. The oldest gives way to a new one.
    time_wait / TimeWait = 1 << 18;
    /// Pieces of data that one connection holds out of order. A segment beyond it is not kept.
    out_of_order_pieces / OutOfOrderPieces = 1024;
    /// Calls waiting on one socket. A call beyond it fails with ENOBUFS.
    parked_calls / ParkedCalls = 256;
    /// Octets of datagrams waiting on one socket. A datagram beyond it is dropped.
    datagram_bytes / DatagramBytes = 256 * 1024;
    /// Packets that wait to be sent without a connection: resets, ICMP, datagrams. One beyond it is dropped.
    stray_packets / StrayPackets = 1024;
    /// Frames from one of our sockets to another through the stack's own address. One beyond it is lost.
    loopback_frames / LoopbackFrames = 1024;
    /// Resets and ICMP errors a second to segments that belong to nobody. One beyond it is not sent.
    stray_replies_per_second / StrayRepliesPerSecond = 1000;
    /// Challenge ACKs a second (RFC 5961 §7). One beyond it is not sent.
    challenge_acks_per_second / ChallengeAcksPerSecond = 1000;
    /// Connections that vanished and whose segments are still ignored. The oldest is forgotten for a new one.
    vanished / Vanished = 4096;
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
