//! How much gets through: one sender after the other, ours and smoltcp's, over the same line with the same seeds to the same
//! receiver of ours, in virtual time. The table is `docs/goodput.md`.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --release -p sockwright-sim --test smoltcp goodput` measures it anew. A test measures the
//! column that costs least and compares.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use smoltcp::socket::tcp::CongestionControl as Theirs;
use sockwright_engine::host::Config;
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::id::{IdSource, OpId, SessionId, SocketId};
use sockwright_engine::tcp::config::{CongestionControl, OptionsPatch};
use sockwright_engine::time::Instant;
use sockwright_link::impair::Impairments;
use sockwright_sim::{LinkConfig, Output, StackId, World};

use crate::exchange::address;
use crate::peer::{Peer, Settings};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Ours(CongestionControl),
    Smoltcp(Theirs),
}

const SENDERS: [(&str, Sender); 5] = [
    ("NewReno", Sender::Ours(CongestionControl::NewReno)),
    ("CUBIC", Sender::Ours(CongestionControl::Cubic)),
    ("BBR", Sender::Ours(CongestionControl::Bbr)),
    ("smoltcp, Reno", Sender::Smoltcp(Theirs::Reno)),
    ("smoltcp, CUBIC", Sender::Smoltcp(Theirs::Cubic)),
];

/// What happens to the data on its way. Acknowledgments come back unharmed.
const PATHS: [(&str, f64, f64); 6] = [
    ("no loss", 0.0, 0.0),
    ("0.1 %", 0.001, 0.0),
    ("1 %", 0.01, 0.0),
    ("3 %", 0.03, 0.0),
    ("10 %", 0.1, 0.0),
    ("1 % late", 0.0, 0.01),
];
const COLUMN_CHECKED: usize = 4;

const RATE_BPS: u64 = 100_000_000;
const DELAY: Duration = Duration::from_millis(10);
/// A bandwidth-delay product of full packets.
const QUEUE: usize = 167;
const LATE_BY: Duration = Duration::from_millis(5);
const LASTS: Duration = Duration::from_secs(10);
const SEEDS: u64 = 5;
/// More than any window that the line fills.
const BUFFER: u32 = 4 << 20;
const CHUNK: usize = 1 << 16;
const PORT: u16 = 80;

const INTRODUCTION: &str = "\
# Goodput in virtual time

Measured by `UPDATE_SNAPSHOTS=1 cargo test --release -p sockwright-sim --test smoltcp goodput`, which rewrites this page. The
same octets on every machine: the clock is virtual, and all chance comes from seeds.

One connection sends for ten seconds, its handshake and slow start included, over a line of 100 Mbit/s with 20 ms of round
trip and a queue of one bandwidth-delay product (167 packets of 1500 octets). Of the data a share is lost, packet by packet; or
1 % of the packets are held back by 5 ms, so that others overtake them. Nothing is lost on the way back. The receiver is an
engine of ours for every sender. Octets received, in Mbit/s, medians of five seeds; the same five for all.

smoltcp 0.14 heeds no selective acknowledgments and has no timer for the tail of a flight, which is most of the difference.

";

/// Octets that the receiver took.
fn received(sender: Sender, seed: u64, loss: f64, late: f64) -> u64 {
    let mut world = World::new(seed);
    world.tell_frames(false);
    let ids = IdSource::new();
    let receiver = world.add_stack(Config::default(), ids.clone());
    let from = match sender {
        Sender::Ours(_) => world.add_stack(Config::default(), ids),
        Sender::Smoltcp(_) => world.add_outsider(),
    };
    let line = Impairments {
        delay: DELAY,
        rate_bps: Some(RATE_BPS),
        queue_limit: QUEUE,
        reorder_by: LATE_BY,
        ..Impairments::default()
    };
    let members = [(receiver, vec![(address(true, 1), 24)]), (from, vec![(address(true, 2), 24)])];
    let link =
        world.add_link(LinkConfig { impairments: line, ..LinkConfig::default() }, &members).expect("a link");
    let harmed = Impairments { loss, reorder: late, ..line };
    world.set_impairments_from(link, from, harmed).expect("valid impairments");
    let peer = match sender {
        Sender::Ours(_) => None,
        Sender::Smoltcp(congestion) => Some(Peer::new(
            from,
            link,
            &Settings {
                seed,
                address: address(true, 2),
                mtu: 1500,
                receive_buffer: CHUNK,
                send_buffer: BUFFER as usize,
                congestion,
                ack_delay: None,
                nagle: true,
                timestamps: true,
            },
        )),
    };
    Transfer { world, receiver, from, peer, ops: 0, child: None, received: 0 }.run(sender)
}

struct Transfer {
    world: World,
    receiver: StackId,
    from: StackId,
    /// The sender, where it is smoltcp.
    peer: Option<Peer>,
    ops: u64,
    /// The receiver's end, once there is one.
    child: Option<SocketId>,
    received: u64,
}

