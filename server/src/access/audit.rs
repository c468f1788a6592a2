//! The audit log: a line of JSON for each call that touches a real wire, for each that is denied, and for what changes who may do what.
//!
//! ```text
//! {"time":"2026-11-23T12:00:00.000000Z","identity":"token:ci","peer":"127.0.0.1:40000","method":"Sockets/Connect","stack":"wire",
//!  "socket":7,"remote":"10.0.0.2:80","rule":"services of the test network","code":"OK"}
//! ```
//!
//! Nobody waits for it: what has no room, or cannot be written, is counted, and the next line says how many were missed. Octets that
//! sockets carry are never in it, only how many. Whatever a line has is a string or a number of JSON: nothing that a caller chooses
//! ends one. A call of which nobody awaits the end is told as CANCELLED: what it was to do may have been done.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tonic::{Code, Status};

use crate::metrics::code_name;
use crate::traces::time;

/// Where it is written. Cheap to clone; without a file nothing is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit(Option<Arc<Log>>);

#[derive(Debug)]
struct Log {
    lines: SyncSender<String>,
    missed: Arc<AtomicU64>,
}

/// Something that was done, or denied.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Deed<'d> {
    /// Which call, or what else happened: `Policy/Reload`, `Sessions/End`.
    pub(crate) method: &'d str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) stack: &'d str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) session: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) socket: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) local: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remote: Option<SocketAddr>,
    /// The rule that allowed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<&'d str>,
    /// Octets of data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) octets: Option<u64>,
    /// Calls like this one since the last line of them, which have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) more: Option<u64>,
}

#[derive(Serialize)]
struct Line<'l> {
    time: String,
    identity: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    #[serde(flatten)]
    deed: &'l Deed<'l>,
    code: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'l str,
    /// Lines before this one that are not there.
    #[serde(skip_serializing_if = "is_none_missed")]
    missed: u64,
}

fn is_none_missed(missed: &u64) -> bool {
    *missed == 0
}

/// What may happen as often as strangers like, and is told once a second.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    last: Option<Instant>,
    count: u64,
}

impl Seldom {
    /// Whether it is told this time: then how often it was not, since it last was.
    pub(crate) fn take(&self, now: Instant) -> Option<u64> {
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if untold.last.is_some_and(|last| now.saturating_duration_since(last) < SELDOM) {
            untold.count += 1;
            return None;
        }
        untold.last = Some(now);
        Some(std::mem::take(&mut untold.count))
    }
}

/// How long lies at least between two lines of what strangers do.
const SELDOM: Duration = Duration::from_secs(1);

impl Audit {
    /// Writes to a file, behind what it has; `-` is the standard output.
    pub(crate) fn to(place: &Path) -> io::Result<Audit> {
        let output = Output::open(place)?;
        let (lines, inbox) = sync_channel(WAITING);
        let missed = Arc::<AtomicU64>::default();
        let writer = Writer { output, missed: Arc::clone(&missed), failing: false };
        thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(&inbox))?;
        Ok(Audit(Some(Arc::new(Log { lines, missed }))))
    }

    /// Whether anybody reads it: what a line needs is worth finding out.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Writes down what somebody did, and what came of it.
    pub(crate) fn tell(
        &self,
        identity: &str,
        peer: Option<SocketAddr>,
        deed: &Deed<'_>,
        came: Result<(), &Status>,
    ) {
        let Some(log) = &self.0 else { return };
        let missed = log.missed.swap(0, Ordering::AcqRel);
        let (code, message) = came.err().map_or((Code::Ok, ""), |status| (status.code(), status.message()));
        let time = time(SystemTime::now());
        // A caller chooses these, and a disk may be slow: lines that wait are of a size.
        let [method, stack, session] = [deed.method, deed.stack, deed.session].map(short);
        let deed = &Deed { method, stack, session, ..deed.clone() };
        let line = Line { time, identity, peer, deed, code: code_name(code), message, missed };
        let told = serde_json::to_string(&line).ok().and_then(|line| log.lines.try_send(line).ok());
        if told.is_none() {
            log.missed.fetch_add(missed + 1, Ordering::AcqRel);
        }
    }
}

/// As much of a name as a name may have, and a little more.
fn short(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_OCTETS)]
}

/// Octets of a name that are written down.
const NAME_OCTETS: usize = 192;

/// Where lines go.
enum Output {
    File(PathBuf, File),
    Standard,
}

