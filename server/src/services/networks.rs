//! The service `Networks`.

use std::sync::Arc;

use sockwright_engine::host::Errno;
use sockwright_engine::time::Instant;
use sockwright_proto::v1::networks_server::Networks as Service;
use sockwright_proto::v1::{
    AdvanceTimeRequest, AdvanceTimeResponse, AttachRequest, AttachResponse, CaptureRequest, CreateLabRequest,
    CreateLabResponse, DeleteLabRequest, DeleteLabResponse, DetachRequest, DetachResponse, ListLabsRequest,
    ListLabsResponse, ListStacksRequest, ListStacksResponse, RecordRequest, RecordResponse, SetClockRequest,
    SetClockResponse, SetImpairmentsRequest, SetImpairmentsResponse, advance_time_request, record_request,
};
use tonic::{Request, Response, Status};

use super::page_size;
use crate::access::audit::Deed;
use crate::access::caller::Access;
use crate::access::identity::IdentityId;
use crate::capture::{CaptureStream, Selection};
use crate::convert::{Invalid, duration};
use crate::error::status_saying;
use crate::hub::{Hub, Name};
use crate::idempotency::{Keys, check_key};
use crate::networks::{AttachPlan, ImpairmentsPlan, LabPlan, Networks, Recorded, parse_clock_change};
use crate::sessions::Sessions;
use crate::stack::command::{Advance, AdvanceError};

/// The service over these networks.
pub(crate) struct NetworksService {
    access: Arc<Access>,
    networks: Arc<Networks>,
    sessions: Arc<Sessions>,
    hub: Arc<Hub>,
    labs: Keys<CreateLabResponse>,
    attached: Keys<AttachResponse>,
}

impl NetworksService {
    /// The service, remembering so many idempotency keys.
    pub(crate) fn new(
        access: Arc<Access>,
        networks: Arc<Networks>,
        sessions: Arc<Sessions>,
        hub: Arc<Hub>,
        keys: usize,
    ) -> Self {
        NetworksService { access, networks, sessions, hub, labs: Keys::new(keys), attached: Keys::new(keys) }
    }
}

#[tonic::async_trait]
impl Service for NetworksService {
    type CaptureStream = CaptureStream;

