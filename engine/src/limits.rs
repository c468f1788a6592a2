//! The limit on everything that a peer or a client can grow, and the counts of hitting them.

use core::fmt;

macro_rules! limits {
    ($($field:ident / $variant:ident = $default:expr, $meaning:literal;)*) => {
        /// The limits of one engine. Each is a bound that is never passed, and has a counter for being hit.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $meaning] pub $field: usize,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($field: $default,)* }
            }
        }

        /// The name of a limit, for counters and events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Limit {
            $(#[doc = $meaning] $variant,)*
        }

        impl Limit {
            /// Every limit.
            pub const ALL: &[Limit] = &[$(Limit::$variant,)*];

            /// The name of its field in [`Limits`].
            pub const fn name(self) -> &'static str {
                match self { $(Limit::$variant => stringify!($field),)* }
            }

            /// What it bounds, and what happens beyond it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Limit::$variant => $meaning,)* }
            }

            /// Its value in `limits`.
            pub const fn of(self, limits: &Limits) -> usize {
                match self { $(Limit::$variant => limits.$field,)* }
            }
        }
    };
}

limits! {
    sockets / Sockets = 1 << 20, "Sockets, those that TCP still finishes included.";
    half_open / HalfOpen = 1024, "Handshakes under way at one listener. A SYN beyond it is dropped.";
    backlog / Backlog = 4096, "The largest backlog of one listener. A larger one is lowered to it.";
    time_wait / TimeWait = 1 << 18, "Connections in TIME-WAIT. The oldest gives way to a new one.";
    out_of_order_pieces / OutOfOrderPieces = 1024, "Pieces of data that one connection holds out of order. A segment beyond it is not kept.";
    scoreboard_records / ScoreboardRecords = 16_384, "Segments sent and not yet acknowledged that one connection keeps count of. New data waits beyond it.";
    scoreboard_cuts / ScoreboardCuts = 256, "Segments in two because a SACK block ends inside of them, at one connection. A block that would cut one more marks only whole segments.";
    tuned_send_buffer / TunedSendBuffer = 4 << 20, "Octets that the send buffer of a connection grows to with its congestion window. It grows no further.";
    tuned_receive_buffer / TunedReceiveBuffer = 6 << 20, "Octets that the receive buffer of a connection grows to with what its user takes. It grows no further.";
    parked_calls / ParkedCalls = 256, "Calls waiting on one socket. A call beyond it fails with ENOBUFS.";
    datagram_bytes / DatagramBytes = 256 * 1024, "Octets of datagrams waiting on one socket, and 64 for each before the last. A datagram beyond it is dropped.";
    heard_remotes / HeardRemotes = 1024, "Remote addresses that one datagram socket without a peer remembers to have heard from, for two minutes each. The oldest is forgotten for a new one.";
    stray_packets / StrayPackets = 1024, "Packets that wait to be sent without a connection: resets, ICMP, datagrams. One beyond it is dropped.";
    loopback_frames / LoopbackFrames = 1024, "Frames from one of our sockets to another through the stack's own address. One beyond it is lost.";
    stray_replies_per_second / StrayRepliesPerSecond = 1000, "Resets and ICMP errors a second to packets that belong to nothing that is open. One beyond it is not sent.";
    stray_replies_per_destination / StrayRepliesPerDestination = 500, "Of these, to one IPv4 address or IPv6 network, so that one sender does not use up all. One beyond it is not sent.";
    echo_replies_per_second / EchoRepliesPerSecond = 1000, "ICMP echo replies a second. One beyond it is not sent.";
    echo_replies_per_destination / EchoRepliesPerDestination = 500, "Of these, to one IPv4 address or IPv6 network. One beyond it is not sent.";
    reassembly_packets / ReassemblyPackets = 256, "Packets under reassembly. The oldest gives way to a new one.";
    reassembly_bytes / ReassemblyBytes = 4 << 20, "Octets of the fragments of all packets under reassembly. The oldest packet gives way to a new fragment.";
    reassembly_fragments / ReassemblyFragments = 128, "Fragments of one packet: one of the longest packets in pieces of 576 octets has 118. The packet that needs more is dropped.";
    path_mtus / PathMtus = 4096, "Destinations whose path is known to take less than the link. The oldest is forgotten for a new one.";
    identifications / Identifications = 1 << 15, "IPv4 packets in fragments, and others that may become fragments, sent to one destination at once, and as many more in two minutes (RFC 6864 §4.3). One beyond it is not sent, or not as fragments.";
    //= https://www.rfc-editor.org/rfc/rfc5961#section-7
    //# The values for both the time and number of ACKs SHOULD be tunable by the system
    //# administrator to accommodate different perceived levels of threat and/or system resources.
    //= https://www.rfc-editor.org/rfc/rfc5961#section-7
    //= type=exception
    //= reason=the number can be set, and it is one a second: halving the number is doubling the time
    //# The time limit SHOULD be tunable to help timeout brute force attacks faster than a
    //# potential legitimate flood of RSTs.
    challenge_acks_per_second / ChallengeAcksPerSecond = 1000, "Challenge ACKs a second (RFC 5961 §7): on average, each second between half and one and a half times as many. One beyond it is not sent.";
    neighbors / Neighbors = 1024, "Neighbors known on one Ethernet interface. One that was never sent to, or the one sent to longest ago, gives way to a new one.";
    unresolved_packets / UnresolvedPackets = 16, "Packets that wait for the link-layer address of one neighbor. The oldest gives way to a new one.";
    neighbor_solicitations_per_second / NeighborSolicitationsPerSecond = 256, "ARP requests and neighbor solicitations a second on one interface. A packet that needs one beyond it is dropped.";
    routes / Routes = 256, "Static routes. One beyond it is refused.";
    fast_open_pending / FastOpenPending = 256, "Connections of one listener that Fast Open opened and whose handshake is not over. A SYN beyond it opens as if it had no cookie.";
    fast_open_cookies / FastOpenCookies = 1024, "Fast Open cookies of servers that are remembered, and servers with which it went wrong. The oldest is forgotten for a new one.";
    vanished / Vanished = 4096, "Connections that vanished and whose segments are still ignored. The oldest is forgotten for a new one.";
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
