//! The service `Traces`.

use std::sync::Arc;

use sockwright_proto::v1::traces_server::Traces as Service;
use sockwright_proto::v1::{
    TraceLimits, TracesListRequest, TracesListResponse, TracesStartRequest, TracesStartResponse,
    TracesStopRequest,
};
use tonic::{Request, Response, Status};

use super::text_up_to;
use crate::access::caller::Access;
use crate::config::Limits;
use crate::convert::Invalid;
use crate::hub::{CompiledFilter, Hub};
use crate::idempotency::{Keys, check_key};
use crate::sessions::Sessions;
use crate::traces::{BundleStream, Parts, Plan, Traces, of_every_kind};

/// The service over these traces.
pub(crate) struct TracesService {
    access: Arc<Access>,
    traces: Arc<Traces>,
    sessions: Arc<Sessions>,
    hub: Arc<Hub>,
    limits: Limits,
    started: Keys<TracesStartResponse>,
}

impl TracesService {
    /// The service, remembering so many idempotency keys.
    pub(crate) fn new(
        access: Arc<Access>,
        traces: Arc<Traces>,
        sessions: Arc<Sessions>,
        hub: Arc<Hub>,
        limits: &Limits,
    ) -> Self {
        let started = Keys::new(limits.idempotency_keys);
        TracesService { access, traces, sessions, hub, limits: limits.clone(), started }
    }
}

#[tonic::async_trait]
impl Service for TracesService {
    type StopStream = BundleStream;

    async fn start(
        &self,
        request: Request<TracesStartRequest>,
    ) -> Result<Response<TracesStartResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let asked = request.into_inner();
        let (session, key) = (asked.session.clone(), asked.idempotency_key.clone());
        check_key(&key)?;
        let plan = plan(asked, &self.limits)?;
        let start = async {
            let owner = self.sessions.owner(&caller, &session)?;
            let (trace, after) = self.traces.start(&caller, plan, owner.session)?;
            Ok(TracesStartResponse { trace, at: Some(self.hub.position_at(after)) })
        };
        self.started.once(caller.id(), &session, &key, start).await.map(Response::new)
    }

    async fn stop(&self, request: Request<TracesStopRequest>) -> Result<Response<BundleStream>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let TracesStopRequest { trace, discard } = request.into_inner();
        if discard {
            self.traces.discard(&caller, &trace)?;
            return Ok(Response::new(BundleStream::empty()));
        }
        self.traces.stop(&caller, &trace).await.map(Response::new)
    }

    async fn list(
        &self,
        request: Request<TracesListRequest>,
    ) -> Result<Response<TracesListResponse>, Status> {
        let sight = self.access.caller(request.extensions())?.sight();
        let at = Some(self.hub.position());
        Ok(Response::new(TracesListResponse { traces: self.traces.list(sight), at }))
    }
}

fn plan(asked: TracesStartRequest, limits: &Limits) -> Result<Plan, Invalid> {
    text_up_to(&asked.title, TITLE_OCTETS, "title")?;
    if asked.session.is_empty() && asked.filter.is_none() {
        return Err(Invalid::new("session", "neither a session nor a filter is given"));
    }
    let filter = asked.filter.clone().map(|filter| CompiledFilter::try_from(&of_every_kind(filter)));
    let TraceLimits { event_bytes, packet_bytes, call_bytes, log_bytes } = asked.limits.unwrap_or_default();
    let up_to = |asked, limit: u64| if asked == 0 { limit } else { limit.min(asked) };
    let limits = Parts {
        events: up_to(event_bytes, limits.trace_event_bytes),
        packets: up_to(packet_bytes, limits.trace_packet_bytes),
        calls: up_to(call_bytes, limits.trace_call_bytes),
        log: up_to(log_bytes, limits.trace_log_bytes),
    };
    Ok(Plan { filter: filter.transpose()?, limits, asked })
}

/// Octets of a title.
const TITLE_OCTETS: usize = 256;
