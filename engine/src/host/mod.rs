//! The host: one engine with its interfaces, sockets, waiting calls, timers and packets.
//!
//! Owns: [`Engine`], the whole API of the crate. It has four kinds of methods. **Inputs** (`handle_*`, `cancel_op`,
//! `restore`, and a driver's `send_slice` and `recv_with`) change it; after each one, or after a batch of frames and what
//! a driver does about them, **outputs** (`poll_*`) are taken until they give none; **getters** change nothing; and a few
//! set it up. The same inputs at the same times with the same seed give the same outputs.
//!
//! ```
//! use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind};
//! use sockwright_engine::host::{Config, Engine};
//! use sockwright_engine::id::{IdSource, OpId, SessionId};
//! use sockwright_engine::time::Instant;
//!
//! let mut engine = Engine::new(Config::default(), [7; 32], IdSource::new());
//! let create = Request::Create {
//!     kind: SocketKind::Stream,
//!     family: Family::V4,
//!     session: SessionId(0),
//!     label: "web".into(),
//!     options: Default::default(),
//! };
//! let outcome = engine.handle_op(Instant::ZERO, OpId(1), create);
//! assert!(matches!(outcome, Outcome::Done(Err(_))), "it has no IPv4 address yet");
//! ```

pub mod config;
pub mod op;

mod arp;
mod calls;
mod demux;
mod drive;
mod egress;
mod errno;
mod ethernet;
mod fast_open;
mod fragments;
mod handshake;
mod icmp;
mod info;
mod ingress;
mod ndp;
mod ports;
mod report;
mod routes;
mod settle;
mod socket;
mod timers;

pub use config::{
    Config, Ethernet, Interface, LinkChange, LinkState, Medium, Offload, Port, PortKind, Route, Transmit,
};
pub use drive::Readiness;
pub use errno::{Errno, OpError};
pub use info::{DatagramInfo, ListenerInfo, SocketInfo};
pub use ports::EPHEMERAL_PORTS;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU64;

use self::demux::{Demux, Sockets};
use self::ethernet::Station;
use self::op::{Completion, SocketKind};
use self::ports::Ports;
use self::socket::Phase;
use self::timers::Agenda;
use crate::counters::Counters;
use crate::event::{Event, EventKind, Interest, Sink};
use crate::id::{IdSource, LinkId, OpId, SessionId, SocketId};
use crate::ip::ident::Idents;
use crate::ip::path_mtu::{PathMtu, Paths};
use crate::ip::rate::Limiter;
use crate::ip::reassembly::Reassembly;
use crate::limits::Limits;
use crate::rng::Rng;
use crate::tcp::config::Options;
use crate::tcp::cx::{Cutter, Cx, Stray, Tuple};
use crate::tcp::fast_open::{CookieCache, CookieSecret};
use crate::tcp::passive::cookie::Cookies;
use crate::tcp::passive::isn::IsnSecret;
use crate::tcp::spares::Spares;
use crate::tcp::throttle::Budget;
use crate::tcp::timestamps::OffsetSecret;
use crate::time::Instant;

/// Whose a packet is that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The socket.
    pub socket: SocketId,
    /// Its session.
    pub session: SessionId,
    /// The peer began: it is a listener, or a connection that came to one.
    pub answers: bool,
}