impl Transfer {
    fn run(mut self, sender: Sender) -> u64 {
        let local = SocketAddr::new(address(true, 1), PORT);
        let listener = self.create(self.receiver, CongestionControl::Cubic);
        self.op(self.receiver, Request::Bind { socket: listener, local });
        self.op(self.receiver, Request::Listen { socket: listener, backlog: 1 });
        self.op(self.receiver, Request::Accept { socket: listener, wait: Wait::Park });
        let ours = match sender {
            Sender::Ours(congestion) => {
                let socket = self.create(self.from, congestion);
                let connect = Request::Connect { socket, remote: local, data: vec![], wait: Wait::Park };
                self.op(self.from, connect);
                Some(socket)
            }
            Sender::Smoltcp(_) => None,
        };
        if let Some(peer) = &mut self.peer {
            peer.connect(local, 40_000);
        }
        let end = Instant::ZERO + LASTS;
        loop {
            self.poll_peer();
            self.absorb(ours);
            let peers = self.peer.as_ref().and_then(Peer::next_time);
            let next = self.world.next_time().into_iter().chain(peers).min();
            let Some(next) = next.filter(|next| *next <= end) else { return self.received };
            if self.world.next_time() == Some(next) {
                self.world.step();
            } else {
                self.world.advance_to(next);
            }
        }
    }

    fn create(&mut self, stack: StackId, congestion: CongestionControl) -> SocketId {
        let options = OptionsPatch {
            congestion: Some(congestion),
            send_buffer: Some(BUFFER),
            receive_buffer: Some(BUFFER),
            ..OptionsPatch::default()
        };
        let (family, session) = (Family::V4, SessionId(0));
        let create = Request::Create { kind: SocketKind::Stream, family, session, label: "".into(), options };
        match self.op(stack, create) {
            Some(Reply::Created { socket }) => socket,
            other => panic!("no socket: {other:?}"),
        }
    }

    /// Makes a call: what it gives at once.
    fn op(&mut self, stack: StackId, request: Request) -> Option<Reply> {
        self.ops += 1;
        match self.world.op(stack, OpId(self.ops), request) {
            Outcome::Done(result) => Some(result.expect("nothing fails here")),
            Outcome::Parked => None,
        }
    }

    fn poll_peer(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        let socket = peer.socket();
        while socket.can_send() {
            socket.send_slice(&[0; CHUNK]).expect("open");
        }
        peer.poll(&mut self.world);
    }

    /// Sends and receives for as long as something can be.
    fn absorb(&mut self, ours: Option<SocketId>) {
        while let Some(output) = self.world.poll_output() {
            let Output::Completion { stack, completion, .. } = output else { continue };
            match completion.result.expect("nothing fails here") {
                Reply::Accepted { socket, .. } => {
                    self.child = Some(socket);
                    self.receive();
                }
                Reply::Received { data, .. } => {
                    self.received += data.len() as u64;
                    self.receive();
                }
                Reply::Connected { .. } | Reply::Sent { .. } if stack == self.from => self.send(ours),
                other => panic!("{other:?}"),
            }
        }
    }

    fn send(&mut self, ours: Option<SocketId>) {
        let Some(socket) = ours else { return };
        let send = || Request::Send { socket, data: vec![0; CHUNK], urgent: false, wait: Wait::Park };
        while self.op(self.from, send()).is_some() {}
    }

    fn receive(&mut self) {
        let Some(socket) = self.child else { return };
        let receive = Request::Recv { socket, max: CHUNK, min: 1, peek: false, wait: Wait::Park };
        while let Some(Reply::Received { data, .. }) = self.op(self.receiver, receive.clone()) {
            self.received += data.len() as u64;
        }
    }
}

/// A cell of the table, in Mbit/s.
fn median(sender: Sender, loss: f64, late: f64) -> String {
    let mut octets: Vec<u64> = (0..SEEDS).map(|seed| received(sender, seed, loss, late)).collect();
    octets.sort_unstable();
    format!("{:.2}", octets[octets.len() / 2] as f64 * 8.0 / 1e6 / LASTS.as_secs_f64())
}

fn page() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/goodput.md"))
}

fn measure_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let titles: Vec<&str> = PATHS.iter().map(|(title, ..)| *title).collect();
    let _ = writeln!(page, "| sender | {} |", titles.join(" | "));
    let _ = writeln!(page, "|---|{}", "---|".repeat(PATHS.len()));
    for (name, sender) in SENDERS {
        let cells: Vec<String> = PATHS.iter().map(|(_, loss, late)| median(sender, *loss, *late)).collect();
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    }
    page
}

#[test]
fn goodput_is_what_the_page_says() {
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(page(), measure_page()).expect("the page can be written");
    }
    let page = fs::read_to_string(page()).expect("the page");
    assert!(page.starts_with(INTRODUCTION), "{AGAIN}");
    let (_, loss, late) = PATHS[COLUMN_CHECKED];
    // BBR fills the line in spite of losses, and takes as long as all others together.
    for (name, sender) in
        SENDERS.into_iter().filter(|(_, sender)| *sender != Sender::Ours(CongestionControl::Bbr))
    {
        let row = page.lines().find(|line| line.starts_with(&format!("| {name} |"))).expect("a row");
        let cell = row.split('|').map(str::trim).nth(2 + COLUMN_CHECKED);
        assert_eq!(cell, Some(median(sender, loss, late).as_str()), "{name}: {AGAIN}");
    }
}

const AGAIN: &str =
    "UPDATE_SNAPSHOTS=1 cargo test --release -p sockwright-sim --test smoltcp goodput measures it anew";
