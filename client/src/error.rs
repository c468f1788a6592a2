//! Why a call failed, in the words of gRPC and of POSIX.
//!
//! Owns: reading the `SocketError` detail and the trailer `sockwright-errno` of a failed call.
//!
//! ```text
//! grpc-status: 14                                  Error {
//! grpc-message: the peer refused                       code: Unavailable,
//! grpc-status-details-bin: Status { details: [         errno_name: "ECONNREFUSED",
//!     Any(SocketError { ECONNREFUSED, 111, .. })   ->  errno: 111, tcp_state: SYN_SENT, ..
//! ] }                                              }   => io::ErrorKind::ConnectionRefused
//! sockwright-errno: ECONNREFUSED
//! ```

use std::error::Error as _;
use std::io;

use prost::Message;
use sockwright_proto::v1::{SocketError, TcpState};
use tonic::{Code, Status, TimeoutExpired};

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", self.name())]
pub struct Error {
    /// The gRPC status code.
    pub code: Code,
    /// The errno's symbol, e.g. `ECONNREFUSED`, where the server told one.
    pub errno_name: Option<String>,
    /// Linux's number for it on x86-64, e.g. 111.
    pub errno: Option<i32>,
    /// The TCP state in which the call found the connection, where there was one.
    pub tcp_state: Option<TcpState>,
    /// The socket concerned.
    pub socket: Option<u64>,
    /// A sentence for a person.
    pub message: String,
}

impl Error {
    /// An error that no server told.
    pub(crate) fn new(code: Code, message: String) -> Self {
        Self { code, errno_name: None, errno: None, tcp_state: None, socket: None, message }
    }

    /// No connection to the server. The transport's own message says nothing; its innermost source does.
    pub(crate) fn unreachable(url: &str, error: &tonic::transport::Error) -> Self {
        let mut source: &dyn std::error::Error = error;
        while let Some(inner) = source.source() {
            source = inner;
        }
        Self::new(Code::Unavailable, format!("no server at {url}: {source}"))
    }

    /// The errno's symbol, or else the name of the status code: `ECONNREFUSED`, `NOT_FOUND`.
    pub fn name(&self) -> &str {
        self.errno_name.as_deref().unwrap_or(code_name(self.code))
    }

    /// The one that an `io::Error` was made of, if it was: with the errno, which `io::Error::raw_os_error` cannot have beside
    /// a message.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }

    /// The kind of `std::io::Error` that stands for it.
    pub fn kind(&self) -> io::ErrorKind {
        self.errno_name.as_deref().and_then(errno_kind).unwrap_or_else(|| code_kind(self.code))
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let trailer = status.metadata().get("sockwright-errno").and_then(|value| value.to_str().ok());
        let mut error = Self::new(status.code(), status.message().to_owned());
        error.errno_name = trailer.map(str::to_owned);
        if let Some(detail) = socket_error(status.details()) {
            error.tcp_state = Some(detail.tcp_state()).filter(|state| *state != TcpState::Unspecified);
            error.errno = Some(detail.errno).filter(|errno| *errno != 0);
            error.socket = Some(detail.socket).filter(|socket| *socket != 0);
            if !detail.errno_name.is_empty() {
                error.errno_name = Some(detail.errno_name);
            }
            if !detail.message.is_empty() {
                error.message = detail.message;
            }
        }
        if is_timeout(&status) {
            // tonic tells its own deadline as CANCELLED.
            error.code = Code::DeadlineExceeded;
            error.message = "the deadline has passed".to_owned();
        }
        error
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::new(error.kind(), error)
    }
}

/// The name of a status code as the gRPC specification spells it, e.g. `NOT_FOUND`.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// `google.rpc.Status`, the form of `grpc-status-details-bin`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

fn socket_error(details: &[u8]) -> Option<SocketError> {
    let status = RpcStatus::decode(details).ok()?;
    let any = status.details.iter().find(|any| any.type_url.ends_with("/sockwright.v1.SocketError"))?;
    SocketError::decode(any.value.as_slice()).ok()
}

