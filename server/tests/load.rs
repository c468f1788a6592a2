//! The control plane under load: many clients with many sockets each, random calls, random cancellations and disconnections;
//! and then nothing of it is left, to the octet.
//!
//! Server and clients are in one process, over TCP on loopback, so that the allocator counts for both. The load runs twice: what
//! is filled once and stays (rings, tables, pools) is filled by the first run, and the second must leave no more than the first.
//!
//! `SOCKWRIGHT_LOAD_CLIENTS` (50), `SOCKWRIGHT_LOAD_SOCKETS` of each (20), `SOCKWRIGHT_LOAD_SECONDS` of a run (3).

mod common;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use common::metrics::Scrape;
use common::{World, address, duration};
use hdrhistogram::Histogram;
use peak_alloc::PeakAlloc;
use sockwright_engine::rng::Rng;
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::sessions_client::SessionsClient;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::wait_for_request::Condition;
use sockwright_proto::v1::{self as pb, Clock};
use sockwright_server::config::{Config, Limits};
use sockwright_server::hub::HubConfig;
use tokio::task::JoinSet;
use tonic::{Code, Status};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_leaves_nothing_behind() {
    common::log();
    let clients = variable("SOCKWRIGHT_LOAD_CLIENTS", 50);
    let sockets = variable("SOCKWRIGHT_LOAD_SOCKETS", 20) as usize;
    let time = Duration::from_secs(variable("SOCKWRIGHT_LOAD_SECONDS", 3));
    // What is remembered of the past is little, so that it is full before the second run.
    let limits = Limits { idempotency_keys: 256, gone_sockets: 256, ..Limits::default() };
    let hub = HubConfig { remember: 1024, remember_released: 256, ..HubConfig::default() };
    let world = World::with(Config { limits, hub, ..Config::default() }).await;
    let mut left = Vec::new();
    for run in 0..2 {
        let before = Scrape::of(world.address).await;
        let told = load(&world, run, clients, sockets, time).await;
        settle(&world, &before).await;
        println!(
            "run {run}: {clients} clients, {sockets} sockets each, {:?}: {} calls, {} cancelled, {} disconnections, {} sockets; a unary \
             call that waits for nobody p50 {:.2} ms, p99 {:.2} ms; {} KiB left",
            time,
            told.calls,
            told.cancelled,
            told.disconnections,
            told.sockets,
            told.times.value_at_quantile(0.5) as f64 / 1e3,
            told.times.value_at_quantile(0.99) as f64 / 1e3,
            MEMORY.current_usage() >> 10,
        );
        assert!(told.sockets > 0 && told.cancelled > 0 && told.disconnections > 0);
        left.push((MEMORY.current_usage(), told.sockets));
    }
    let [(first, _), (second, sockets)] = left[..] else { unreachable!("two runs") };
    // Less than a pointer for each socket there was.
    let grown = second.saturating_sub(first) as u64;
    assert!(grown < SLACK + 4 * sockets, "{grown} octets more are in use after the second run");
}

/// Has the clients do what they do until the time is over, and go away, some with a word and some without.
async fn load(world: &World, run: u64, clients: u64, sockets: usize, time: Duration) -> Told {
    for lab in 0..LABS {
        world.lab_named(&format!("lab{lab}"), Clock::Real, "").await;
    }
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let rng = Rng::from_u64(run << 32 | client);
        tasks.spawn(Client::run(world.address, rng, sockets, until));
    }
    let mut told = Told::new();
    while let Some(client) = tasks.join_next().await {
        told.add(&client.unwrap());
    }
    told
}

