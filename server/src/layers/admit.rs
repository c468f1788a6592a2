//! How many calls there may be at a time, at all and of one caller, and how fast one caller may make them.
//!
//! Nothing waits here: a call that is too much is refused at once, with the time after which its client may try again
//! (`grpc-retry-pushback-ms`). A call counts until its answer is on its way, a stream until it is over, however it ends.
//!
//! Costs a call two counters, and a stream one allocation besides.

use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use sockwright_engine::host::Errno;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::passing::{Passing, Watcher};
use crate::access::caller::Access;
use crate::access::identity::{Account, IdentityId, caller};
use crate::config::Limits;
use crate::error::status_saying;
use crate::listen::{Peer, Visit};
use crate::metrics::Calls;

/// Refuses calls that are too many or too fast.
#[derive(Clone)]
pub(crate) struct Admission(Arc<Hall>);

/// Where the calls of a server are counted.
struct Hall {
    calls: Arc<Calls>,
    /// What the policy says of callers.
    access: Arc<Access>,
    under_way: AtomicUsize,
    limit: usize,
    per_caller: usize,
    of_nobody: usize,
    of_nobody_on_one: usize,
    rate: Option<NonZeroU32>,
    began: Instant,
    /// Those who have no identity: what they call is for everybody, and they share what one has.
    nobody: Arc<Account>,
}

impl Admission {
    /// Within these limits; `calls` tells streams from others.
    pub(crate) fn new(calls: Arc<Calls>, access: Arc<Access>, limits: &Limits) -> Self {
        Admission(Arc::new(Hall {
            calls,
            access,
            under_way: AtomicUsize::new(0),
            limit: limits.calls,
            per_caller: limits.calls_per_identity,
            of_nobody: limits.calls_of_nobody,
            of_nobody_on_one: limits.calls_of_nobody_per_connection,
            rate: limits.call_rate_per_identity,
            began: Instant::now(),
            nobody: Account::new(IdentityId::LOCAL, "nobody"),
        }))
    }
}

impl Admission {
    /// A place for one call more, or when to come again.
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<Permit, Status> {
        self.0.admit(request)
    }
}

impl Hall {
    /// A place for one call more.
    fn admit<B>(self: &Arc<Self>, request: &Request<B>) -> Result<Permit, Status> {
        let (mut per_caller, mut rate, mut visit) = (self.per_caller, self.rate, None);
        let account = match caller(request.extensions()) {
            Ok(identity) => {
                if let Some(told) = self.access.limits_of_calls(&identity) {
                    per_caller = told.calls.unwrap_or(per_caller);
                    rate = told.calls_per_second.or(rate);
                }
                Arc::clone(identity.account())
            }
            Err(_) => {
                per_caller = self.of_nobody;
                visit = request.extensions().get().and_then(Peer::visit);
                Arc::clone(&self.nobody)
            }
        };
        let all = self.under_way.fetch_add(1, Ordering::Relaxed);
        let own = account.load.begin();
        // Refused, it gives both back.
        let permit = Permit { hall: Arc::clone(self), account, visit };
        if all >= self.limit {
            let message = format!("the server has the {} calls under way that it takes", self.limit);
            return Err(later(status_saying(Errno::EAGAIN, message, None), LATER));
        }
        if permit.visit.as_ref().is_some_and(|visit| visit.others() >= self.of_nobody_on_one) {
            let message =
                format!("nobody may have {} calls under way on one connection", self.of_nobody_on_one);
            return Err(later(status_saying(Errno::ENOBUFS, message, None), LATER));
        }
        if own >= per_caller {
            let message = format!("{} may have {per_caller} calls under way", permit.account.name());
            return Err(later(status_saying(Errno::ENOBUFS, message, None), LATER));
        }
        if let Some(rate) = rate
            && let Err(wait) = permit.account.load.take_turn(self.began.elapsed(), rate)
        {
            let message = format!("{} may make {rate} calls in a second", permit.account.name());
            return Err(later(status_saying(Errno::ENOBUFS, message, None), wait));
        }
        Ok(permit)
    }
}

