//! What callers ask of the engine, and what they get: the socket calls as values.
//!
//! Owns: [`Request`], [`Reply`], [`Outcome`], [`Completion`]. A request is carried out at once or parks: then its
//! completion comes later from `poll_completion`. Ending the wait (`cancel_op`) ends nothing else.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use super::errno::OpError;
use crate::id::{OpId, SessionId, SocketId};
use crate::tcp::config::OptionsPatch;
use crate::tcp::state::State;

/// The type of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketKind {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

/// The version of IP that a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What the caller did with a socket, apart from what TCP made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketState {
    /// Created.
    Unbound,
    /// Has a local address.
    Bound,
    /// Listening.
    Listening,
    /// The handshake is under way.
    Connecting,
    /// The handshake is over, or a datagram socket has a peer.
    Connected,
    /// The connection is gone; the caller still holds the socket.
    Disconnected,
    /// The caller closed it.
    Closed,
}

/// One direction or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShutdownHow {
    /// No more is received.
    Read,
    /// No more is sent: a FIN follows the data.
    Write,
    /// Both.
    Both,
}

/// Whether a call may park.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Park until it can finish.
    Park,
    /// Fail with EAGAIN (Connect: EINPROGRESS) instead.
    Never,
}

/// The calls, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // Each is the call of that name in the contract.
pub enum Call {
    Create,
    Bind,
    Listen,
    Accept,
    Connect,
    Send,
    Recv,
    SendTo,
    RecvFrom,
    Shutdown,
    Close,
    Abort,
    SetOptions,
    GetOptions,
    GetInfo,
    /// Not a call of clients: a session's end by the policy VANISH.
    Vanish,
}

impl Call {
    /// The name in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Call::Create => "Create",
            Call::Bind => "Bind",
            Call::Listen => "Listen",
            Call::Accept => "Accept",
            Call::Connect => "Connect",
            Call::Send => "Send",
            Call::Recv => "Recv",
            Call::SendTo => "SendTo",
            Call::RecvFrom => "RecvFrom",
            Call::Shutdown => "Shutdown",
            Call::Close => "Close",
            Call::Abort => "Abort",
            Call::SetOptions => "SetOptions",
            Call::GetOptions => "GetOptions",
            Call::GetInfo => "GetInfo",
            Call::Vanish => "Vanish",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A call.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=exception
//= reason=the calls are those of sockets, which have no PUSH: all data counts as pushed
//# A TCP endpoint MAY implement PUSH flags on SEND calls (MAY-15).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=exception
//= reason=the calls are those of sockets, which have no PUSH: all data counts as pushed
//# When an application issues a series of SEND calls without setting the PUSH flag, the TCP
//# implementation MAY aggregate the data internally without sending it (MAY-16).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.7
//= type=exception
//= reason=a program that wants no more of what it sent aborts
//# The FLUSH call MAY be implemented (MAY-14).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
//= type=exception
//= reason=the sockets are those of TCP and UDP: there is no call that sends an echo request, hence nobody
//= waits for a reply
//# A host SHOULD also implement an application-layer interface for sending an Echo Request
//# and receiving an Echo Reply, for diagnostic purposes.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
//= type=exception
//= reason=the sockets are those of TCP and UDP: there is no call that sends an echo request, hence nobody
//= waits for a reply
//# Echo Reply messages MUST be passed to the ICMP user interface, unless the corresponding
//# Echo Request originated in the IP layer.
//= https://www.rfc-editor.org/rfc/rfc4443#section-4.1
//= type=exception
//= reason=the sockets are those of TCP and UDP: there is no call that sends an echo request, hence nobody
//= waits for a reply
//# A node SHOULD also implement an application-layer interface for originating Echo Requests
//# and receiving Echo Replies, for diagnostic purposes.
//= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
//= type=exception
//= reason=the sockets are those of TCP and UDP: there is no call that sends an echo request, hence nobody
//= waits for a reply
//# Echo Reply messages MUST be passed to the process that originated an Echo Request message.
//= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
//= type=exception
//= reason=the sockets are those of TCP and UDP: there is no call that sends an echo request, hence nobody
//= waits for a reply
//# A node SHOULD also implement an application-layer interface for originating Echo Requests
//# and receiving Echo Replies, for diagnostic purposes.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The fields are those of the contract's requests.
pub enum Request {
    /// Gives [`Reply::Created`].
    Create { kind: SocketKind, family: Family, session: SessionId, label: Box<str>, options: OptionsPatch },
    /// Gives [`Reply::Named`].
    Bind { socket: SocketId, local: SocketAddr },
    /// Gives [`Reply::Named`].
    Listen { socket: SocketId, backlog: u32 },
    /// Parks until a connection is there. Gives [`Reply::Accepted`].
    Accept { socket: SocketId, wait: Wait },
    /// Parks until the handshake is over. Gives [`Reply::Connected`].
    Connect { socket: SocketId, remote: SocketAddr, data: Vec<u8>, wait: Wait },
    /// Parks until at least one octet fits. Gives [`Reply::Sent`].
    Send { socket: SocketId, data: Vec<u8>, urgent: bool, wait: Wait },
    /// Parks until `min` octets are there or no more can come. Gives [`Reply::Received`].
    Recv { socket: SocketId, max: usize, min: usize, peek: bool, wait: Wait },
    /// Gives [`Reply::Named`].
    SendTo { socket: SocketId, remote: SocketAddr, data: Vec<u8> },
    /// Parks until a datagram is there. Gives [`Reply::ReceivedFrom`].
    RecvFrom { socket: SocketId, max: usize, peek: bool, wait: Wait },
    /// Gives [`Reply::State`].
    Shutdown { socket: SocketId, how: ShutdownHow },
    /// Parks with a linger time. Gives [`Reply::State`].
    Close { socket: SocketId },
    /// Gives [`Reply::Done`].
    Abort { socket: SocketId },
    /// Forgets the connection and sends nothing, now or later. Gives [`Reply::Done`].
    Vanish { socket: SocketId },
    /// Makes the socket another session's, or nobody's. Gives [`Reply::Done`].
    Reassign { socket: SocketId, session: SessionId },
    /// Gives [`Reply::Done`].
    SetOptions { socket: SocketId, options: OptionsPatch },
}

/// What a call gives when it succeeds.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.3
//= type=exception
//= reason=the calls are those of sockets, which tell of no PUSH
//# A TCP receiver MAY pass a received PSH bit to the application layer via the PUSH flag in
//# the interface (MAY-17), but it is not required (this was clarified in RFC 1122, Section
//# 4.2.2.2).
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The fields are those of the contract's responses.
pub enum Reply {
    Created { socket: SocketId },
    Named { local: SocketAddr },
    Accepted { socket: SocketId, local: SocketAddr, remote: SocketAddr },
    Connected { local: SocketAddr, remote: SocketAddr },
    Sent { accepted: usize },
    Received { data: Vec<u8>, end_of_stream: bool, urgent: u32 },
    ReceivedFrom { data: Vec<u8>, remote: SocketAddr, local: SocketAddr, truncated: bool },
    State { tcp_state: Option<State> },
    Done,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is over.
    Done(Result<Reply, OpError>),
    /// Its completion comes later, under the same [`OpId`].
    Parked,
}

/// The end of a parked call.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The call.
    pub op: OpId,
    /// The socket it was made on.
    pub socket: SocketId,
    /// What it gives.
    pub result: Result<Reply, OpError>,
}
