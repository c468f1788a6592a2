//! The names that browsers may call this server by, on loopback: against DNS rebinding.
//!
//! A page of anybody's can make its own name lead to 127.0.0.1, and then it is of the same origin as what listens there:
//! the browser lets it read and call everything. What it cannot do is have the browser call us by another name than its
//! own. So what comes to a loopback address is answered only if it calls us by an address, by `localhost`, or by a name that we
//! were told; and a page that says where it is from has to be from here. Programs that speak gRPC send no `Origin` and are not
//! asked.
//!
//! ```text
//! GET / HTTP/1.1                          POST /sockwright.v1.Sockets/List
//! Host: evil.example:50051   -> 421       Host: localhost:50051              -> 403
//!                                         Origin: https://evil.example
//! ```

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, StatusCode, Uri};

use super::gate::{self, Answer, Keeper};
use crate::listen::Peer;

/// Refuses what browsers ask of a loopback address in another name than ours.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Besides addresses and `localhost`.
    own: Arc<[String]>,
}

impl Names {
    /// With these names of our own.
    pub(crate) fn new(own: &[String]) -> Self {
        Names { own: own.iter().map(|name| plain(name)).collect() }
    }

    /// Why a request is refused, if it is.
    fn refusal<B>(&self, request: &Request<B>) -> Option<(StatusCode, String)> {
        let local = request.extensions().get().and_then(Peer::local_addr);
        let origin = request.headers().get(header::ORIGIN);
        // Browsers tell it with everything but these.
        let may_be_a_page = origin.is_some() || [Method::GET, Method::HEAD].contains(request.method());
        if !local.is_some_and(is_loopback) || !may_be_a_page {
            return None;
        }
        let host = called(request);
        if !host.as_deref().is_some_and(|host| self.is_own(host) || address(host).is_some()) {
            let host = host.unwrap_or_default();
            let text = format!(
                "On loopback this server goes by addresses, by localhost, and by the names that --host gives; {host:?} is none \
                 of them.\n"
            );
            return Some((StatusCode::MISDIRECTED_REQUEST, text));
        }
        let from = origin.map(|origin| host_of_origin(origin).unwrap_or_default())?;
        let is_ours = Some(&from) == host.as_ref()
            || self.is_own(&from)
            || address(&from).is_some_and(|address| address.is_loopback());
        let text = || format!("Pages from {from:?} may not call this server: --host allows a name.\n");
        (!is_ours).then(|| (StatusCode::FORBIDDEN, text()))
    }

    fn is_own(&self, host: &str) -> bool {
        host == "localhost" || host.ends_with(".localhost") || self.own.iter().any(|own| own == host)
    }
}

impl Keeper for Names {
    fn answer<B>(&self, request: &Request<B>) -> Option<Answer> {
        let (status, text) = self.refusal(request)?;
        Some(Answer::Now(gate::plain(status, text)))
    }
}

/// The name that a request calls us by: HTTP/2 has it in the address, HTTP/1 in a header.
fn called<B>(request: &Request<B>) -> Option<String> {
    match request.uri().authority() {
        Some(authority) => Some(plain(authority.host())),
        None => {
            let host = request.headers().get(header::HOST)?.to_str().ok()?;
            Some(plain(host.parse::<Authority>().ok()?.host()))
        }
    }
}

/// The host of `https://host:port`; none for `null`, and for what is no origin.
fn host_of_origin(origin: &HeaderValue) -> Option<String> {
    let origin: Uri = origin.to_str().ok()?.parse().ok()?;
    origin.scheme()?;
    origin.host().map(plain)
}

/// As it is compared: without the dot at its end, in small letters.
fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Where IPv4 comes to a socket of IPv6 as well.
fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(host: &str, origin: Option<&str>) -> u16 {
        let names = Names::new(&["Peers.example.".to_owned()]);
        let mut request = Request::post("/sockwright.v1.Sockets/List").header(header::HOST, host);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let mut request = request.body(()).unwrap();
        if origin.is_none() {
            *request.method_mut() = Method::GET;
        }
        request.extensions_mut().insert(info("127.0.0.1:50051"));
        names.refusal(&request).map_or(200, |(status, _)| status.as_u16())
    }

    fn info(local: &str) -> Peer {
        Peer::at(local.parse().unwrap())
    }

    #[test]
    fn pages_are_shown_by_address_by_localhost_and_by_names_that_were_told() {
        for host in [
            "127.0.0.1:50051",
            "127.0.0.1",
            "[::1]:50051",
            "10.1.2.3:50051",
            "localhost:50051",
            "LOCALHOST",
            "sockwright.localhost:1",
            "peers.example:50051",
            "peers.example.",
        ] {
            assert_eq!(status(host, None), 200, "{host}");
        }
        for host in [
            "evil.example:50051",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "peers.example.evil",
            "",
            "a b",
        ] {
            assert_eq!(status(host, None), 421, "{host}");
        }
    }

    #[test]
    fn pages_call_from_here_and_from_nowhere_else() {
        for (host, origin) in [
            ("localhost:50051", "http://localhost:50051"),
            ("10.1.2.3:50051", "http://10.1.2.3:50051"),
            // A page under development, behind its own server.
            ("127.0.0.1:50051", "http://localhost:5173"),
            ("127.0.0.1:50051", "http://[::1]:5173"),
            // A proxy in front, under a name that was told.
            ("127.0.0.1:50051", "https://peers.example"),
        ] {
            assert_eq!(status(host, Some(origin)), 200, "{origin} to {host}");
        }
        for (host, origin) in [
            ("localhost:50051", "https://evil.example"),
            ("localhost:50051", "http://10.1.2.3"),
            ("localhost:50051", "null"),
            ("localhost:50051", "localhost"),
            ("localhost:50051", ""),
        ] {
            assert_eq!(status(host, Some(origin)), 403, "{origin} to {host}");
        }
        // Rebound: the page and the name it calls us by are the same.
        assert_eq!(status("evil.example:50051", Some("http://evil.example:50051")), 421);
    }

    #[test]
    fn grpc_clients_and_other_addresses_are_not_asked() {
        let names = Names::new(&[]);
        let mut call =
            Request::post("http://peer.example:50051/sockwright.v1.Sockets/List").body(()).unwrap();
        call.extensions_mut().insert(info("127.0.0.1:50051"));
        assert!(names.refusal(&call).is_none(), "no browser sends this");
        let mut page = Request::get("/").header(header::HOST, "peers.lan").body(()).unwrap();
        page.extensions_mut().insert(info("192.0.2.7:50051"));
        assert!(names.refusal(&page).is_none(), "who listens there means to be found by others");
        page.extensions_mut().insert(info("[::ffff:127.0.0.1]:50051"));
        assert!(names.refusal(&page).is_some());
    }
}
