//! What a caller may do: nothing, for nobody.
//!
//! Health and reflection are for everybody: they tell whether the server serves, and the contract that is published anyway, to
//! probes and tools that have no identity.

use http::Request;
use tonic::Status;
use tracing::field::display;

use super::gate::{Answer, Keeper};
use crate::access::Credentials;
use crate::access::identity::caller;

/// Refuses the calls of nobody.
#[derive(Clone)]
pub(crate) struct Authorisation(pub(crate) Credentials);

impl Keeper for Authorisation {
    fn answer<B>(&self, request: &Request<B>) -> Option<Answer> {
        match caller(request.extensions()) {
            Ok(identity) => _ = tracing::Span::current().record("identity", display(&identity)),
            Err(_) if is_for_everybody(request.uri().path()) => {}
            Err(_) => return Some(Answer::Now(Status::unauthenticated(self.0.how()).into_http())),
        }
        None
    }
}

fn is_for_everybody(path: &str) -> bool {
    ["/grpc.health.v1.", "/grpc.reflection."].iter().any(|service| path.starts_with(service))
}
