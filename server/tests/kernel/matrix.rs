//! Bulk transfers with the kernel through an impairing relay: both roles, IPv4 and IPv6, each impairment, and the
//! options of both sides on and off.
//!
//! What must arrive is judged by hash, in both directions at once. The cases are few enough for every run, and small;
//! with `SOCKWRIGHT_LONG=1` there are more of them, of 50 MB each way where the path carries that in minutes:
//!
//! ```console
//! $ SOCKWRIGHT_LONG=1 cargo test --release -p sockwright-server --test kernel matrix -- --nocapture
//! $ SOCKWRIGHT_CASE=7 cargo test -p sockwright-server --test kernel matrix -- --nocapture     # one, by its seed
//! ```

use std::any::Any;
use std::collections::VecDeque;
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};
use sockwright_link::impair::Impairments;
use sockwright_link::relay::Side;
use sockwright_proto::v1 as pb;
use tokio::task::spawn_blocking;
use tokio_stream::iter;

use crate::covering;
use crate::net::Host;
use crate::net::path::Path;
use crate::rig::{Rig, content, hash_of, kernel_exchange, on_wire, short_msl};

/// One transfer, and all that it depends on.
#[derive(Clone, Debug)]
struct Case {
    /// Of the path.
    seed: u64,
    v4: bool,
    we_connect: bool,
    kernel: Kernel,
    ours: Ours,
    mtu: usize,
    path: Impairments,
    /// Each way.
    octets: usize,
}

/// What the kernel is told in the peer's namespace.
#[derive(Clone, Debug)]
struct Kernel {
    sack: bool,
    timestamps: bool,
    window_scaling: bool,
    ecn: bool,
    congestion: &'static str,
}

/// What our socket is told.
#[derive(Clone, Debug)]
struct Ours {
    sack: bool,
    timestamps: bool,
    window_scaling: bool,
    ecn: pb::Ecn,
    congestion: pb::CongestionControl,
    loss_detection: pb::LossDetection,
    pacing: bool,
}

#[test]
fn any_two_parameters_of_path_and_peers_in_every_combination() {
    // Parameters as in `Case::of_row`.
    let options = if long() { 16 } else { 1 };
    let mut rows = covering::pairs(&[2, 2, 2, 4, 3, 4, 5, 2, options, 2, 2, 2, 2, 2, 2, 2, 3, 3, 2, 2]);
    if long() {
        // Every combination of the four options meets every value of each other parameter.
        for row in &mut rows {
            (0..4).for_each(|bit| row[9 + bit] = row[8] >> bit & 1);
        }
    }
    run(rows.iter().zip(1..).map(|(row, seed)| Case::of_row(row, seed)));
}

#[test]
fn every_combination_of_the_kernels_options() {
    run((0..16).map(|options: usize| {
        let bit = |number: usize| options >> number & 1;
        // A loss of 1 %, so that the options are put to use.
        let path = [bit(0) ^ bit(1), bit(2) ^ bit(3), bit(0), 1, 0, 2, 0, 0, 0];
        let kernel = [bit(0), bit(1), bit(2), bit(3)];
        let ours = [1, 1, 1, 1, 1, 0, 0];
        let row = [&path[..], &kernel, &ours].concat();
        Case::of_row(&row, 1000 + options as u64)
    }));
}