impl Output {
    fn open(place: &Path) -> io::Result<Output> {
        if place == Path::new("-") {
            return Ok(Output::Standard);
        }
        let file = OpenOptions::new().append(true).create(true).open(place)?;
        Ok(Output::File(place.to_owned(), file))
    }

    /// Goes on in the file that has the name by now, where another process has moved the one that had it.
    fn follow(&mut self) {
        let Output::File(place, file) = self else { return };
        let moved = file.metadata().is_ok_and(|ours| {
            let there = std::fs::metadata(&*place);
            !there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        });
        if moved && let Ok(output) = Output::open(place) {
            *self = output;
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        // At once, so that a line is whole whatever becomes of the process.
        let line = format!("{line}\n");
        match self {
            Output::File(_, file) => file.write_all(line.as_bytes()),
            Output::Standard => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush())
            }
        }
    }
}

/// What writes, on a thread of its own.
struct Writer {
    output: Output,
    missed: Arc<AtomicU64>,
    failing: bool,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<String>) {
        while let Ok(line) = inbox.recv() {
            self.output.follow();
            match self.output.write(&line) {
                Ok(()) => self.failing = false,
                Err(error) => {
                    self.missed.fetch_add(1, Ordering::AcqRel);
                    // Told once for as long as it lasts.
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::error!(%error, "the audit log cannot be written: calls go on, and are missed there");
                    }
                }
            }
        }
    }
}

/// Lines that may wait to be written.
const WAITING: usize = 8192;

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;

    use super::*;

    fn until_lines(place: &Path, count: usize) -> Vec<Value> {
        loop {
            let text = fs::read_to_string(place).unwrap_or_default();
            if text.matches('\n').count() >= count {
                return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            thread::yield_now();
        }
    }

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("audit.jsonl");
        let audit = Audit::to(&place).unwrap();
        let evil = "a\n{\"identity\":\"local\"}\r\u{2028}\u{0}\"";
        let deed = Deed { method: "Sockets/Connect", stack: evil, octets: Some(3), ..Deed::default() };
        audit.tell(evil, Some("10.0.0.1:5".parse().unwrap()), &deed, Err(&Status::permission_denied(evil)));
        audit.tell("local", None, &Deed { method: "Sockets/Send", ..Deed::default() }, Ok(()));
        let lines = until_lines(&place, 2);
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (&lines[0]["identity"], &lines[0]["stack"], &lines[0]["message"]),
            (&evil.into(), &evil.into(), &evil.into())
        );
        assert_eq!(
            (&lines[0]["code"], &lines[0]["octets"], &lines[0]["peer"]),
            (&"PERMISSION_DENIED".into(), &3.into(), &"10.0.0.1:5".into())
        );
        assert_eq!((&lines[1]["code"], lines[1].get("peer")), (&"OK".into(), None));
    }

    #[test]
    fn what_strangers_do_is_told_once_a_second_and_counted() {
        let (seldom, began) = (Seldom::default(), Instant::now());
        let at = |ms: u64| seldom.take(began + Duration::from_millis(ms));
        assert_eq!(at(0), Some(0));
        assert_eq!([at(1), at(500), at(999)], [None; 3]);
        assert_eq!([at(1000), at(1001), at(5000)], [Some(3), None, Some(1)]);
    }

    #[test]
    fn a_file_that_was_moved_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (place, moved) = (folder.path().join("audit.jsonl"), folder.path().join("audit.1"));
        let audit = Audit::to(&place).unwrap();
        let deed = Deed { method: "Sockets/Send", ..Deed::default() };
        audit.tell("local", None, &deed, Ok(()));
        until_lines(&place, 1);
        fs::rename(&place, &moved).unwrap();
        audit.tell("local", None, &deed, Ok(()));
        assert_eq!((until_lines(&place, 1).len(), until_lines(&moved, 1).len()), (1, 1));
    }

    #[test]
    fn on_a_disk_that_is_full_calls_go_on_and_the_next_line_says_what_is_missing() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let audit = Audit::to(full).unwrap();
        let deed = Deed { method: "Sockets/Send", ..Deed::default() };
        let missed = Arc::clone(&audit.0.as_ref().unwrap().missed);
        for _ in 0..3 {
            audit.tell("local", None, &deed, Ok(()));
            while missed.load(Ordering::Acquire) == 0 {
                thread::yield_now();
            }
        }
        assert!(missed.load(Ordering::Acquire) >= 1);
        assert!(Audit::to(Path::new("/nowhere/audit")).is_err());
    }
}