    async fn create_lab(
        &self,
        request: Request<CreateLabRequest>,
    ) -> Result<Response<CreateLabResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        check_key(&request.idempotency_key)?;
        let plan = LabPlan::parse(&request, &self.networks.config().limits)?;
        let create = async {
            let owner = self.sessions.owner(&caller, &request.session)?;
            let lab = self.networks.create_lab(&caller, plan, owner.session)?;
            Ok(CreateLabResponse { lab: Some(lab.value), at: Some(lab.at) })
        };
        self.labs
            .once(caller.id(), &request.session, &request.idempotency_key, create)
            .await
            .map(Response::new)
    }

    async fn delete_lab(
        &self,
        request: Request<DeleteLabRequest>,
    ) -> Result<Response<DeleteLabResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let at = self.networks.delete_lab(&caller, &request.into_inner().name).await?;
        Ok(Response::new(DeleteLabResponse { at: Some(at) }))
    }

    async fn list_labs(
        &self,
        request: Request<ListLabsRequest>,
    ) -> Result<Response<ListLabsResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        let size = page_size(request.page_size);
        let at = Some(self.hub.position());
        let after = page_after(&request.page_token)?;
        let labs = self.networks.list_labs(&caller, after, size + 1).await;
        let (labs, next_page_token) = page(labs, size);
        Ok(Response::new(ListLabsResponse { labs, next_page_token, at }))
    }

    async fn attach(&self, request: Request<AttachRequest>) -> Result<Response<AttachResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        check_key(&request.idempotency_key)?;
        let plan = AttachPlan::parse(&request, &self.networks.config().limits)?;
        let attach = async {
            let owner = self.sessions.owner(&caller, &request.session)?;
            let deed = Deed { method: "Networks/Attach", stack: &request.name, ..Deed::default() };
            let told = caller.begins(deed);
            let attached = self.networks.attach(&self.access, &caller, plan, owner.session).await;
            told.unless_denied(&attached);
            let stack = attached?;
            Ok(AttachResponse { stack: Some(stack.value), at: Some(stack.at) })
        };
        self.attached
            .once(caller.id(), &request.session, &request.idempotency_key, attach)
            .await
            .map(Response::new)
    }

    async fn detach(&self, request: Request<DetachRequest>) -> Result<Response<DetachResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let name = request.into_inner().name;
        let told = caller.begins(Deed { method: "Networks/Detach", stack: &name, ..Deed::default() });
        let detached = self.networks.detach(&caller, &name).await;
        told.unless_denied(&detached);
        Ok(Response::new(DetachResponse { at: Some(detached?) }))
    }

    async fn list_stacks(
        &self,
        request: Request<ListStacksRequest>,
    ) -> Result<Response<ListStacksResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        let size = page_size(request.page_size);
        let at = Some(self.hub.position());
        let after = page_after(&request.page_token)?;
        let stacks = self.networks.list_stacks(&caller, after, size + 1).await;
        let (stacks, next_page_token) = page(stacks, size);
        Ok(Response::new(ListStacksResponse { stacks, next_page_token, at }))
    }

    async fn advance_time(
        &self,
        request: Request<AdvanceTimeRequest>,
    ) -> Result<Response<AdvanceTimeResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        let how = how_far(request.how)?;
        let advanced = self.networks.advance(&caller, &request.lab, how).await?.map_err(not_advanced)?;
        Ok(Response::new(AdvanceTimeResponse {
            time_ns: advanced.value.now.as_nanos(),
            steps: advanced.value.steps,
            at: Some(advanced.at),
        }))
    }

    async fn set_clock(
        &self,
        request: Request<SetClockRequest>,
    ) -> Result<Response<SetClockResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        let clock = parse_clock_change(&request)?;
        let changed = self.networks.set_clock(caller, request.lab, clock).await?;
        Ok(Response::new(SetClockResponse { time_ns: changed.value.as_nanos(), at: Some(changed.at) }))
    }

    async fn set_impairments(
        &self,
        request: Request<SetImpairmentsRequest>,
    ) -> Result<Response<SetImpairmentsResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let SetImpairmentsRequest { lab, link, impairments } = request.into_inner();
        let plan = ImpairmentsPlan::parse(impairments.as_ref(), "impairments")?;
        let changed = self.networks.set_impairments(caller, lab, link, plan).await?;
        Ok(Response::new(SetImpairmentsResponse { link: Some(changed.value), at: Some(changed.at) }))
    }

    async fn capture(&self, request: Request<CaptureRequest>) -> Result<Response<CaptureStream>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        let selection = Selection::parse(&request)?;
        let stacks = request.filter.map(|filter| filter.stacks).unwrap_or_default();
        let octets = usize::try_from(request.queue_bytes).unwrap_or(usize::MAX);
        // What is of labs alone touches no wire.
        let wires: Vec<&str> =
            stacks.iter().map(String::as_str).filter(|stack| !stack.contains('/')).collect();
        let told = (stacks.is_empty() || !wires.is_empty()).then(|| wires.join(","));
        let deed = |stack| Deed { method: "Networks/Capture", stack, ..Deed::default() };
        let told = told.as_deref().map(|stack| caller.begins(deed(stack)));
        let capture = self.networks.capture(&caller, selection, &stacks, octets).await;
        if let Some(told) = told {
            told.unless_denied(&capture);
        }
        capture.map(Response::new)
    }

    async fn record(&self, request: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let RecordRequest { what, bytes } = request.into_inner();
        let what = match what {
            Some(record_request::What::Lab(name)) => Recorded::Lab(name),
            Some(record_request::What::Stack(name)) => Recorded::Stack(name),
            None => return Err(Invalid::new("what", "neither a lab nor a stack is named").into()),
        };
        let stack = if let Recorded::Stack(name) = &what { Some(name.clone()) } else { None };
        let deed = |stack| Deed { method: "Networks/Record", stack, octets: Some(bytes), ..Deed::default() };
        let told = stack.as_deref().map(|stack| caller.begins(deed(stack)));
        let recorded = self.networks.record(&caller, what, bytes).await;
        if let Some(told) = told {
            told.unless_denied(&recorded);
        }
        Ok(Response::new(RecordResponse { at: Some(recorded?) }))
    }
}

