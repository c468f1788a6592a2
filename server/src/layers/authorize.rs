//! What a caller may do: nothing, for nobody.
//!
//! Health and reflection are for everybody: they tell whether the server serves, and the contract that is published anyway, to
//! probes and tools that have no identity.

use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::field::display;

use super::answered::Answered;
use crate::access::Credentials;
use crate::access::identity::caller;

/// Refuses the calls of nobody.
#[derive(Clone)]
pub(crate) struct Authorisation(pub(crate) Credentials);

impl<S> Layer<S> for Authorisation {
    type Service = Authorised<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authorised { inner, access: self.0.clone() }
    }
}

/// A service that somebody has to call.
#[derive(Clone)]
pub(crate) struct Authorised<S> {
    inner: S,
    access: Credentials,
}

impl<S, B> Service<Request<B>> for Authorised<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answered<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match caller(request.extensions()) {
            Ok(identity) => _ = tracing::Span::current().record("identity", display(&identity)),
            Err(_) if is_for_everybody(request.uri().path()) => {}
            Err(_) => return Answered::now(Status::unauthenticated(self.access.how()).into_http()),
        }
        Answered::ByService(self.inner.call(request))
    }
}

fn is_for_everybody(path: &str) -> bool {
    ["/grpc.health.v1.", "/grpc.reflection."].iter().any(|service| path.starts_with(service))
}