/// A TCP/IP host.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    /// The options that sockets begin with, shared by all that keep them.
    defaults: Arc<Options>,
    ids: IdSource,
    interfaces: Vec<Interface>,
    links_down: BTreeSet<LinkId>,
    links_gone: BTreeSet<LinkId>,
    routes: Vec<Route>,
    /// What there is besides of each interface on Ethernet.
    stations: BTreeMap<LinkId, Station>,
    /// Addresses that are tentative, or another's.
    unusable: BTreeSet<IpAddr>,
    /// The first step to where the last segment went, where nothing but the networks of the interfaces decides that.
    last_hop: Option<(IpAddr, routes::Hop)>,
    /// Packets that no router took: of equally good ones, the next has its turn.
    failed_gateways: usize,
    /// Octets that packets are written behind, for the longest link-layer header of an interface.
    headroom: usize,
    /// Each by itself: a table keeps more places than it has entries.
    sockets: Sockets,
    demux: Demux,
    ports: Ports,
    isn: IsnSecret,
    /// What the Fast Open cookies of our listeners follow from.
    fast_open: CookieSecret,
    timestamp_offsets: OffsetSecret,
    cookies: Cookies,
    timers: Agenda,
    shared: Shared,
    /// Sockets that an input touched and that are to be settled.
    touched: VecDeque<SocketId>,
    /// Sockets that may have something to send.
    ready: VecDeque<SocketId>,
    /// What is left of a super-segment that goes in segments.
    cutting: Option<egress::Cutting>,
    /// What the next frame of a batch is likely to be.
    run: Option<ingress::Run>,
    /// Sockets that something happened to, for their drivers.
    woken: VecDeque<(SocketId, NonZeroU64)>,
    /// Those that were touched last keep their working memory, the longest untouched first.
    warm: VecDeque<SocketId>,
    /// Waiting calls.
    parked: BTreeMap<OpId, SocketId>,
    completions: VecDeque<Completion>,
    released_ports: VecDeque<Port>,
    /// Packets that are whole: datagrams and ICMP.
    packets: VecDeque<egress::Packet>,
    /// Frames that are whole, and their links.
    frames: VecDeque<(LinkId, Vec<u8>)>,
    /// Frames to ourselves.
    loopback: VecDeque<Vec<u8>>,
    /// What the last frame asks to be answered may wait for the next input.
    gathers: bool,
    /// Records that give way to newer ones, the oldest first.
    time_waits: BTreeSet<(Instant, SocketId)>,
    /// As are these.
    vanished: VecDeque<SocketId>,
    echo_replies: Limiter,
    reassembly: Reassembly,
    idents: Idents,
    paths: Paths,
}

/// What a connection reaches through its [`Cx`].
#[derive(Debug)]
struct Shared {
    rng: Rng,
    events: Sink,
    counters: Counters,
    limits: Limits,
    strays: VecDeque<Box<Stray>>,
    cookies: CookieCache,
    challenges: Budget,
    stray_replies: Limiter,
    spares: Spares,
}

impl Shared {
    fn cx(&mut self, now: Instant) -> Cx<'_> {
        Cx {
            now,
            rng: &mut self.rng,
            events: &mut self.events,
            counters: &mut self.counters,
            limits: &self.limits,
            strays: &mut self.strays,
            cookies: &mut self.cookies,
            challenges: &mut self.challenges,
            stray_replies: &mut self.stray_replies,
            spares: &mut self.spares,
            cutter: Cutter::Nobody,
        }
    }
}

impl Engine {
    /// An engine whose every output follows from its inputs, their times and `seed`. On a real wire the seed is to be
    /// secret: initial sequence numbers follow from it.
    pub fn new(config: Config, seed: [u8; 32], ids: IdSource) -> Self {
        let mut rng = Rng::new(seed);
        let [stray_replies, echo_replies] = [(); 2].map(|()| Limiter::new(&mut rng));
        let idents = Idents::new(&mut rng);
        Engine {
            defaults: config.defaults().into(),
            ids,
            interfaces: Vec::new(),
            links_down: BTreeSet::new(),
            links_gone: BTreeSet::new(),
            routes: Vec::new(),
            stations: BTreeMap::new(),
            unusable: BTreeSet::new(),
            last_hop: None,
            failed_gateways: 0,
            headroom: 0,
            sockets: Sockets::default(),
            demux: Demux::new(&mut rng),
            ports: Ports::new(&mut rng),
            isn: IsnSecret::new(&mut rng),
            fast_open: CookieSecret::new(&mut rng),
            timestamp_offsets: OffsetSecret::new(&mut rng),
            cookies: Cookies::default(),
            timers: Agenda::default(),
            shared: Shared {
                rng,
                events: Sink::default(),
                counters: Counters::default(),
                limits: config.limits.clone(),
                strays: VecDeque::new(),
                cookies: CookieCache::default(),
                challenges: Budget::default(),
                stray_replies,
                spares: Spares::default(),
            },
            gathers: false,
            touched: VecDeque::new(),
            ready: VecDeque::new(),
            cutting: None,
            run: None,
            woken: VecDeque::new(),
            warm: VecDeque::new(),
            parked: BTreeMap::new(),
            completions: VecDeque::new(),
            released_ports: VecDeque::new(),
            packets: VecDeque::new(),
            frames: VecDeque::new(),
            loopback: VecDeque::new(),
            time_waits: BTreeSet::new(),
            vanished: VecDeque::new(),
            echo_replies,
            reassembly: Reassembly::default(),
            idents,
            paths: Paths::default(),
            config,
        }
    }

