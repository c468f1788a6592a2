//! What happened, told: the one thing that watchers, tests and the ladder all read.
//!
//! Owns: [`Event`] and its kinds (the words for the sender's are in `sender.rs`), the [`Interest`] mask that gates the
//! frequent ones, and the [`Sink`] that the engine writes to. Events name a socket; its session and label are told once, by [`EventKind::Opened`].

mod sender;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};
use core::ops::BitOr;
use core::time::Duration;

use crate::host::op::{Call, Family, SocketKind, SocketState};
use crate::host::{Errno, LinkState};
use crate::id::{LinkId, SessionId, SocketId};
use crate::limits::Limit;
use crate::neighbor::NeighborState;
use crate::tcp::state::State;
use crate::tcp::timers::TimerKind;
use crate::time::Instant;
use crate::wire::{Flags, Mac, Malformed, TcpSummary};

pub use sender::{CongestionPhase, RecoveryCause, RecoveryPhase, UndoCause};

/// Something that happened at `at`, to `socket` if to any.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, on the engine's clock.
    pub at: Instant,
    /// To which socket; `None` where a segment or limit belongs to nobody.
    pub socket: Option<SocketId>,
    /// What.
    pub kind: EventKind,
}

/// What happened.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.8
//# However, the conditions that are reported asynchronously to the application MUST include:
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A socket came to be: by a call, or as a SYN arrived at `listener`.
    Opened {
        /// Stream or datagram.
        kind: SocketKind,
        /// IPv4 or IPv6.
        family: Family,
        /// Whose it is.
        session: SessionId,
        /// What its creator called it.
        label: Box<str>,
        /// The listener that it arrived at.
        listener: Option<SocketId>,
    },
    /// A socket got an address.
    Named {
        /// Its own.
        local: SocketAddr,
        /// Its peer's.
        remote: Option<SocketAddr>,
    },
    /// What the caller did changed what the socket is.
    SocketState {
        /// Before.
        from: SocketState,
        /// After.
        to: SocketState,
    },
    /// A transition of RFC 9293's state machine.
    TcpState {
        /// Before.
        from: State,
        /// After.
        to: State,
        /// Why.
        cause: Cause,
        /// The connection's own address.
        local: SocketAddr,
        /// The peer's; `None` in LISTEN.
        remote: Option<SocketAddr>,
    },
    /// A segment left. In a box, as it is in the others: an event is moved often, and most are smaller by half.
    SegmentSent(Box<SegmentRecord>),
    /// A segment arrived for a connection or listener.
    SegmentReceived(Box<SegmentRecord>),
    /// An arriving segment was dropped.
    SegmentDropped {
        /// The segment.
        segment: Box<SegmentRecord>,
        /// Why.
        reason: DropReason,
    },
    /// A frame was dropped before a segment could be read from it.
    FrameDropped(DropReason),
    /// What is sent next was sent before.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# TCP implementations SHOULD inform the application of the delivery problem (unless such
    //# information has been disabled by the application; see the "Asynchronous Reports" section
    //# (Section 3.9.1.8)), when R1 is reached and before R2 (SHLD-9).
    Retransmission {
        /// Its first sequence number.
        seq: u32,
        /// Octets of data.
        len: u32,
        /// Why.
        reason: RetransmissionReason,
    },
    /// A timer started, stopped or fired.
    Timer {
        /// Which.
        timer: TimerKind,
        /// What it did.
        action: TimerAction,
    },
    /// There is something to take.
    Readable {
        /// Octets (datagram sockets: datagrams) that can be taken.
        available: u32,
        /// The peer's FIN is in order.
        end_of_stream: bool,
    },
    /// The peer acknowledged data.
    Acknowledged {
        /// Octets acknowledged now.
        bytes: u32,
        /// Octets unacknowledged or unsent.
        outstanding: u32,
    },
    /// On a listener: a connection waits to be accepted.
    AcceptReady {
        /// The connection.
        child: SocketId,
        /// Connections waiting, this one included.
        queued: u32,
    },
    /// The connection failed.
    Failed(Errno),
    /// An ICMP message about the socket came.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// ICMPv6.
        v6: bool,
        /// It ended the connection or attempt.
        fatal: bool,
    },
    /// A limit was hit.
    LimitHit(Limit),
    /// A datagram left or arrived.
    Datagram {
        /// From where.
        source: SocketAddr,
        /// To where.
        destination: SocketAddr,
        /// Octets of data.
        len: u32,
        /// It left.
        sent: bool,
    },
    /// What is known of a neighbor changed.
    Neighbor {
        /// Its address.
        ip: IpAddr,
        /// Its link-layer address, where that is known.
        mac: Option<Mac>,
        /// Its state; `None`: it was forgotten, because it did not answer or to make room.
        state: Option<NeighborState>,
    },
    /// Somebody else uses an address of ours, or wants to.
    AddressConflict {
        /// The address.
        ip: IpAddr,
        /// Who.
        mac: Mac,
        /// The address was not ours yet, and will not be.
        lost: bool,
    },
    /// A link came up, went down, or carries packets of another size.
    Link {
        /// Which.
        link: LinkId,
        /// What it is now.
        state: LinkState,
        /// The largest IP packet it carries.
        mtu: u32,
    },
    /// The socket is gone.
    Released,
    /// The sender's loss recovery went from one phase to another.
    Recovery {
        /// Before.
        from: RecoveryPhase,
        /// After.
        to: RecoveryPhase,
        /// Why.
        cause: RecoveryCause,
    },
    /// Recovery turned out to be for nothing: the congestion window is what it was before.
    Undo(UndoCause),
    /// The congestion window, the threshold or the phase of congestion control changed.
    Congestion {
        /// The congestion window, in octets.
        cwnd: u32,
        /// The slow-start threshold, in octets; [`u32::MAX`] before the first loss.
        ssthresh: u32,
        /// What the algorithm is doing.
        phase: CongestionPhase,
    },
    /// A round trip was measured.
    RttSample {
        /// The measurement.
        rtt: Duration,
        /// The smoothed round-trip time after it.
        srtt: Duration,
        /// Its variation after it.
        rttvar: Duration,
        /// The retransmission timeout after it.
        rto: Duration,
    },
    /// A window changed: the peer announced another one, or we did.
    Windows {
        /// What the peer announced, in octets.
        snd_wnd: u32,
        /// What we announced, in octets.
        rcv_wnd: u32,
    },
    /// The path's MTU is known to be another.
    PathMtu {
        /// The largest packet that goes through, in octets, the IP header included.
        mtu: u32,
    },
    /// The peer announced urgent data (RFC 9293 §3.8.5).
    Urgent {
        /// The sequence number of the octet that follows the urgent data: SEG.UP.
        pointer: u32,
    },
}

