//! ICMP that arrives: errors go to the sockets that they are about, echo requests are answered (RFC 1122 §3.2.2,
//! RFC 4443). The errors that we send are in `report.rs`.

use core::net::SocketAddr;

use super::ingress::Arrived;
use super::socket::Phase;
use super::{Engine, Errno, PortKind};
use crate::event::{DropReason, EventKind};
use crate::ip::path_mtu::claim;
use crate::tcp::connection::{Connection, IcmpError, icmp_errno};
use crate::tcp::cx::Tuple;
use crate::time::Instant;
use crate::wire::{IcmpMessage, IpHeader, IpPacket, Protocol, Quoted};

impl Engine {
    pub(super) fn take_icmp(&mut self, now: Instant, arrived: Arrived, packet: &IpPacket<'_>) {
        let message = match IcmpMessage::parse(packet.payload, (packet.src, packet.dst), arrived.checksums) {
            Ok(message) => message,
            Err(malformed) => return self.drop_frame(now, malformed.into()),
        };
        let (kind, code) = match packet.payload {
            [kind, code, ..] => (*kind, *code),
            _ => return self.drop_frame(now, DropReason::Malformed),
        };
        let v6 = packet.src.is_ipv6();
        match message {
            IcmpMessage::EchoRequest { ident, seq, data } if !arrived.shared_with_host => {
                //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
                //# Every host MUST implement an ICMP Echo server function that receives Echo Requests
                //# and sends corresponding Echo Replies.
                //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
                //# The IP source address in an ICMP Echo Reply MUST be the same as the
                //# specific-destination address (defined in Section 3.2.1.3) of the corresponding ICMP
                //# Echo Request message.
                //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
                //# Data received in an ICMP Echo Request MUST be entirely included in the resulting
                //# Echo Reply.
                //= https://www.rfc-editor.org/rfc/rfc4443#section-4.1
                //# Every node MUST implement an ICMPv6 Echo responder function that receives Echo
                //# Requests and originates corresponding Echo Replies.
                //= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
                //# The data received in the ICMPv6 Echo Request message MUST be returned entirely and
                //# unmodified in the ICMPv6 Echo Reply message.
                //= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
                //# Every node MUST implement an ICMPv6 Echo responder function that receives Echo
                //# Requests and originates corresponding Echo Replies.
                self.echo(now, packet, &IcmpMessage::EchoReply { ident, seq, data });
            }
            IcmpMessage::Unreachable { quoted, .. }
            | IcmpMessage::TimeExceeded { quoted, .. }
            | IcmpMessage::ParameterProblem { quoted, .. }
            | IcmpMessage::PacketTooBig { quoted, .. } => {
                let error = IcmpError { message, kind, code, v6 };
                if !self.deliver_error(now, &quoted, &error) {
                    self.drop_frame(now, DropReason::UnhandledIcmp);
                }
            }
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
            //# Source Quench TCP implementations MUST silently discard any received ICMP Source Quench
            //# messages (MUST-55).
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
            //# If an ICMP message of unknown type is received, it MUST be silently discarded.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.7
            //# A host SHOULD NOT implement these messages.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.9
            //# Conversely, if Address Mask messages are disabled, then no ICMP Address Mask Requests
            //# will be sent, and any ICMP Address Mask Replies received for that local IP address MUST
            //# be (silently) ignored.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.9
            //# A system MUST NOT send an Address Mask Reply unless it is an authoritative agent for
            //# address masks.
            //= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
            //# If an ICMPv6 informational message of unknown type is received, it MUST be silently
            //# discarded.
            //= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
            //= type=exception
            //= reason=nobody has said what an unknown error means to TCP or UDP; it is dropped, counted and
            //= told like any message without use
            //# Implementations MUST observe the following rules when processing ICMPv6 messages (from
            //# [RFC-1122]): (a) If an ICMPv6 error message of unknown type is received at its
            //# destination, it MUST be passed to the upper-layer process that originated the packet
            //# that caused the error, where this can be identified (see Section 2.4, (d)).
            //= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
            //# If an ICMPv6 informational message of unknown type is received, it MUST be silently
            //# discarded.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.2
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped, as
            //= Linux drops them where it is told to be secure
            //# A host receiving a Redirect message MUST update its routing information accordingly.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.2
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped, as
            //= Linux drops them where it is told to be secure
            //# Every host MUST be prepared to accept both Host and Network Redirects and to process
            //# them as described in Section 3.3.1.2 below.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.2
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped, as
            //= Linux drops them where it is told to be secure
            //# A Redirect message SHOULD be silently discarded if the new gateway address it specifies
            //# is not on the same connected (sub-) net through which the Redirect arrived [INTRO:2,
            //# Appendix A], or if the source of the Redirect is not the current first-hop gateway for
            //# the specified destination (see Section 3.3.1).
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.2
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped, as
            //= Linux drops them where it is told to be secure
            //# Since the subnet mask appropriate to the destination address is generally not known, a
            //# Network Redirect message SHOULD be treated identically to a Host Redirect message; i.e.,
            //# the cache entry for the destination host (only) would be updated (or created, if an
            //# entry for that host did not exist) for the new gateway.
            _ => self.drop_frame(now, DropReason::UnhandledIcmp),
        }
    }

