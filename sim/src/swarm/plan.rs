//! What one seed does: the topology, the faults, who opens what to whom, and how each side behaves.
//!
//! Owns the dice that are thrown before the world begins. What can only be decided as things happen (which call is
//! cancelled, how much one call sends) is left to the actors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sockwright_engine::host::op::Family;
use sockwright_engine::rng::Rng;
use sockwright_engine::tcp::config::{
    CongestionControl, Ecn, KeepAlive, LossDetection, OptionsPatch, PathMtuDiscovery, SynCookies,
};
use sockwright_link::impair::{Bursts, Impairments};

use super::dice::Dice;

/// The plan of a seed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many stacks there are, all on one link.
    pub stacks: u32,
    /// The largest packet of the link.
    pub mtu: usize,
    /// The link cuts super-segments for the stacks.
    pub segmentation_offload: bool,
    /// What the link does at first.
    pub faults: Impairments,
    /// What it does instead to the frames of each stack, where its two directions differ.
    pub lines: Vec<Impairments>,
    /// What changes while the faults last, in order.
    pub weather: Vec<Change>,
    /// What befalls the hosts meanwhile, in order.
    pub mishaps: Vec<Mishap>,
    /// For how long.
    pub faults_for: Duration,
    /// Those who listen.
    pub listeners: Vec<ListenerPlan>,
    /// The connections.
    pub connections: Vec<ConnectionPlan>,
    /// The datagrams beside them.
    pub flows: Vec<FlowPlan>,
    /// The longest time between two forged segments, if somebody forges any.
    pub attacks: Option<Duration>,
}

/// A change of what the link does.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: Duration,
    /// To the frames of one stack, or of all.
    pub from: Option<u32>,
    /// What it does from there on.
    pub impairments: Impairments,
}

/// What befalls a host.
#[derive(Clone, Copy, Debug)]
pub struct Mishap {
    /// When.
    pub at: Duration,
    /// Which.
    pub stack: u32,
    /// What.
    pub kind: MishapKind,
}

/// What can befall a host.
#[derive(Clone, Copy, Debug)]
pub enum MishapKind {
    /// It restarts, and knows nothing of its past.
    Restart,
    /// It sleeps, and its clock is that much later when it wakes, with no other's having moved.
    Leap(Duration),
}

/// Somebody who listens and accepts.
#[derive(Clone, Debug)]
pub struct ListenerPlan {
    /// Where.
    pub stack: u32,
    /// On which port, on every address of the family.
    pub port: u16,
    /// Of which family.
    pub family: Family,
    /// The backlog.
    pub backlog: u32,
    /// The options that the accepted connections inherit.
    pub options: OptionsPatch,
    /// How long to wait before each accept.
    pub pause: Duration,
    /// When it stops to listen, if before the end.
    pub closes: Option<Duration>,
    /// How it calls.
    pub habits: Habits,
}

/// A connection, from both sides.
#[derive(Clone, Debug)]
pub struct ConnectionPlan {
    /// When it is opened.
    pub starts: Duration,
    /// How.
    pub opening: Opening,
    /// Of which family.
    pub family: Family,
    /// The opener, and its peer.
    pub sides: [SidePlan; 2],
}

/// How a connection is opened.
#[derive(Clone, Debug)]
pub enum Opening {
    /// From a stack to a listener (by number), from a port if one is given.
    ToListener {
        /// The opener.
        from: u32,
        /// The listener's number.
        listener: usize,
        /// The port to bind to first.
        port: Option<u16>,
    },
    /// From a stack to a port of another where nobody listens.
    ToNobody {
        /// The opener.
        from: u32,
        /// The other.
        to: u32,
    },
    /// From both at the same time.
    Crossing {
        /// The two, each with its port.
        ends: [(u32, u16); 2],
    },
}

/// How one side of a connection behaves.
#[derive(Clone, Debug)]
pub struct SidePlan {
    /// Its options. An accepted side has its listener's.
    pub options: OptionsPatch,
    /// Octets that it sends.
    pub send: u64,
    /// The most in one call.
    pub chunk: usize,
    /// How long it waits between calls to send.
    pub write_pause: Duration,
    /// The most that it takes in one call.
    pub read: usize,
    /// How long it waits between calls to receive.
    pub read_pause: Duration,
    /// Once it received so many octets it reads nothing for so long.
    pub stall: Option<(u64, Duration)>,
    /// How it ends.
    pub ending: Ending,
    /// How it calls.
    pub habits: Habits,
}

