//! `Traffic.Run`: a line that tells how it goes, then the report.

use sockwright_client::v1::run_request::{Role, Side};
use sockwright_client::v1::run_response::Part;
use sockwright_client::v1::{self, RunRequest, TrafficReport};

use super::{Context, next};
use crate::args::traffic::{TrafficVerb, Workload};
use crate::failure::Failure;
use crate::render::traffic;

/// Prints until the workload has ended. A pattern that was not as it should be is a failure.
pub(super) async fn run(cx: &mut Context, verb: TrafficVerb) -> Result<(), Failure> {
    let deadline = cx.deadline();
    let mut responses = cx.client.traffic.run(request(verb)).await?.into_inner();
    let mut before = v1::TrafficFigures::default();
    let mut report = None;
    while let Some(response) = next(&mut responses, deadline).await? {
        if cx.out.is_json() {
            cx.out.message(&response, |_| String::new())?;
        }
        match response.part {
            Some(Part::Started(started)) if !cx.out.is_json() => {
                if let Some(line) = traffic::started(&started) {
                    cx.out.line(&line)?;
                }
            }
            Some(Part::Progress(progress)) if !cx.out.is_json() => {
                let figures = progress.figures.unwrap_or_default();
                let line = traffic::progress(&figures, &before);
                if cx.out.is_terminal() {
                    cx.out.live(&line)?
                } else {
                    cx.out.line(&line)?
                }
                before = figures;
            }
            Some(Part::Report(told)) => report = Some(told),
            _ => {}
        }
    }
    let report = report.unwrap_or_default();
    if !cx.out.is_json() {
        if cx.out.is_terminal() {
            cx.out.live("")?;
        }
        cx.out.line(&traffic::report(&report))?;
    }
    if is_spoilt(&report) { Err(Failure::Said) } else { Ok(()) }
}

fn is_spoilt(report: &TrafficReport) -> bool {
    let sides = report.figures.iter().chain(&report.peer);
    sides.filter_map(|side| side.pattern.as_ref()).any(|pattern| pattern.mismatches > 0)
}

fn request(verb: TrafficVerb) -> RunRequest {
    let mut asked = 0;
    let (role, workload) = match verb {
        TrafficVerb::Source(workload) => (Role::Source(v1::TrafficSource {}), workload),
        TrafficVerb::Sink(workload) => (Role::Sink(v1::TrafficSink {}), workload),
        TrafficVerb::Echo(workload) => (Role::Echo(v1::TrafficEcho {}), workload),
        TrafficVerb::Ping { request, response, part, exchanges, workload } => {
            asked = exchanges;
            let part = part.unwrap_or_default().into();
            let role = v1::TrafficRequestResponse { request_bytes: request, response_bytes: response, part };
            (Role::RequestResponse(role), workload)
        }
        TrafficVerb::Pattern { seed, part, workload } => {
            let part = part.unwrap_or_default().into();
            (Role::Pattern(v1::TrafficPattern { seed, part }), workload)
        }
        TrafficVerb::Churn { request, response, closes_first, reset, workload } => {
            let closes_first = closes_first.into();
            let role =
                v1::TrafficChurn { request_bytes: request, response_bytes: response, closes_first, reset };
            (Role::Churn(role), workload)
        }
        TrafficVerb::Idle { every, workload } => (Role::Idle(v1::TrafficIdle { interval: every }), workload),
    };
    let limits = Some(v1::TrafficLimits {
        octets: workload.octets,
        connections: workload.connections,
        exchanges: asked,
        time: workload.time,
    });
    let Workload { stack, to, listen, peer, concurrency, rate, interval, label, session, options, .. } =
        workload;
    let side = match listen {
        Some(local) => Side::Listening(v1::ListeningSide { local: Some(local), backlog: 0 }),
        None => Side::Connecting(v1::ConnectingSide { remotes: to, connections_per_second: rate }),
    };
    let options = Some(v1::SocketOptions::from(options));
    let peer = peer.map(|stack| v1::TrafficPeer { stack, options: options.clone() });
    RunRequest {
        stack,
        session,
        label,
        options,
        side: Some(side),
        role: Some(role),
        limits,
        concurrency,
        peer,
        progress_interval: interval,
    }
}
