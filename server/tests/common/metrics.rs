//! What `/metrics` says, read.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;

/// One scrape.
#[derive(Debug)]
pub(crate) struct Scrape {
    /// By metric: its kind.
    pub(crate) kinds: BTreeMap<String, String>,
    /// By name and labels as they are written.
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    /// What the server at `address` says now.
    pub(crate) async fn of(address: SocketAddr) -> Scrape {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get("/metrics").header(header::HOST, address.to_string());
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = &response.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        let text = response.into_body().collect().await.unwrap().to_bytes();
        Scrape::read(str::from_utf8(&text).unwrap())
    }

    /// Each sample once, after the kind of its metric; the end last.
    fn read(text: &str) -> Scrape {
        let (mut kinds, mut samples) = (BTreeMap::new(), BTreeMap::new());
        let body = text.strip_suffix("# EOF\n").expect("an end");
        for line in body.lines() {
            if let Some(told) = line.strip_prefix("# TYPE ") {
                let (name, kind) = told.split_once(' ').unwrap();
                assert_eq!(kinds.insert(name.to_owned(), kind.to_owned()), None, "{name}");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
                assert_eq!(samples.insert(series.to_owned(), value), None, "{series}");
            }
        }
        Scrape { kinds, samples }
    }

    /// The value of a series, written as in a query; 0 where it is not there.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.samples.get(series).copied().unwrap_or(0.0)
    }

    /// Every series whose name and labels begin so, without that beginning.
    pub(crate) fn beginning<'s>(&'s self, beginning: &'s str) -> BTreeMap<&'s str, f64> {
        let told =
            self.samples.iter().filter_map(|(series, value)| Some((series.strip_prefix(beginning)?, *value)));
        told.collect()
    }

    /// The names of all samples, with suffixes and without labels.
    pub(crate) fn names(&self) -> std::collections::BTreeSet<&str> {
        self.samples.keys().map(|series| series.split('{').next().unwrap_or(series)).collect()
    }
}
