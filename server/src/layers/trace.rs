//! Calls, told: a span for each, in the trace that its caller is in, and a line when it is over.
//!
//! The caller's trace is what its metadata says in the words of the W3C: `traceparent`, `tracestate`. A span is named, and its
//! attributes are, as OpenTelemetry's conventions for RPCs ask.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Instant;

use http::{HeaderMap, Request};
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, TraceId, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::Code;
use tonic::body::Body;
use tracing::field::{Empty, display};

use super::observe::Observer;
use crate::listen::Peer;
use crate::metrics::code_name;
use crate::telemetry::RPC;

/// Tells of one call.
pub(crate) struct Trace {
    /// For whoever reads log lines: what is written while the call is under way belongs to it.
    lines: tracing::Span,
    /// For whoever collects spans, if anybody does.
    span: Option<BoxedSpan>,
    began: Instant,
    over: bool,
}

impl Trace {
    /// A call of `method` begins. What nobody collects or reads is not made.
    pub(super) fn begin(tracer: Option<&BoxedTracer>, method: &str, request: &Request<Body>) -> Trace {
        let lines = tracing::info_span!(target: RPC, "rpc", method, peer = Empty, identity = Empty, session = Empty, trace_id = Empty);
        let mut span = None;
        if tracer.is_some() || !lines.is_disabled() {
            let caller = PROPAGATOR.extract(&Metadata(request.headers()));
            let peer = request.extensions().get().and_then(Peer::remote_addr);
            span = tracer.map(|tracer| span_of(tracer, method, peer, &caller));
            peer.inspect(|peer| _ = lines.record("peer", display(peer)));
            // Without a collector the trace has no span of ours, and its caller may look for its lines all the same.
            let ours = span.as_ref().map(|span| span.span_context().trace_id());
            let traces = [ours, Some(caller.span().span_context().trace_id())];
            if let Some(trace) = traces.into_iter().flatten().find(|trace| *trace != TraceId::INVALID) {
                lines.record("trace_id", display(trace));
            }
        }
        Trace { lines, span, began: Instant::now(), over: false }
    }
}

/// A span of a call, in the trace of its caller.
fn span_of(tracer: &BoxedTracer, method: &str, peer: Option<SocketAddr>, caller: &Context) -> BoxedSpan {
    let builder = tracer.span_builder(method.to_owned()).with_kind(SpanKind::Server);
    let mut span = builder.start_with_context(tracer, caller);
    if span.is_recording() {
        span.set_attribute(KeyValue::new("rpc.system.name", "grpc"));
        span.set_attribute(KeyValue::new("rpc.method", method.to_owned()));
        if let Some(peer) = peer {
            span.set_attribute(KeyValue::new("client.address", peer.ip().to_string()));
            span.set_attribute(KeyValue::new("client.port", i64::from(peer.port())));
        }
    }
    span
}

impl Observer for Trace {
    fn step<T>(&mut self, step: impl FnOnce() -> T) -> T {
        self.lines.in_scope(step)
    }

    fn sent(&mut self, _messages: u64) {}

    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let name = code_name(code);
        if let Some(span) = &mut self.span {
            span.set_attribute(KeyValue::new("rpc.response.status_code", name));
            if is_our_fault(code) {
                span.set_attribute(KeyValue::new("error.type", name));
                span.set_status(Status::error(name));
            }
            span.end();
        }
        let ms = self.began.elapsed().as_secs_f64() * 1e3;
        self.lines.in_scope(|| match code {
            Code::Internal | Code::Unknown | Code::DataLoss => {
                tracing::warn!(target: RPC, code = name, ms, "rpc");
            }
            _ => tracing::debug!(target: RPC, code = name, ms, "rpc"),
        });
    }
}

/// A client that has gone has cancelled its call.
impl Drop for Trace {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// The codes that the conventions take for errors of a server.
fn is_our_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

static PROPAGATOR: LazyLock<TraceContextPropagator> = LazyLock::new(TraceContextPropagator::new);

/// The metadata of a call, as the propagator reads it.
struct Metadata<'a>(&'a HeaderMap);

impl Extractor for Metadata<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
