//! gRPC deadlines: a call that is not over at its `grpc-timeout` ends with DEADLINE_EXCEEDED.
//!
//! tonic has a timer of its own for this, further out, which answers CANCELLED. This one is made before it and looks at
//! the clock itself, so that it is never the later of the two. It covers streams as well: their end comes in the
//! trailers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

/// Ends calls at their deadlines.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadlines;

impl<S> Layer<S> for Deadlines {
    type Service = WithDeadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithDeadline(inner)
    }
}

/// A service whose calls end at their deadlines.
#[derive(Clone, Debug)]
pub(crate) struct WithDeadline<S>(S);

impl<S, B> Service<Request<B>> for WithDeadline<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = CallWithDeadline<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let deadline = request.headers().get("grpc-timeout").and_then(parse_timeout).map(|timeout| {
            // Far enough away to be the same as never.
            let deadline = Instant::now() + timeout.min(FOREVER);
            Box::pin(sleep_until(deadline))
        });
        CallWithDeadline { call: self.0.call(request), deadline }
    }
}

/// A call, and when it ends at the latest.
pub(crate) struct CallWithDeadline<F> {
    call: F,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<F, E> Future for CallWithDeadline<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(result) = Pin::new(&mut this.call).poll(cx) {
            let deadline = this.deadline.take();
            return Poll::Ready(result.map(|response| match deadline {
                Some(deadline) => {
                    response.map(|body| Body::new(BodyWithDeadline { body, deadline, over: false }))
                }
                None => response,
            }));
        }
        match &mut this.deadline {
            Some(deadline) => {
                ready!(poll_deadline(deadline, cx));
                Poll::Ready(Ok(exceeded().into_http()))
            }
            None => Poll::Pending,
        }
    }
}

/// The body of a response, and when it ends at the latest.
struct BodyWithDeadline {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    over: bool,
}

impl HttpBody for BodyWithDeadline {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, Status>>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        ready!(poll_deadline(&mut this.deadline, cx));
        this.over = true;
        this.body = Body::empty();
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(match exceeded().add_header(&mut trailers) {
            Ok(()) => Ok(Frame::trailers(trailers)),
            Err(status) => Err(status),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// Ready when the time has come by the clock, even before the timer says so.
fn poll_deadline(deadline: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> Poll<()> {
    match Instant::now() >= deadline.deadline() {
        true => Poll::Ready(()),
        false => deadline.as_mut().poll(cx),
    }
}

/// No errno: it is the call that ran out of time, not the connection.
fn exceeded() -> Status {
    Status::deadline_exceeded("the deadline of the call was reached")
}

/// `TimeoutValue TimeoutUnit`: up to eight digits and a letter. Anything else is no deadline, as in other servers.
fn parse_timeout(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

const FOREVER: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let read = |text: &'static str| parse_timeout(&HeaderValue::from_static(text));
        assert_eq!(read("5S"), Some(Duration::from_secs(5)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        for wrong in ["", "S", "5", "5s", "-5S", "123456789S", "5 S"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_takes_too_long_is_deadline_exceeded() {
        let slow = tower::service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<Body>, std::convert::Infallible>>()
        });
        let request = Request::builder().header("grpc-timeout", "100m").body(()).unwrap();
        let response = Deadlines.layer(slow).call(request).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "4");
    }
}
