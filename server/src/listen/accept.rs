//! Connections, accepted and shaken hands with.
//!
//! Each listener has a task of its own, which only accepts; each handshake has one, which ends in time. Where there are too many
//! handshakes the oldest gives way, as who is slow on purpose would otherwise keep everyone else out. One source has so many
//! [places](super::places) and no more. Dropping [`Accepting`] closes the listeners.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;

use super::Listener;
use super::connection::{Connection, Io, Peer};
use super::places::{Place, Places, Source};
use super::presence::Times;
use super::unix::SocketFile;
use crate::access::Credentials;
use crate::config::Limits;

/// The connections that come in. Dropped, it closes the listeners and ends the handshakes under way.
pub(crate) struct Accepting {
    ready: mpsc::Receiver<Connection>,
    _doors: JoinSet<()>,
    _files: Vec<SocketFile>,
}

impl Stream for Accepting {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(cx).map(|connection| connection.map(Ok))
    }
}

/// Accepts what comes to these listeners.
pub(crate) fn accept(
    listeners: Vec<Listener>,
    access: &Credentials,
    limits: &Limits,
) -> io::Result<Accepting> {
    let (sender, ready) = mpsc::channel(READY);
    let hall = Hall {
        access: access.clone(),
        ready: sender,
        places: Places::new(limits.connections, limits.connections_per_source),
        handshakes: limits.handshakes,
        times: Times {
            first_octets: limits.handshake_time,
            of_nobody: limits.idle_of_nobody,
            age_of_nobody: limits.age_of_nobody,
        },
    };
    let (mut doors, mut files) = (JoinSet::new(), Vec::new());
    for listener in listeners {
        let hall = hall.clone();
        match listener {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                rustix::net::listen(&listener, BACKLOG)?;
                doors.spawn(hall.tcp(TcpListener::from_std(listener)?));
            }
            Listener::Unix(door) => {
                let (listener, file) = door.into_parts();
                listener.set_nonblocking(true)?;
                rustix::net::listen(&listener, BACKLOG)?;
                doors.spawn(hall.unix(UnixListener::from_std(listener)?));
                files.push(file);
            }
        }
    }
    Ok(Accepting { ready, _doors: doors, _files: files })
}

/// What every door leads to.
#[derive(Clone)]
struct Hall {
    access: Credentials,
    ready: mpsc::Sender<Connection>,
    places: Arc<Places>,
    handshakes: usize,
    times: Times,
}

impl Hall {
    async fn tcp(self, listener: TcpListener) {
        let mut handshakes = Handshakes { tasks: JoinSet::new(), oldest: VecDeque::new() };
        loop {
            let (socket, remote) = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        pause(&error).await;
                        continue;
                    }
                },
                Some(_) = handshakes.tasks.join_next() => continue,
            };
            let Some(place) = self.places.take(remote.ip().into()) else { continue };
            _ = socket.set_nodelay(true);
            // HTTP/1 asks nobody whether he is still there.
            _ = SockRef::from(&socket).set_tcp_keepalive(&KEEP_ALIVE);
            let Ok(local) = socket.local_addr() else { continue };
            match self.access.acceptor() {
                Some(acceptor) => {
                    let shaking = self.clone().shake_hands(acceptor, socket, (local, remote), place);
                    handshakes.begin(remote.ip().into(), shaking, self.handshakes);
                }
                None => {
                    let peer = Peer::new(Some((local, remote)), self.access.of_nobody());
                    self.hand_over(Io::Tcp(socket), peer, place).await;
                }
            }
        }
    }

    async fn unix(self, listener: UnixListener) {
        loop {
            let socket = match listener.accept().await {
                Ok((socket, _)) => socket,
                Err(error) => {
                    pause(&error).await;
                    continue;
                }
            };
            let Ok(credentials) = socket.peer_cred() else { continue };
            let Some(place) = self.places.take(Source::User(credentials.uid())) else { continue };
            let Some(peer) = self.user(credentials.uid()) else { continue };
            self.hand_over(Io::Unix(socket), peer, place).await;
        }
    }

    fn user(&self, uid: u32) -> Option<Peer> {
        match self.access.of_user(uid) {
            Ok(identity) => Some(Peer::new(None, Some(identity))),
            Err(problem) => {
                tracing::warn!("a connection is closed: {problem}");
                None
            }
        }
    }

    async fn shake_hands(
        self,
        acceptor: TlsAcceptor,
        socket: TcpStream,
        at: (SocketAddr, SocketAddr),
        place: Place,
    ) {
        let peer = at.1;
        let stream = match tokio::time::timeout(self.times.first_octets, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%peer, "no TLS handshake: {error}"),
            Err(_) => return tracing::debug!(%peer, "no TLS handshake in time"),
        };
        let certificates = stream.get_ref().1.peer_certificates();
        match self.access.of_certificates(certificates) {
            Ok(identity) => {
                self.hand_over(Io::Tls(Box::new(stream)), Peer::new(Some(at), identity), place).await;
            }
            Err(problem) => tracing::warn!(%peer, "a connection is closed: {problem}"),
        }
    }

    async fn hand_over(&self, io: Io, peer: Peer, place: Place) {
        // Nobody takes it when the server ends.
        _ = self.ready.send(Connection::new(io, peer, self.times, place)).await;
    }
}