/// Why a state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A segment with these flags.
    Segment(Flags),
    /// A call.
    Call(Call),
    /// A timer.
    Timer(TimerKind),
    /// An ICMP message.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// ICMPv6.
        v6: bool,
    },
    /// A limit.
    Limit(Limit),
    /// An invariant of the engine was found broken. A bug of ours: the connection is reset, nobody else disturbed.
    Invariant(&'static str),
}

/// A segment, with what is needed to print it as tcpdump would.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SegmentRecord {
    /// From where.
    pub source: SocketAddr,
    /// To where.
    pub destination: SocketAddr,
    /// The header.
    pub summary: TcpSummary,
    /// What its sequence numbers are relative to, where the connection is known.
    pub relative: Option<Relative>,
}

/// The initial sequence numbers of a connection, from the view of one segment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relative {
    /// Of the segment's sender.
    pub seq: crate::tcp::seq::Seq,
    /// Of its receiver.
    pub ack: crate::tcp::seq::Seq,
}

macro_rules! drop_reasons {
    ($($variant:ident = $text:literal, $meaning:literal;)*) => {
        /// Why an arriving segment or frame was dropped. A dropped segment may have been answered all the same.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DropReason { $(#[doc = $meaning] $variant,)* }

        impl DropReason {
            /// Every reason.
            pub const ALL: &[DropReason] = &[$(DropReason::$variant,)*];

            /// The name in events, counters and documentation.
            pub const fn name(self) -> &'static str {
                match self { $(DropReason::$variant => $text,)* }
            }

            /// One sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(DropReason::$variant => $meaning,)* }
            }
        }
    };
}