/// Cuts what is more than a page, and gives the token of the next one.
fn page<T>(mut items: Vec<(Name, T)>, size: usize) -> (Vec<T>, String) {
    let more = items.len() > size;
    items.truncate(size);
    let last = items.last().filter(|_| more).map(|(name, _)| page_token(name)).unwrap_or_default();
    (items.into_iter().map(|(_, item)| item).collect(), last)
}

/// Behind which name a page begins: `lab`, or `7:lab` where it is somebody else's than the server's.
fn page_token(name: &Name) -> String {
    match name.owner() {
        IdentityId::SERVER => name.to_string(),
        IdentityId(owner) => format!("{owner}:{name}"),
    }
}

fn page_after(token: &str) -> Result<Option<Name>, Invalid> {
    if token.is_empty() {
        return Ok(None);
    }
    let (owner, name) = token.split_once(':').unwrap_or(("0", token));
    let owner = owner.parse().map_err(|_| Invalid::new("page_token", "it was not given by this call"))?;
    Ok(Some(Name::new(IdentityId(owner), name)))
}

fn how_far(how: Option<advance_time_request::How>) -> Result<Advance, Invalid> {
    use advance_time_request::How;
    match how {
        Some(How::By(length)) => match duration(&length, "by")? {
            length if length <= CENTURY => Ok(Advance::By(length)),
            _ => Err(Invalid::new("by", "it has to be at most a hundred years")),
        },
        Some(How::ToTimeNs(time)) if time > CLOCK_MAX => {
            Err(Invalid::new("to_time_ns", "it has to be below 2^63: the clock would stand at its end"))
        }
        Some(How::ToTimeNs(time)) => Ok(Advance::To(Instant::from_nanos(time))),
        Some(How::Steps(steps)) if steps > 0 => Ok(Advance::Steps(steps.into())),
        Some(How::UntilIdle(true)) => Ok(Advance::UntilIdle),
        Some(How::Steps(_)) => Err(Invalid::new("steps", "nothing is asked for")),
        Some(How::UntilIdle(false)) => Err(Invalid::new("until_idle", "nothing is asked for")),
        None => Err(Invalid::new("how", "nothing is asked for")),
    }
}

fn not_advanced(error: AdvanceError) -> Status {
    match error {
        AdvanceError::RealClock => {
            Status::failed_precondition("the lab has a real clock, which moves by itself and by nothing else")
        }
        AdvanceError::InThePast(now) => {
            Invalid::new("to_time_ns", format!("the lab's clock is at {} already", now.as_nanos())).into()
        }
        AdvanceError::TooManySteps(advanced) => {
            let (steps, now) = (advanced.steps, advanced.now.as_nanos());
            let message = format!("the limit of {steps} steps was reached with the lab's clock at {now} ns");
            status_saying(Errno::ENOBUFS, message, None)
        }
    }
}

/// The furthest that one `AdvanceTime` goes: well short of the end of a clock, however often it is called in a test.
const CENTURY: std::time::Duration = std::time::Duration::from_secs(100 * 31_557_600);
/// Timers are set ahead of now, and must have room.
const CLOCK_MAX: u64 = i64::MAX as u64;
