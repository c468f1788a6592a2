//! What the sender of a packet that is of no use is told: ICMP errors (RFC 792, RFC 1122 §3.2.2, RFC 4443 §2.4).
//!
//! Owns: when one may be sent at all. Never an answer to an error, to a group, to a fragment other than the first, or to
//! a sender that is not one host; and never faster than the limits allow. What becomes of the errors that others send is
//! in `icmp.rs`.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::egress::{Routers, header};
use super::ingress::Arrived;
use super::{Engine, is_unicast};
use crate::event::DropReason;
use crate::ip::rate::Exhausted;
use crate::limits::Limit;
use crate::time::Instant;
use crate::wire::{IcmpMessage, IpHeader, IpPacket, Malformed, Problem, Protocol, Quoted, Unreachable};

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// Nobody is there for it.
    Unreachable(Unreachable),
    /// Something in its headers was not understood.
    Problem(Problem),
    /// The rest of its fragments did not come in time.
    ReassemblyTimeout,
}

impl Engine {
    /// Drops a frame that was not understood, and tells its sender where that may have been an accident.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.5
    //# A host SHOULD generate Parameter Problem messages.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-3.4
    //# If an IPv6 node processing a packet finds a problem with a field in the IPv6 header or
    //# extension headers such that it cannot complete processing the packet, it MUST discard the
    //# packet and SHOULD originate an ICMPv6 Parameter Problem message to the packet's source,
    //# indicating the type and location of the problem.
    pub(super) fn refuse_frame(&mut self, now: Instant, arrived: Arrived, frame: &[u8], why: Malformed) {
        self.drop_frame(now, why.into());
        if let Some(problem) = why.problem() {
            self.report(now, arrived, frame, Trouble::Problem(problem));
        }
    }

    /// Answers a datagram that nobody waits for.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.1
    //# If a datagram arrives addressed to a UDP port for which
    //# there is no pending LISTEN call, UDP SHOULD send an ICMP
    //# Port Unreachable message.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
    //# A destination node SHOULD originate a Destination Unreachable message with Code 4 in
    //# response to a packet for which the transport protocol (e.g., UDP) has no listener, if that
    //# transport protocol has no alternative means to inform the sender.
    pub(super) fn send_port_unreachable(&mut self, now: Instant, packet: &IpPacket<'_>) {
        self.tell_sender(now, packet.packet, Trouble::Unreachable(Unreachable::Port));
    }

    /// Drops a packet whose payload nobody here speaks.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
    //# A host SHOULD generate Destination Unreachable messages with
    //# code:
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4
    //# If, as a result of processing a header, the destination node is required to proceed to the
    //# next header but the Next Header value in the current header is unrecognized by the node,
    //# it should discard the packet and send an ICMP Parameter Problem message to the source of
    //# the packet, with an ICMP Code value of 1 ("unrecognized Next Header type encountered") and
    //# the ICMP Pointer field containing the offset of the unrecognized value within the original
    //# packet.
    pub(super) fn refuse_protocol(&mut self, now: Instant, arrived: Arrived, packet: &IpPacket<'_>) {
        self.drop_frame(now, DropReason::UnknownProtocol);
        self.report(now, arrived, packet.packet, Trouble::Unreachable(Unreachable::Protocol));
    }

    /// Tells the sender of a packet what is wrong with it, unless the host's kernel does.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.8
    //# Wherever practical, hosts MUST return ICMP error datagrams on detection of an error,
    //# except in those cases where returning an ICMP error message is specifically prohibited.
    pub(super) fn report(&mut self, now: Instant, arrived: Arrived, packet: &[u8], trouble: Trouble) {
        //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
        //# a datagram sent as a link-layer broadcast, or
        let even_to_group = matches!(trouble, Trouble::Problem(Problem { even_to_group: true, .. }));
        let for_many = arrived.enclosed.is_some_and(|enclosed| enclosed.for_many) && !even_to_group;
        if arrived.from_wire && !arrived.shared_with_host && !for_many {
            self.tell_sender(now, packet, trouble);
        }
    }

    fn tell_sender(&mut self, now: Instant, packet: &[u8], trouble: Trouble) {
        let Some((own, sender)) = self.sender_to_tell(packet, trouble) else { return };
        let quoted = Quoted::unread(sender, own, packet);
        let message = match trouble {
            Trouble::Unreachable(code) => IcmpMessage::Unreachable { code, quoted },
            Trouble::Problem(Problem { code, pointer, .. }) => {
                IcmpMessage::ParameterProblem { code, pointer, quoted }
            }
            Trouble::ReassemblyTimeout => IcmpMessage::TimeExceeded { code: 1, quoted },
        };
        if !self.may_answer(now, sender) {
            return;
        }
        let header = self.icmp_header(own, sender);
        self.queue_icmp(now, header, &message);
    }

