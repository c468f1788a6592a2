//! The congestion window of each algorithm over time, as pictures that are compared: `snapshots/cwnd_*.txt`.
//!
//! One connection sends over a line of 20 Mbit/s with 20 ms each way and room for 50 packets, in virtual time. What befalls
//! it is the same for all: slow start until the queue overflows or HyStart++ sees it grow, a lost segment, a mark (RFC
//! 3168), two seconds without data, half a second in which nothing arrives.
//!
//! ```text
//!    ms  cwnd  ssthresh
//!   300    93        64  ################################:#############
//! ```

mod common;
mod generated;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use common::Pair;
use sockwright_engine::event::{CongestionPhase, EventKind};
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::config::{CongestionControl, Ecn, OptionsPatch};
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{IpHeader, IpPacket};

const RATE_BPS: u64 = 20_000_000;
const DELAY: Duration = Duration::from_millis(20);
const QUEUE: usize = 50;
const SAMPLE: Duration = Duration::from_millis(100);
const END_MS: u64 = 14_000;
/// Segments in a column of the picture.
const COLUMN: u32 = 3;

/// What happens at which millisecond.
const STORY: [(u64, Incident); 6] = [
    (3000, Incident::LoseOne),
    (6000, Incident::MarkOne),
    (8000, Incident::StopSending),
    (10_000, Incident::SendAgain),
    (11_500, Incident::LoseAll),
    (12_000, Incident::LoseNone),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incident {
    LoseOne,
    MarkOne,
    StopSending,
    SendAgain,
    LoseAll,
    LoseNone,
}

impl Incident {
    fn text(self) -> &'static str {
        match self {
            Incident::LoseOne => "a segment is lost",
            Incident::MarkOne => "a segment is marked",
            Incident::StopSending => "there is nothing more to send",
            Incident::SendAgain => "there is more to send",
            Incident::LoseAll => "nothing arrives any more",
            Incident::LoseNone => "the path is whole again",
        }
    }
}

/// The line from `a` to `b`, and the way back, that is fast.
#[derive(Default)]
struct Path {
    /// What arrives when, in order: at `b`, or at `a`.
    arrivals: BTreeMap<(Instant, u64), (bool, Vec<u8>)>,
    number: u64,
    departures: VecDeque<Instant>,
    lose_next: bool,
    mark_next: bool,
    down: bool,
    overflows: u32,
}

impl Path {
    fn forth(&mut self, now: Instant, frame: Vec<u8>) {
        while self.departures.front().is_some_and(|at| *at <= now) {
            self.departures.pop_front();
        }
        let has_data = frame.len() > 100;
        if self.down || has_data && std::mem::take(&mut self.lose_next) {
            return;
        }
        if self.departures.len() >= QUEUE {
            self.overflows += 1;
            return;
        }
        let frame = match marked(&frame).filter(|_| self.mark_next) {
            Some(marked) => {
                self.mark_next = false;
                marked
            }
            None => frame,
        };
        let on_line = Duration::from_nanos(frame.len() as u64 * 8 * 1_000_000_000 / RATE_BPS);
        let departure = self.departures.back().copied().unwrap_or(now) + on_line;
        self.departures.push_back(departure);
        self.arrive(departure + DELAY, true, frame);
    }

    fn back(&mut self, now: Instant, frame: Vec<u8>) {
        if !self.down {
            self.arrive(now + DELAY, false, frame);
        }
    }

    fn arrive(&mut self, at: Instant, at_b: bool, frame: Vec<u8>) {
        self.number += 1;
        self.arrivals.insert((at, self.number), (at_b, frame));
    }
}

/// The packet with CE in its header, if it may be marked.
fn marked(frame: &[u8]) -> Option<Vec<u8>> {
    let IpPacket { src, dst, protocol, hop_limit, ecn, dscp, payload, .. } = IpPacket::parse(frame).unwrap();
    if ecn != 2 {
        return None;
    }
    let mut marked = Vec::new();
    IpHeader { src, dst, protocol, hop_limit, ecn: 3, dscp, ident: 0, options: Default::default() }
        .emit(payload.len(), &mut marked);
    marked.extend(payload);
    Some(marked)
}

