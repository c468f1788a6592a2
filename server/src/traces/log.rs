//! Lines of the server's log for the traces that they belong to.
//!
//! Owns the one place that knows all ears of the process: a log has no server that it belongs to. Beside whatever else the log is
//! written to, and cheap while nobody traces.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::ear::{Ear, Line};
use super::manifest;

/// A layer of a `tracing` subscriber that gives traces their lines.
pub fn layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    // Of events alone: spans that nobody else reads are not made.
    let lines = |metadata: &Metadata<'_>| metadata.is_event() && *metadata.level() <= Level::INFO;
    TraceLog.with_filter(FilterFn::new(lines).with_max_level_hint(LevelFilter::INFO))
}

/// An ear is there, until it is dropped.
pub(super) fn hear(ear: &Arc<Ear>) {
    let mut ears = EARS.lock().unwrap_or_else(PoisonError::into_inner);
    ears.retain(|ear| ear.strong_count() > 0);
    ears.push(Arc::downgrade(ear));
    COUNT.store(ears.len(), Ordering::Release);
}

struct TraceLog;

impl<S: Subscriber> Layer<S> for TraceLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if COUNT.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let ears: Vec<Arc<Ear>> = {
            let mut ears = EARS.lock().unwrap_or_else(PoisonError::into_inner);
            ears.retain(|ear| ear.strong_count() > 0);
            COUNT.store(ears.len(), Ordering::Release);
            ears.iter().filter_map(Weak::upgrade).collect()
        };
        let [session, lab, stack] = ["session", "lab", "stack"].map(|name| fields.text(name));
        let wants = |ear: &&Arc<Ear>| !ear.is_deaf() && ear.wants_log(session, lab, stack);
        let mut ears = ears.iter().filter(wants).peekable();
        if ears.peek().is_none() {
            return;
        }
        let line = Record {
            time: manifest::time(SystemTime::now()),
            level: event.metadata().level().as_str(),
            target: event.metadata().target(),
            message: &fields.message,
            fields: &fields.others,
        };
        // It has nothing that JSON has not.
        let line = serde_json::to_string(&line).unwrap_or_default();
        ears.for_each(|ear| ear.hear(Line::Log(line.clone())));
    }
}

/// A line of `log.jsonl`.
#[derive(Serialize)]
struct Record<'l> {
    time: String,
    level: &'static str,
    target: &'l str,
    message: &'l str,
    fields: &'l Map<String, Value>,
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn text(&self, name: &str) -> Option<&str> {
        self.others.get(name).and_then(Value::as_str)
    }

    fn note(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => _ = self.others.insert(name.to_owned(), value),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.note(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.note(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.note(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.note(field, format!("{value:?}").into());
    }
}

static EARS: Mutex<Vec<Weak<Ear>>> = Mutex::new(Vec::new());
/// How many there are, to be read without the mutex.
static COUNT: AtomicUsize = AtomicUsize::new(0);
