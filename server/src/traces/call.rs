//! A call, as the layer in front of the services sees it pass: octets of its messages, and how it ended.
//!
//! ```text
//! {"method":"/sockwright.v1.Sockets/Connect","start":{"time":"...","seq":"18"},"end":{...},"status":{"code":"OK"},...}
//! ```
//!
//! Owns what is kept of it meanwhile: the octets of its first request and of its last response, by reference. Who wants it is decided
//! once, when its first request is whole; a call that nobody wants keeps nothing from then on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use super::contract::{self, Named, to_json};
use super::ear::{Ear, Line};
use super::{Traces, manifest};
use crate::access::identity::IdentityId;
use crate::error::ERRNO_TRAILER;
use crate::metrics::code_name;

/// A call that is under way or has ended.
pub(crate) struct Call {
    traces: Arc<Traces>,
    /// Its number among those that came.
    key: u64,
    /// Who made it.
    caller: Option<IdentityId>,
    method: MethodDescriptor,
    path: String,
    trace_id: Option<String>,
    start: At,
    inner: Mutex<Inner>,
}

/// Which messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The client's.
    Request,
    /// The server's.
    Response,
}

struct Inner {
    request: Messages,
    response: Messages,
    /// Who wants it, once that is decided.
    wanted_by: Option<Vec<Arc<Ear>>>,
    /// It is among the calls that are under way.
    listed: bool,
    over: bool,
}

/// When, and the last event by then.
#[derive(Clone, Debug, Serialize)]
struct At {
    time: String,
    seq: String,
}

