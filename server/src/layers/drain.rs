//! Draining: what would make something new is refused with UNAVAILABLE; what is under way goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

/// Refuses what is new from the moment on at which it is told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drains(Arc<AtomicBool>);

impl Drains {
    /// From now on.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl<S> Layer<S> for Drains {
    type Service = Draining<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Draining { inner, begun: self.clone() }
    }
}

/// A service that may be draining.
#[derive(Clone, Debug)]
pub(crate) struct Draining<S> {
    inner: S,
    begun: Drains,
}

impl<S, B> Service<Request<B>> for Draining<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Admitted<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let refused = self.begun.0.load(Ordering::Acquire) && NEW.contains(&request.uri().path());
        Admitted(if refused { None } else { Some(Box::pin(self.inner.call(request))) })
    }
}

/// A call; none where it was refused.
pub(crate) struct Admitted<F>(Option<Pin<Box<F>>>);

impl<F, E> Future for Admitted<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match &mut self.0 {
            Some(call) => call.as_mut().poll(cx),
            None => {
                let sentence =
                    "the server is about to end and makes nothing new: try another one, or again in a while";
                Poll::Ready(Ok(Status::unavailable(sentence).into_http()))
            }
        }
    }
}

/// Calls that make sessions, sockets, or what sockets are on, and those that go on for as long as they like.
const NEW: [&str; 8] = [
    "/sockwright.v1.Sessions/Open",
    "/sockwright.v1.Sockets/Create",
    "/sockwright.v1.Networks/CreateLab",
    "/sockwright.v1.Networks/Attach",
    "/sockwright.v1.Networks/Capture",
    "/sockwright.v1.Traces/Start",
    "/sockwright.v1.Traffic/Run",
    "/sockwright.v1.Events/Watch",
];

#[cfg(test)]
mod tests {
    use super::NEW;
    use crate::metrics::Calls;

    #[test]
    fn what_is_refused_is_there() {
        let calls = Calls::of(&[sockwright_proto::v1::FILE_DESCRIPTOR_SET]);
        for path in NEW {
            assert_eq!(format!("/{}", calls.method(path).full_name), path);
        }
    }
}