fn is_timeout(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn errno_kind(errno_name: &str) -> Option<io::ErrorKind> {
    Some(match errno_name {
        "EADDRINUSE" => io::ErrorKind::AddrInUse,
        "EADDRNOTAVAIL" => io::ErrorKind::AddrNotAvailable,
        "EAGAIN" | "EWOULDBLOCK" => io::ErrorKind::WouldBlock,
        "ECONNABORTED" => io::ErrorKind::ConnectionAborted,
        "ECONNREFUSED" => io::ErrorKind::ConnectionRefused,
        "ECONNRESET" => io::ErrorKind::ConnectionReset,
        "EHOSTUNREACH" => io::ErrorKind::HostUnreachable,
        "EINVAL" | "EMSGSIZE" | "EDESTADDRREQ" => io::ErrorKind::InvalidInput,
        "ENETDOWN" => io::ErrorKind::NetworkDown,
        "ENETUNREACH" => io::ErrorKind::NetworkUnreachable,
        "ENODEV" | "ENOENT" => io::ErrorKind::NotFound,
        "ENOTCONN" => io::ErrorKind::NotConnected,
        "EAFNOSUPPORT" | "EOPNOTSUPP" => io::ErrorKind::Unsupported,
        "EACCES" | "EPERM" => io::ErrorKind::PermissionDenied,
        "EPIPE" => io::ErrorKind::BrokenPipe,
        "ETIMEDOUT" => io::ErrorKind::TimedOut,
        // std names no kind for them that is stable.
        "EALREADY" | "EBADF" | "EINPROGRESS" | "EISCONN" | "EMFILE" | "ENOBUFS" | "EOVERFLOW" => {
            io::ErrorKind::Other
        }
        _ => return None,
    })
}

fn code_kind(code: Code) -> io::ErrorKind {
    match code {
        Code::AlreadyExists => io::ErrorKind::AlreadyExists,
        Code::DeadlineExceeded => io::ErrorKind::TimedOut,
        Code::InvalidArgument | Code::OutOfRange => io::ErrorKind::InvalidInput,
        Code::NotFound => io::ErrorKind::NotFound,
        Code::PermissionDenied | Code::Unauthenticated => io::ErrorKind::PermissionDenied,
        Code::Unimplemented => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataMap;

    use super::*;

    fn refused() -> SocketError {
        SocketError {
            errno_name: "ECONNREFUSED".into(),
            errno: 111,
            tcp_state: TcpState::SynSent.into(),
            message: "10.0.0.2:80 refused the connection".into(),
            socket: 3,
        }
    }

    fn details(type_url: &str, detail: &SocketError) -> Vec<u8> {
        let other =
            prost_types::Any { type_url: "type.googleapis.com/google.rpc.Help".into(), value: vec![1, 2] };
        let any = prost_types::Any { type_url: type_url.into(), value: detail.encode_to_vec() };
        RpcStatus { code: 14, message: "refused".into(), details: vec![other, any] }.encode_to_vec()
    }

    #[test]
    fn the_detail_of_a_failed_call_is_read() {
        let details = details("type.googleapis.com/sockwright.v1.SocketError", &refused());
        let error = Error::from(Status::with_details(Code::Unavailable, "refused", details.into()));
        assert_eq!(error.code, Code::Unavailable);
        assert_eq!(error.errno_name.as_deref(), Some("ECONNREFUSED"));
        assert_eq!(error.errno, Some(111));
        assert_eq!(error.tcp_state, Some(TcpState::SynSent));
        assert_eq!(error.socket, Some(3));
        assert_eq!(error.to_string(), "ECONNREFUSED: 10.0.0.2:80 refused the connection");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn the_trailer_alone_tells_the_errno() {
        let mut trailers = MetadataMap::new();
        trailers.insert("sockwright-errno", "EPIPE".parse().unwrap());
        let error = Error::from(Status::with_metadata(Code::FailedPrecondition, "shut down", trailers));
        assert_eq!((error.name(), error.errno), ("EPIPE", None));
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_status_without_an_errno_keeps_its_code() {
        let error = Error::from(Status::not_found("no such lab"));
        assert_eq!(error.to_string(), "NOT_FOUND: no such lab");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn details_of_another_kind_or_broken_ones_are_ignored() {
        for details in [details("type.googleapis.com/google.rpc.ErrorInfo", &refused()), vec![0xff; 7]] {
            let error = Error::from(Status::with_details(Code::Internal, "odd", details.into()));
            assert_eq!(error, Error::new(Code::Internal, "odd".into()));
        }
    }

    #[test]
    fn the_deadline_of_the_channel_is_told_as_such() {
        let error = Error::from(Status::from_error(Box::new(TimeoutExpired(()))));
        assert_eq!(error.to_string(), "DEADLINE_EXCEEDED: the deadline has passed");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let error = crate::Client::connect(&url).await.unwrap_err();
        assert_eq!(error.code, Code::Unavailable);
        assert!(error.message.starts_with(&format!("no server at {url}: Connection refused")), "{error}");
    }
}