impl Call {
    /// A call that begins; `None` where it is none that is traced.
    pub(crate) fn begin(
        traces: &Arc<Traces>,
        caller: Option<IdentityId>,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<Arc<Call>> {
        let method = contract::method(path).filter(|method| method.parent_service().name() != "Traces")?;
        let inner = Inner {
            request: Messages::new(Keep::First),
            response: Messages::new(Keep::Last),
            wanted_by: None,
            listed: false,
            over: false,
        };
        Some(Arc::new(Call {
            traces: Arc::clone(traces),
            key: traces.next_call(),
            caller,
            method,
            path: path.to_owned(),
            trace_id: headers.get("traceparent").and_then(|value| trace_id(value.to_str().ok()?)),
            start: At::now(traces),
            inner: Mutex::new(inner),
        }))
    }

    /// Octets of it pass.
    pub(crate) fn pass(self: &Arc<Self>, way: Way, octets: &Bytes) {
        let mut inner = self.inner();
        if inner.over || inner.wanted_by.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        match way {
            Way::Request => inner.request.push(octets.clone()),
            Way::Response => {
                inner.response.push(octets.clone());
                inner.response.take_room(&self.traces.room);
            }
        }
        if inner.wanted_by.is_none() && inner.request.count > 0 {
            let request = inner.request.whole().cloned();
            drop(inner);
            self.decide(request);
        }
    }

    /// It has ended with this status; the first one counts.
    pub(crate) fn end(&self, status: &Status) {
        let mut inner = self.inner();
        if std::mem::replace(&mut inner.over, true) {
            return;
        }
        let ears = inner.wanted_by.take().unwrap_or_default();
        if !ears.is_empty() {
            let line = self.line(&inner, Some((At::now(&self.traces), status)));
            // Before anybody sees that it is over: a trace that ends meanwhile has it as one that ended, or as one that had not.
            ears.iter().for_each(|ear| ear.hear(Line::Call(line.clone())));
        }
        inner.forget();
        let listed = inner.listed;
        drop(inner);
        if listed {
            self.traces.ended(self.key);
        }
    }

    /// Its line so far, if it has not ended and this one wants it, who hears no more of it.
    pub(super) fn leave(&self, ear: &Arc<Ear>) -> Option<String> {
        let mut inner = self.inner();
        let ears = inner.wanted_by.as_mut()?;
        let place = ears.iter().position(|other| Arc::ptr_eq(other, ear))?;
        ears.swap_remove(place);
        let line = self.line(&inner, None);
        if inner.wanted_by.iter().flatten().next().is_none() {
            inner.forget();
        }
        Some(line)
    }

    fn decide(self: &Arc<Self>, request: Option<Bytes>) {
        let request = request.and_then(|octets| DynamicMessage::decode(self.method.input(), octets).ok());
        // One that is too long to be kept names nothing; there is none in the contract.
        let named = request.map(|request| Named::by(&request)).unwrap_or_default();
        let ears = self.traces.wanting(&named, self.caller);
        let wanted = !ears.is_empty();
        let mut inner = self.inner();
        match wanted {
            true => inner.request.take_room(&self.traces.room),
            false => inner.forget(),
        }
        (inner.wanted_by, inner.listed) = (Some(ears), wanted);
        drop(inner);
        if wanted {
            self.traces.opened(self.key, self);
            // The octets of a stream come on another task than its end.
            if self.inner().over {
                self.traces.ended(self.key);
            }
        }
    }

    fn line(&self, inner: &Inner, ended: Option<(At, &Status)>) -> String {
        let mut lengths = BTreeMap::new();
        let request = json(&inner.request, self.method.input(), "request", &mut lengths);
        let response = json(&inner.response, self.method.output(), "response", &mut lengths);
        let (end, status) = ended.unzip();
        let line = Record {
            method: &self.path,
            start: &self.start,
            end: end.as_ref(),
            status: status.map(Ended::of),
            request,
            response,
            requests: self.method.is_client_streaming().then_some(inner.request.count),
            responses: self.method.is_server_streaming().then_some(inner.response.count),
            cut: lengths,
            trace_id: self.trace_id.as_deref(),
        };
        // It has nothing that JSON has not.
        serde_json::to_string(&line).unwrap_or_default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Nobody wants what was kept of it.
    fn forget(&mut self) {
        (self.request, self.response) = (Messages::new(Keep::First), Messages::new(Keep::Last));
    }
}

impl At {
    fn now(traces: &Traces) -> At {
        At { time: manifest::time(SystemTime::now()), seq: traces.seq().to_string() }
    }
}

/// A line of `calls.jsonl`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'c> {
    method: &'c str,
    start: &'c At,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'c At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Ended>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    responses: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    cut: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'c str>,
}

#[derive(Serialize)]
struct Ended {
    code: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<String>,
}

impl Ended {
    fn of(status: &Status) -> Self {
        let errno = status.metadata().get(ERRNO_TRAILER).and_then(|name| name.to_str().ok());
        Ended {
            code: code_name(status.code()),
            message: status.message().to_owned(),
            errno: errno.map(str::to_owned),
        }
    }
}

/// The message that is kept, as JSON; where it is not, how long it was.
fn json(
    messages: &Messages,
    of: MessageDescriptor,
    path: &str,
    lengths: &mut BTreeMap<String, usize>,
) -> Option<serde_json::Value> {
    if messages.count == 0 {
        return None;
    }
    let length = messages.length;
    let json = messages.whole().filter(|octets| octets.len() <= MESSAGE_MAX).and_then(|octets| {
        let mut message = DynamicMessage::decode(of, octets.clone()).ok()?;
        contract::cut(&mut message, path, FIELD_MAX, lengths);
        to_json(&message)
    });
    let json = json.filter(|json| json.to_string().len() <= TEXT_MAX);
    if json.is_none() {
        lengths.retain(|field, _| !field.starts_with(&format!("{path}.")));
        lengths.insert(path.to_owned(), length);
    }
    json
}

/// Messages that pass one way, framed as gRPC frames them: a flag, four octets of length, the message.
struct Messages {
    keep: Keep,
    /// Whole ones so far.
    count: u64,
    /// The one that is kept, where it is not too long, and how long it was.
    kept: Option<Bytes>,
    /// What it takes of the room that all calls have.
    room: Option<OwnedSemaphorePermit>,
    length: usize,
    head: BytesMut,
    /// What is yet to come of the message under way.
    left: usize,
    body: BytesMut,
    /// Where a message lies in one piece, as nearly all do, it is not copied.
    piece: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    First,
    Last,
}

impl Messages {
    fn new(keep: Keep) -> Self {
        let (head, body) = (BytesMut::new(), BytesMut::new());
        Messages { keep, count: 0, kept: None, room: None, length: 0, head, left: 0, body, piece: None }
    }

    /// The one that is kept.
    fn whole(&self) -> Option<&Bytes> {
        self.kept.as_ref()
    }

