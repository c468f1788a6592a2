//! Calls, seen as they pass, for the traces that want them: their octets are shared, not copied, and nothing is held up.
//!
//! The observers of figures and spans hear of numbers alone; this one is for the octets. Outside of deadlines and receipts: what is told is what the client was told.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::passing::{Passing, Watcher};
use crate::access::identity::caller;
use crate::traces::{Call, Traces, Way};

/// Shows calls to traces.
#[derive(Clone)]
pub(crate) struct Witnesses(pub(crate) Arc<Traces>);

impl<S> Layer<S> for Witnesses {
    type Service = Witnessed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Witnessed { inner, traces: Arc::clone(&self.0) }
    }
}

/// A service whose calls are seen.
#[derive(Clone)]
pub(crate) struct Witnessed<S> {
    inner: S,
    traces: Arc<Traces>,
}

impl<S> Service<Request<Body>> for Witnessed<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = WitnessedCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let begun = || {
            let caller = caller(request.extensions()).ok().map(|identity| identity.id());
            Call::begin(&self.traces, caller, request.uri().path(), request.headers())
        };
        let Some(call) = self.traces.hear().then(begun).flatten() else {
            return WitnessedCall { call: self.inner.call(request), seen: None };
        };
        let seen = Seen(call);
        let teller = Teller { way: Way::Request, call: Arc::clone(&seen.0), _seen: None };
        let request = request.map(|body| Passing::by(body, teller));
        WitnessedCall { call: self.inner.call(request), seen: Some(seen) }
    }
}

/// A call that is under way.
pub(crate) struct WitnessedCall<F> {
    call: F,
    seen: Option<Seen>,
}

impl<F, E> Future for WitnessedCall<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        Pin::new(&mut this.call).poll(cx).map_ok(|response| {
            let Some(seen) = this.seen.take() else { return response };
            // A call that failed at once has its status here, and no body.
            end(&seen.0, response.headers());
            let call = Arc::clone(&seen.0);
            let teller = Teller { way: Way::Response, call, _seen: Some(seen) };
            response.map(|body| Passing::by(body, teller))
        })
    }
}

/// Tells a call's octets on one way.
struct Teller {
    way: Way,
    call: Arc<Call>,
    _seen: Option<Seen>,
}

impl Watcher for Teller {
    fn sees(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        let Some(Ok(frame)) = frame else { return };
        if let Some(octets) = frame.data_ref() {
            self.call.pass(self.way, octets);
        } else if let (Way::Response, Some(trailers)) = (self.way, frame.trailers_ref()) {
            // Before the client has them: when it goes on, the call is told.
            end(&self.call, trailers);
        }
    }
}

fn end(call: &Call, headers: &HeaderMap) {
    if let Some(status) = Status::from_header_map(headers) {
        call.end(&status);
    }
}

/// Ends a call that nobody waits for any more.
struct Seen(Arc<Call>);

impl Drop for Seen {
    fn drop(&mut self) {
        self.0.end(&Status::cancelled("the client went away"));
    }
}