/// How somebody makes calls.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Calls park; otherwise it asks again and again.
    pub parks: bool,
    /// The chance that a parked call is cancelled when there is an occasion.
    pub cancels: f64,
    /// The chance that what a call gave is put back.
    pub restores: f64,
    /// The chance of a call that makes no sense.
    pub nonsense: f64,
    /// The chance that what is sent is urgent.
    pub urgent: f64,
}

/// How one side ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Sends everything, shuts down for writing, receives everything, closes.
    HalfClose,
    /// Receives everything, sends everything, closes.
    LastToClose,
    /// Sends everything and closes at once.
    CloseAfterSend,
    /// Aborts once so many octets passed in both directions, or after some seconds.
    Abort(u64),
    /// Closes once it received so much.
    CloseEarly(u64),
    /// Shuts down for reading once it received so much, and otherwise as `HalfClose`.
    ShutdownRead(u64),
}

/// Datagrams from one stack to another.
#[derive(Clone, Debug)]
pub struct FlowPlan {
    /// From.
    pub from: u32,
    /// To.
    pub to: u32,
    /// The family.
    pub family: Family,
    /// When they begin.
    pub starts: Duration,
    /// How many.
    pub count: u32,
    /// The largest, in octets of data.
    pub size: usize,
    /// Time between two.
    pub pause: Duration,
}

impl Plan {
    /// The plan of `seed`.
    pub fn new(seed: u64) -> Plan {
        let mut rng = Rng::from_u64(seed ^ PLAN_SALT);
        let dice = &mut rng;
        let stacks = if dice.chance(0.2) { 3 } else { 2 };
        let mtu = *dice.pick(&[576, 1280, 1280, 1500, 1500, 1500, 9000]);
        let faults = faults(dice);
        let faults_for = Duration::from_millis(dice.log(1_000, 60_000));
        let mut plan = Plan {
            stacks,
            mtu,
            segmentation_offload: false,
            faults,
            lines: Vec::new(),
            weather: Vec::new(),
            mishaps: Vec::new(),
            faults_for,
            listeners: Vec::new(),
            connections: Vec::new(),
            flows: Vec::new(),
            attacks: dice.chance(0.2).then(|| Duration::from_micros(dice.log(10_000, 1_000_000))),
        };
        plan.add_lines(dice);
        plan.add_weather(dice);
        plan.add_mishaps(dice);
        let connections = if dice.chance(0.05) { dice.log(50, 200) } else { dice.log(1, 20) } as u32;
        plan.add_listeners(dice, connections);
        for number in 0..connections {
            let connection = plan.connection(dice, number, connections);
            plan.connections.push(connection);
        }
        for _ in 0..dice.below(3) {
            let (from, to) = plan.pair(dice);
            let family = plan.family(dice);
            let starts = Duration::from_millis(u64::from(dice.below(5_000)));
            let count = 1 + dice.below(50);
            let size = *dice.pick(&[0, 7, 100, 1000, 1400, 9000]);
            // Two wrong bits in two parts of one datagram may leave its checksum right.
            let size = if plan.corrupts() { size.min(plan.mtu - 48) } else { size };
            let pause = Duration::from_micros(dice.log(1, 500_000));
            plan.flows.push(FlowPlan { from, to, family, starts, count, size, pause });
        }
        // Thrown last: a seed means for all else what it meant before there was that.
        plan.segmentation_offload = dice.chance(0.25);
        plan
    }

    /// Nothing that is sent is lost on the way, though it may be late, early or double.
    pub fn is_lossless(&self) -> bool {
        let lossless = |line: &Impairments| {
            line.loss == 0.0 && line.bursts.is_none() && line.rate_bps.is_none() && line.mtu.is_none()
        };
        // A host that restarts forgets what it received.
        let forgets = self.mishaps.iter().any(|mishap| matches!(mishap.kind, MishapKind::Restart));
        !forgets && !self.corrupts() && self.lines_ever().all(lossless)
    }

