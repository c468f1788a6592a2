//! Calls as somebody watches them from outside: what begins, how many messages pass, how it ends.
//!
//! Owns [`Observed`], the layer, and [`Observer`], which is told. The spans and the figures are two of them, in
//! [`trace`](super::trace) and [`measure`](super::measure): one layer for [both](observers), for each costs every call. Never changes what
//! passes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::measure::Measure;
use super::passing::{Passing, Watcher};
use super::trace::Trace;
use crate::metrics::Calls;

/// Tells of every call and counts it. With `spans` whoever set the process's tracer has a span of each.
pub(crate) fn observers(
    calls: Arc<Calls>,
    spans: bool,
) -> Observed<impl Fn(&Request<Body>) -> (Trace, Measure) + Clone> {
    let tracer = spans.then(|| Arc::new(opentelemetry::global::tracer(env!("CARGO_PKG_NAME"))));
    Observed::by(move |request: &Request<Body>| {
        let path = request.uri().path();
        let trace = Trace::begin(tracer.as_deref(), &calls.method(path).full_name, request);
        (trace, Measure::begin(&calls, path))
    })
}

/// Watches one call. Dropped before it was told of an end: the client has gone.
pub(crate) trait Observer: Send + Unpin + 'static {
    /// Does a step of the call.
    fn step<T>(&mut self, step: impl FnOnce() -> T) -> T {
        step()
    }

    /// Where to count the messages that the client sends, if they are to be counted.
    fn received(&self) -> Option<Arc<AtomicU64>> {
        None
    }

    /// The client is sent so many messages more.
    fn sent(&mut self, messages: u64);

    /// The call is over.
    fn end(&mut self, code: Code);
}

/// Two who watch one call. Messages are counted for the first who wants it.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn step<T>(&mut self, step: impl FnOnce() -> T) -> T {
        let (a, b) = self;
        a.step(|| b.step(step))
    }

    fn received(&self) -> Option<Arc<AtomicU64>> {
        self.0.received().or_else(|| self.1.received())
    }

    fn sent(&mut self, messages: u64) {
        self.0.sent(messages);
        self.1.sent(messages);
    }

    fn end(&mut self, code: Code) {
        self.0.end(code);
        self.1.end(code);
    }
}

/// Has every call watched by what `begin` makes for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed<F> {
    begin: F,
}

impl<F> Observed<F> {
    /// `begin` sees the request and makes who watches the call.
    pub(crate) fn by(begin: F) -> Self {
        Observed { begin }
    }
}

impl<S, F: Clone> Layer<S> for Observed<F> {
    type Service = WithObserver<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        WithObserver { inner, begin: self.begin.clone() }
    }
}

/// A service whose calls are watched.
#[derive(Clone, Debug)]
pub(crate) struct WithObserver<S, F> {
    inner: S,
    begin: F,
}

impl<S, F, O> Service<Request<Body>> for WithObserver<S, F>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Unpin,
    F: Fn(&Request<Body>) -> O,
    O: Observer,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ObservedCall<S::Future, O>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut observer = (self.begin)(&request);
        let request = match observer.received() {
            Some(count) => {
                request.map(|body| Passing::by(body, Requests { messages: Messages::default(), count }))
            }
            None => request,
        };
        let call = observer.step(|| self.inner.call(request));
        ObservedCall { call, observer: Some(observer) }
    }
}

/// A call that is watched.
pub(crate) struct ObservedCall<F, O> {
    call: F,
    observer: Option<O>,
}

impl<F, E, O> Future for ObservedCall<F, O>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
    O: Observer,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let Some(observer) = &mut this.observer else { return Pin::new(&mut this.call).poll(cx) };
        let result = ready!(observer.step(|| Pin::new(&mut this.call).poll(cx)));
        let Some(mut observer) = this.observer.take() else { return Poll::Ready(result) };
        Poll::Ready(result.map(|response| match status_in(response.headers()) {
            // There is no more to come.
            Some(code) => {
                observer.end(code);
                response
            }
            None => {
                response.map(|body| Passing::by(body, Responses { messages: Messages::default(), observer }))
            }
        }))
    }
}

/// What a client sends, counted.
struct Requests {
    messages: Messages,
    count: Arc<AtomicU64>,
}