    /// Takes room for what is kept, unless it has; where there is none, only its length stays.
    fn take_room(&mut self, of: &Arc<Semaphore>) {
        if let (Some(kept), None) = (&mut self.kept, &self.room) {
            let length = u32::try_from(kept.len()).ok();
            self.room = length.and_then(|length| Arc::clone(of).try_acquire_many_owned(length).ok());
            // A part of a buffer keeps the whole of it.
            self.kept = self.room.as_ref().map(|_| Bytes::copy_from_slice(kept));
        }
    }

    fn push(&mut self, mut octets: Bytes) {
        while octets.has_remaining() {
            if self.head.len() < HEAD {
                let more = octets.split_to(octets.len().min(HEAD - self.head.len()));
                self.head.extend_from_slice(&more);
                if self.head.len() == HEAD {
                    self.left = (&self.head[1..]).get_u32() as usize;
                    self.length_begins();
                }
            } else {
                let more = octets.split_to(octets.len().min(self.left));
                self.left -= more.len();
                self.take(more);
            }
            if self.head.len() == HEAD && self.left == 0 {
                self.end_message();
            }
        }
    }

    fn wants_this(&self) -> bool {
        self.keep == Keep::Last || self.count == 0
    }

    fn length_begins(&mut self) {
        if self.wants_this() {
            self.length = self.left;
        }
    }

    fn take(&mut self, more: Bytes) {
        if !self.wants_this() || self.length > MESSAGE_MAX {
            return;
        }
        if self.body.is_empty() && self.piece.is_none() {
            self.piece = Some(more);
        } else {
            if let Some(first) = self.piece.take() {
                self.body.extend_from_slice(&first);
            }
            self.body.extend_from_slice(&more);
        }
    }

    fn end_message(&mut self) {
        if self.wants_this() {
            let whole = self.piece.take().unwrap_or_else(|| self.body.split().freeze());
            self.kept = (whole.len() == self.length).then_some(whole);
            self.room = None;
        }
        self.body.clear();
        self.head.clear();
        self.count += 1;
    }
}

/// The trace of `00-<trace>-<parent>-<flags>`.
fn trace_id(traceparent: &str) -> Option<String> {
    let id = traceparent.split('-').nth(1)?;
    let is_one = id.len() == 32 && id.bytes().all(|octet| octet.is_ascii_hexdigit());
    is_one.then(|| id.to_owned())
}

/// Octets of a gRPC frame before its message.
const HEAD: usize = 5;
/// A longer message is told by its length alone; the longest that the server takes is shorter.
const MESSAGE_MAX: usize = 4 << 20;
/// Octets of the messages that are kept of all calls under way.
pub(super) const ROOM: usize = 64 << 20;
/// The octets that are kept of a field that carries them.
const FIELD_MAX: usize = 256;
/// A message whose JSON is longer is told by its length alone.
const TEXT_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use prost::Message;
    use serde_json::{Value, json};
    use sockwright_engine::id::SessionId;
    use sockwright_proto::v1 as pb;
    use tokio::sync::mpsc;

    use super::super::{Entry, of_every_kind};
    use super::*;
    use crate::config::Config;
    use crate::hub::{CompiledFilter, Hub, HubConfig};
    use crate::networks::Networks;

    fn frame(octets: &[u8]) -> Vec<u8> {
        let length = u32::try_from(octets.len()).unwrap().to_be_bytes();
        [&[0], &length[..], octets].concat()
    }

    #[test]
    fn messages_are_found_however_their_octets_come() {
        let stream = [frame(b"first"), frame(b""), frame(b"the last one")].concat();
        for size in 1..=stream.len() {
            let (mut first, mut last) = (Messages::new(Keep::First), Messages::new(Keep::Last));
            for chunk in stream.chunks(size) {
                first.push(Bytes::copy_from_slice(chunk));
                last.push(Bytes::copy_from_slice(chunk));
            }
            assert_eq!((first.count, first.whole().unwrap().as_ref(), first.length), (3, &b"first"[..], 5));
            assert_eq!((last.count, last.whole().unwrap().as_ref()), (3, &b"the last one"[..]), "{size}");
        }
    }