/// A refusal that says when to come again, in the words of gRPC's retries.
fn later(mut status: Status, wait: Duration) -> Status {
    let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    status.metadata_mut().insert("grpc-retry-pushback-ms", ms.into());
    status
}

/// A call's place among those under way.
pub(crate) struct Permit {
    hall: Arc<Hall>,
    account: Arc<Account>,
    /// Where nobody calls, what keeps the connection from being taken for a silent one.
    visit: Option<Visit>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.hall.under_way.fetch_sub(1, Ordering::Relaxed);
        self.account.load.end();
    }
}

impl<S> Layer<S> for Admission {
    type Service = Admitted<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admitted { inner, hall: Arc::clone(&self.0) }
    }
}

/// A service that takes so many calls.
#[derive(Clone)]
pub(crate) struct Admitted<S> {
    inner: S,
    hall: Arc<Hall>,
}

impl<S, B> Service<Request<B>> for Admitted<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = AdmittedCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.hall.admit(&request) {
            Ok(permit) => {
                let streams = self.hall.calls.method(request.uri().path()).streams;
                AdmittedCall::UnderWay { call: self.inner.call(request), permit: Some(permit), streams }
            }
            Err(status) => AdmittedCall::Refused(Some(status)),
        }
    }
}

/// A call that has its place, or has been told that there is none.
pub(crate) enum AdmittedCall<F> {
    UnderWay { call: F, permit: Option<Permit>, streams: bool },
    Refused(Option<Status>),
}

impl<F, E> Future for AdmittedCall<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match &mut *self {
            AdmittedCall::Refused(status) => {
                status.take().map_or(Poll::Pending, |status| Poll::Ready(Ok(status.into_http())))
            }
            AdmittedCall::UnderWay { call, permit, streams } => {
                let result = ready!(Pin::new(call).poll(cx));
                let permit = permit.take();
                if !*streams {
                    return Poll::Ready(result);
                }
                Poll::Ready(result.map(|response| match permit {
                    Some(permit) => response.map(|body| Passing::by(body, permit)),
                    None => response,
                }))
            }
        }
    }
}

/// A stream has its place for as long as it lasts.
impl Watcher for Permit {}