drop_reasons! {
    Malformed = "MALFORMED", "The packet's headers contradict themselves or its length.";
    BadChecksum = "BAD_CHECKSUM", "A checksum is wrong.";
    Forwarded = "FORWARDED", "A message of neighbor discovery from beyond the link: its hop limit is not 255.";
    Fragment = "FRAGMENT", "A fragment that can be part of no packet, or of one whose fragments overlap (RFC 5722) or contradict each other.";
    FragmentDuplicate = "FRAGMENT_DUPLICATE", "A fragment that was there already.";
    FragmentLimit = "FRAGMENT_LIMIT", "A fragment beyond what is kept for reassembly.";
    ReassemblyTimeout = "REASSEMBLY_TIMEOUT", "The fragments of one packet, the rest of which did not come in time.";
    SourceRoute = "SOURCE_ROUTE", "The packet asks to be routed by its source: an IPv4 option, or an IPv6 routing header that is not finished.";
    IpOption = "IP_OPTION", "An IP option with a bad length, or an IPv6 option that is unknown and asks for the packet to be dropped.";
    NotOurAddress = "NOT_OUR_ADDRESS", "The destination is not an address of this stack.";
    OtherStation = "OTHER_STATION", "The Ethernet frame is for another station or VLAN, or came back from ourselves.";
    UnknownEtherType = "UNKNOWN_ETHER_TYPE", "The Ethernet frame carries neither IP nor ARP for IPv4 on Ethernet.";
    LinkBroadcast = "LINK_BROADCAST", "A packet for one host in an Ethernet frame for many.";
    NotANeighbor = "NOT_A_NEIGHBOR", "An ARP message that tells an address outside of the networks of its link.";
    Unasked = "UNASKED", "A message of neighbor discovery or ARP that nobody asked for, or that is not for hosts.";
    BadAddress = "BAD_ADDRESS", "The source is a multicast, broadcast or unspecified address, or the destination a multicast one.";
    UnknownProtocol = "UNKNOWN_PROTOCOL", "Neither TCP, UDP nor ICMP.";
    UnhandledIcmp = "UNHANDLED_ICMP", "An ICMP message that concerns no socket or is of no use to one.";
    NoSocket = "NO_SOCKET", "No socket has this address and port. It was answered with a reset or port unreachable, unless it was itself a reset or the port is the host's.";
    Vanished = "VANISHED", "The connection vanished by request; nothing is answered.";
    ListenerWantsSyn = "LISTENER_WANTS_SYN", "A segment without a SYN came for a listener. One with an ACK was answered with a reset.";
    SynQueueFull = "SYN_QUEUE_FULL", "The listener has as many handshakes under way as its limit allows.";
    CookieRefused = "COOKIE_REFUSED", "It acknowledges no SYN cookie of ours, or one that is too old. It was answered with a reset.";
    AcceptQueueFull = "ACCEPT_QUEUE_FULL", "The listener's backlog is full of connections that nobody accepted.";
    SocketLimit = "SOCKET_LIMIT", "The stack has as many sockets as its limit allows.";
    UnacceptableAck = "UNACCEPTABLE_ACK", "In SYN-SENT or SYN-RECEIVED, an ACK of something never sent. It was answered with a reset.";
    UselessInSynSent = "USELESS_IN_SYN_SENT", "In SYN-SENT, neither a SYN nor a RST.";
    RstWithoutAck = "RST_WITHOUT_ACK", "In SYN-SENT, a RST that does not acknowledge our SYN.";
    OldTimestamp = "OLD_TIMESTAMP", "Its timestamp is older than one that came before it: an old duplicate (PAWS). It was answered with an ACK.";
    TimestampMissing = "TIMESTAMP_MISSING", "It has no timestamp, though both sides agreed on them.";
    OutsideWindow = "OUTSIDE_WINDOW", "No octet of it lies in the receive window. It was answered with an ACK, unless it was a reset.";
    DuplicateSyn = "DUPLICATE_SYN", "The SYN that this handshake began with, again. It was answered with the SYN,ACK.";
    RstChallenged = "RST_CHALLENGED", "A reset inside the window but not at its left edge (RFC 5961). It was answered with a challenge ACK.";
    SynChallenged = "SYN_CHALLENGED", "A SYN on a synchronized connection (RFC 5961). It was answered with a challenge ACK.";
    NoAck = "NO_ACK", "The ACK flag is missing where every segment carries it.";
    AckOfUnsent = "ACK_OF_UNSENT", "It acknowledges something that was never sent. It was answered with an ACK.";
    AckTooOld = "ACK_TOO_OLD", "It acknowledges less than a window before what is acknowledged (RFC 5961). It was answered with a challenge ACK.";
    DataAfterClose = "DATA_AFTER_CLOSE", "Data for a socket that its caller closed. It was answered with a reset.";
    OutOfOrderLimit = "OUT_OF_ORDER_LIMIT", "Out of order, and the limit of pieces held is reached.";
    DatagramQueueFull = "DATAGRAM_QUEUE_FULL", "The datagram socket's queue is full.";
    TimeWait = "TIME_WAIT", "The connection is in TIME-WAIT; nothing but a FIN, and a SYN that begins the next one, matters to it.";
    ConnectionClosed = "CONNECTION_CLOSED", "The connection ended while the segment was being processed.";
}