impl Case {
    /// The case that a row of the covering array stands for.
    fn of_row(row: &[usize], seed: u64) -> Case {
        let (path, options) = row.split_at(9);
        let &[v4, we_connect, cubic, loss, delay, mtu, disorder, rate, _] = path else {
            unreachable!("{path:?} has nine parameters");
        };
        let &[sack, timestamps, scaling, ecn, ..] = options else {
            unreachable!("{options:?} begins with the kernel's four");
        };
        let delay = Duration::from_millis([0, 10, 100][delay]);
        let v4 = v4 == 1;
        let path = Impairments {
            loss: [0.0, 0.01, 0.05, 0.2][loss],
            mark: 0.0,
            delay,
            jitter: delay / 5,
            reorder: [0.0, 0.05, 0.0, 0.0, 0.02][disorder],
            reorder_by: Duration::from_millis(3),
            duplicate: [0.0, 0.0, 0.05, 0.0, 0.02][disorder],
            corrupt: [0.0, 0.0, 0.0, 0.02, 0.01][disorder],
            rate_bps: [None, Some(100_000_000)][rate],
            queue_limit: 100,
            bursts: None,
            mtu: None,
        };
        Case {
            seed,
            v4,
            we_connect: we_connect == 1,
            kernel: Kernel {
                sack: sack == 1,
                timestamps: timestamps == 1,
                window_scaling: scaling == 1,
                ecn: ecn == 1,
                congestion: ["reno", "cubic"][cubic],
            },
            ours: Ours::of_row(&options[4..]),
            // IPv6 needs 1280.
            mtu: [if v4 { 576 } else { 1280 }, 1280, 1500, 9000][mtu],
            octets: octets(&path),
            path,
        }
    }

    fn run(&self) {
        let Some(path) = Path::new(self.mtu, self.seed) else { return };
        let (ours, theirs) = (path.left(self.v4), path.right(self.v4));
        self.kernel.set(&theirs);
        path.impair(self.path);
        let path = &path;
        on_wire(&ours, &theirs, &|rig| async move {
            let exchanged = tokio::time::timeout(patience(), self.exchange(rig.clone())).await;
            let socket = exchanged.unwrap_or_else(|_| {
                let [left, right] = [Side::Left, Side::Right].map(|side| path.counters(side));
                panic!(
                    "not done after {:?}; the relay had, from us, {left:?}, from the kernel, {right:?}",
                    patience()
                );
            });
            // What is left is a matter of the last acknowledgments.
            path.impair(Impairments::default());
            rig.close(socket).await;
        });
    }

    /// Carries the content both ways at once; gives our socket.
    async fn exchange(&self, rig: Rig) -> u64 {
        let (ours, theirs, patience) = (self.content(0), self.content(1), patience());
        let (socket, kernel) = if self.we_connect {
            let listener =
                rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
            // Those that it accepts inherit it.
            self.kernel.control(&SockRef::from(&listener));
            let remote = listener.local_addr().expect("an address");
            let theirs = theirs.clone();
            let kernel = spawn_blocking(move || {
                kernel_exchange(listener.accept().expect("accepted").0, patience, theirs)
            });
            (rig.connect(remote, self.ours.options()).await, kernel)
        } else {
            let (listener, local) = rig.listen(self.ours.options()).await;
            let socket = rig.theirs.run(|| Socket::new(Domain::for_address(local), Type::STREAM, None));
            let (client, theirs) = (socket.expect("a kernel socket"), theirs.clone());
            self.kernel.control(&client);
            let kernel = spawn_blocking(move || {
                client.connect(&local.into()).expect("the kernel connects");
                kernel_exchange(TcpStream::from(client), patience, theirs)
            });
            let socket = rig.accept(listener).await;
            rig.close(listener).await;
            (socket, kernel)
        };
        // If the kernel's side fails, ours has nothing more to wait for.
        let kernel = async { kernel.await.expect("the kernel's side") };
        let (received, by_the_kernel) = tokio::join!(rig.transfer(socket, iter(ours.clone())), kernel);
        assert!(received == hash_of(theirs), "what came from the kernel is not what it sent");
        assert!(by_the_kernel == hash_of(ours), "what came to the kernel is not what we sent");
        socket
    }

    /// What one of the two sides sends.
    fn content(&self, side: u64) -> impl Iterator<Item = Vec<u8>> + Clone + Send + 'static {
        let (octets, chunk) = (self.octets, 64 << 10);
        let chunks = content(2 * self.seed + side, octets.div_ceil(chunk) as u64).enumerate();
        chunks.map(move |(number, mut octets_of_one)| {
            octets_of_one.truncate(octets - number * chunk);
            octets_of_one
        })
    }
}

