//! What a layer answers that may refuse a call: at once by itself, or whatever is behind it when it is done.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;

/// What is answered: here at once, by a service when it is done.
pub(crate) enum RefusedOrCall<F> {
    Refused(Option<Response<Body>>),
    Call(F),
}

impl<F> RefusedOrCall<F> {
    /// This is the answer.
    pub(super) fn refused(response: Response<Body>) -> Self {
        RefusedOrCall::Refused(Some(response))
    }
}

impl<F, E> Future for RefusedOrCall<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match &mut *self {
            RefusedOrCall::Refused(response) => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
            RefusedOrCall::Call(call) => Pin::new(call).poll(cx),
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
