//! Who makes a call: every request that goes on from here carries its [`Identity`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower::{Layer, Service};
use tracing::field::display;

use crate::access::identity::Identities;

/// Says of every call whose it is.
#[derive(Clone)]
pub(crate) struct Authentication(pub(crate) Arc<Identities>);

impl<S> Layer<S> for Authentication {
    type Service = Authenticated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticated { inner, identities: Arc::clone(&self.0) }
    }
}

/// A service that knows who calls it.
#[derive(Clone)]
pub(crate) struct Authenticated<S> {
    inner: S,
    identities: Arc<Identities>,
}

impl<S, B> Service<Request<B>> for Authenticated<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let identity = self.identities.local();
        tracing::Span::current().record("identity", display(&identity));
        request.extensions_mut().insert(identity);
        self.inner.call(request)
    }
}
