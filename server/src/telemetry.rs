//! What the process tells of itself: log lines on stderr, and spans to an OpenTelemetry collector.
//!
//! Owns [`Telemetry`]: the one subscriber of log lines and the one exporter of spans, which the program sets up and a
//! library never does. Spans are made for RPCs alone, in [`layers`](crate::layers).
//!
//! ```text
//! {"timestamp":"...","level":"DEBUG","message":"rpc","code":"OK","ms":0.21,"target":"sockwright_server::rpc",
//!  "span":{"method":"sockwright.v1.Sockets/Create","peer":"127.0.0.1:40112","session":"1","trace_id":"0af7...","name":"rpc"}}
//! ```

use std::env;
use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::ValueEnum;
use opentelemetry::KeyValue;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::traces::log_layer;

/// The target of the spans and lines of RPCs.
pub(crate) const RPC: &str = "sockwright_server::rpc";

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line.
    Json,
}

/// What was set up, until it is dropped: then the last spans are sent.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    spans: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sets it up. To be called on a runtime, which sends the spans.
    pub(crate) fn begin(format: LogFormat, filter: EnvFilter) -> Result<Telemetry, String> {
        let spans = match is_asked_for() {
            true => Some(exporting()?),
            false => None,
        };
        spans.iter().for_each(|spans| opentelemetry::global::set_tracer_provider(spans.clone()));
        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        let lines = match format {
            LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        };
        // Somebody who embeds us may have set one already.
        _ = tracing_subscriber::registry().with(lines.with_filter(filter)).with(log_layer()).try_init();
        Ok(Telemetry { spans })
    }
}

impl Telemetry {
    /// Whether spans are collected.
    pub(crate) fn collects_spans(&self) -> bool {
        self.spans.is_some()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(spans) = &self.spans
            && let Err(error) = spans.shutdown_with_timeout(LAST_SPANS_WITHIN)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Whether the standard environment names a collector.
pub(crate) fn is_asked_for() -> bool {
    let named = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let off = env::var("OTEL_SDK_DISABLED").is_ok_and(|off| off.eq_ignore_ascii_case("true"));
    !off && (named("OTEL_EXPORTER_OTLP_ENDPOINT") || named("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
}

/// Spans go to the collector in batches. Endpoint, headers, timeouts, sampling and resource are read from the standard
/// environment.
fn exporting() -> Result<SdkTracerProvider, String> {
    let exporter = SpanExporter::builder().with_tonic().build();
    let exporter = exporter.map_err(|error| format!("spans cannot be exported: {error}"))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let mut resource = Resource::builder().with_attribute(version);
    if env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("sockwrightd");
    }
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build())
}

/// How long the end of the process waits for the last spans.
const LAST_SPANS_WITHIN: Duration = Duration::from_secs(2);
