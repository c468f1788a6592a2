//! What a layer answers in the place of the service, or what the service does.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;

/// The future of a layer that answers some requests itself.
pub(crate) enum Answered<F> {
    /// By the layer, at once.
    Now(Option<Response<Body>>),
    /// By the layer, when it is done.
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
    /// By the service.
    ByService(F),
}

impl<F> Answered<F> {
    /// With this.
    pub(crate) fn now(response: Response<Body>) -> Self {
        Answered::Now(Some(response))
    }
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