    /// What is sent may arrive with a bit flipped.
    fn corrupts(&self) -> bool {
        self.lines_ever().any(|line| line.corrupt > 0.0)
    }

    /// All that the link does to anybody's frames while the faults last.
    fn lines_ever(&self) -> impl Iterator<Item = &Impairments> {
        let later = self.weather.iter().map(|change| &change.impairments);
        [&self.faults].into_iter().chain(&self.lines).chain(later)
    }

    /// The link without faults: only its delay is left.
    pub fn calm(&self) -> Impairments {
        Impairments { delay: self.faults.delay, ..Impairments::default() }
    }

    /// The addresses of a stack.
    pub fn addresses(&self, stack: u32) -> Vec<(IpAddr, u8)> {
        let mut addresses = vec![(address(stack, Family::V4), 24)];
        // RFC 8200 §5 wants 1280 octets of every link.
        if self.mtu >= 1280 {
            addresses.push((address(stack, Family::V6), 64));
        }
        addresses
    }

    fn family(&self, dice: &mut Rng) -> Family {
        if self.mtu >= 1280 && dice.chance(0.5) { Family::V6 } else { Family::V4 }
    }

    /// What is left on the link of one connection would fit the next one of its addresses: the sequence numbers are the
    /// same, and no timestamps tell which is older, or a host restarts and its clock with it.
    fn invites_the_past(&self, mine: &OptionsPatch, theirs: &OptionsPatch) -> bool {
        let sides = [mine, theirs];
        let fixed = sides.iter().any(|side| side.initial_sequence_number.is_some());
        let timestamps = sides.iter().all(|side| side.timestamps != Some(false));
        let restarts = self.mishaps.iter().any(|mishap| matches!(mishap.kind, MishapKind::Restart));
        fixed && (restarts || !timestamps)
    }

    fn pair(&self, dice: &mut Rng) -> (u32, u32) {
        let from = dice.below(self.stacks);
        (from, (from + 1 + dice.below(self.stacks - 1)) % self.stacks)
    }

    /// Two directions of one path need not be alike.
    fn add_lines(&mut self, dice: &mut Rng) {
        if dice.chance(0.3) {
            self.lines = (0..self.stacks).map(|_| faults(dice)).collect();
        }
    }

    /// Black holes, routes that change, and links that carry less from one moment to the next and do not say so.
    fn add_weather(&mut self, dice: &mut Rng) {
        let last = self.faults_for.as_micros() as u64;
        let changes = if dice.chance(0.3) { dice.log(1, 10) } else { 0 };
        let mut times: Vec<u64> = (0..changes).map(|_| dice.log(1_000, last)).collect();
        times.sort_unstable();
        for at in times {
            let from = dice.chance(0.5).then(|| dice.below(self.stacks));
            let before = self.faults;
            let impairments = match dice.below(4) {
                0 => Impairments { loss: 1.0, ..before },
                1 => Impairments { mtu: Some(self.narrower(dice)), ..before },
                2 => Impairments { delay: Duration::from_micros(dice.log(1, 500_000)), ..before },
                _ => faults(dice),
            };
            self.weather.push(Change { at: Duration::from_micros(at), from, impairments });
            if impairments.loss == 1.0 {
                let until = Duration::from_micros((at + dice.log(1_000, 20_000_000)).min(last));
                self.weather.push(Change { at: until, from, impairments: before });
            }
        }
        self.weather.sort_by_key(|change| change.at);
    }

    /// Hosts that restart, and clocks that leap by milliseconds to hours.
    fn add_mishaps(&mut self, dice: &mut Rng) {
        let restarts = if dice.chance(0.15) { dice.log(1, 4) } else { 0 };
        let leaps = if dice.chance(0.15) { dice.log(1, 10) } else { 0 };
        for number in 0..restarts + leaps {
            let at = Duration::from_micros(dice.log(1_000, self.faults_for.as_micros() as u64));
            let stack = dice.below(self.stacks);
            let kind = match number {
                number if number < restarts => MishapKind::Restart,
                _ => MishapKind::Leap(Duration::from_micros(dice.log(1_000, LEAP_MAX_US))),
            };
            self.mishaps.push(Mishap { at, stack, kind });
        }
        self.mishaps.sort_by_key(|mishap| mishap.at);
    }

