//! `/metrics`: what a Prometheus server gets at the address of the services.
//!
//! The figures tell of everybody's work, so they are for who sees all; and they cost something, so a scrape is admitted as
//! calls are, and is one for all who ask while it is made.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};

use super::Admission;
use super::gate::{self, Answer, Keeper};
use crate::access::Credentials;
use crate::access::audit::Deed;
use crate::access::caller::Access;
use crate::listen::Peer;
use crate::metrics::Metrics;

/// Answers GET `/metrics` with the figures of the server, to who sees all.
#[derive(Clone)]
pub(crate) struct Scrapes {
    metrics: Arc<Metrics>,
    access: Credentials,
    callers: Arc<Access>,
    admission: Admission,
    last: Arc<Last>,
}

impl Scrapes {
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        access: Credentials,
        callers: Arc<Access>,
        admission: Admission,
    ) -> Self {
        Scrapes { metrics, access, callers, admission, last: Arc::default() }
    }
}

impl Keeper for Scrapes {
    fn answer<B>(&self, request: &Request<B>) -> Option<Answer> {
        if request.method() != Method::GET || request.uri().path() != "/metrics" {
            return None;
        }
        let Ok(caller) = self.callers.caller(request.extensions()) else {
            let peer = request.extensions().get().and_then(Peer::remote_addr);
            self.callers.nobody_called(peer, METHOD, &Status::unauthenticated(self.access.how()));
            return Some(Answer::Now(unknown(self.access.how())));
        };
        if !caller.grants().sees_all() {
            let text = "The figures are of everybody's work: a role with `see = \"all\"` may read them.\n";
            let deed = Deed { method: METHOD, ..Deed::default() };
            caller.tell(&deed, Err(&Status::permission_denied(text.trim_end())));
            return Some(Answer::Now(gate::plain(StatusCode::FORBIDDEN, text.to_owned())));
        }
        let permit = match self.admission.admit(request) {
            Ok(permit) => permit,
            Err(status) => return Some(Answer::Now(later(&status))),
        };
        let (metrics, last) = (Arc::clone(&self.metrics), Arc::clone(&self.last));
        Some(Answer::Later(Box::pin(async move {
            let figures = last.or(async { metrics.scrape().await.map(Bytes::from) }).await;
            drop(permit);
            answer(figures)
        })))
    }
}

/// The last scrape, for all who asked before it began.
#[derive(Debug, Default)]
struct Last(Mutex<Option<(Instant, Bytes)>>);

impl Last {
    /// It, or another one, of which there is one at a time.
    async fn or<E>(&self, scrape: impl Future<Output = Result<Bytes, E>>) -> Result<Bytes, E> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((began, figures)) = &*last
            && *began >= asked
        {
            return Ok(figures.clone());
        }
        let began = Instant::now();
        let figures = scrape.await?;
        *last = Some((began, figures.clone()));
        Ok(figures)
    }
}

fn answer<E>(figures: Result<Bytes, E>) -> Response<Body> {
    let (status, figures) = match figures {
        Ok(figures) => (StatusCode::OK, figures),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    };
    let mut response = Response::new(Body::new(Full::new(figures)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn unknown(how: &str) -> Response<Body> {
    let mut response = gate::plain(StatusCode::UNAUTHORIZED, format!("{how}\n"));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Not admitted: it is as calls are told.
fn later(status: &Status) -> Response<Body> {
    let code = match status.code() {
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = gate::plain(code, format!("{}\n", status.message()));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Its name in the audit log.
const METHOD: &str = "metrics";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asks_while_others_do_shares_the_next_scrape_with_them() {
        let (last, made) = (Arc::new(Last::default()), Arc::new(AtomicUsize::new(0)));
        let go_on = Arc::new(Semaphore::new(0));
        let ask = || {
            let (last, made, go_on) = (Arc::clone(&last), Arc::clone(&made), Arc::clone(&go_on));
            async move {
                let scrape = async {
                    let number = made.fetch_add(1, Ordering::Relaxed);
                    _ = go_on.acquire().await;
                    Ok::<_, Infallible>(Bytes::from(number.to_string()))
                };
                last.or(scrape).await.unwrap()
            }
        };
        let mut asked = JoinSet::new();
        for _ in 0..20 {
            asked.spawn(ask());
            // Each has asked before the next one does.
            tokio::time::advance(std::time::Duration::from_millis(1)).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(made.load(Ordering::Relaxed), 1, "one at a time");
        go_on.close();
        let told = asked.join_all().await;
        assert_eq!(told.iter().filter(|told| *told == "1").count(), 19, "{told:?}");
        assert_eq!(made.load(Ordering::Relaxed), 2);
    }
}