    /// Adds an interface, or says why it makes no sense.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
    //# MUST NOT be sent, except as a source address as part of an initialization procedure by
    //# which the host learns its own IP address.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
    //# It MUST NOT be sent, except as a source address as part of an initialization procedure by
    //# which the host learns its full IP address.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
    //# It MUST NOT be used as a source address.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
    //# A host MUST support the subnet extensions to IP [IP:3].
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.9
    //# A host MUST support the first, and MAY implement all three, of the following methods for
    //# determining the address mask(s) corresponding to its IP address(es):
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.9
    //# A host SHOULD make some reasonableness check on any address mask it installs; see
    //# IMPLEMENTATION section below.
    pub fn add_interface(&mut self, interface: Interface) -> Result<(), &'static str> {
        self.run = None;
        if self.interfaces.iter().any(|other| other.link == interface.link) {
            return Err("there is an interface on this link already");
        }
        for (ip, prefix) in &interface.addresses {
            let (bits, mtu_min) = if ip.is_ipv4() { (32, 68) } else { (128, 1280) };
            if *prefix > bits {
                return Err("a prefix is longer than its address");
            }
            if !is_unicast(*ip) || is_broadcast_of(*ip, *ip, *prefix) {
                return Err("an address is no unicast address");
            }
            if interface.mtu < mtu_min {
                return Err("the MTU is below the least that the IP version allows");
            }
            if self.interfaces.iter().flat_map(|other| &other.addresses).any(|(own, _)| own == ip) {
                return Err("an address is on another interface already");
            }
        }
        if let Medium::Ethernet(ethernet) = interface.medium {
            if !ethernet.mac.is_unicast() {
                return Err("the MAC address is no unicast address");
            }
            if ethernet.vlan.is_some_and(|id| !(1..=4094).contains(&id)) {
                return Err("a VLAN is none of 1 to 4094");
            }
            self.add_station(&interface, ethernet);
        }
        self.interfaces.push(interface);
        self.last_hop = None;
        Ok(())
    }

    /// Which of the frequent events are told.
    pub fn set_interest(&mut self, interest: Interest) {
        self.shared.events.set_interest(interest);
    }

    /// Takes in the end of a parked call; `None` when there is no more.
    pub fn poll_completion(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    /// Takes in what happened, in order; `None` when there is no more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.shared.events.pop()
    }

    /// A port that the last of its sockets let go of, for hosts whose kernel has to know.
    pub fn poll_released_port(&mut self) -> Option<Port> {
        self.released_ports.pop_front()
    }

    /// When [`Engine::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let others = [self.next_station_timeout(), self.reassembly.next_timeout()];
        others.into_iter().chain([self.next_socket_timeout()]).flatten().min()
    }

    /// When the next socket wants to be looked at.
    fn next_socket_timeout(&mut self) -> Option<Instant> {
        while let Some((at, id)) = self.timers.peek() {
            let socket = self.sockets.get_mut(&id);
            let actual = socket.and_then(|socket| {
                if socket.registered != Some(at) {
                    return None;
                }
                let next = socket.next_timeout();
                if next == Some(at) {
                    return next;
                }
                // It was early: it moves to where it belongs.
                self.timers.pop();
                socket.registered = None;
                self.timers.schedule(id, next, &mut socket.registered);
                None
            });
            if actual.is_some() {
                return actual;
            }
            // Of a socket that is gone.
            if self.timers.peek() == Some((at, id)) && !self.sockets.contains_key(&id) {
                self.timers.pop();
            }
        }
        None
    }

    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.begin_input();
        self.on_station_timeout(now);
        self.settle(now);
        self.expire_fragments(now);
        while let Some(at) = self.next_socket_timeout() {
            let Some((_, id)) = self.timers.peek() else { break };
            if at > now {
                break;
            }
            self.timers.pop();
            if let Some(socket) = self.sockets.get_mut(&id) {
                socket.registered = None;
            }
            self.on_socket_timeout(now, id);
            self.settle(now);
        }
    }

    /// Takes note of a change of a link.
    pub fn handle_link(&mut self, now: Instant, link: LinkId, change: LinkChange) {
        self.begin_input();
        match change {
            LinkChange::Up => {
                self.links_gone.remove(&link);
                self.links_down.remove(&link);
                self.begin_claims(now, link);
            }
            LinkChange::Down | LinkChange::Gone => {
                self.links_down.insert(link);
                if change == LinkChange::Gone {
                    self.links_gone.insert(link);
                } else {
                    self.links_gone.remove(&link);
                }
                self.forget_neighbors(now, link);
            }
            LinkChange::Mtu(mtu) => {
                self.interfaces.iter_mut().filter(|i| i.link == link).for_each(|i| i.mtu = mtu);
                self.paths.note_change();
                // Each connection looks at its path before it sends.
                self.touched.extend(self.sockets());
                self.settle(now);
            }
        }
        let mtu = self.interfaces.iter().find(|i| i.link == link).map_or(0, |i| i.mtu as u32);
        let state = match self.links_down.contains(&link) {
            false => LinkState::Up,
            true if self.links_gone.contains(&link) => LinkState::Gone,
            true => LinkState::Down,
        };
        self.shared.events.push(now, None, EventKind::Link { link, state, mtu });
    }

    /// Everything about a socket.
    pub fn info(&self, socket: SocketId) -> Option<SocketInfo> {
        let socket = self.sockets.get(&socket)?;
        let (tcp, queues, datagrams, error) = match &socket.phase {
            Phase::Connection(c) => (Some(c.info()), None, None, c.error()),
            Phase::Listener(l) => {
                let info = ListenerInfo {
                    backlog: l.backlog as u32,
                    half_open: l.half_open.len() as u32,
                    accept_queue: l.accept_queue.len() as u32,
                    overflows: l.overflows,
                };
                (None, Some(info), None, None)
            }
            Phase::Datagram(d) => {
                let info = DatagramInfo {
                    queued: d.queue.len() as u32,
                    queued_bytes: d.queued_bytes as u32,
                    overflows: d.overflows,
                };
                (None, None, Some(info), socket.error)
            }
            _ => (None, None, None, None),
        };
        Some(SocketInfo {
            socket: socket.id,
            session: socket.session,
            label: socket.label.clone(),
            kind: socket.kind,
            family: socket.family,
            socket_state: socket.state,
            tcp_state: socket.tcp_state(),
            local: socket.local(),
            remote: socket.remote(),
            listener: socket.listener.get(),
            opened: socket.opened,
            error,
            tcp,
            queues,
            datagrams,
        })
    }

    /// A socket's options.
    pub fn options(&self, socket: SocketId) -> Option<&Options> {
        self.sockets.get(&socket).map(|socket| &*socket.options)
    }

    /// Whose a packet between these addresses is, ours first: that of a connection, or of who is bound there.
    pub fn sender_between(&self, kind: PortKind, local: SocketAddr, remote: SocketAddr) -> Option<Sender> {
        let found = self
            .demux
            .connected(&self.sockets, kind, &Tuple::new(local, remote))
            .or_else(|| self.demux.bound(kind, local));
        let socket = self.sockets.get(&found?)?;
        let answers = socket.listener.get().is_some() || matches!(socket.phase, Phase::Listener(_));
        Some(Sender { socket: socket.id, session: socket.session, answers })
    }

    /// Whether a datagram socket without a peer has heard from this address in the last two minutes, as far as
    /// [`Limits::heard_remotes`] lets it remember.
    pub fn has_heard(&self, now: Instant, socket: SocketId, remote: SocketAddr) -> bool {
        let phase = self.sockets.get(&socket).map(|socket| &socket.phase);
        matches!(phase, Some(Phase::Datagram(queue)) if queue.heard.has(now, canonical(remote)))
    }

    /// All sockets, ascending.
    pub fn sockets(&self) -> Vec<SocketId> {
        let mut ids: Vec<SocketId> = self.sockets.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// What was counted since the beginning.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// The interfaces, in the order in which they were added.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        let owns = |interface: &Interface| interface.addresses.iter().any(|(own, _)| *own == ip);
        self.interfaces.iter().any(owns) && !self.unusable.contains(&ip)
    }

    /// Whether `ip` is the broadcast address of a network of ours, or the network itself.
    fn is_broadcast(&self, ip: IpAddr) -> bool {
        self.interfaces
            .iter()
            .flat_map(|i| &i.addresses)
            .any(|(own, prefix)| is_broadcast_of(ip, *own, *prefix))
    }

    /// The largest IP packet that fits on the way to `ip`.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.3
    //# A host MUST implement a mechanism to allow the transport layer to learn MMS_S, the maximum
    //# transport-layer message size that may be sent for a given {source, destination, TOS}
    //# triplet (see GET_MAXSIZES call in Section 3.4).
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.3
    //= type=exception
    //= reason=the path MTU is found instead (RFC 1191, RFC 8201)
    //# In the absence of actual knowledge of the minimum MTU along the path, the IP layer SHOULD
    //# use EMTU_S <= 576 whenever the destination address is not on a connected network, and
    //# otherwise use the connected network's MTU.
    fn mtu_to(&self, ip: IpAddr) -> usize {
        self.route(ip)
            .and_then(|hop| self.interfaces.get(hop.interface))
            .map_or(576, |interface| interface.mtu)
    }

    /// What is known of the path to `ip`: no more than fits its first hop.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
    //# The PMTU fields in these route entries should be initialized to be the MTU of the
    //# associated first-hop data link, and must never be changed by the PMTU Discovery process.
    fn path_to(&self, now: Instant, ip: IpAddr) -> PathMtu {
        let link = self.first_hop_to(ip);
        let known = self.paths.get(now, ip).unwrap_or(link);
        PathMtu { mtu: known.mtu.min(link.mtu), ..known }
    }

    /// What is known of the first hop alone.
    fn first_hop_to(&self, ip: IpAddr) -> PathMtu {
        PathMtu { mtu: u32::try_from(self.mtu_to(ip)).unwrap_or(u32::MAX), cut: false }
    }

    /// Every input begins here, but for a frame of a batch, which may be like the one before.
    fn begin_input(&mut self) {
        self.run = None;
        self.check_outputs();
    }

    /// The outputs of the last input have been taken, or may wait for those of the next one.
    fn check_outputs(&self) {
        debug_assert!(
            self.cutting.is_none()
                && (self.gathers
                    || self.ready.is_empty()
                        && self.shared.strays.is_empty()
                        && self.packets.is_empty()
                        && self.frames.is_empty()
                        && self.loopback.is_empty()
                        && self.completions.is_empty()
                        && self.shared.events.is_empty()
                        && self.released_ports.is_empty()),
            "the outputs of the last input were not drained"
        );
    }

    fn touch(&mut self, socket: SocketId) {
        if self.touched.back() != Some(&socket) {
            self.touched.push_back(socket);
        }
    }
}

