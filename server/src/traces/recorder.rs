//! The recorder of a trace: a thread of its own that takes in what comes, puts it on the disk, and makes the file in the end.
//!
//! Nobody waits for it: what comes faster than it writes is told as missing. It ends by itself when its file was fetched, when nobody
//! fetches it, or when the server has let it go.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};
use std::{io, thread};

use prost::Message;
use sockwright_proto::v1 as pb;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt;

use super::Traces;
use super::bundle::{self, Bundle};
use super::ear::{Ear, Line};
use super::manifest::{Manifest, Missing, Seen};
use super::spool::{Spool, Why, block_ends, message_ends};
use crate::capture::CaptureStream;
use crate::hub::{Followed, Follower, Hub, Places};
use crate::networks::Networks;

/// What a trace is recorded with.
pub(super) struct Recorder {
    pub(super) name: String,
    pub(super) number: u64,
    pub(super) traces: Weak<Traces>,
    pub(super) ear: Arc<Ear>,
    pub(super) hub: Arc<Hub>,
    pub(super) networks: Weak<Networks>,
    pub(super) asked: pb::TracesStartRequest,
    pub(super) limits: Parts<u64>,
    /// How long the file waits to be fetched.
    pub(super) linger: Duration,
    /// The stacks that belong to it, as they come; where it has a filter, all.
    pub(super) places: Arc<Places>,
    pub(super) began: SystemTime,
    /// The event that it begins behind.
    pub(super) after: u64,
    pub(super) follower: Option<Follower>,
    pub(super) capture: Option<CaptureStream>,
}

/// One of each for the parts that grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts<T> {
    pub(crate) events: T,
    pub(crate) packets: T,
    pub(crate) calls: T,
    pub(crate) log: T,
}

/// What a recorder is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Look at labs and stacks, as long as they are there.
    Look(oneshot::Sender<()>),
    /// Nothing more belongs to it.
    End(EndedBy),
    /// Somebody wants the file: end, unless that has happened.
    Fetch(oneshot::Sender<Result<Arc<Bundle>, Arc<io::Error>>>),
}

/// What ended a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// The call.
    Stop,
    /// The end of its session.
    Session,
}

/// The files as they grow.
struct Spools {
    sockets: Spool,
    parts: Parts<Spool>,
}

impl Recorder {
    /// Begins to record.
    pub(super) fn spawn(
        self,
        sockets: &[pb::SocketSummary],
        inbox: mpsc::UnboundedReceiver<Command>,
    ) -> io::Result<()> {
        let mut spools = Spools {
            sockets: Spool::new(self.limits.events)?,
            parts: Parts {
                events: Spool::new(self.limits.events)?,
                packets: Spool::new(self.limits.packets)?,
                calls: Spool::new(self.limits.calls)?,
                log: Spool::new(self.limits.log)?,
            },
        };
        let octets: Vec<u8> = sockets.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
        spools.sockets.push(&octets, message_ends(&octets));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = thread::Builder::new().name(format!("trace {}", self.name));
        thread.spawn(move || runtime.block_on(self.run(spools, inbox)))?;
        Ok(())
    }