    /// Gives an error to the socket whose packet it quotes; says whether there was one that believed it.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
    //# TCP implementations MUST act on an ICMP error message passed up from the IP layer,
    //# directing it to the connection that created the error (MUST-54).
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
    //# A Destination Unreachable message that is received MUST be reported to the transport
    //# layer.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.4
    //# An incoming Time Exceeded message MUST be passed to the transport layer.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.5
    //# An incoming Parameter Problem message MUST be passed to the transport layer, and it MAY be
    //# reported to the user.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
    //# A node receiving the ICMPv6 Destination Unreachable message MUST notify the upper-layer
    //# process if the relevant process can be identified (see Section 2.4, (d)).
    //= https://www.rfc-editor.org/rfc/rfc4443#section-3.3
    //# An incoming Time Exceeded message MUST be passed to the upper-layer process if the
    //# relevant process can be identified (see Section 2.4, (d)).
    //= https://www.rfc-editor.org/rfc/rfc4443#section-3.4
    //# A node receiving this ICMPv6 message MUST notify the upper-layer process if the relevant
    //# process can be identified (see Section 2.4, (d)).
    //= https://www.rfc-editor.org/rfc/rfc4443#section-3.2
    //# An incoming Packet Too Big message MUST be passed to the upper-layer process if the
    //# relevant process can be identified (see Section 2.4, (d)).
    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.3
    //= type=exception
    //= reason=an error is told to the connected socket that it is about; whether one without a peer sent
    //= the packet nobody knows, and Linux does not tell it either
    //# UDP MUST pass to the application layer all ICMP error messages that it receives from the
    //# IP layer.
    fn deliver_error(&mut self, now: Instant, quoted: &Quoted<'_>, error: &IcmpError<'_>) -> bool {
        let Some((kind, tuple)) = sender_of(quoted) else { return false };
        if let (PortKind::Udp, IcmpMessage::PacketTooBig { mtu, .. }) = (kind, &error.message) {
            return self.datagram_too_big(now, tuple, *mtu, quoted.len);
        }
        // Only a socket with that very peer: another one's errors are not its business (RFC 1122 §4.1.3.3).
        let Some(id) = self.demux.connected(&self.sockets, kind, &tuple) else { return false };
        self.touch(id);
        let Some(socket) = self.sockets.get_mut(&id) else { return false };
        let (owner, mut cx) = (socket.owner(), self.shared.cx(now));
        match &mut socket.phase {
            Phase::Connection(connection) => connection.on_icmp(&mut cx, quoted.seq, error),
            Phase::HalfOpen(half) => {
                let Some(owner) = owner else { return false };
                let mut connection = Connection::thaw(half, owner, now);
                let believed = connection.on_icmp(&mut cx, quoted.seq, error);
                if connection.is_closed() {
                    socket.phase = Phase::Gone;
                }
                believed
            }
            Phase::Datagram(_) => {
                let Some(errno) = icmp_errno(&error.message) else { return false };
                socket.error = Some(errno);
                let IcmpError { kind, code, v6, .. } = *error;
                cx.tell(id, EventKind::Icmp { kind, code, v6, fatal: false });
                cx.tell(id, EventKind::Failed(errno));
                true
            }
            _ => false,
        }
    }