/// An address and port without the scope and flow that a textual address may bring.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// Whether `ip` lies in the network of `own` with this prefix length.
fn in_prefix(ip: IpAddr, own: IpAddr, prefix: u8) -> bool {
    match (ip, own) {
        (IpAddr::V4(ip), IpAddr::V4(own)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            (ip.to_bits() ^ own.to_bits()) & mask == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(own)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            (ip.to_bits() ^ own.to_bits()) & mask == 0
        }
        _ => false,
    }
}

/// Whether `ip` is the first or the last address of an IPv4 network that has room for more than two.
fn is_broadcast_of(ip: IpAddr, own: IpAddr, prefix: u8) -> bool {
    let (IpAddr::V4(ip4), true) = (ip, in_prefix(ip, own, prefix) && prefix < 31) else { return false };
    let host = u32::MAX >> prefix;
    ip4.to_bits() & host == host || ip4.to_bits() & host == 0
}

/// Whether a packet may come from or go to this address alone: no group, no broadcast, not "this host".
fn is_unicast(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::from([255, 255, 255, 255])
}

/// A stream or datagram socket's initial phase.
fn initial_phase(kind: SocketKind) -> Phase {
    match kind {
        SocketKind::Stream => Phase::Idle,
        SocketKind::Datagram => Phase::Datagram(Box::default()),
    }
}
