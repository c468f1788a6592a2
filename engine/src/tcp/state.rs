//! The state machine of RFC 9293 §3.3.2, declared once.
//!
//! Owns: [`State`], [`Trigger`] and [`TRANSITIONS`], the one table that gives the code ([`State::after`]), the
//! snapshot of all states × triggers in its test, the diagram in `docs/state-machine.md`, and the `{from, to,
//! cause}` that watchers see. Never touches a connection.
//!
//! Two arrows of the RFC's figure are absent because the socket calls cannot make them: the active OPEN and the
//! SEND in LISTEN (`connect` on a listening socket gives EISCONN). One is drawn for the child, not the listener:
//! a connection that a listener accepted leaves SYN-RECEIVED for CLOSED where the figure returns to LISTEN, since
//! the listener never left it.
//!
//! And two are different in TIME-WAIT: a RST does not end it (RFC 1337), and a SYN that opens the next connection with the
//! same addresses does (RFC 6191).

use core::fmt;

use self::State::*;
use self::Trigger as T;

/// A state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// No connection.
    Closed,
    /// Waiting for a SYN from anyone.
    Listen,
    /// Our SYN is out.
    SynSent,
    /// SYNs are exchanged; ours is not acknowledged.
    SynReceived,
    /// Open.
    Established,
    /// We closed; our FIN is not acknowledged.
    FinWait1,
    /// Our FIN is acknowledged; the peer has not closed.
    FinWait2,
    /// The peer closed; we have not.
    CloseWait,
    /// Both closed at once; our FIN is not acknowledged.
    Closing,
    /// The peer closed, then we; our FIN is not acknowledged.
    LastAck,
    /// Both FINs are acknowledged; waiting 2·MSL.
    TimeWait,
}

/// What can move a connection from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// The passive OPEN: `listen`.
    PassiveOpen,
    /// The active OPEN: `connect`.
    ActiveOpen,
    /// CLOSE, or `shutdown` for writing.
    Close,
    /// ABORT, or a session's end.
    Abort,
    /// A SYN without an acceptable ACK.
    Syn,
    /// A SYN that acknowledges ours.
    SynAck,
    /// An ACK of our SYN.
    AckOfSyn,
    /// An ACK of our FIN.
    AckOfFin,
    /// The peer's FIN, all data before it received.
    Fin,
    /// Data for a connection whose user let go of it.
    LateData,
    /// An acceptable RST.
    Rst,
    /// The 2·MSL timer.
    TwoMslTimeout,
    /// Any timer that gives a connection up: user timeout, keep-alive, FIN-WAIT-2 of an orphan.
    GiveUpTimeout,
    /// A hard ICMP error.
    IcmpError,
    /// A limit, or a broken invariant.
    Limit,
}

/// Every transition there is: from, trigger, to.
///
/// A FIN that also acknowledges ours is two steps, as in RFC 9293 §3.10.7.4, which looks at the ACK before the
/// FIN: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT.
pub const TRANSITIONS: &[(State, Trigger, State)] = &[
    (Closed, T::PassiveOpen, Listen),
    (Closed, T::ActiveOpen, SynSent),
    (Listen, T::Syn, SynReceived),
    (Listen, T::Close, Closed),
    (Listen, T::Abort, Closed),
    (SynSent, T::SynAck, Established),
    (SynSent, T::Syn, SynReceived),
    (SynSent, T::Close, Closed),
    (SynSent, T::Abort, Closed),
    (SynSent, T::Rst, Closed),
    (SynSent, T::GiveUpTimeout, Closed),
    (SynSent, T::IcmpError, Closed),
    (SynSent, T::Limit, Closed),
    (SynReceived, T::AckOfSyn, Established),
    (SynReceived, T::Close, FinWait1),
    (SynReceived, T::Abort, Closed),
    (SynReceived, T::Syn, Closed),
    (SynReceived, T::Rst, Closed),
    (SynReceived, T::GiveUpTimeout, Closed),
    (SynReceived, T::IcmpError, Closed),
    (SynReceived, T::Limit, Closed),
    (Established, T::Close, FinWait1),
    (Established, T::Fin, CloseWait),
    (Established, T::Abort, Closed),
    (Established, T::Rst, Closed),
    (Established, T::GiveUpTimeout, Closed),
    (Established, T::Limit, Closed),
    (FinWait1, T::AckOfFin, FinWait2),
    (FinWait1, T::Fin, Closing),
    (FinWait1, T::LateData, Closed),
    (FinWait1, T::Abort, Closed),
    (FinWait1, T::Rst, Closed),
    (FinWait1, T::GiveUpTimeout, Closed),
    (FinWait1, T::Limit, Closed),
    (FinWait2, T::Fin, TimeWait),
    (FinWait2, T::LateData, Closed),
    (FinWait2, T::Abort, Closed),
    (FinWait2, T::Rst, Closed),
    (FinWait2, T::GiveUpTimeout, Closed),
    (FinWait2, T::Limit, Closed),
    (CloseWait, T::Close, LastAck),
    (CloseWait, T::Abort, Closed),
    (CloseWait, T::Rst, Closed),
    (CloseWait, T::GiveUpTimeout, Closed),
    (CloseWait, T::Limit, Closed),
    (Closing, T::AckOfFin, TimeWait),
    (Closing, T::Abort, Closed),
    (Closing, T::Rst, Closed),
    (Closing, T::GiveUpTimeout, Closed),
    (Closing, T::Limit, Closed),
    (LastAck, T::AckOfFin, Closed),
    (LastAck, T::Abort, Closed),
    (LastAck, T::Rst, Closed),
    (LastAck, T::GiveUpTimeout, Closed),
    (LastAck, T::Limit, Closed),
    (TimeWait, T::TwoMslTimeout, Closed),
    (TimeWait, T::Abort, Closed),
    (TimeWait, T::Syn, Closed),
    (TimeWait, T::Limit, Closed),
];

