//! Has the audit log told of every call that was denied, whatever denied it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::access::audit::Deed;
use crate::access::caller::{Access, Caller};

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
        let caller =
            self.access.is_audited().then(|| self.access.caller(request.extensions()).ok()).flatten();
        let who = caller.map(|caller| (caller, request.uri().path().to_owned()));
        AuditedCall { call: self.inner.call(request), who }
    }
}

/// A call that may be denied.
pub(crate) struct AuditedCall<F> {
    call: F,
    who: Option<(Caller, String)>,
}

impl<F, E> Future for AuditedCall<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let result = ready!(Pin::new(&mut self.call).poll(cx));
        if let (Some((caller, path)), Ok(response)) = (&self.who, &result)
            && let Some(status) = Status::from_header_map(response.headers())
            && status.code() == Code::PermissionDenied
        {
            let method = path.strip_prefix("/sockwright.v1.").unwrap_or(path);
            caller.tell(&Deed { method, ..Deed::default() }, Err(&status));
        }
        Poll::Ready(result)
    }
}
