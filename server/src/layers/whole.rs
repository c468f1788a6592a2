//! Requests that end too early: amid a message, or before the one that every call of ours has to have.
//!
//! A client that gives up a call while it writes it may end the stream first and reset it then. What of that is read here is for tonic
//! a fault of the server, INTERNAL; it is the client's, and no matter for a log.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sockwright_engine::host::Errno;
use tonic::Status;
use tonic::body::Body;
use tower::util::MapRequestLayer;

use super::observe::Messages;
use crate::error::status_saying;

/// Ends requests that are not whole with INVALID_ARGUMENT.
pub(crate) fn whole_requests() -> MapRequestLayer<impl Fn(Request<Body>) -> Request<Body> + Clone> {
    MapRequestLayer::new(|request: Request<Body>| {
        // A stream of questions about the contract may be empty.
        let begun = request.uri().path().starts_with("/grpc.reflection.");
        request.map(|body| Body::new(Whole { body, messages: Messages::default(), begun, over: false }))
    })
}

/// A request, watched to its end.
struct Whole {
    body: Body,
    messages: Messages,
    /// A message has begun, or none has to.
    begun: bool,
    over: bool,
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.begun |= this.messages.that_begin_in(data) > 0;
                }
            }
            Some(Err(_)) => this.over = true,
            None => {
                this.over = true;
                if !(this.begun && this.messages.are_whole()) {
                    let early =
                        status_saying(Errno::EINVAL, "the request ended before its message was whole", None);
                    return Poll::Ready(Some(Err(early)));
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.over || (self.body.is_end_stream() && self.begun && self.messages.are_whole())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, Full};
    use tonic::Code;
    use tower::{Layer, Service, service_fn};

    use super::*;

    /// What a service reads of a request with these octets.
    async fn read(path: &str, octets: &'static [u8]) -> Result<Bytes, Code> {
        let reader = service_fn(|request: Request<Body>| async move {
            Ok::<_, Infallible>(request.into_body().collect().await.map(|body| body.to_bytes()))
        });
        let body =
            Body::new(Full::new(Bytes::from_static(octets)).map_err(|never: Infallible| match never {}));
        let request = Request::builder().uri(path).body(body).unwrap();
        let read = whole_requests().layer(reader).call(request).await.unwrap();
        read.map_err(|status| status.code())
    }

    #[tokio::test]
    async fn a_request_ends_behind_a_message() {
        let message = b"\0\0\0\0\x02hi";
        for end in 0..message.len() {
            assert_eq!(
                read("/sockwright.v1.Sockets/Recv", &message[..end]).await,
                Err(Code::InvalidArgument)
            );
        }
        for whole in [&message[..], b"\0\0\0\0\0", b"\0\0\0\0\x01a\0\0\0\0\x01b"] {
            assert_eq!(read("/sockwright.v1.Sockets/Transfer", whole).await.unwrap(), whole);
        }
        let cut = read("/sockwright.v1.Sockets/Transfer", b"\0\0\0\0\x01a\0\0").await;
        assert_eq!(cut, Err(Code::InvalidArgument));
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        assert_eq!(read(reflection, b"").await.unwrap(), Bytes::new());
        assert_eq!(read(reflection, b"\0\0").await, Err(Code::InvalidArgument));
    }
}