/// Handshakes under way, the oldest first.
struct Handshakes {
    tasks: JoinSet<()>,
    oldest: VecDeque<(Source, AbortHandle)>,
}

impl Handshakes {
    /// The oldest gives way to one more than there may be. Of a source that has a share of them, its own does: who is fast on
    /// purpose is in nobody's way but his.
    fn begin(&mut self, source: Source, handshake: impl Future<Output = ()> + Send + 'static, limit: usize) {
        self.oldest.retain(|(_, task)| !task.is_finished());
        let own = self.oldest.iter().filter(|(whose, _)| *whose == source).count();
        if own >= limit.div_ceil(SHARES) {
            self.end(|whose| whose == source);
        }
        while self.oldest.len() >= limit {
            self.end(|_| true);
        }
        self.oldest.push_back((source, self.tasks.spawn(handshake)));
    }

    /// Ends the oldest of these.
    fn end(&mut self, of: impl Fn(Source) -> bool) {
        let place = self.oldest.iter().position(|(whose, _)| of(*whose));
        place.and_then(|place| self.oldest.remove(place)).inspect(|(_, task)| task.abort());
    }
}

/// A client that has gone already is nothing; where there are no descriptors left the next try fails as well, until a connection ends.
async fn pause(error: &io::Error) {
    if [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset].contains(&error.kind()) {
        return;
    }
    tracing::warn!("a connection was not accepted: {error}");
    tokio::time::sleep(PAUSE).await;
}

/// Connections that the kernel holds until they are accepted, or fewer where it says so. Whoever opened a socket may have asked for
/// 128, and of a thousand clients that come at once many would find themselves reset.
const BACKLOG: i32 = 4096;
/// Connections that are ready and not taken yet.
const READY: usize = 64;
/// Into how many the handshakes of a listener are divided, of which one source has one at most.
const SHARES: usize = 8;
/// A client that is gone without saying so is found out after two minutes.
const KEEP_ALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn who_begins_many_handshakes_is_in_the_way_of_his_own_alone() {
        let mut handshakes = Handshakes { tasks: JoinSet::new(), oldest: VecDeque::new() };
        let (slow, many) = (Source::User(1), Source::User(2));
        handshakes.begin(slow, pending(), 16);
        for _ in 0..100 {
            handshakes.begin(many, pending(), 16);
        }
        let sources: Vec<_> = handshakes.oldest.iter().map(|(source, _)| *source).collect();
        assert_eq!(sources, [slow, many, many]);
        // Of many sources the oldest goes.
        for user in 3..=16 {
            handshakes.begin(Source::User(user), pending(), 16);
        }
        assert_eq!(handshakes.oldest.len(), 16);
        assert!(handshakes.oldest.iter().all(|(source, _)| *source != slow));
    }
}
