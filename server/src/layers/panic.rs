//! Panics of handlers: the call ends with INTERNAL, and nobody else's does.
//!
//! Without this a panic takes the HTTP/2 connection with it, and all calls that its client has on it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

/// Catches panics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Panics;

impl<S> Layer<S> for Panics {
    type Service = WithPanicsCaught<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithPanicsCaught(inner)
    }
}

/// A service whose panics end their own call.
#[derive(Clone, Debug)]
pub(crate) struct WithPanicsCaught<S>(S);

impl<S, B> Service<Request<B>> for WithPanicsCaught<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = GuardedCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        GuardedCall(caught(|| Box::pin(self.0.call(request))).ok())
    }
}

/// A call; none once it has panicked.
pub(crate) struct GuardedCall<F>(Option<Pin<Box<F>>>);

impl<F, E> Future for GuardedCall<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let polled = match &mut self.0 {
            Some(call) => caught(|| call.as_mut().poll(cx)),
            None => Err(Panicked),
        };
        match polled {
            Ok(polled) => polled.map_ok(|response| response.map(|body| Body::new(GuardedBody(Some(body))))),
            Err(Panicked) => {
                self.0 = None;
                Poll::Ready(Ok(internal().into_http()))
            }
        }
    }
}

/// The body of a response; none once it has panicked.
struct GuardedBody(Option<Body>);

impl HttpBody for GuardedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        match caught(|| Pin::new(body).poll_frame(cx)) {
            Ok(polled) => polled,
            Err(Panicked) => {
                self.0 = None;
                let mut trailers = HeaderMap::new();
                let told = internal().add_header(&mut trailers);
                Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

/// Where it happened was told by the panic hook.
struct Panicked;

/// What panics is not touched again.
fn caught<T>(body: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|_| Panicked)
}

fn internal() -> Status {
    Status::internal("the server panicked in this call: a bug of Sockwright")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, StreamBody};
    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_ends_its_call_with_internal() {
        let handler = tower::service_fn(|panic: Request<bool>| async move {
            assert!(!panic.into_body(), "as asked");
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        let mut service = Panics.layer(handler);
        let response = service.call(Request::new(true)).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "13");
        let response = service.call(Request::new(false)).await.unwrap();
        assert!(!response.headers().contains_key("grpc-status"));
    }

    #[tokio::test]
    async fn a_stream_that_panics_ends_with_internal() {
        let handler = tower::service_fn(|_: Request<()>| async {
            let messages = tokio_stream::iter([0, 1]).map(|number| {
                assert_eq!(number, 0, "the second");
                Ok::<_, Status>(Frame::data(Bytes::from_static(b"first")))
            });
            Ok::<_, Infallible>(Response::new(Body::new(StreamBody::new(messages))))
        });
        let response = Panics.layer(handler).call(Request::new(())).await.unwrap();
        let whole = response.into_body().collect().await.unwrap();
        assert_eq!(whole.trailers().unwrap()["grpc-status"], "13");
        assert_eq!(whole.to_bytes(), "first");
    }
}