    /// A packet size that the link may fall to: of IPv6 it still has to carry what every link carries.
    fn narrower(&self, dice: &mut Rng) -> usize {
        let least = if self.mtu >= 1280 { 1280 } else { 296 };
        dice.log(least, self.mtu as u64) as usize
    }

    fn add_listeners(&mut self, dice: &mut Rng, connections: u32) {
        // All are accepted before anybody loses patience.
        let pause_max = (40_000_000 / u64::from(connections)).min(2_000_000);
        for number in 0..2 + dice.below(3) {
            let closes = dice.chance(0.08).then(|| Duration::from_millis(dice.log(100, 30_000)));
            self.listeners.push(ListenerPlan {
                stack: number % self.stacks,
                port: 80 + number as u16,
                family: self.family(dice),
                backlog: if connections > 20 { 128 } else { *dice.pick(&[0, 1, 1, 2, 5, 128]) },
                options: options(dice),
                pause: pause(dice, pause_max),
                closes,
                habits: habits(dice),
            });
        }
    }

    fn connection(&self, dice: &mut Rng, number: u32, of: u32) -> ConnectionPlan {
        let starts = Duration::from_millis(if dice.chance(0.3) { 0 } else { dice.log(1, 20_000) });
        let mut family = self.family(dice);
        let (from, to) = self.pair(dice);
        let mut opening = match dice.below(20) {
            0 => Opening::ToNobody { from, to },
            1..=3 => {
                let port = 10_000 + number as u16;
                Opening::Crossing { ends: [(from, port), (to, port + 1_000)] }
            }
            _ => {
                let listener = dice.below(self.listeners.len() as u32) as usize;
                let there = &self.listeners[listener];
                family = there.family;
                let itself = dice.chance(0.05);
                let from = if itself || from != there.stack { from } else { to };
                let port = match dice.below(4) {
                    0 => Some(SHARED_PORTS.start + dice.below(2) as u16),
                    1 => Some(20_000 + number as u16),
                    _ => None,
                };
                Opening::ToListener { from, listener, port }
            }
        };
        let mine = options(dice);
        let theirs = match &opening {
            Opening::ToListener { listener, .. } => self.listeners[*listener].options.clone(),
            _ => options(dice),
        };
        if let Opening::ToListener { port: Some(port), .. } = &mut opening
            && SHARED_PORTS.contains(port)
            && self.invites_the_past(&mine, &theirs)
        {
            *port = 20_000 + number as u16;
        }
        let endings = endings(dice);
        let room = |sender: &OptionsPatch, receiver: &OptionsPatch| {
            let mss = [sender.max_segment_size, receiver.max_segment_size];
            let mss = mss.into_iter().flatten().min().unwrap_or(u32::MAX).min(self.mtu as u32 - 60);
            let buffers = [sender.send_buffer, receiver.receive_buffer];
            u64::from(buffers.into_iter().flatten().min().unwrap_or(u32::MAX).min(mss))
        };
        let rooms = [room(&mine, &theirs), room(&theirs, &mine)];
        let side = |dice: &mut Rng, options, index: usize| {
            let segments = if rooms[index] < 500 { SMALL_SEGMENTS_MAX } else { SEGMENTS_MAX };
            let options: OptionsPatch = options;
            // Without Nagle each octet that is acknowledged may make room for a segment of one.
            let silly =
                options.no_delay == Some(true) && options.send_buffer.is_some_and(|size| size < 10_000);
            let most =
                (rooms[index] * segments / u64::from(of)).clamp(1, if silly { SILLY_MAX } else { SEND_MAX });
            let send = if dice.chance(0.15) { 0 } else { dice.log(1, most) };
            let chunk = dice.log(1.max(send / 200), 65_536.max(send / 100)) as usize;
            // No write takes more than the buffer holds.
            let buffer = u64::from(options.send_buffer.unwrap_or(u32::MAX));
            let writes = send / (chunk as u64).min(buffer).max(1);
            SidePlan {
                options,
                send,
                chunk,
                write_pause: pause(dice, 20_000_000 / (writes + 1)),
                read: 0,
                read_pause: Duration::ZERO,
                stall: None,
                ending: endings[index],
                habits: habits(dice),
            }
        };
        let mut sides = [side(dice, mine, 0), side(dice, theirs, 1)];
        for index in 0..2 {
            let comes = sides[1 - index].send;
            sides[index].read = dice.log(1.max(comes / 200), 65_536.max(comes / 100)) as usize;
            // No read gives more than the buffer holds.
            let buffer = sides[index].options.receive_buffer.unwrap_or(u32::MAX);
            let reads = comes / (sides[index].read as u64).min(u64::from(buffer)).max(1);
            sides[index].read_pause = pause(dice, 20_000_000 / (reads + 1));
            sides[index].stall =
                dice.chance(0.1).then(|| (dice.log(1, comes), Duration::from_millis(dice.log(100, 120_000))));
        }
        ConnectionPlan { starts, opening, family, sides }
    }
}