    /// A router says that a datagram of ours was too large for it; says whether that can be. Whoever sends datagrams keeps
    /// no record of them, so that a socket at the port they left by has to do.
    fn datagram_too_big(&mut self, now: Instant, tuple: Tuple, mtu: u32, len: usize) -> bool {
        let connected = self.demux.connected(&self.sockets, PortKind::Udp, &tuple);
        let sender = connected.or_else(|| self.demux.bound(PortKind::Udp, tuple.local()));
        let Some(claimed) = claim(tuple.local().is_ipv4(), mtu, len) else { return false };
        if sender.is_none() || len > self.mtu_to(tuple.remote().ip()) {
            return false;
        }
        self.paths.learn(&mut self.shared.cx(now), tuple.remote().ip(), claimed);
        true
    }

    /// Takes note that the host could not send `packet`, which [`Engine::poll_transmit`] gave, because of `errno`.
    ///
    /// An attempt to open ends with it, as a `connect` of the host's own would; a datagram socket tells it at the next
    /// call; an open connection goes on, and tells it if it is given up later.
    pub fn handle_send_failure(&mut self, now: Instant, packet: &[u8], errno: Errno) {
        self.begin_input();
        self.on_send_failure(now, packet, errno);
        self.settle(now);
    }

    /// Takes note that `packet` could not be sent.
    pub(super) fn on_send_failure(&mut self, now: Instant, packet: &[u8], errno: Errno) {
        let Ok(quoted) = Quoted::parse(packet) else { return };
        let Some((kind, tuple)) = sender_of(&quoted) else { return };
        let found = self
            .demux
            .connected(&self.sockets, kind, &tuple)
            .or_else(|| self.demux.bound(kind, tuple.local()));
        let Some(id) = found else { return };
        self.touch(id);
        let mut cx = self.shared.cx(now);
        match self.sockets.get_mut(&id).map(|socket| (&mut socket.phase, &mut socket.error)) {
            Some((Phase::Connection(connection), _)) => connection.on_send_failure(&mut cx, errno),
            Some((Phase::Datagram(_), error)) => {
                *error = Some(errno);
                cx.tell(id, EventKind::Failed(errno));
            }
            _ => {}
        }
    }

    /// Answers an echo request, from the address that it was sent to.
    //= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
    //# The source address of an Echo Reply sent in response to a unicast Echo Request message
    //# MUST be the same as the destination address of that Echo Request message.
    fn echo(&mut self, now: Instant, request: &IpPacket<'_>, reply: &IcmpMessage<'_>) {
        if self.may_echo(now, request.src) {
            let header = self.icmp_header(request.dst, request.src);
            self.queue_icmp(now, IpHeader { dscp: request.dscp, ..header }, reply);
        }
    }
}

/// Whose packet is quoted.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//# In those cases where the Internet layer is required to pass an ICMP error message to the
//# transport layer, the IP protocol number MUST be extracted from the original header and
//# used to select the appropriate transport protocol entity to handle the error.
fn sender_of(quoted: &Quoted<'_>) -> Option<(PortKind, Tuple)> {
    let kind = match quoted.protocol {
        Protocol::Tcp => PortKind::Tcp,
        Protocol::Udp => PortKind::Udp,
        _ => return None,
    };
    let local = SocketAddr::new(quoted.src, quoted.src_port);
    Some((kind, Tuple::new(local, SocketAddr::new(quoted.dst, quoted.dst_port))))
}