    /// The traces of a server, and the ear of one of all that happens, which nobody records.
    fn traces() -> (Arc<Traces>, Arc<Ear>) {
        let hub = Hub::new(HubConfig::default());
        let networks = Networks::new(Config::default(), Arc::clone(&hub));
        let traces = Traces::new(hub, networks);
        let filter = CompiledFilter::try_from(&of_every_kind(pb::Filter::default())).unwrap();
        let ear = Arc::new(Ear::new(SessionId(0), filter));
        let (recorder, _) = mpsc::unbounded_channel();
        let entry = Entry { ear: Arc::clone(&ear), recorder, title: String::new(), after: 0 };
        traces.table().traces.insert(1, entry);
        (traces, ear)
    }

    /// One that sends so much and waits.
    fn send(traces: &Arc<Traces>, octets: usize) -> Arc<Call> {
        let call =
            Call::begin(traces, Some(IdentityId::LOCAL), "/sockwright.v1.Sockets/Send", &HeaderMap::new())
                .unwrap();
        let request = pb::SendRequest { socket: 3, data: vec![7; octets].into(), ..Default::default() };
        call.pass(Way::Request, &frame(&request.encode_to_vec()).into());
        call
    }

    #[tokio::test]
    async fn calls_under_way_keep_so_much_together_and_the_lengths_of_the_rest() {
        let (traces, ear) = traces();
        let calls: Vec<_> = (0..ROOM / (3 << 20) + 1).map(|_| send(&traces, 3 << 20)).collect();
        let cut = |call: &Call| {
            let line: Value = serde_json::from_str(&call.leave(&ear).unwrap()).unwrap();
            (line["cut"].clone(), line.get("request").is_some())
        };
        let (first, last) = (calls.first().unwrap(), calls.last().unwrap());
        assert_eq!(cut(last), (json!({ "request": (3 << 20) + 7 }), false));
        assert_eq!(cut(first), (json!({ "request.data": 3 << 20 }), true));
        // It wants no more of the first, which gave its room back.
        assert_eq!(cut(&send(&traces, 2 << 20)), (json!({ "request.data": 2 << 20 }), true));
        calls.iter().for_each(|call| call.end(&Status::ok("")));
        assert_eq!(traces.room.available_permits(), ROOM);
    }

    #[tokio::test]
    async fn a_trace_that_ends_has_a_call_once_whether_it_ended_or_not() {
        let (traces, ear) = traces();
        let (ended, open) = (send(&traces, 1), send(&traces, 2));
        ended.end(&Status::ok(""));
        let lines = traces.leave_calls(&ear);
        open.end(&Status::ok(""));
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains(r#""data":"Bwc=""#) && !lines[0].contains("status"), "{lines:?}");
        assert!(traces.leave_calls(&ear).is_empty() && traces.open().is_empty());
        let heard = ear.take();
        assert!(
            matches!(&*heard.into_iter().collect::<Vec<_>>(), [Line::Call(text)] if text.contains(r#""data":"Bw==""#))
        );
    }

    #[tokio::test]
    async fn a_message_that_has_no_json_is_told_by_its_length() {
        let (traces, ear) = traces();
        let call =
            Call::begin(&traces, Some(IdentityId::LOCAL), "/sockwright.v1.Sessions/Open", &HeaderMap::new())
                .unwrap();
        let lease = prost_types::Duration { seconds: i64::MAX, nanos: -1 };
        let request = pb::OpenRequest { lease: Some(lease), ..Default::default() };
        let request = request.encode_to_vec();
        call.pass(Way::Request, &frame(&request).into());
        let line: Value = serde_json::from_str(&call.leave(&ear).unwrap()).unwrap();
        assert_eq!((line.get("request"), &line["cut"]), (None, &json!({ "request": request.len() })));
    }

    #[test]
    fn a_message_that_is_too_long_is_counted_and_not_kept() {
        let mut messages = Messages::new(Keep::Last);
        messages.push(Bytes::from(frame(&vec![7; MESSAGE_MAX + 1])));
        assert_eq!((messages.count, messages.whole(), messages.length), (1, None, MESSAGE_MAX + 1));
        messages.push(Bytes::from(frame(b"short")));
        assert_eq!((messages.count, messages.whole().unwrap().as_ref()), (2, &b"short"[..]));
    }

    #[test]
    fn the_trace_of_a_caller_is_read_as_w3c_writes_it() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        for wrong in ["", "00", "00-4bf92f-00f067aa0ba902b7-01", "00-zbf92f3577b34da6a3ce929d0e0e4736-0-01"] {
            assert_eq!(trace_id(wrong), None, "{wrong}");
        }
    }
}
