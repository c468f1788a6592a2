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
        times: Times { first_octets: limits.handshake_time, of_nobody: limits.idle_of_nobody },
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
            let Ok(local) = socket.local_addr() else { continue };
            match self.access.acceptor() {
                Some(acceptor) => {
                    let shaking = self.clone().shake_hands(acceptor, socket, (local, remote), place);
                    handshakes.begin(shaking, self.handshakes);
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

/// Handshakes under way.
struct Handshakes {
    tasks: JoinSet<()>,
    oldest: VecDeque<AbortHandle>,
}

impl Handshakes {
    fn begin(&mut self, handshake: impl Future<Output = ()> + Send + 'static, limit: usize) {
        self.oldest.retain(|task| !task.is_finished());
        while self.oldest.len() >= limit {
            self.oldest.pop_front().inspect(AbortHandle::abort);
        }
        self.oldest.push_back(self.tasks.spawn(handshake));
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
const PAUSE: Duration = Duration::from_millis(50);
