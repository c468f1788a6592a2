//! What ICMP says of a connection (RFC 9293 §3.9.2.2, RFC 5927).

use super::*;
use crate::host::op::Call;
use crate::wire::{IcmpMessage, Unreachable};

/// An ICMP error, with its type and code as they came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IcmpError<'a> {
    pub(crate) message: IcmpMessage<'a>,
    pub(crate) kind: u8,
    pub(crate) code: u8,
    pub(crate) v6: bool,
}

/// What an error means to whoever sent the packet it quotes; `None` where it means nothing.
pub(crate) fn errno(message: &IcmpMessage<'_>) -> Option<Errno> {
    match message {
        IcmpMessage::Unreachable { code, .. } => Some(match code {
            Unreachable::Port | Unreachable::Protocol => Errno::ECONNREFUSED,
            Unreachable::Network => Errno::ENETUNREACH,
            Unreachable::Host | Unreachable::Prohibited | Unreachable::Other(_) => Errno::EHOSTUNREACH,
        }),
        IcmpMessage::TimeExceeded { .. } => Some(Errno::EHOSTUNREACH),
        IcmpMessage::ParameterProblem { .. } => Some(Errno::EHOSTUNREACH),
        _ => None,
    }
}

impl Connection {
    /// Takes an error that quotes a segment of ours with sequence number `seq`; says whether it was believed.
    pub(crate) fn on_icmp(&mut self, cx: &mut Cx<'_>, seq: Option<Seq>, icmp: &IcmpError<'_>) -> bool {
        //= https://www.rfc-editor.org/rfc/rfc5927#section-4.1
        //# These implementations check that the TCP sequence number contained in
        //# the payload of the ICMP error message is within the range
        //# SND.UNA =< SEG.SEQ < SND.NXT.
        let in_flight = seq.is_some_and(|seq| seq.within(self.snd.una, self.flight()));
        if let (IcmpMessage::PacketTooBig { mtu, quoted }, Some(seq), true) = (&icmp.message, seq, in_flight)
        {
            return !self.is_closed() && self.on_packet_too_big(cx, (*mtu, quoted), seq, icmp);
        }
        let Some(error) = errno(&icmp.message) else { return false };
        if !in_flight || self.is_closed() {
            return false;
        }
        // Hard errors end an attempt to open; an open connection takes none of them for fatal (RFC 5927 §5.2).
        //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
        //# The transport layer SHOULD use the information appropriately; for example, see Sections
        //# 4.1.3.3, 4.2.3.9, and 4.2.4 below.
        //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
        //# A transport protocol that has its own mechanism for notifying the sender that a port is
        //# unreachable (e.g., TCP, which sends RST segments) MUST nevertheless accept an ICMP Port
        //# Unreachable for the same purpose.
        let opening = matches!(self.state, State::SynSent | State::SynReceived);
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
        //= type=exception
        //= reason=only an attempt to open ends: RFC 5927 section 5.2 has an established connection take
        //= hard errors for soft ones, since anybody can forge them
        //# These are hard error conditions, so TCP implementations SHOULD abort the connection
        //# (SHLD-26).
        let hard = matches!(
            icmp.message,
            IcmpMessage::Unreachable {
                code: Unreachable::Port | Unreachable::Protocol | Unreachable::Prohibited,
                ..
            }
        );
        let fatal = opening && hard;
        let IcmpError { kind, code, v6, .. } = *icmp;
        cx.tell(self.id, EventKind::Icmp { kind, code, v6, fatal });
        let cause = Cause::Icmp { kind, code, v6 };
        if fatal && self.passive && !self.serves_early() {
            // As with a reset, nobody is waiting to hear of it.
            self.transition(cx, Trigger::IcmpError, cause);
        } else if fatal {
            self.fail(cx, Trigger::IcmpError, cause, error);
        } else {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
            //# Since these Unreachable messages indicate soft error conditions, a
            //# TCP implementation MUST NOT abort the connection (MUST-56), and it
            //# SHOULD make the information available to the application (SHLD-25).
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.8
            //# There MUST be a mechanism for reporting soft TCP error conditions to the application
            //# (MUST-47).
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
            //# A Destination Unreachable message that is received with code 0 (Net), 1 (Host), or 5
            //# (Bad Source Route) may result from a routing transient and MUST therefore be interpreted
            //# as only a hint, not proof, that the specified destination is unreachable [IP:11].
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
            //# For example, it MUST NOT be used as proof of a dead gateway (see Section 3.3.1).
            self.soft_error = Some(error);
        }
        true
    }

    /// The host could not send a segment. For an attempt to open that is the end, as it is for `connect(2)`.
    pub(crate) fn on_send_failure(&mut self, cx: &mut Cx<'_>, error: Errno) {
        if self.state == State::SynSent {
            self.fail(cx, Trigger::Abort, Cause::Call(Call::Connect), error);
        } else if !self.is_closed() {
            self.soft_error = Some(error);
        }
    }
}