/// A stack's address.
pub fn address(stack: u32, family: Family) -> IpAddr {
    let host = stack as u16 + 1;
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::new(10, 0, 0, host as u8)),
        Family::V6 => IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host)),
    }
}

impl SidePlan {
    /// The options allow that the connection is given up while faults last.
    pub fn may_time_out(&self) -> bool {
        self.options.user_timeout.is_some() || self.options.keep_alive.is_some()
    }
}

fn faults(dice: &mut Rng) -> Impairments {
    let mut up_to = |most: f64| if dice.chance(0.5) { dice.unit() * most } else { 0.0 };
    let (loss, reorder, duplicate, corrupt) = (up_to(0.3), up_to(0.3), up_to(0.3), up_to(0.1));
    let mark = up_to(0.3);
    let perfect = dice.chance(0.2);
    let chance = |value: f64| if perfect { 0.0 } else { value };
    let bursts = (dice.chance(0.15) && !perfect).then(|| Bursts {
        begin: dice.unit() * 0.05,
        end: 0.05 + dice.unit() * 0.5,
        loss: 0.5 + dice.unit() * 0.5,
    });
    let rate_bps = (dice.chance(0.1) && !perfect).then(|| dice.log(56_000, 100_000_000));
    Impairments {
        loss: chance(loss),
        mark: chance(mark),
        delay: Duration::from_micros(if dice.chance(0.1) { 0 } else { dice.log(1, 500_000) }),
        jitter: pause(dice, 200_000),
        reorder: chance(reorder),
        reorder_by: Duration::from_micros(dice.log(1, 300_000)),
        duplicate: chance(duplicate),
        corrupt: chance(corrupt),
        rate_bps,
        queue_limit: dice.log(4, 1000) as usize,
        bursts,
        mtu: None,
    }
}

const ALGORITHMS: [CongestionControl; 3] =
    [CongestionControl::NewReno, CongestionControl::Cubic, CongestionControl::Bbr];

