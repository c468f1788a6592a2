//! The client's cookies, and the servers with which Fast Open went wrong.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::time::Instant;
use crate::wire::FastOpenCookie;

/// How long a server is left in peace after it did not take Fast Open well. Linux begins with as much.
const AVOIDED_FOR: Duration = Duration::from_secs(3600);

/// The two addresses between which a cookie is good, seen from our end.
//= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.3
//# The client MUST cache cookies from servers for later Fast Open
//# connections.  For a multihomed client, the cookies are dependent on
//# the client and server IP addresses.  Hence, the client should cache
//# at most one (most recently received) cookie per client and server IP
//# address pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    pub(crate) local: IpAddr,
    pub(crate) remote: IpAddr,
}

/// What a client may try with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Nothing: it went wrong not long ago.
    No,
    /// Ask for a cookie.
    Ask,
    /// Send data in the SYN, with this cookie; the server's MSS was this.
    Use(FastOpenCookie, u16),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    path: Path,
    cookie: FastOpenCookie,
    mss: u16,
}

/// What is remembered of servers: the latest last, the oldest forgotten first.
#[derive(Clone, Debug, Default)]
pub(crate) struct CookieCache {
    cookies: VecDeque<Entry>,
    avoided: VecDeque<(IpAddr, SocketAddr, Instant)>,
}

impl CookieCache {
    /// What to try from `local` with `remote`.
    pub(crate) fn attempt(&self, now: Instant, local: IpAddr, remote: SocketAddr) -> Attempt {
        let avoided = |entry: &&(IpAddr, SocketAddr, Instant)| (entry.0, entry.1) == (local, remote);
        if self.avoided.iter().find(avoided).is_some_and(|(_, _, until)| now < *until) {
            return Attempt::No;
        }
        let path = Path { local, remote: remote.ip() };
        let known = self.cookies.iter().find(|entry| entry.path == path);
        known.map_or(Attempt::Ask, |entry| Attempt::Use(entry.cookie, entry.mss))
    }

    /// A server gave a cookie. Whether another one was forgotten for it.
    pub(crate) fn keep(&mut self, path: Path, cookie: FastOpenCookie, mss: u16, limit: usize) -> bool {
        self.cookies.retain(|entry| entry.path != path);
        let full = self.cookies.len() >= limit;
        if full {
            self.cookies.pop_front();
        }
        self.cookies.push_back(Entry { path, cookie, mss });
        full
    }

    /// A server did not take it well. Whether another one was forgotten for it.
    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.3.1
    //# For any negative responses, the client SHOULD disable Fast Open on
    //# the specific path (the source and destination IP addresses and ports)
    //# at least temporarily.
    pub(crate) fn avoid(&mut self, now: Instant, local: IpAddr, remote: SocketAddr, limit: usize) -> bool {
        self.avoided.retain(|entry| (entry.0, entry.1) != (local, remote) && now < entry.2);
        let full = self.avoided.len() >= limit;
        if full {
            self.avoided.pop_front();
        }
        self.avoided.push_back((local, remote, now + AVOIDED_FOR));
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1));

    fn server(host: u8, port: u16) -> SocketAddr {
        ([10, 0, 0, host], port).into()
    }

    fn path(host: u8) -> Path {
        Path { local: LOCAL, remote: server(host, 0).ip() }
    }

    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.3
    //= type=test
    //# The client MUST cache cookies from servers for later Fast Open
    //# connections.
    #[test]
    fn the_latest_cookie_of_a_server_is_kept_for_all_its_ports() {
        let mut cache = CookieCache::default();
        let [old, new] = [1, 2].map(|octet| FastOpenCookie::new(&[octet; 8]).unwrap());
        assert_eq!(cache.attempt(Instant::ZERO, LOCAL, server(2, 80)), Attempt::Ask);
        assert!(!cache.keep(path(2), old, 1400, 2));
        assert!(!cache.keep(path(2), new, 1460, 2));
        assert_eq!(cache.attempt(Instant::ZERO, LOCAL, server(2, 80)), Attempt::Use(new, 1460));
        assert_eq!(cache.attempt(Instant::ZERO, LOCAL, server(2, 443)), Attempt::Use(new, 1460));
        assert!(!cache.keep(path(3), old, 1400, 2));
        assert!(cache.keep(path(4), old, 1400, 2), "the limit");
        assert_eq!(cache.attempt(Instant::ZERO, LOCAL, server(2, 80)), Attempt::Ask);
    }

    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.3.1
    //= type=test
    //# For any negative responses, the client SHOULD disable Fast Open on
    //# the specific path (the source and destination IP addresses and ports)
    //# at least temporarily.
    #[test]
    fn what_went_wrong_is_avoided_for_a_while_and_at_that_port() {
        let mut cache = CookieCache::default();
        assert!(!cache.avoid(Instant::ZERO, LOCAL, server(2, 80), 2));
        let soon = Instant::ZERO + AVOIDED_FOR / 2;
        assert_eq!(cache.attempt(soon, LOCAL, server(2, 80)), Attempt::No);
        assert_eq!(cache.attempt(soon, LOCAL, server(2, 81)), Attempt::Ask);
        assert_eq!(cache.attempt(Instant::ZERO + AVOIDED_FOR, LOCAL, server(2, 80)), Attempt::Ask);
        assert!(!cache.avoid(soon, LOCAL, server(3, 80), 2));
        assert!(cache.avoid(soon, LOCAL, server(4, 80), 2), "the limit");
    }
}
