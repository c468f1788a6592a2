//! `trace.json`: what a trace is of, when it was, on what, and what it lacks. docs/traces.md describes it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use sockwright_engine::host::Interface;
use sockwright_proto::v1 as pb;

use super::contract::message_to_json;
use super::recorder::{EndedBy, Parts};
use super::spool::{Figures, Why};
use crate::hub::Name;
use crate::networks::Survey;

/// What is told of a trace.
pub(super) struct Manifest<'t> {
    pub(super) trace: &'t str,
    pub(super) asked: &'t pb::TracesStartRequest,
    pub(super) epoch: u64,
    /// When, and the last event before.
    pub(super) start: (SystemTime, u64),
    /// When, and the last event.
    pub(super) end: (SystemTime, u64),
    pub(super) by: EndedBy,
    pub(super) limits: Parts<u64>,
    pub(super) missing: Vec<Missing>,
    pub(super) seen: Seen,
}

/// Something that was asked for and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) file: &'static str,
    why: Why,
    /// How many, where they were counted.
    count: Option<u64>,
    /// Of events: the numbers around the hole.
    hole: Option<(u64, u64)>,
}

/// The labs and stacks of a trace, as they were when they were looked at last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    labs: BTreeMap<String, pb::Lab>,
    stacks: BTreeMap<String, SeenStack>,
    /// The last event that is kept.
    last_event: u64,
    /// There were more than are remembered.
    more: bool,
}

#[derive(Debug)]
struct SeenStack {
    stack: pb::Stack,
    interfaces: Vec<Interface>,
    start_ns: u64,
    end_ns: u64,
}

impl Missing {
    /// Of something else than events.
    pub(super) fn of(file: &'static str, why: Why, count: Option<u64>) -> Self {
        Missing { file, why, count, hole: None }
    }

    /// Of the events behind one, up to and with another.
    pub(super) fn events(why: Why, after: u64, through: u64) -> Self {
        Missing { file: "events.binpb", why, count: None, hole: Some((after, through)) }
    }

    fn to_json(&self) -> Value {
        let why = match self.why {
            Why::Limit => "LIMIT",
            Why::Disk => "DISK",
            Why::TooSlow => "TOO_SLOW",
        };
        let mut json = json!({ "file": self.file, "why": why });
        if let Some(count) = self.count {
            json["count"] = count.to_string().into();
        }
        if let Some((after, through)) = self.hole {
            json["after"] = after.to_string().into();
            json["through"] = through.to_string().into();
        }
        json
    }
}

impl Seen {
    /// Takes in how they are now.
    pub(super) fn look(&mut self, survey: Survey) {
        for lab in survey.labs {
            if self.labs.len() < LABS || self.labs.contains_key(&lab.name) {
                self.labs.insert(lab.name.clone(), lab);
            } else {
                self.more = true;
            }
        }
        for (stack, interfaces) in survey.stacks {
            let room = self.stacks.len() < STACKS;
            let now = stack.time_ns;
            match self.stacks.get_mut(&stack.name) {
                Some(seen) => {
                    seen.end_ns = seen.end_ns.max(now);
                    (seen.stack, seen.interfaces) = (stack, interfaces);
                }
                None if room => {
                    let seen = SeenStack { start_ns: now, end_ns: now, interfaces, stack };
                    self.stacks.insert(seen.stack.name.clone(), seen);
                }
                None => self.more = true,
            }
        }
    }

    /// Takes in what events tell of their clocks, and the last of them that is kept.
    pub(super) fn events(&mut self, last_ns: &BTreeMap<Name, u64>, last: Option<u64>) {
        for (stack, at) in last_ns {
            if let Some(seen) = self.stacks.get_mut(&**stack) {
                seen.end_ns = seen.end_ns.max(*at);
            }
        }
        self.last_event = last.unwrap_or(self.last_event);
    }

    /// The last event that is kept.
    pub(super) fn last_event(&self) -> u64 {
        self.last_event
    }
}

impl Manifest<'_> {
    /// Its text, with what each file has.
    pub(super) fn to_json(&self, files: &[(&'static str, Figures)]) -> String {
        let figures = |(name, of): &(&'static str, Figures)| {
            let figures = json!({ "count": of.count.to_string(), "bytes": of.bytes.to_string() });
            ((*name).to_owned(), figures)
        };
        let mut missing: Vec<Value> = self.missing.iter().map(Missing::to_json).collect();
        if self.seen.more {
            missing.push(Missing::of("trace.json", Why::Limit, None).to_json());
        }
        let Parts { events, packets, calls, log } = self.limits;
        let manifest = json!({
            "format": FORMAT,
            "version": VERSION,
            "title": self.asked.title,
            "trace": self.trace,
            "server": { "version": env!("CARGO_PKG_VERSION"), "epoch": self.epoch.to_string() },
            "asked": message_to_json("TracesStartRequest", self.asked),
            "start": { "time": time(self.start.0), "seq": self.start.1.to_string() },
            "end": { "time": time(self.end.0), "seq": self.end.1.to_string(), "by": match self.by {
                EndedBy::Stop => "STOP",
                EndedBy::Session => "SESSION",
            } },
            "files": Value::Object(files.iter().map(figures).collect()),
            "missing": missing,
            "limits": {
                "eventBytes": events.to_string(),
                "packetBytes": packets.to_string(),
                "callBytes": calls.to_string(),
                "logBytes": log.to_string(),
            },
            "environment": environment(),
            "labs": self.seen.labs.values().map(|lab| json!({ "lab": message_to_json("Lab", lab) })).collect::<Vec<_>>(),
            "stacks": self.seen.stacks.values().map(SeenStack::to_json).collect::<Vec<_>>(),
        });
        format!("{manifest:#}\n")
    }

    /// Which files lack something.
    pub(super) fn incomplete(&self) -> Vec<String> {
        let mut files: Vec<String> = self.missing.iter().map(|missing| missing.file.to_owned()).collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

impl SeenStack {
    fn to_json(&self) -> Value {
        let interface = |interface: &Interface| {
            json!({
                "mtu": interface.mtu,
                "checksums": interface.offload.checksums,
                "segmentation": interface.offload.segmentation > 0,
            })
        };
        json!({
            "stack": message_to_json("Stack", &self.stack),
            "startNs": self.start_ns.to_string(),
            "endNs": self.end_ns.to_string(),
            "interfaces": self.interfaces.iter().map(interface).collect::<Vec<_>>(),
        })
    }
}

/// A time of the wall's clock, as RFC 3339 writes it.
pub(crate) fn time(at: SystemTime) -> String {
    prost_types::Timestamp::from(at).to_string()
}

/// What the server runs on, and nothing that is its user's.
fn environment() -> Value {
    let uname = rustix::system::uname();
    let mut environment = Map::new();
    environment.insert("system".into(), uname.sysname().to_string_lossy().into());
    environment.insert("kernel".into(), uname.release().to_string_lossy().into());
    environment.insert("arch".into(), std::env::consts::ARCH.into());
    if let Ok(processors) = std::thread::available_parallelism() {
        environment.insert("processors".into(), processors.get().into());
    }
    Value::Object(environment)
}

const FORMAT: &str = "sockwright-trace";
const VERSION: u32 = 1;
/// Labs and stacks that are remembered.
const LABS: usize = 1024;
const STACKS: usize = 4096;