impl From<Malformed> for DropReason {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::BadChecksum => DropReason::BadChecksum,
            Malformed::UnknownLinkProtocol => DropReason::UnknownEtherType,
            Malformed::Forwarded => DropReason::Forwarded,
            Malformed::BadFragment(_) => DropReason::Fragment,
            Malformed::UnknownProtocol(_) => DropReason::UnknownProtocol,
            Malformed::SourceRoute | Malformed::RoutingHeader(_) => DropReason::SourceRoute,
            Malformed::BadIpOption(_) | Malformed::UnknownIpOption(_) => DropReason::IpOption,
            _ => DropReason::Malformed,
        }
    }
}

/// Why something is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RetransmissionReason {
    /// The retransmission timer fired (RFC 6298).
    Timeout,
    /// Three duplicate acknowledgments (RFC 5681 §3.2).
    Fast,
    /// Something sent later was delivered a reordering window ago (RACK, RFC 8985).
    Rack,
    /// The rest of the flight: after a partial acknowledgment (RFC 6582), a timeout, or behind a window that was closed.
    Recovery,
    /// A zero-window probe (RFC 9293 §3.8.6.1).
    WindowProbe,
    /// A tail loss probe (RFC 8985 §7).
    TailLossProbe,
}

/// What a timer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerAction {
    /// Started, or started anew, to fire at this time.
    Started(Instant),
    /// Stopped.
    Stopped,
    /// Fired.
    Fired,
}

/// Which of the frequent kinds somebody wants to see. States, errors, names and limits are always told.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.8
//# However, an application program that does not want to receive such ERROR_REPORT calls
//# SHOULD be able to effectively disable these calls (SHLD-20).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest(u16);

impl Interest {
    /// Only what is always told.
    pub const NONE: Interest = Interest(0);
    /// Segments sent and received, datagrams.
    pub const SEGMENTS: Interest = Interest(1);
    /// Dropped segments and frames.
    pub const DROPS: Interest = Interest(2);
    /// Retransmissions.
    pub const RETRANSMISSIONS: Interest = Interest(4);
    /// Timers.
    pub const TIMERS: Interest = Interest(8);
    /// Readable and Acknowledged.
    pub const DATA: Interest = Interest(16);
    /// Recovery and Undo.
    pub const RECOVERY: Interest = Interest(32);
    /// Congestion.
    pub const CONGESTION: Interest = Interest(64);
    /// RttSample.
    pub const RTT: Interest = Interest(128);
    /// Windows.
    pub const WINDOWS: Interest = Interest(256);
    /// Neighbor.
    pub const NEIGHBORS: Interest = Interest(512);
    /// All.
    pub const ALL: Interest = Interest(1023);

    /// Whether every kind of `other` is wanted.
    pub const fn contains(self, other: Interest) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, rhs: Interest) -> Interest {
        Interest(self.0 | rhs.0)
    }
}

/// Where the engine writes what happens, until its caller takes it.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    queue: VecDeque<Event>,
    interest: Interest,
}

impl Sink {
    pub(crate) fn set_interest(&mut self, interest: Interest) {
        self.interest = interest;
    }

    pub(crate) fn wants(&self, kinds: Interest) -> bool {
        !SILENT && self.interest.contains(kinds)
    }

    pub(crate) fn push(&mut self, at: Instant, socket: Option<SocketId>, kind: EventKind) {
        if SILENT {
            return;
        }
        self.queue.push_back(Event { at, socket, kind });
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.queue.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// Nothing is told: what the benchmark of the instrumentation is compared with.
const SILENT: bool = cfg!(feature = "silent");

/// The family of an address.
impl From<IpAddr> for Family {
    fn from(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}