/// How long a transfer may take: beyond that, something stands still.
fn patience() -> Duration {
    if long() { Duration::from_secs(1800) } else { Duration::from_secs(180) }
}

/// What the path carries in seconds; in a long run, in minutes.
fn octets(path: &Impairments) -> usize {
    let (short, minutes) = match (path.loss, path.delay.as_millis()) {
        (0.2.., 50..) => (10_000, 1_000_000),
        (0.2.., 1..) => (20_000, 10_000_000),
        (0.2.., _) => (50_000, 25_000_000),
        (0.05.., 50..) => (50_000, 5_000_000),
        (0.05.., 1..) => (200_000, 50_000_000),
        (_, 50..) => (200_000, 50_000_000),
        _ => (1_000_000, 50_000_000),
    };
    if long() { minutes } else { short }
}

impl Ours {
    fn of_row(row: &[usize]) -> Ours {
        let &[sack, timestamps, scaling, ecn, congestion, detection, pacing] = row else {
            unreachable!("{row:?} has seven parameters");
        };
        use pb::{CongestionControl, Ecn, LossDetection};
        Ours {
            sack: sack == 1,
            timestamps: timestamps == 1,
            window_scaling: scaling == 1,
            ecn: [Ecn::Off, Ecn::Passive, Ecn::Active][ecn],
            congestion: [CongestionControl::NewReno, CongestionControl::Cubic, CongestionControl::Bbr]
                [congestion],
            loss_detection: [LossDetection::Rack, LossDetection::DuplicateAcks][detection],
            pacing: pacing == 1,
        }
    }

    fn options(&self) -> pb::SocketOptions {
        pb::SocketOptions {
            sack: Some(self.sack),
            timestamps: Some(self.timestamps),
            window_scaling: Some(self.window_scaling),
            ecn: self.ecn.into(),
            congestion_control: self.congestion.into(),
            loss_detection: self.loss_detection.into(),
            pacing: Some(self.pacing),
            // A path that loses a fifth both ways may be silent for long, where no timestamps end the back-off.
            user_timeout: Some(patience().try_into().expect("a length of time")),
            ..short_msl()
        }
    }
}

impl Kernel {
    fn set(&self, host: &Host) {
        // Those of TCP count for IPv6 as well.
        host.sysctl("ipv4/tcp_sack", flag(self.sack));
        host.sysctl("ipv4/tcp_timestamps", flag(self.timestamps));
        host.sysctl("ipv4/tcp_window_scaling", flag(self.window_scaling));
        // Asked for by the kernel, or never agreed to; 2 would leave the asking to us.
        host.sysctl("ipv4/tcp_ecn", flag(self.ecn));
    }

    /// Not by namespace, where only those are allowed that the host allows to everybody.
    fn control(&self, socket: &Socket) {
        socket.set_tcp_congestion(self.congestion.as_bytes()).expect("the kernel has both");
    }
}

fn flag(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}

/// Runs the cases, a few at a time, and tells all that fail.
fn run(cases: impl Iterator<Item = Case>) {
    let only = std::env::var("SOCKWRIGHT_CASE").ok().map(|seed| seed.parse().expect("the seed of a case"));
    let wanted = |case: &Case| only.is_none_or(|seed: u64| seed == case.seed);
    let cases = Mutex::new(cases.filter(wanted).collect::<VecDeque<Case>>());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let Some(case) = cases.lock().expect("no panic").pop_front() else { return };
                    let began = Instant::now();
                    let outcome = catch_unwind(AssertUnwindSafe(|| case.run()));
                    println!("{:5.1} s  {case:?}", began.elapsed().as_secs_f64());
                    if let Err(panic) = outcome {
                        failures.lock().expect("no panic").push(format!("{case:?}: {}", message(&*panic)));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

fn long() -> bool {
    std::env::var_os("SOCKWRIGHT_LONG").is_some_and(|value| value == "1")
}

/// Cases that run at the same time: most of them wait for their delays.
const AT_A_TIME: usize = 6;
