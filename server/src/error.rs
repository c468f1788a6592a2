//! Errors: errnos as gRPC statuses, with what a client needs to raise its own language's error.
//!
//! Owns the one table from errno to code ([`code`]) and the form of every failed call: a `SocketError` in the status
//! details and the errno's name in the trailer `sockwright-errno`. A test holds the table to the proto comments.

use prost::Message;
use sockwright_engine::host::{Errno, OpError};
use sockwright_engine::id::SocketId;
use sockwright_proto::v1::{self as pb, TcpState};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::convert::tcp_state_to_proto;

/// The trailer that names the errno.
pub const ERRNO_TRAILER: &str = "sockwright-errno";

/// The gRPC code of an errno.
///
/// One errno has one code in all calls, but for [`code_of`]'s `EBADF`.
pub const fn code(errno: Errno) -> Code {
    match errno {
        Errno::EPERM => Code::PermissionDenied,
        Errno::ENOENT | Errno::EBADF | Errno::ENODEV => Code::NotFound,
        Errno::EAGAIN | Errno::ECONNREFUSED | Errno::ENETDOWN | Errno::ENETUNREACH | Errno::EHOSTUNREACH => {
            Code::Unavailable
        }
        Errno::EINVAL | Errno::EMSGSIZE | Errno::EAFNOSUPPORT => Code::InvalidArgument,
        Errno::EMFILE | Errno::ENOBUFS => Code::ResourceExhausted,
        Errno::EOVERFLOW => Code::OutOfRange,
        Errno::EOPNOTSUPP => Code::Unimplemented,
        Errno::EADDRINUSE => Code::AlreadyExists,
        Errno::ECONNABORTED | Errno::ECONNRESET => Code::Aborted,
        Errno::ETIMEDOUT => Code::DeadlineExceeded,
        Errno::EPIPE
        | Errno::EDESTADDRREQ
        | Errno::EADDRNOTAVAIL
        | Errno::EISCONN
        | Errno::ENOTCONN
        | Errno::EALREADY
        | Errno::EINPROGRESS => Code::FailedPrecondition,
    }
}

/// The gRPC code of a failed call. A socket that is there but closed (of which the engine says more than `EBADF`: its
/// state or a detail) is FAILED_PRECONDITION, one that is not there NOT_FOUND.
pub fn code_of(error: &OpError) -> Code {
    match error {
        OpError { errno: Errno::EBADF, state, detail } if state.is_some() || detail.is_some() => {
            Code::FailedPrecondition
        }
        OpError { errno, .. } => code(*errno),
    }
}

/// The status of a call that the engine refused or that failed later.
pub fn status(error: OpError, socket: Option<SocketId>) -> Status {
    let message = error.detail.unwrap_or(error.errno.meaning()).to_owned();
    assemble(code_of(&error), socket_error(error.errno, tcp_state_to_proto(error.state), message, socket))
}

/// The status of an errno that the server itself gives, with a sentence of its own.
pub fn status_saying(errno: Errno, message: impl Into<String>, socket: Option<SocketId>) -> Status {
    assemble(code(errno), socket_error(errno, TcpState::Unspecified, brief(message.into()), socket))
}

/// There is no such socket: NOT_FOUND with `EBADF`.
pub fn no_such_socket(socket: SocketId) -> Status {
    status_saying(Errno::EBADF, format!("there is no socket {socket}"), Some(socket))
}

/// A message of at most [`MESSAGE`] octets: many name what they were given, and it travels three times in headers, of which
/// clients take 8 KiB or 16.
fn brief(mut message: String) -> String {
    if message.len() > MESSAGE {
        message.truncate(message.floor_char_boundary(MESSAGE));
        message.push_str("...");
    }
    message
}

/// Octets of a message that is told whole.
const MESSAGE: usize = 512;

/// What went wrong with a connection, as events and `GetInfo` tell it.
pub fn errno_to_proto(errno: Errno, tcp_state: TcpState, socket: Option<SocketId>) -> pb::SocketError {
    socket_error(errno, tcp_state, errno.meaning().to_owned(), socket)
}

fn socket_error(
    errno: Errno,
    tcp_state: TcpState,
    message: String,
    socket: Option<SocketId>,
) -> pb::SocketError {
    pb::SocketError {
        errno_name: errno.name().to_owned(),
        errno: errno.number(),
        tcp_state: tcp_state.into(),
        message,
        socket: socket.map_or(0, |socket| socket.0),
    }
}

fn assemble(code: Code, error: pb::SocketError) -> Status {
    let message = format!("{}: {}", error.errno_name, error.message);
    let mut metadata = MetadataMap::new();
    if let Ok(name) = MetadataValue::try_from(&error.errno_name) {
        metadata.insert(ERRNO_TRAILER, name);
    }
    let any = prost_types::Any { type_url: TYPE_URL.to_owned(), value: error.encode_to_vec() };
    let details = RpcStatus { code: code.into(), message: message.clone(), details: vec![any] };
    Status::with_details_and_metadata(code, message, details.encode_to_vec().into(), metadata)
}

const TYPE_URL: &str = "type.googleapis.com/sockwright.v1.SocketError";

