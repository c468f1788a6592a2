//! Layers that look at a request, and answer it in the place of the service or let it pass.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;
use tower::{Layer, Service};

/// Who looks at requests, as a layer.
#[derive(Clone, Debug)]
pub(crate) struct Gate<K>(pub(crate) K);

/// Looks at requests.
pub(crate) trait Keeper: Clone {
    /// What to answer in the place of the service; `None` lets the request pass.
    fn answer<B>(&self, request: &Request<B>) -> Option<Answer>;
}

/// An answer.
pub(crate) enum Answer {
    /// At once.
    Now(Response<Body>),
    /// When it is there.
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl<S, K: Keeper> Layer<S> for Gate<K> {
    type Service = Gated<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated { inner, keeper: self.0.clone() }
    }
}

/// A service behind a gate.
#[derive(Clone, Debug)]
pub(crate) struct Gated<S, K> {
    inner: S,
    keeper: K,
}

impl<S, K, B> Service<Request<B>> for Gated<S, K>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Unpin,
    K: Keeper,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answered<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.keeper.answer(&request) {
            None => Answered::ByService(self.inner.call(request)),
            Some(Answer::Now(response)) => Answered::Now(Some(response)),
            Some(Answer::Later(response)) => Answered::Later(response),
        }
    }
}

/// The call of a gated service.
pub(crate) enum Answered<F> {
    /// It has its answer already.
    Now(Option<Response<Body>>),
    /// It will have one.
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
    /// It passed.
    ByService(F),
}

impl<F, E> Future for Answered<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match &mut *self {
            Answered::Now(response) => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
            Answered::Later(answer) => answer.as_mut().poll(cx).map(Ok),
            Answered::ByService(call) => Pin::new(call).poll(cx),
        }
    }
}

/// An answer in plain text, for people and their browsers.
pub(super) fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