struct Run {
    pair: Pair,
    path: Path,
    client: SocketId,
    server: SocketId,
    sending: bool,
    began: Instant,
    mss: u32,
    /// The threshold and the phase that were told last.
    ruled_by: (u32, CongestionPhase),
    picture: String,
}

impl Run {
    fn new(options: OptionsPatch) -> Self {
        let mut pair = Pair::new();
        let options = OptionsPatch { ecn: Some(Ecn::Active), ..options };
        // The handshake takes no time, and leaves no picture.
        let (client, server) = pair.connected_with(options, OptionsPatch::default());
        let began = pair.a.now;
        let mss = pair.a.engine.info(client).unwrap().tcp.unwrap().snd_mss;
        pair.a.events.clear();
        let path = Path::default();
        let ruled_by = (u32::MAX, CongestionPhase::SlowStart);
        Run { pair, path, client, server, sending: true, began, mss, ruled_by, picture: String::new() }
    }

    /// Runs the story: the picture of it.
    fn tell(mut self) -> String {
        let _ = writeln!(self.picture, "   ms  cwnd  ssthresh");
        let began = self.began;
        let at = |(ms, what)| (began + Duration::from_millis(ms), what);
        let mut story = STORY.into_iter().map(at).peekable();
        let mut sample = self.began;
        let end = self.at(END_MS);
        while self.pair.a.now < end {
            self.write();
            self.note_events();
            self.carry();
            let arrival = self.path.arrivals.keys().next().map(|(at, _)| *at);
            let timers = [self.pair.a.engine.poll_timeout(), self.pair.b.engine.poll_timeout()];
            let incident = story.peek().map(|(at, _)| *at);
            let next =
                [arrival, incident, Some(sample), timers[0], timers[1]].into_iter().flatten().min().unwrap();
            (self.pair.a.now, self.pair.b.now) = (next, next);
            for host in [&mut self.pair.a, &mut self.pair.b] {
                host.engine.handle_timeout(next);
                host.drain();
            }
            self.note_events();
            if let Some((_, what)) = story.next_if(|(at, _)| *at <= next) {
                self.happen(what);
            }
            if sample <= next {
                self.draw();
                sample = next + SAMPLE;
            }
            while let Some(first) = self.path.arrivals.first_entry().filter(|first| first.key().0 <= next) {
                let (at_b, frame) = first.remove();
                if at_b {
                    self.pair.b.frame(&frame)
                } else {
                    self.pair.a.frame(&frame)
                }
                self.note_events();
            }
        }
        let delivered = self.pair.b.engine.info(self.server).unwrap().tcp.unwrap().totals.bytes_received;
        let totals = self.pair.a.engine.info(self.client).unwrap().tcp.unwrap().totals;
        let megabits = delivered * 8 / (END_MS - 2000);
        let Path { overflows, .. } = self.path;
        let _ = write!(
            self.picture,
            "\n{delivered} octets arrived, {megabits} kbit/s while there was data; {} sent again, {overflows} lost in the queue.\n",
            totals.retransmissions
        );
        self.picture
    }

    fn at(&self, ms: u64) -> Instant {
        self.began + Duration::from_millis(ms)
    }

    /// Keeps the send buffer full, and the receive buffer empty.
    fn write(&mut self) {
        let waiting = self.pair.a.engine.info(self.client).unwrap().tcp.unwrap().send_queue;
        if self.sending && waiting < 700_000 {
            self.pair.a.send(self.client, &[0; 200_000]);
        }
        if self.pair.b.engine.info(self.server).unwrap().tcp.unwrap().receive_queue > 0 {
            self.pair.b.recv(self.server);
        }
    }

    fn carry(&mut self) {
        let now = self.pair.a.now;
        for frame in std::mem::take(&mut self.pair.a.sent) {
            self.path.forth(now, frame);
        }
        for frame in std::mem::take(&mut self.pair.b.sent) {
            self.path.back(now, frame);
        }
    }

