//! The service `Traffic`: workloads, which run on the threads of the stacks.

mod figures;
mod plan;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sockwright_engine::host::Errno;
use sockwright_proto::v1 as pb;
use sockwright_proto::v1::run_response::Part;
use sockwright_proto::v1::traffic_server::Traffic as Service;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::access::audit::Deed;
use crate::access::caller::{Access, Caller};
use crate::access::identity::IdentityId;
use crate::access::owner::owner_of;
use crate::access::policy::{Denied, Grants, Reach, Transport};
use crate::convert::address_to_proto;
use crate::error::{status, status_saying};
use crate::hub::Hub;
use crate::networks::Networks;
use crate::sessions::Sessions;
use crate::stack::command::At;
use crate::stack::traffic::plan::{Place, Plan, SidePlan};
use crate::stack::traffic::{Feed, Running, Told};

/// The service over these networks.
pub(crate) struct TrafficService {
    access: Arc<Access>,
    networks: Arc<Networks>,
    sessions: Arc<Sessions>,
    hub: Arc<Hub>,
}

impl TrafficService {
    pub(crate) fn new(
        access: Arc<Access>,
        networks: Arc<Networks>,
        sessions: Arc<Sessions>,
        hub: Arc<Hub>,
    ) -> Self {
        TrafficService { access, networks, sessions, hub }
    }
}

#[tonic::async_trait]
impl Service for TrafficService {
    type RunStream = RunStream;

    async fn run(&self, request: Request<pb::RunRequest>) -> Result<Response<RunStream>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        let asked = plan::Asked::parse(&request)?;
        let stack = self.networks.stack(&caller, &request.stack)?;
        let peer = asked.peer_stack().map(|name| self.networks.stack(&caller, name)).transpose()?;
        let owner = self.sessions.owner(&caller, &request.session)?;
        let mut plan = asked.plan(&stack, peer.as_ref(), owner.session)?;
        make_room(&caller, &self.hub, owner_of(owner.session), &mut plan)?;
        let on_wire = !request.stack.contains('/');
        let rule = if on_wire { allowed(caller.grants(), &plan.ours.place)? } else { None };
        let (local, remote) = ends(&plan.ours.place);
        let (progress, told) = mpsc::channel(TOLD_WAITING);
        // It has just been made, and has room.
        let report = progress.clone().reserve_owned().await.map_err(|_| Status::internal("no room"))?;
        let feed = Feed { progress, report };
        let at_most = self.networks.config().limits.workloads;
        let deed = Deed {
            method: "Traffic/Run",
            stack: &request.stack,
            local,
            remote,
            rule: rule.as_deref(),
            ..Deed::default()
        };
        let audited = on_wire.then(|| caller.begins(deed));
        let started = stack.start_traffic(plan, feed, at_most, owner.guard).await;
        let started = started.map_err(|error| status(error, None));
        audited.into_iter().for_each(|audited| audited.unless_denied(&started));
        let At { value: running, at } = started?;
        let audited = on_wire.then(|| Audited { caller, stack: request.stack, local, remote });
        Ok(Response::new(RunStream { started: Some(at), running, told, over: false, audited }))
    }
}

/// Takes room for what a workload is sure to need: listeners, what one side opens at a time, and as much where the other takes it. A
/// side whose connections come from elsewhere takes what there is room for.
fn make_room(caller: &Caller, hub: &Arc<Hub>, owner: IdentityId, plan: &mut Plan) -> Result<(), Status> {
    let sides = [Some(&plan.ours), plan.peer.as_ref()];
    let opened = sides.into_iter().flatten().map(opened_at_a_time).sum::<usize>();
    for side in [Some(&mut plan.ours), plan.peer.as_mut()].into_iter().flatten() {
        let sockets = match &mut side.place {
            Place::Connecting { .. } => opened,
            Place::Listening { locals, backlog } => {
                *backlog = caller.backlog(owner, *backlog);
                locals.len() + opened.min(side.concurrency)
            }
        };
        side.room = caller.room_for_sockets(hub, owner, sockets)?;
    }
    Ok(())
}

/// Connections that a side opens, at a time.
fn opened_at_a_time(side: &SidePlan) -> usize {
    let in_all = side.limits.connections.and_then(|limit| usize::try_from(limit).ok());
    match side.place {
        Place::Connecting { .. } => in_all.map_or(side.concurrency, |limit| limit.min(side.concurrency)),
        Place::Listening { .. } => 0,
    }
}

/// Whether a side of a workload may be on a real link; the rule that allows the first of its addresses.
fn allowed(grants: &Grants, place: &Place) -> Result<Option<Arc<str>>, Denied> {
    let mut rules = Vec::new();
    match place {
        Place::Connecting { remotes, .. } => {
            for remote in remotes {
                rules.push(grants.may_reach(Reach::Out(Transport::Tcp, *remote))?);
            }
        }
        Place::Listening { locals, .. } => {
            for local in locals {
                rules.push(grants.may_listen(Transport::Tcp, local.port())?);
            }
        }
    }
    Ok(rules.into_iter().next())
}

/// The first of the addresses that it is at, or calls.
fn ends(place: &Place) -> (Option<SocketAddr>, Option<SocketAddr>) {
    match place {
        Place::Connecting { remotes, .. } => (None, remotes.first().copied()),
        Place::Listening { locals, .. } => (locals.first().copied(), None),
    }
}

/// What the audit log tells of a workload when it ends.
struct Audited {
    caller: Caller,
    stack: String,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
}

/// What is told of a workload. Dropped, it cancels the workload.
pub(crate) struct RunStream {
    /// Where it began, until that is told.
    started: Option<pb::Position>,
    running: Running,
    told: mpsc::Receiver<Told>,
    over: bool,
    /// On a real link.
    audited: Option<Audited>,
}

impl Drop for RunStream {
    fn drop(&mut self) {
        let Some(Audited { caller, stack, local, remote }) = &self.audited else { return };
        let (method, local, remote) = ("Traffic/RunEnd", *local, *remote);
        let cancelled = Status::cancelled("nobody waited for the end of it");
        let came = if self.over { Ok(()) } else { Err(&cancelled) };
        caller.tell(&Deed { method, stack, local, remote, ..Deed::default() }, came);
    }
}

impl Stream for RunStream {
    type Item = Result<pb::RunResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(at) = this.started.take() {
            let started = pb::TrafficStarted {
                local: this.running.local.map(address_to_proto),
                time_ns: this.running.began.as_nanos(),
            };
            let response = pb::RunResponse { part: Some(Part::Started(started)), at: Some(at) };
            return Poll::Ready(Some(Ok(response)));
        }
        if this.over {
            return Poll::Ready(None);
        }
        let told = std::task::ready!(this.told.poll_recv(cx));
        Poll::Ready(Some(match told {
            Some(told) => {
                this.over = told.end.is_some();
                Ok(figures::told_to_proto(told))
            }
            None => {
                this.over = true;
                Err(status_saying(Errno::ENETDOWN, "the stack went while the workload ran", None))
            }
        }))
    }
}

/// What may wait for a client: a few progresses, and the report.
const TOLD_WAITING: usize = 8;