fn options(dice: &mut Rng) -> OptionsPatch {
    let buffers = [1, 7, 100, 536, 1_000, 4_096, 20_000, 65_535, 262_144, 1_048_576];
    let ms = Duration::from_millis;
    let keep_alive = KeepAlive {
        idle: ms(dice.log(500, 20_000)),
        interval: ms(dice.log(100, 5_000)),
        probes: 1 + dice.below(8) as u8,
    };
    OptionsPatch {
        no_delay: dice.chance(0.5).then_some(true),
        max_segment_size: dice.chance(0.3).then(|| *dice.pick(&[88, 300, 536, 1_000, 1_460, 8_960])),
        msl: Some(ms(*dice.pick(&[0, 1, 50, 500, 2_000, 30_000]))),
        keep_alive: dice.chance(0.1).then_some(Some(keep_alive)),
        user_timeout: dice.chance(0.15).then(|| ms(dice.log(100, 30_000))),
        linger: None,
        send_buffer: dice.chance(0.6).then(|| *dice.pick(&buffers)),
        receive_buffer: dice.chance(0.6).then(|| *dice.pick(&buffers)),
        delayed_ack: dice.chance(0.5).then(|| ms(*dice.pick(&[0, 1, 100, 499]))),
        rto_min: dice.chance(0.3).then(|| ms(*dice.pick(&[1, 20, 1_000]))),
        rto_initial: dice.chance(0.3).then(|| ms(*dice.pick(&[50, 300, 3_000]))),
        reuse_address: dice.chance(0.5).then_some(true),
        initial_sequence_number: dice.chance(0.3).then(|| (0u32).wrapping_sub(dice.log(1, 300_000) as u32)),
        congestion: dice.chance(0.6).then(|| *dice.pick(&ALGORITHMS)),
        window_scaling: dice.chance(0.2).then_some(false),
        timestamps: dice.chance(0.3).then_some(false),
        sack: dice.chance(0.3).then_some(false),
        ecn: dice.chance(0.6).then(|| *dice.pick(&[Ecn::Off, Ecn::Active])),
        hystart: dice.chance(0.3).then_some(false),
        pacing: dice.chance(0.3).then_some(true),
        initial_window: dice.chance(0.3).then(|| *dice.pick(&[1, 2, 4, 100])),
        loss_detection: dice.chance(0.3).then_some(LossDetection::DuplicateAcks),
        tail_loss_probe: dice.chance(0.3).then_some(false),
        fast_open: dice.chance(0.3).then_some(true),
        user_timeout_option: dice.chance(0.3).then_some(true),
        hop_limit: dice.chance(0.2).then(|| *dice.pick(&[1, 255])),
        dscp: dice.chance(0.2).then(|| *dice.pick(&[8, 46, 63])),
        // Of IPv4 alone, and the swarm draws options before it knows the family.
        ip_options: None,
        path_mtu_discovery: dice
            .chance(0.5)
            .then(|| *dice.pick(&[PathMtuDiscovery::Off, PathMtuDiscovery::Probe])),
        // A handshake in a cookie fails where its last segment is lost, as the wire of this world may lose it.
        syn_cookies: dice.chance(0.4).then_some(SynCookies::Off),
    }
}

/// How the two sides end: never so that each waits for the other.
fn endings(dice: &mut Rng) -> [Ending; 2] {
    let octets = dice.log(1, 200_000);
    let mut ending = |peer: Option<Ending>| match dice.below(20) {
        0..=8 => Ending::HalfClose,
        9..=12 if peer.is_some_and(|peer| peer != Ending::LastToClose) => Ending::LastToClose,
        9..=14 => Ending::CloseAfterSend,
        15 => Ending::Abort(octets),
        16 => Ending::CloseEarly(octets),
        17 => Ending::ShutdownRead(octets),
        _ => Ending::HalfClose,
    };
    let first = ending(None);
    let second = ending(Some(first));
    // Two that wait for each other's octets may wait for ever, and two that read no more fill both windows.
    let waits = |ending| matches!(ending, Ending::CloseEarly(_) | Ending::LastToClose);
    let deaf = |ending| matches!(ending, Ending::ShutdownRead(_));
    let stuck = waits(first) && waits(second) || deaf(first) && deaf(second);
    let second = if stuck { Ending::HalfClose } else { second };
    if dice.chance(0.5) { [first, second] } else { [second, first] }
}

fn habits(dice: &mut Rng) -> Habits {
    let mut chance = |most: f64| if dice.chance(0.3) { dice.unit() * most } else { 0.0 };
    let (cancels, restores, nonsense, urgent) = (chance(0.3), chance(0.2), chance(0.1), chance(0.3));
    Habits { parks: dice.chance(0.8), cancels, restores, nonsense, urgent }
}

/// Usually none.
fn pause(dice: &mut Rng, micros_max: u64) -> Duration {
    if micros_max < 2 || dice.chance(0.6) {
        return Duration::ZERO;
    }
    Duration::from_micros(dice.log(1, micros_max))
}

/// Ports that connections fight for.
pub const SHARED_PORTS: std::ops::Range<u16> = 30_000..30_002;

const PLAN_SALT: u64 = 0x05ee_d0fa_1a57;
const SEND_MAX: u64 = 1 << 20;
/// Five hours.
const LEAP_MAX_US: u64 = 5 * 3_600_000_000;
/// Octets of one side whose segments may all be tiny.
const SILLY_MAX: u64 = 20_000;
/// Segments of one side of all connections together, more or less.
const SEGMENTS_MAX: u64 = 6_000;
/// The same where buffers or segments are small.
const SMALL_SEGMENTS_MAX: u64 = 2_000;