impl Watcher for Requests {
    fn sees(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        if let Some(Ok(frame)) = frame
            && let Some(data) = frame.data_ref()
        {
            self.count.fetch_add(self.messages.that_begin_in(data), Ordering::Relaxed);
        }
    }
}

/// What a client is sent, watched to its end.
struct Responses<O> {
    messages: Messages,
    observer: O,
}

impl<O: Observer> Watcher for Responses<O> {
    fn step<T>(&mut self, step: impl FnOnce() -> T) -> T {
        self.observer.step(step)
    }

    fn sees(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        let Responses { messages, observer } = self;
        match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    observer.sent(messages.that_begin_in(data));
                }
                if let Some(code) = frame.trailers_ref().and_then(status_in) {
                    observer.end(code);
                }
            }
            Some(Err(status)) => observer.end(status.code()),
            // Without a status: whoever reads it takes that for this.
            None => observer.end(Code::Unknown),
        }
    }
}

/// The `grpc-status` in headers or trailers, if it is there.
fn status_in(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
}

/// Where the messages of one side begin: each is an octet of flags, four of its length, and the message. Frames of HTTP/2 may
/// cut them anywhere.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// Octets of the message under way that are still to come.
    rest: usize,
    /// What has come of a prefix, and how many octets of it.
    prefix: [u8; PREFIX],
    begun: usize,
}

impl Messages {
    /// How many begin in these octets, which come next.
    pub(super) fn that_begin_in(&mut self, mut octets: &[u8]) -> u64 {
        let mut begun = 0;
        while !octets.is_empty() {
            let of_message = self.rest.min(octets.len());
            octets.advance(of_message);
            self.rest -= of_message;
            if self.rest > 0 {
                break;
            }
            let of_prefix = (PREFIX - self.begun).min(octets.len());
            octets.copy_to_slice(&mut self.prefix[self.begun..][..of_prefix]);
            self.begun += of_prefix;
            if self.begun == PREFIX {
                let [_, a, b, c, d] = self.prefix;
                begun += 1;
                self.rest = u32::from_be_bytes([a, b, c, d]) as usize;
                self.begun = 0;
            }
        }
        begun
    }

    /// No message is under way.
    pub(super) fn are_whole(&self) -> bool {
        self.rest == 0 && self.begun == 0
    }
}

/// Octets in front of a message.
const PREFIX: usize = 5;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn messages_are_counted_wherever_frames_cut_them() {
        let stream: Vec<u8> = [0, 3, 300, 0, 1]
            .into_iter()
            .flat_map(|length: u32| [&[0][..], &length.to_be_bytes(), &vec![7; length as usize]].concat())
            .collect();
        for size in [1, 2, 4, 5, 6, 7, 100, stream.len()] {
            let mut messages = Messages::default();
            let begun: u64 = stream.chunks(size).map(|octets| messages.that_begin_in(octets)).sum();
            assert_eq!(begun, 5, "in frames of {size}");
        }
    }

    /// What an observer was told.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Observer for Told {
        fn sent(&mut self, messages: u64) {
            self.0.lock().unwrap().push(format!("sent {messages}"));
        }

        fn end(&mut self, code: Code) {
            self.0.lock().unwrap().push(format!("{code:?}"));
        }
    }

    async fn told_of(response: Response<Body>) -> Vec<String> {
        let told = Told::default();
        let response = Arc::new(Mutex::new(Some(response)));
        let inner = tower::service_fn(move |_: Request<Body>| {
            let response = response.lock().unwrap().take().unwrap();
            Box::pin(async move { Ok::<_, Infallible>(response) })
        });
        let observer = told.clone();
        let mut service = Observed::by(move |_: &Request<Body>| observer.clone()).layer(inner);
        let response = service.call(Request::new(Body::empty())).await.unwrap();
        _ = response.into_body().collect().await;
        told.0.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn a_status_is_found_in_headers_and_in_trailers() {
        assert_eq!(told_of(Status::not_found("").into_http()).await, ["NotFound"]);

        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "5".parse().unwrap());
        let frames = [Frame::data(Bytes::from_static(&[0, 0, 0, 0, 0])), Frame::trailers(trailers)];
        let frames = tokio_stream::iter(frames.map(Ok::<_, Status>));
        let body = Body::new(http_body_util::StreamBody::new(frames));
        assert_eq!(told_of(Response::new(body)).await[..2], ["sent 1", "NotFound"]);
    }
}
