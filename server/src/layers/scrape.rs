//! `/metrics`: what a Prometheus server gets at the address of the services.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;
use tower::{Layer, Service};

use super::answered::{self, Answered};
use crate::access::Credentials;
use crate::access::identity::caller;
use crate::metrics::Metrics;

/// Answers GET `/metrics` with the figures of the server, which tell of everybody's work: only to somebody.
#[derive(Clone)]
pub(crate) struct Scrapes(pub(crate) Arc<Metrics>, pub(crate) Credentials);

impl<S> Layer<S> for Scrapes {
    type Service = WithScrapes<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithScrapes { inner, metrics: Arc::clone(&self.0), access: self.1.clone() }
    }
}

/// A service with its figures beside it.
#[derive(Clone)]
pub(crate) struct WithScrapes<S> {
    inner: S,
    metrics: Arc<Metrics>,
    access: Credentials,
}

impl<S, B> Service<Request<B>> for WithScrapes<S>
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
        if request.method() == Method::GET && request.uri().path() == "/metrics" {
            if caller(request.extensions()).is_err() {
                return Answered::now(unknown(self.access.how()));
            }
            let metrics = Arc::clone(&self.metrics);
            return Answered::Later(Box::pin(async move { answer(metrics.scrape().await) }));
        }
        Answered::ByService(self.inner.call(request))
    }
}

fn answer(text: Result<String, std::fmt::Error>) -> Response<Body> {
    let (status, text) = match text {
        Ok(text) => (StatusCode::OK, text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    };
    let mut response = Response::new(Body::new(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn unknown(how: &str) -> Response<Body> {
    let mut response = answered::plain(StatusCode::UNAUTHORIZED, format!("{how}\n"));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