    fn happen(&mut self, what: Incident) {
        self.note(self.pair.a.now, what.text());
        match what {
            Incident::LoseOne => self.path.lose_next = true,
            Incident::MarkOne => self.path.mark_next = true,
            Incident::StopSending => self.sending = false,
            Incident::SendAgain => self.sending = true,
            Incident::LoseAll => self.path.down = true,
            Incident::LoseNone => self.path.down = false,
        }
    }

    fn note(&mut self, at: Instant, text: &str) {
        let ms = (at - self.began).as_millis();
        let _ = writeln!(self.picture, "{ms:5}  -- {text}");
    }

    fn note_events(&mut self) {
        self.pair.b.events.clear();
        for event in std::mem::take(&mut self.pair.a.events) {
            match event.kind {
                EventKind::Congestion { cwnd, ssthresh, phase } if self.ruled_by != (ssthresh, phase) => {
                    self.ruled_by = (ssthresh, phase);
                    let [cwnd, ssthresh] = [self.segments(cwnd), self.segments(ssthresh)];
                    self.note(event.at, &format!("{}, cwnd {cwnd}, ssthresh {ssthresh}", phase.name()));
                }
                EventKind::Recovery { from, to, cause } => {
                    let text = format!("recovery: {} to {}, {}", from.name(), to.name(), cause.name());
                    self.note(event.at, &text);
                }
                EventKind::Undo(cause) => self.note(event.at, &format!("undone: {}", cause.name())),
                _ => {}
            }
        }
    }

    fn segments(&self, octets: u32) -> String {
        if octets == u32::MAX { "-".to_owned() } else { (octets / self.mss).to_string() }
    }

    fn draw(&mut self) {
        let info = self.pair.a.engine.info(self.client).unwrap().tcp.unwrap();
        let column = |octets: u32| (octets / self.mss / COLUMN) as usize;
        let mut bar: Vec<char> = vec!['#'; column(info.cwnd)];
        if info.ssthresh != u32::MAX {
            let at = column(info.ssthresh);
            bar.resize(bar.len().max(at + 1), ' ');
            bar[at] = ':';
        }
        let bar: String = bar.into_iter().collect();
        let ms = (self.pair.a.now - self.began).as_millis();
        let (cwnd, ssthresh) = (info.cwnd / self.mss, self.segments(info.ssthresh));
        let _ = writeln!(self.picture, "{}", format!("{ms:5}  {cwnd:4}  {ssthresh:>8}  {bar}").trim_end());
    }
}

fn picture(name: &str, congestion: CongestionControl, options: OptionsPatch) -> String {
    let options = OptionsPatch { congestion: Some(congestion), ..options };
    let picture = Run::new(options.clone()).tell();
    assert_eq!(picture, Run::new(options).tell(), "{name} is not the same twice");
    picture
}

#[test]
fn new_reno() {
    let hystart = Some(false);
    let options = OptionsPatch { hystart, ..OptionsPatch::default() };
    generated::hold_snapshot("cwnd_new_reno.txt", &picture("NewReno", CongestionControl::NewReno, options));
}

#[test]
fn new_reno_with_hystart() {
    let options = OptionsPatch::default();
    let picture = picture("NewReno with HyStart++", CongestionControl::NewReno, options);
    generated::hold_snapshot("cwnd_new_reno_hystart.txt", &picture);
}

#[test]
fn cubic() {
    let options = OptionsPatch::default();
    generated::hold_snapshot("cwnd_cubic.txt", &picture("CUBIC", CongestionControl::Cubic, options));
}

#[test]
fn cubic_that_paces() {
    let pacing = Some(true);
    let options = OptionsPatch { pacing, ..OptionsPatch::default() };
    generated::hold_snapshot(
        "cwnd_cubic_paced.txt",
        &picture("CUBIC, paced", CongestionControl::Cubic, options),
    );
}

#[test]
fn bbr() {
    let options = OptionsPatch::default();
    generated::hold_snapshot("cwnd_bbr.txt", &picture("BBR", CongestionControl::Bbr, options));
}