    /// Our address and that of the sender of a packet, if the sender may be told anything.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
    //# An ICMP error message MUST NOT be sent as the result of
    //# receiving:
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
    //# *    an ICMP error message, or
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
    //# *    a datagram destined to an IP broadcast or IP multicast
    //# address, or
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
    //# *    a non-initial fragment, or
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
    //# *    a datagram whose source address does not define a single
    //# host -- e.g., a zero address, a loopback address, a
    //# broadcast address, a multicast address, or a Class E
    //# address.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.4.2
    //# If the datagram is sent in response to a received datagram, the source address for the
    //# response SHOULD be the specific-destination address of the request.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-2.2
    //# If the node has more than one unicast address, it MUST choose the Source Address of the
    //# message as follows:
    //= https://www.rfc-editor.org/rfc/rfc4443#section-2.2
    //# If the message is a response to a message sent to one of the node's unicast addresses, the
    //# Source Address of the reply MUST be that same address.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
    //# An ICMPv6 error message MUST NOT be originated as a result of receiving the following:
    //= https://www.rfc-editor.org/rfc/rfc4443#section-2.2
    //# the Source Address of the ICMPv6 packet MUST be a unicast address belonging to the node.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-2.2
    //# The address SHOULD be chosen according to the rules that would be used to select the
    //# source address for any other packet originated by the node, given the destination address
    //# of the packet.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
    //# An ICMPv6 error message MUST NOT be originated as a result of receiving the following:
    fn sender_to_tell(&self, packet: &[u8], trouble: Trouble) -> Option<(IpAddr, IpAddr)> {
        let (sender, dst) = IpPacket::addresses(packet).ok()?;
        let even_to_group = matches!(trouble, Trouble::Problem(Problem { even_to_group: true, .. }));
        let own = match dst {
            _ if self.is_own(dst) => dst,
            IpAddr::V6(group) if group.is_multicast() && even_to_group => self.route(sender)?.source,
            _ => return None,
        };
        let about_error = IcmpMessage::is_error_or_later_fragment(packet);
        let single = is_unicast(sender) && !self.is_broadcast(sender) && !self.is_nobodys(sender);
        (single && !about_error && !self.is_own(sender)).then_some((own, sender))
    }

    /// Addresses that no other host has: of class E, and of the loopback where we are not on it.
    fn is_nobodys(&self, ip: IpAddr) -> bool {
        let class_e = matches!(ip, IpAddr::V4(ip) if ip.octets()[0] >= 240);
        let mut own = self.interfaces.iter().flat_map(|interface| &interface.addresses);
        class_e || ip.is_loopback() && !own.any(|(own, _)| own.is_loopback())
    }

    /// Whether somebody unknown may be answered now.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
    //# Finally, in order to limit the bandwidth and forwarding costs
    //# incurred by originating ICMPv6 error messages, an IPv6 node MUST
    //# limit the rate of ICMPv6 error messages it originates.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
    //# The rate-limiting parameters SHOULD be configurable.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
    //# For security reasons, it is recommended that implementations SHOULD allow sending of ICMP
    //# destination unreachable messages to be disabled, preferably on a per-interface basis.
    pub(super) fn may_answer(&mut self, now: Instant, sender: IpAddr) -> bool {
        self.shared.cx(now).may_answer(None, sender)
    }

    /// Whether an echo request may be answered now.
    pub(super) fn may_echo(&mut self, now: Instant, sender: IpAddr) -> bool {
        let limits = &self.shared.limits;
        let (all, each) = (limits.echo_replies_per_second, limits.echo_replies_per_destination);
        let allowed = self.echo_replies.allows(now, sender, all, each);
        let limit = match allowed {
            Ok(()) => return true,
            Err(Exhausted::Engine) => Limit::EchoRepliesPerSecond,
            Err(Exhausted::Destination) => Limit::EchoRepliesPerDestination,
        };
        self.shared.cx(now).limit_hit(None, limit);
        false
    }

    pub(super) fn icmp_header(&self, src: IpAddr, dst: IpAddr) -> IpHeader {
        let protocol = if src.is_ipv4() { Protocol::Icmpv4 } else { Protocol::Icmpv6 };
        header((src, dst), protocol, &self.defaults)
    }

    /// Queues a message.
    pub(super) fn queue_icmp(&mut self, now: Instant, header: IpHeader, message: &IcmpMessage<'_>) {
        let mut payload = Vec::new();
        message.emit(header.src, header.dst, &mut payload);
        // A limit that keeps it back was told.
        _ = self.queue_packet(now, None, header, &payload, Routers::MayNotCut);
    }
}
