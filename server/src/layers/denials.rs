//! Has the audit log told of every call that was denied, whatever denied it, and now and then of those of nobody.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::access::audit::Deed;
use crate::access::caller::{Access, Caller};
use crate::listen::Peer;

/// Has what is denied written down.
#[derive(Clone)]
pub(crate) struct Denials(pub(crate) Arc<Access>);

impl<S> Layer<S> for Denials {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Audited { inner, access: Arc::clone(&self.0) }
    }
}

/// A service whose denials are written down.
#[derive(Clone)]
pub(crate) struct Audited<S> {
    inner: S,
    access: Arc<Access>,
}

impl<S, B> Service<Request<B>> for Audited<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = AuditedCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let asked = self.access.is_audited().then(|| Asked {
            access: Arc::clone(&self.access),
            caller: self.access.caller(request.extensions()).ok(),
            peer: request.extensions().get().and_then(Peer::remote_addr),
            path: request.uri().path().to_owned(),
        });
        AuditedCall { call: self.inner.call(request), asked }
    }
}

/// A call that may be denied.
pub(crate) struct AuditedCall<F> {
    call: F,
    asked: Option<Asked>,
}

/// Who asked for what.
struct Asked {
    access: Arc<Access>,
    caller: Option<Caller>,
    peer: Option<SocketAddr>,
    path: String,
}

impl Asked {
    fn tell(&self, status: &Status) {
        let method = self.path.strip_prefix("/sockwright.v1.").unwrap_or(&self.path);
        match (&self.caller, status.code()) {
            (Some(caller), Code::PermissionDenied) => {
                caller.tell(&Deed { method, ..Deed::default() }, Err(status));
            }
            (None, Code::Unauthenticated) => self.access.nobody_called(self.peer, method, status),
            _ => {}
        }
    }
}

impl<F, E> Future for AuditedCall<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let result = ready!(Pin::new(&mut self.call).poll(cx));
        if let (Some(asked), Ok(response)) = (&self.asked, &result)
            && let Some(status) = Status::from_header_map(response.headers())
        {
            asked.tell(&status);
        }
        Poll::Ready(result)
    }
}
