//! Who makes a call: what its connection proved, or the token that it carries.
//!
//! Refuses nobody: a call of somebody unknown goes on as one of nobody, and whatever it reaches asks who it is.

use std::task::{Context, Poll};

use http::Request;
use tower::{Layer, Service};

use crate::access::{Credentials, Said};
use crate::listen::Peer;

/// Says of every call whose it is.
#[derive(Clone)]
pub(crate) struct Authentication(pub(crate) Credentials);

impl<S> Layer<S> for Authentication {
    type Service = Authenticated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticated { inner, access: self.0.clone() }
    }
}

/// A service that knows who calls it.
#[derive(Clone)]
pub(crate) struct Authenticated<S> {
    inner: S,
    access: Credentials,
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
        let said = self.access.said(request.headers());
        if let Some(peer) = request.extensions_mut().get_mut::<Peer>() {
            match said {
                Said::Nothing => {}
                Said::Proved(identity) => peer.is(Some(identity)),
                // Whoever gives a token means to be who it says, and not whoever the connection says.
                Said::Wrong => peer.is(None),
            }
        }
        self.inner.call(request)
    }
}
