//! The page: what a browser gets at the address of the services.
//!
//! Owns what GET and HEAD answer, which gRPC never uses: the files of `dashboard/dist`, embedded as they were when the
//! server was built. Everything else goes on to the services untouched. The page itself calls them by gRPC-Web, so that there
//! is nothing here that a gRPC client could not have.
//!
//! The files change only with the server: a browser asks each time whether its copy still holds, by its tag.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;

use super::gate::{Answer, Keeper};

/// Answers GET and HEAD with the files of the page.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pages;

impl Keeper for Pages {
    fn answer<B>(&self, request: &Request<B>) -> Option<Answer> {
        let response = || answer(request.uri().path(), request.headers());
        match *request.method() {
            Method::GET => Some(Answer::Now(response())),
            Method::HEAD => Some(Answer::Now(response().map(|_| Body::empty()))),
            _ => None,
        }
    }
}

/// A file of the page.
struct Embedded {
    /// Below `dashboard/dist`, with slashes.
    path: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    /// Another one whenever the file is another.
    tag: &'static str,
}

/// A page for those without a server: its scripts are inside of it, which the policy of this one does not admit.
const TO_BE_SAVED: &str = "trace.html";
const SAVED_AS: &str = "attachment; filename=\"sockwright-trace.html\"";

/// In the order of their paths.
const FILES: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

fn answer(path: &str, asked: &HeaderMap) -> Response<Body> {
    let path = match path {
        "/" => "index.html",
        path => path.strip_prefix('/').unwrap_or(path),
    };
    let file = FILES.binary_search_by(|file| file.path.cmp(path)).ok().and_then(|found| FILES.get(found));
    let mut response = match file {
        Some(file) => file.answer(asked),
        None => nothing(path),
    };
    let headers = response.headers_mut();
    for (name, value) in EVERYWHERE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Embedded {
    fn answer(&self, asked: &HeaderMap) -> Response<Body> {
        let gzip = self.gzip.len() < self.plain.len() && takes_gzip(asked);
        // Two forms of a file are two representations, each with a tag of its own (RFC 9110 §8.8.3.3).
        let tag = format!("\"{}{}\"", self.tag, if gzip { "-gzip" } else { "" });
        let known = asked.get_all(header::IF_NONE_MATCH).iter().any(|tags| names(tags, &tag));
        let body = if gzip { self.gzip } else { self.plain };
        let mut response = Response::new(match known {
            true => Body::empty(),
            false => Body::new(Full::new(Bytes::from_static(body))),
        });
        let headers = response.headers_mut();
        match known {
            true => *response.status_mut() = StatusCode::NOT_MODIFIED,
            false => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(self.path)));
                headers.insert(header::CONTENT_LENGTH, body.len().into());
                if self.path == TO_BE_SAVED {
                    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(SAVED_AS));
                }
                if gzip {
                    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                }
            }
        }
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

fn nothing(path: &str) -> Response<Body> {
    let text = match path.starts_with("sockwright.") {
        true => "A service is called by POST, in gRPC or gRPC-Web. The page is at /.\n",
        false => "There is nothing here. The page is at /.\n",
    };
    let mut response = Response::new(Body::new(Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONTENT_LENGTH, text.len().into());
    response
}

/// Said with every file: only what this server serves is run, shown or called.
const EVERYWHERE: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Whether gzip is among what may be sent, and not refused with a weight of 0 (RFC 9110 §12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let codings = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.trim().parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Whether a list of tags has this one, by the weak comparison that `If-None-Match` uses (RFC 9110 §13.1.2).
fn names(tags: &HeaderValue, tag: &str) -> bool {
    let Ok(tags) = tags.to_str() else { return false };
    tags.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