    async fn run(mut self, mut spools: Spools, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let mut seen = Seen::default();
        let (mut missing, mut fetching) = (Vec::new(), None);
        self.look(&mut seen).await;
        let by = loop {
            let followed = async {
                match &mut self.follower {
                    Some(follower) => follower.next().await,
                    None => std::future::pending().await,
                }
            };
            let capture = async {
                match &mut self.capture {
                    Some(capture) => capture.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                command = inbox.recv() => match command {
                    Some(Command::Look(done)) => {
                        self.look(&mut seen).await;
                        _ = done.send(());
                    }
                    Some(Command::End(by)) => break by,
                    Some(Command::Fetch(answer)) => {
                        fetching = Some(answer);
                        break EndedBy::Stop;
                    }
                    None => return,
                },
                () = self.places.changed() => self.look(&mut seen).await,
                followed = followed => {
                    if !take_events(followed, &mut spools.parts.events, &mut missing, &mut seen) {
                        self.follower = None;
                    }
                }
                blocks = capture => match blocks {
                    Some(Ok(blocks)) if take_packets(&blocks.pcapng, &mut spools.parts.packets) => {}
                    // Nothing more has room, or the server is stopping.
                    _ => self.capture = None,
                },
                () = self.ear.more() => take_lines(&self.ear, &mut spools.parts),
            }
        };
        let bundle = self.finish(by, spools, missing, seen).await.map(Arc::new).map_err(Arc::new);
        if let Err(error) = &bundle {
            tracing::warn!(trace = self.name, %error, "a trace could not be written");
        }
        if let Some(answer) = fetching {
            _ = answer.send(bundle.clone());
        }
        // Readers that are slow have the file for themselves, and it waits for others meanwhile.
        while let Ok(Some(command)) = tokio::time::timeout(self.linger, inbox.recv()).await {
            match command {
                Command::Fetch(answer) => _ = answer.send(bundle.clone()),
                Command::Look(_) | Command::End(_) => {}
            }
        }
        if let Some(traces) = self.traces.upgrade() {
            traces.forget(self.number);
        }
    }

    /// Looks at labs and stacks that belong to it.
    async fn look(&self, seen: &mut Seen) {
        if let Some(networks) = self.networks.upgrade() {
            let survey = networks.survey(|stack| self.ear.wants_stack(stack)).await;
            seen.look(survey);
        }
    }

    /// Takes in what has happened by now, and makes the file.
    async fn finish(
        &mut self,
        by: EndedBy,
        mut spools: Spools,
        mut missing: Vec<Missing>,
        mut seen: Seen,
    ) -> io::Result<Bundle> {
        let end = self.hub.position();
        let ended = SystemTime::now();
        self.look(&mut seen).await;
        if let Some(mut follower) = self.follower.take() {
            while follower.cursor() < end.seq
                && let Some(followed) = follower.next_now()
                && take_events(followed, &mut spools.parts.events, &mut missing, &mut seen)
            {}
        }
        if let Some(mut capture) = self.capture.take() {
            capture.end();
            while let Some(Ok(blocks)) = capture.next().await {
                take_packets(&blocks.pcapng, &mut spools.parts.packets);
            }
            let (_, missed) = capture.figures();
            if missed > 0 {
                missing.push(Missing::of("packets.pcapng", Why::TooSlow, Some(missed)));
            }
        }
        take_lines(&self.ear, &mut spools.parts);
        if let Some(traces) = self.traces.upgrade() {
            for line in traces.open_calls(&self.ear).iter().filter_map(|call| call.line_so_far()) {
                push_line(&mut spools.parts.calls, &line);
            }
            traces.deafen(&self.ear);
        }
        let missed = self.ear.missed();
        for (file, lines) in [("calls.jsonl", missed.calls), ("log.jsonl", missed.log_lines)] {
            if lines > 0 {
                missing.push(Missing::of(file, Why::TooSlow, Some(lines)));
            }
        }
        let Spools { sockets, parts: Parts { events, packets, calls, log } } = spools;
        let packets = (!self.asked.no_packets).then_some(packets);
        for (file, spool) in [("sockets.binpb", &sockets), ("calls.jsonl", &calls), ("log.jsonl", &log)]
            .into_iter()
            .chain(packets.as_ref().map(|spool| ("packets.pcapng", spool)))
        {
            missing.extend(spool.full().map(|why| Missing::of(file, why, None)));
        }
        if let Some(why) = events.full() {
            missing.push(Missing::events(why, seen.last_event(), end.seq));
        }
        let mut files = vec![
            ("sockets.binpb", sockets),
            ("events.binpb", events),
            ("calls.jsonl", calls),
            ("log.jsonl", log),
        ];
        files.extend(packets.map(|packets| ("packets.pcapng", packets)));
        let manifest = Manifest {
            trace: &self.name,
            asked: &self.asked,
            epoch: end.epoch,
            start: (self.began, self.after),
            end: (ended, end.seq),
            by,
            limits: self.limits,
            missing,
            seen,
        };
        bundle::write(&manifest, files, end)
    }
}

/// Whether more may come and has room.
fn take_events(followed: Followed, spool: &mut Spool, missing: &mut Vec<Missing>, seen: &mut Seen) -> bool {
    match followed {
        Followed::Events(events) => {
            let before = spool.figures().bytes;
            spool.push(&events.octets, message_ends(&events.octets));
            let taken = usize::try_from(spool.figures().bytes - before).unwrap_or(usize::MAX);
            let last = message_ends(&events.octets).take_while(|(end, _)| *end <= taken);
            seen.events(&events.last_ns, last_seq(&events.octets, last.map(|(end, _)| end)));
            spool.full().is_none()
        }
        Followed::Missed { after, through } => {
            missing.push(Missing::events(Why::TooSlow, after, through));
            true
        }
        Followed::Stopping => false,
    }
}

/// The number of the last of the messages that end there.
fn last_seq(octets: &[u8], ends: impl Iterator<Item = usize>) -> Option<u64> {
    let (_, begin, end) = ends.fold((0, 0, 0), |(_, _, before), end| (0, before, end));
    let message = octets.get(begin..end).filter(|message| !message.is_empty())?;
    pb::Event::decode_length_delimited(message).ok().map(|event| event.seq)
}

/// Whether more has room.
fn take_packets(octets: &[u8], spool: &mut Spool) -> bool {
    spool.push(octets, block_ends(octets));
    spool.full().is_none()
}

fn take_lines(ear: &Ear, parts: &mut Parts<Spool>) {
    for line in ear.take() {
        match line {
            Line::Call(text) => push_line(&mut parts.calls, &text),
            Line::Log(text) => push_line(&mut parts.log, &text),
        }
    }
}

fn push_line(spool: &mut Spool, text: &str) {
    let line = format!("{text}\n");
    spool.push(line.as_bytes(), [(line.len(), 1)]);
}