/// Waits until the leases of those who went without a word are over, and looks for what is left.
async fn settle(world: &World, before: &Scrape) {
    let began = Instant::now();
    loop {
        let now = Scrape::of(world.address).await;
        let sessions = now.value("sockwright_sessions");
        if sessions == 0.0 {
            break;
        }
        assert!(began.elapsed() < SETTLES, "{sessions} sessions do not end");
    }
    // Those whose session said KEEP are there, and no others.
    let mut page_token = String::new();
    loop {
        let request = pb::ListRequest { page_size: 1000, page_token, ..Default::default() };
        let page = world.sockets.clone().list(request).await.unwrap().into_inner();
        for socket in &page.sockets {
            match world.abort(socket.socket).await {
                Ok(()) => {}
                // Its connection has ended in the meantime, or it was in an accept queue that went with its listener.
                Err(status) => assert_eq!(status.code(), Code::NotFound, "{status:?} of {socket:?}"),
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    loop {
        let now = Scrape::of(world.address).await;
        let left: f64 = now.beginning("sockwright_sockets{").values().sum();
        if left == 0.0 {
            break;
        }
        assert!(
            began.elapsed() < SETTLES,
            "{left} sockets are left: {:?}",
            now.beginning("sockwright_sockets{")
        );
    }
    for lab in 0..LABS {
        let name = format!("lab{lab}");
        world.networks.clone().delete_lab(pb::DeleteLabRequest { name }).await.unwrap();
    }
    loop {
        let now = Scrape::of(world.address).await;
        let series =
            ["sockwright_rpcs_under_way{", "sockwright_commands_waiting{", "sockwright_calls_parked{"];
        let more = ["sockwright_workloads{", "sockwright_watchers{", "sockwright_sockets{"];
        let mut left: Vec<(String, f64)> = series
            .iter()
            .chain(&more)
            .flat_map(|series| {
                now.beginning(series)
                    .into_iter()
                    .map(move |(label, value)| (format!("{series}{label}"), value))
            })
            .collect();
        for series in [
            "sockwright_waiters",
            "sockwright_captures",
            "sockwright_labs",
            "sockwright_watchers_waiting_bytes",
        ] {
            left.push((series.to_owned(), now.value(series)));
        }
        for series in ["process_open_fds", "process_threads"] {
            left.push((series.to_owned(), (now.value(series) - before.value(series)).max(0.0)));
        }
        left.retain(|(_, value)| *value > 0.0);
        if left.is_empty() {
            return;
        }
        assert!(began.elapsed() < SETTLES, "left: {left:?}");
    }
}

/// What clients have to tell.
struct Told {
    calls: u64,
    cancelled: u64,
    disconnections: u64,
    sockets: u64,
    /// Of calls that wait for nobody, in microseconds.
    times: Histogram<u64>,
}

impl Told {
    fn new() -> Told {
        Told { calls: 0, cancelled: 0, disconnections: 0, sockets: 0, times: Histogram::new(3).unwrap() }
    }

    fn add(&mut self, other: &Told) {
        self.calls += other.calls;
        self.cancelled += other.cancelled;
        self.disconnections += other.disconnections;
        self.sockets += other.sockets;
        self.times.add(&other.times).unwrap();
    }
}

/// A client with a session and sockets.
struct Client {
    sockets: SocketsClient<tonic::transport::Channel>,
    events: EventsClient<tonic::transport::Channel>,
    networks: NetworksClient<tonic::transport::Channel>,
    sessions: SessionsClient<tonic::transport::Channel>,
    session: String,
    own: VecDeque<u64>,
    /// Streams that nobody reads.
    watches: Vec<tonic::Streaming<pb::WatchResponse>>,
    captures: Vec<tonic::Streaming<pb::CaptureResponse>>,
}

impl Client {
    async fn run(server: std::net::SocketAddr, mut rng: Rng, sockets: usize, until: Instant) -> Told {
        let mut told = Told::new();
        while Instant::now() < until {
            let mut client = Client::connect(server, &mut rng).await;
            // Most stay for a while.
            for _ in 0..50 + rng.below(2000) {
                if Instant::now() >= until {
                    break;
                }
                client.step(sockets, &mut rng, &mut told).await;
            }
            if rng.below(2) == 0 {
                let request = pb::SessionsCloseRequest { session: client.session.clone(), on_expiry: 0 };
                // The lease may be over already: nobody kept it alive while the machine was busy.
                _ = client.sessions.close(request).await;
            } else {
                told.disconnections += 1;
            }
        }
        told
    }

    async fn connect(server: std::net::SocketAddr, rng: &mut Rng) -> Client {
        let channel = common::connect(server).await;
        let mut sessions = SessionsClient::new(channel.clone());
        let on_expiry = 1 + rng.below(4) as i32;
        let request = pb::OpenRequest {
            lease: Some(duration(Duration::from_secs(2))),
            on_expiry,
            ..Default::default()
        };
        let session = sessions.open(request).await.unwrap().into_inner().session;
        Client {
            sockets: SocketsClient::new(channel.clone()),
            events: EventsClient::new(channel.clone()),
            networks: NetworksClient::new(channel),
            sessions,
            session,
            own: VecDeque::new(),
            watches: Vec::new(),
            captures: Vec::new(),
        }
    }

    /// One call. One that may wait is given up after a while, or before it has begun.
    async fn step(&mut self, sockets: usize, rng: &mut Rng, told: &mut Told) {
        told.calls += 1;
        let began = Instant::now();
        if self.own.len() < sockets && rng.below(3) > 0 {
            return self.create(rng, told).await;
        }
        let Some(&socket) = self.own.get(rng.below(self.own.len().max(1) as u32) as usize) else { return };
        let mut calls = self.sockets.clone();
        let called: Result<(), Status> = match rng.below(16) {
            0 => calls.get_info(pb::GetInfoRequest { socket }).await.map(drop),
            1 | 2 => {
                let data = vec![7; 1 << rng.below(14)].into();
                calls.send(pb::SendRequest { socket, data, dont_wait: true, urgent: false }).await.map(drop)
            }
            3 => {
                calls.recv(pb::RecvRequest { socket, dont_wait: true, ..Default::default() }).await.map(drop)
            }
            4 => calls.shutdown(pb::ShutdownRequest { socket, how: 1 + rng.below(3) as i32 }).await.map(drop),
            5 => calls.close(pb::CloseRequest { socket }).await.map(drop),
            6 => calls.abort(pb::AbortRequest { socket }).await.map(drop),
            7 => {
                let request = pb::ListRequest { page_size: 10, ..Default::default() };
                calls.list(request).await.map(drop)
            }
            8 => {
                let request = pb::KeepAliveRequest { session: self.session.clone() };
                self.sessions.keep_alive(request).await.map(drop)
            }
            9 if self.watches.len() < 4 => {
                let sessions = vec![self.session.clone()];
                let filter = Some(pb::Filter { sessions, ..Default::default() });
                let watch = self.events.watch(pb::WatchRequest { filter, ..Default::default() }).await;
                watch.map(|stream| self.watches.push(stream.into_inner()))
            }
            10 if self.captures.is_empty() && rng.below(50) == 0 => {
                let link = format!("lab{}/wire", rng.below(LABS));
                let capture = self.networks.capture(pb::CaptureRequest { link, ..Default::default() }).await;
                capture.map(|stream| self.captures.push(stream.into_inner()))
            }
            _ => return self.wait(socket, rng, told).await,
        };
        self.heard(&called);
        told.times.record(began.elapsed().as_micros() as u64).unwrap();
    }

    async fn create(&mut self, rng: &mut Rng, told: &mut Told) {
        let mut calls = self.sockets.clone();
        let began = Instant::now();
        let request = pb::CreateRequest {
            stack: format!("lab{}/{}", rng.below(LABS), ["a", "b"][rng.below(2) as usize]),
            session: self.session.clone(),
            options: Some(pb::SocketOptions {
                msl: Some(duration(Duration::from_millis(20))),
                ..Default::default()
            }),
            ..Default::default()
        };
        match calls.create(request).await {
            Ok(created) => {
                told.sockets += 1;
                self.own.push_back(created.into_inner().socket);
            }
            Err(status) => return self.heard(&Err(status)),
        }
        told.times.record(began.elapsed().as_micros() as u64).unwrap();
        let socket = *self.own.back().unwrap();
        let called = match rng.below(3) {
            0 => {
                let local = Some(address("0.0.0.0", 1 + rng.below(20)));
                let bound = calls.bind(pb::BindRequest { socket, local }).await.map(drop);
                self.heard(&bound);
                calls.listen(pb::ListenRequest { socket, backlog: 0 }).await.map(drop)
            }
            _ => {
                let remote =
                    Some(address(["10.0.0.1", "10.0.0.2"][rng.below(2) as usize], 1 + rng.below(20)));
                let request =
                    pb::ConnectRequest { socket, remote, dont_wait: true, data: Default::default() };
                calls.connect(request).await.map(drop)
            }
        };
        self.heard(&called);
    }

    /// A call that waits, for as long as its client has patience.
    async fn wait(&mut self, socket: u64, rng: &mut Rng, told: &mut Told) {
        let mut calls = self.sockets.clone();
        let patience = Duration::from_micros(u64::from(rng.below(20_000)));
        let what = rng.below(4);
        let condition = Condition::TcpStates(pb::TcpStates { states: vec![1 + rng.below(11) as i32] });
        let waiting = async {
            match what {
                0 => {
                    let accepted = calls.accept(pb::AcceptRequest { socket, ..Default::default() }).await?;
                    Ok(Some(accepted.into_inner().socket))
                }
                1 => calls.recv(pb::RecvRequest { socket, ..Default::default() }).await.map(|_| None),
                2 => {
                    let data = vec![7; 100_000].into();
                    let request = pb::SendRequest { socket, data, ..Default::default() };
                    calls.send(request).await.map(|_| None)
                }
                _ => {
                    let request = pb::WaitForRequest { socket, condition: Some(condition), after: None };
                    calls.wait_for(request).await.map(|_| None)
                }
            }
        };
        match tokio::time::timeout(patience, waiting).await {
            Ok(Ok(accepted)) => self.own.extend(accepted),
            Ok(Err(status)) => self.heard(&Err(status)),
            Err(_) => told.cancelled += 1,
        }
    }

    /// An error is one of those that callers make.
    fn heard(&self, called: &Result<(), Status>) {
        if let Err(status) = called {
            let wrong = [Code::Internal, Code::Unknown, Code::DataLoss];
            // A peer that refuses is UNAVAILABLE with its errno; a server that is gone has none.
            let gone = status.code() == Code::Unavailable && common::errno(status).is_empty();
            assert!(!gone && !wrong.contains(&status.code()), "{status:?}");
        }
    }
}

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Shared by all clients.
const LABS: u32 = 8;
/// What is over is over within this time.
const SETTLES: Duration = Duration::from_secs(60);
/// Octets that two runs may differ by: the pools of runtimes and channels.
const SLACK: u64 = 1 << 20;