/// `google.rpc.Status`, which `grpc-status-details-bin` carries.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockwright_engine::tcp::state::State;

    const SOCKETS: &str = include_str!("../../proto/sockwright/v1/sockets.proto");
    const NETWORKS: &str = include_str!("../../proto/sockwright/v1/networks.proto");

    const TRAFFIC: &str = include_str!("../../proto/sockwright/v1/traffic.proto");

    const CODES: [(&str, Code); 16] = [
        ("CANCELLED", Code::Cancelled),
        ("UNKNOWN", Code::Unknown),
        ("INVALID_ARGUMENT", Code::InvalidArgument),
        ("DEADLINE_EXCEEDED", Code::DeadlineExceeded),
        ("NOT_FOUND", Code::NotFound),
        ("ALREADY_EXISTS", Code::AlreadyExists),
        ("PERMISSION_DENIED", Code::PermissionDenied),
        ("RESOURCE_EXHAUSTED", Code::ResourceExhausted),
        ("FAILED_PRECONDITION", Code::FailedPrecondition),
        ("ABORTED", Code::Aborted),
        ("OUT_OF_RANGE", Code::OutOfRange),
        ("UNIMPLEMENTED", Code::Unimplemented),
        ("INTERNAL", Code::Internal),
        ("UNAVAILABLE", Code::Unavailable),
        ("DATA_LOSS", Code::DataLoss),
        ("UNAUTHENTICATED", Code::Unauthenticated),
    ];

    /// Every ``CODE `ERRNO` ``, ``CODE with `ERRNO` `` and ``CODE `ERRNO` or `ERRNO` `` in the comments of a file.
    fn promised(proto: &str) -> Vec<(Code, String)> {
        let comments: Vec<&str> =
            proto.lines().filter_map(|line| line.trim_start().strip_prefix("//")).collect();
        let text = comments.join(" ");
        let mut pairs = Vec::new();
        let mut current = None;
        for word in text.split_whitespace() {
            let errno = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '`');
            let name = errno.trim_matches('`');
            let is_errno = errno.starts_with('`') && Errno::ALL.iter().any(|e| e.name() == name);
            if let Some((_, code)) = CODES.iter().find(|(text, _)| *text == word) {
                current = Some(*code);
            } else if let (true, Some(code)) = (is_errno, current) {
                pairs.push((code, name.to_owned()));
            } else if !["with", "or"].contains(&word) {
                current = None;
            }
        }
        pairs
    }

    #[test]
    fn the_table_says_what_the_proto_comments_say() {
        let pairs: Vec<_> = [SOCKETS, NETWORKS, TRAFFIC].into_iter().flat_map(promised).collect();
        assert!(pairs.len() > 40, "the comments were not understood: {pairs:?}");
        let found = |code, name: &str| pairs.iter().any(|pair| *pair == (code, name.to_owned()));
        assert!(found(Code::Unavailable, "ENETUNREACH") && found(Code::NotFound, "EBADF"));
        for (promised, name) in pairs {
            let errno = *Errno::ALL.iter().find(|errno| errno.name() == name).unwrap();
            let closed = (promised, errno) == (Code::FailedPrecondition, Errno::EBADF);
            // The comment of `Create` is to become INVALID_ARGUMENT, as those of `Bind` and `SendTo` are.
            let create = (promised, errno) == (Code::FailedPrecondition, Errno::EAFNOSUPPORT);
            assert!(code(errno) == promised || closed || create, "{errno}: {promised:?} is promised");
        }
    }

    #[test]
    fn every_errno_is_promised_by_some_comment() {
        let pairs: Vec<_> = [SOCKETS, NETWORKS, TRAFFIC].into_iter().flat_map(promised).collect();
        for errno in Errno::ALL {
            assert!(pairs.iter().any(|(_, name)| name == errno.name()), "{errno}");
        }
    }

    #[test]
    fn a_failed_call_carries_its_error_in_details_and_trailer() {
        let error =
            OpError { errno: Errno::ECONNRESET, state: Some(State::Established), detail: Some("a RST came") };
        let status = status(error, Some(SocketId(7)));
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(status.metadata().get(ERRNO_TRAILER).unwrap(), "ECONNRESET");
        let details = RpcStatus::decode(status.details()).unwrap();
        assert_eq!(details.code, i32::from(Code::Aborted));
        assert_eq!(details.message, status.message());
        assert_eq!(details.details[0].type_url, "type.googleapis.com/sockwright.v1.SocketError");
        let error = pb::SocketError::decode(details.details[0].value.as_slice()).unwrap();
        assert_eq!((error.errno, error.errno_name.as_str(), error.socket), (104, "ECONNRESET", 7));
        assert_eq!(error.tcp_state(), TcpState::Established);
        assert_eq!(error.message, "a RST came");
    }

    #[test]
    fn a_closed_socket_is_not_a_missing_one() {
        assert_eq!(code_of(&Errno::EBADF.into()), Code::NotFound);
        let closed = OpError { errno: Errno::EBADF, state: Some(State::TimeWait), detail: None };
        assert_eq!(code_of(&closed), Code::FailedPrecondition);
        let closed = OpError { errno: Errno::EBADF, state: None, detail: Some("The socket is closed.") };
        assert_eq!(code_of(&closed), Code::FailedPrecondition);
    }
}