/// After what time a client may try again that found no place.
const LATER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::BodyExt;
    use tonic::Code;

    use super::*;
    use crate::access::identity::{Identities, Identity, Proof};
    use crate::access::policy::Policy;
    use crate::layers::Panics;

    const UNARY: &str = "/sockwright.v1.Sockets/Recv";
    const STREAM: &str = "/sockwright.v1.Events/Watch";

    fn admission(limits: Limits) -> Admission {
        let calls = Arc::new(Calls::of(&[sockwright_proto::v1::FILE_DESCRIPTOR_SET]));
        Admission::new(calls, Access::new(Policy::allowing(&[]), Default::default()), &limits)
    }

    fn by(identity: &Identity, path: &str) -> Request<Body> {
        let mut peer = Peer::server();
        peer.is(Some(identity.clone()));
        Request::post(path).extension(peer).body(Body::empty()).unwrap()
    }

    fn code(response: &Response<Body>) -> Option<Code> {
        response.headers().get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
    }

    /// A handler that never answers, or answers with a body that never ends.
    #[derive(Clone, Copy)]
    enum Never {
        Answers,
        Ends,
        Panics,
    }

    async fn handle(never: Never) -> Result<Response<Body>, Infallible> {
        match never {
            Never::Answers => std::future::pending().await,
            Never::Ends => {
                let frames = tokio_stream::pending::<Result<Frame<Bytes>, Status>>();
                Ok(Response::new(Body::new(http_body_util::StreamBody::new(frames))))
            }
            Never::Panics => panic!("as asked"),
        }
    }

    fn service(
        admission: &Admission,
        never: Never,
    ) -> impl Service<
        Request<Body>,
        Response = Response<Body>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<Body>, Infallible>> + Unpin,
    > {
        admission.layer(Panics.layer(tower::service_fn(move |_| handle(never))))
    }

    fn under_way(admission: &Admission, identity: &Identity) -> (usize, usize) {
        (admission.0.under_way.load(Ordering::Relaxed), identity.account().load.under_way())
    }

    #[tokio::test]
    async fn every_way_for_a_call_to_end_gives_its_place_back() {
        let admission = admission(Limits::default());
        let local = Identities::new(1).local();
        let mut waits = service(&admission, Never::Answers);
        let waiting = waits.call(by(&local, UNARY));
        assert_eq!(under_way(&admission, &local), (1, 1));
        drop(waiting);
        assert_eq!(under_way(&admission, &local), (0, 0), "cancelled");

        let mut streams = service(&admission, Never::Ends);
        let stream = streams.call(by(&local, STREAM)).await.unwrap();
        assert_eq!(under_way(&admission, &local), (1, 1), "a stream has its place while it lasts");
        drop(stream);
        assert_eq!(under_way(&admission, &local), (0, 0), "its client has gone");
        let answer = streams.call(by(&local, UNARY)).await.unwrap();
        assert_eq!(under_way(&admission, &local), (0, 0), "answered");
        drop(answer);

        let mut panics = service(&admission, Never::Panics);
        let told = panics.call(by(&local, STREAM)).await.unwrap();
        assert_eq!(code(&told), Some(Code::Internal));
        drop(told.into_body().collect().await);
        assert_eq!(under_way(&admission, &local), (0, 0), "panicked");
    }

    #[tokio::test]
    async fn one_caller_has_its_share_and_takes_nothing_from_another() {
        let admission = admission(Limits { calls_per_identity: 2, calls: 3, ..Limits::default() });
        let identities = Identities::new(10);
        let [a, b] = ["token:a", "token:b"].map(|name| identities.known(name, Proof::Token).unwrap());
        let mut service = service(&admission, Never::Ends);
        let first = service.call(by(&a, STREAM)).await.unwrap();
        // The same name, proved once more.
        let again = identities.known("token:a", Proof::Token).unwrap();
        let _second = service.call(by(&again, STREAM)).await.unwrap();
        let refused = service.call(by(&a, STREAM)).await.unwrap();
        assert_eq!(code(&refused), Some(Code::ResourceExhausted));
        assert!(refused.headers()["grpc-retry-pushback-ms"].to_str().unwrap().parse::<u64>().unwrap() > 0);
        let _third = service.call(by(&b, STREAM)).await.unwrap();
        let shed = service.call(by(&b, STREAM)).await.unwrap();
        assert_eq!(code(&shed), Some(Code::Unavailable));
        assert_eq!(under_way(&admission, &a), (3, 2), "who was refused has no place");
        drop(first);
        assert_eq!(code(&service.call(by(&b, STREAM)).await.unwrap()), None);
    }

    #[tokio::test]
    async fn those_who_are_nobody_leave_places_for_those_who_are_somebody() {
        let admission = admission(Limits { calls_of_nobody: 1, ..Limits::default() });
        let mut service = service(&admission, Never::Ends);
        let strange = || {
            let mut peer = Peer::server();
            peer.is(None);
            Request::post(STREAM).extension(peer).body(Body::empty()).unwrap()
        };
        let _watched = service.call(strange()).await.unwrap();
        let refused = service.call(strange()).await.unwrap();
        assert_eq!(code(&refused), Some(Code::ResourceExhausted));
        let local = Identities::new(1).local();
        let admitted = service.call(by(&local, STREAM)).await.unwrap();
        assert_eq!(code(&admitted), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_has_its_rate() {
        let rate = NonZeroU32::new(2);
        let admission = admission(Limits { call_rate_per_identity: rate, ..Limits::default() });
        let local = Identities::new(1).local();
        let mut service = service(&admission, Never::Ends);
        let mut ask = async || code(&service.call(by(&local, UNARY)).await.unwrap());
        assert_eq!([ask().await, ask().await], [None, None]);
        assert_eq!(ask().await, Some(Code::ResourceExhausted));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!([ask().await, ask().await], [None, Some(Code::ResourceExhausted)]);
    }
}
