//! Receipts of responses: settled when HTTP/2 takes the response's data, given back when it never does.
//!
//! A handler that answers puts its [`Receipt`] into the response ([`with_receipt`]). Between there and the wire the
//! response may still be dropped: the client cancelled while the answer was on its way through the server. hyper looks
//! for a cancelled stream before it asks for data, so whatever was cancelled before is never asked for.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::passing::{Passing, Watcher};
use crate::stack::receipt::Receipt;

/// A response that settles `receipt` when it is delivered.
pub(crate) fn with_receipt<T>(message: T, receipt: Receipt) -> tonic::Response<T> {
    let mut response = tonic::Response::new(message);
    if !receipt.is_empty() {
        response.extensions_mut().insert(Carried(Arc::new(Mutex::new(Some(receipt)))));
    }
    response
}

/// What a response that never travels holds: it is delivered.
pub(crate) fn delivered<T>(mut response: tonic::Response<T>) -> T {
    if let Some(receipt) = response.extensions_mut().remove::<Carried>().and_then(Carried::take) {
        receipt.settle();
    }
    response.into_inner()
}

/// Extensions have to be cloneable; there is one receipt all the same.
#[derive(Clone, Debug)]
struct Carried(Arc<Mutex<Option<Receipt>>>);

impl Carried {
    fn take(self) -> Option<Receipt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Settles the receipts of delivered responses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deliveries;

impl<S> Layer<S> for Deliveries {
    type Service = WithDelivery<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithDelivery(inner)
    }
}

/// A service whose responses settle their receipts.
#[derive(Clone, Debug)]
pub(crate) struct WithDelivery<S>(S);

impl<S, B> Service<Request<B>> for WithDelivery<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Delivery<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Delivery(self.0.call(request))
    }
}

/// A call whose response may carry a receipt.
pub(crate) struct Delivery<F>(F);

impl<F, E> Future for Delivery<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_ok(|mut response| {
            match response.extensions_mut().remove::<Carried>().and_then(Carried::take) {
                Some(receipt) => response.map(|body| Passing::by(body, Settling(Some(receipt)))),
                None => response,
            }
        })
    }
}

/// Settles a receipt when the response's data goes out.
struct Settling(Option<Receipt>);

impl Watcher for Settling {
    fn sees(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        if let Some(Ok(frame)) = frame
            && frame.is_data()
            && let Some(receipt) = self.0.take()
        {
            receipt.settle();
        }
    }
}