impl State {
    /// The eleven states, in the order of the RFC.
    pub const ALL: [State; 11] = [
        Closed,
        Listen,
        SynSent,
        SynReceived,
        Established,
        FinWait1,
        FinWait2,
        CloseWait,
        Closing,
        LastAck,
        TimeWait,
    ];

    /// The state that `trigger` leads to, or `None` where there is no such transition.
    pub fn after(self, trigger: Trigger) -> Option<State> {
        TRANSITIONS.iter().find(|(from, on, _)| *from == self && *on == trigger).map(|(_, _, to)| *to)
    }

    /// A synchronized state (RFC 9293 §3.5.2): both sides' SYNs are acknowledged.
    pub const fn is_synchronized(self) -> bool {
        !matches!(self, Closed | Listen | SynSent | SynReceived)
    }

    /// The user may still send: no CLOSE was issued.
    pub const fn may_send(self) -> bool {
        matches!(self, SynSent | SynReceived | Established | CloseWait)
    }

    /// Data may still come from the peer: its FIN has not.
    pub const fn may_receive(self) -> bool {
        matches!(self, SynSent | SynReceived | Established | FinWait1 | FinWait2)
    }

    /// The peer's FIN was received.
    pub const fn peer_closed(self) -> bool {
        matches!(self, CloseWait | Closing | LastAck | TimeWait)
    }

    /// A FIN of ours is queued or sent, and not acknowledged.
    pub const fn fin_outstanding(self) -> bool {
        matches!(self, FinWait1 | Closing | LastAck)
    }

    /// The name, as the RFC writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Closed => "CLOSED",
            Listen => "LISTEN",
            SynSent => "SYN-SENT",
            SynReceived => "SYN-RECEIVED",
            Established => "ESTABLISHED",
            FinWait1 => "FIN-WAIT-1",
            FinWait2 => "FIN-WAIT-2",
            CloseWait => "CLOSE-WAIT",
            Closing => "CLOSING",
            LastAck => "LAST-ACK",
            TimeWait => "TIME-WAIT",
        }
    }
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Trigger; 15] = [
        T::PassiveOpen,
        T::ActiveOpen,
        T::Close,
        T::Abort,
        T::Syn,
        T::SynAck,
        T::AckOfSyn,
        T::AckOfFin,
        T::Fin,
        T::LateData,
        T::Rst,
        T::TwoMslTimeout,
        T::GiveUpTimeout,
        T::IcmpError,
        T::Limit,
    ];

    /// How diagrams call it.
    pub const fn name(self) -> &'static str {
        match self {
            T::PassiveOpen => "passive OPEN",
            T::ActiveOpen => "active OPEN",
            T::Close => "CLOSE",
            T::Abort => "ABORT",
            T::Syn => "rcv SYN",
            T::SynAck => "rcv SYN,ACK",
            T::AckOfSyn => "rcv ACK of SYN",
            T::AckOfFin => "rcv ACK of FIN",
            T::Fin => "rcv FIN",
            T::LateData => "rcv data after CLOSE",
            T::Rst => "rcv RST",
            T::TwoMslTimeout => "2·MSL timeout",
            T::GiveUpTimeout => "give-up timeout",
            T::IcmpError => "ICMP error",
            T::Limit => "limit",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
