//! What a layer answers in the place of the service, or what the service does.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
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
