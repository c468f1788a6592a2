//! The service `Sockets`.

mod allowed;
mod parse;
#[cfg(test)]
mod tests;
mod transfer;

use std::sync::{Arc, OnceLock};

use http::Extensions;
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Reply, Request as Op};
use sockwright_engine::id::SocketId;
use sockwright_engine::time::Instant;
use sockwright_proto::v1 as pb;
use sockwright_proto::v1::sockets_server::Sockets as Service;
use tonic::{Request, Response, Status, Streaming};

use self::parse::{Sizes, page_token, wait};
use self::transfer::Transfer;
use super::{LABEL_OCTETS, data_up_to, page_size, text_up_to};
use crate::access::caller::{Access, Caller};
use crate::access::identity::IdentityId;
use crate::access::owner::owner_of;
use crate::access::policy::Transport;
use crate::convert::{
    Invalid, address_to_proto, bind_address, family_from_proto, info_to_proto, kind_from_proto,
    options_patch, options_to_proto, remote_address, shutdown_how, tcp_state_to_proto,
};
use crate::error::{no_such_socket, status, status_saying};
use crate::hub::{Claim, CompiledFilter, Current, Hub, Name};
use crate::idempotency::{Keys, check_key};
use crate::layers::with_receipt;
use crate::networks::{Lives, Networks};
use crate::sessions::Sessions;
use crate::stack::StackHandle;
use crate::stack::command::{At, Inspection, Kept};
use crate::stack::receipt::Given;

/// The service over these networks.
pub(crate) struct SocketsService {
    access: Arc<Access>,
    networks: Arc<Networks>,
    sessions: Arc<Sessions>,
    hub: Arc<Hub>,
    created: Keys<pb::CreateResponse>,
    accepted: Keys<pb::AcceptResponse>,
    sizes: Sizes,
}

/// A socket that is to be called on.
struct Found {
    socket: SocketId,
    /// What its stack is called.
    name: Name,
    stack: StackHandle,
    caller: Caller,
    /// Whose it is.
    owner: IdentityId,
    /// It is on a real link, where not everything is allowed.
    on_wire: bool,
    /// The rule that allows the call, where one was asked for.
    rule: OnceLock<Arc<str>>,
}

impl Found {
    /// Makes a call on it.
    async fn call(&self, op: impl FnOnce(SocketId) -> Op) -> Result<At<Given>, Status> {
        self.call_with(op, None).await
    }

    /// The same, of one that takes room for a socket.
    async fn call_with(
        &self,
        op: impl FnOnce(SocketId) -> Op,
        claim: Option<Claim>,
    ) -> Result<At<Given>, Status> {
        let socket = self.socket;
        let op = op(socket);
        let told = self.begins(&op);
        let came = self
            .stack
            .call(op, Kept { session: None, claim })
            .await
            .map_err(|error| status(error, Some(socket)));
        if let Some(told) = told {
            allowed::tell(told, came.as_ref().map(|given| &given.value.reply));
        }
        came
    }
}

/// What a call gives, or its status.
type Answer<T> = Result<Response<T>, Status>;

impl SocketsService {
    /// The service, remembering so many idempotency keys of each kind.
    pub(crate) fn new(
        access: Arc<Access>,
        networks: Arc<Networks>,
        sessions: Arc<Sessions>,
        hub: Arc<Hub>,
        keys: usize,
    ) -> Self {
        let sizes = Sizes { message: networks.config().limits.message_bytes };
        let (created, accepted) = (Keys::new(keys), Keys::new(keys));
        SocketsService { access, networks, sessions, hub, created, accepted, sizes }
    }

    /// A socket that a caller may do something with, and the stack that it lives on.
    fn find(&self, extensions: &Extensions, socket: u64) -> Result<Found, Status> {
        let caller = self.access.caller(extensions)?;
        let socket = SocketId(socket);
        let lives = self.networks.stack_of(socket, caller.sight())?;
        let owner = owner_of(lives.session);
        caller.drives(owner)?;
        let (name, stack, on_wire) = (lives.name.clone(), lives.stack, lives.name.lab().is_none());
        Ok(Found { socket, name, stack, caller, owner, on_wire, rule: OnceLock::new() })
    }

    async fn inspect(
        &self,
        extensions: &Extensions,
        socket: u64,
    ) -> Result<(At<Inspection>, String), Status> {
        let caller = self.access.caller(extensions)?;
        let socket = SocketId(socket);
        let Lives { name, stack, .. } = self.networks.stack_of(socket, caller.sight())?;
        let inspected = stack.inspect(socket).await.map_err(|gone| status(gone.into(), Some(socket)))?;
        let value = inspected.value.ok_or_else(|| no_such_socket(socket))?;
        Ok((At { value, at: inspected.at }, name.to_string()))
    }

    async fn create_once(
        &self,
        caller: &Caller,
        request: &pb::CreateRequest,
    ) -> Result<(pb::CreateResponse, Given), Status> {
        let kind = kind_from_proto(request.kind, "kind")?;
        let family = family_from_proto(request.family, "family")?;
        let options = options_patch(request.options.as_ref())?;
        let stack = self.networks.stack(caller, &request.stack)?;
        let owner = self.sessions.owner(caller, &request.session)?;
        let claim = caller.claim_sockets(&self.hub, owner_of(owner.session), 1)?;
        let label = request.label.as_str().into();
        let op = Op::Create { kind, family, session: owner.session, label, options };
        let kept = Kept { session: owner.guard, claim };
        let given = stack.call(op, kept).await.map_err(|error| status(error, None))?;
        let At { value: given, at } = given;
        match given.reply {
            Reply::Created { socket } => Ok((pb::CreateResponse { socket: socket.0, at: Some(at) }, given)),
            other => Err(unexpected(&other)),
        }
    }

    async fn accept_once(
        &self,
        found: Found,
        request: &pb::AcceptRequest,
    ) -> Result<(pb::AcceptResponse, Given), Status> {
        let wait = wait(request.dont_wait);
        let claim = found.caller.claim_sockets(&self.hub, found.owner, 1)?;
        let claim = claim.or_else(|| self.hub.claim(found.owner, 1, None));
        let At { value: given, at } = found.call_with(|socket| Op::Accept { socket, wait }, claim).await?;
        match given.reply {
            Reply::Accepted { socket, local, remote } => {
                let response = pb::AcceptResponse {
                    socket: socket.0,
                    local: Some(address_to_proto(local)),
                    remote: Some(address_to_proto(remote)),
                    at: Some(at),
                };
                Ok((response, given))
            }
            other => Err(unexpected(&other)),
        }
    }
}

#[tonic::async_trait]
impl Service for SocketsService {
    async fn create(&self, request: Request<pb::CreateRequest>) -> Answer<pb::CreateResponse> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        text_up_to(&request.label, LABEL_OCTETS, "label")?;
        check_key(&request.idempotency_key)?;
        if request.idempotency_key.is_empty() {
            let (response, given) = self.create_once(&caller, &request).await?;
            return Ok(with_receipt(response, given.receipt));
        }
        let scope = format!("{}\n{}", request.stack, request.session);
        let create = async {
            let (response, given) = self.create_once(&caller, &request).await?;
            // From here on it is remembered under its key, whoever reads the response.
            given.receipt.settle();
            Ok(response)
        };
        self.created.once(caller.id(), &scope, &request.idempotency_key, create).await.map(Response::new)
    }

    async fn bind(&self, request: Request<pb::BindRequest>) -> Answer<pb::BindResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        let summary = self.hub.summary(found.socket).ok_or_else(|| no_such_socket(found.socket))?;
        let family = family_from_proto(summary.family, "family")?;
        let local = bind_address(request.local.as_ref(), family, "local")?;
        let datagrams = summary.kind() == pb::SocketKind::Datagram;
        found.may_bind(if datagrams { Transport::Udp } else { Transport::Tcp }, local)?;
        let At { value, at } = found.call(|socket| Op::Bind { socket, local }).await?;
        let local = named(&value.reply)?;
        Ok(Response::new(pb::BindResponse { local, at: Some(at) }))
    }

    async fn listen(&self, request: Request<pb::ListenRequest>) -> Answer<pb::ListenResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        found.may_listen(self.local_port(found.socket).unwrap_or(0))?;
        let backlog = if request.backlog == 0 { DEFAULT_BACKLOG } else { request.backlog };
        let backlog = found.caller.backlog(found.owner, backlog);
        let At { value, at } = found.call(|socket| Op::Listen { socket, backlog }).await?;
        let local = named(&value.reply)?;
        Ok(Response::new(pb::ListenResponse { local, at: Some(at) }))
    }

    async fn accept(&self, request: Request<pb::AcceptRequest>) -> Answer<pb::AcceptResponse> {
        let (_, extensions, request) = request.into_parts();
        check_key(&request.idempotency_key)?;
        if request.idempotency_key.is_empty() {
            let found = self.find(&extensions, request.socket)?;
            let (response, given) = self.accept_once(found, &request).await?;
            return Ok(with_receipt(response, given.receipt));
        }
        let caller = self.access.caller(&extensions)?;
        let scope = request.socket.to_string();
        let accept = async {
            let found = self.find(&extensions, request.socket)?;
            let (response, given) = self.accept_once(found, &request).await?;
            given.receipt.settle();
            Ok(response)
        };
        self.accepted.once(caller.id(), &scope, &request.idempotency_key, accept).await.map(Response::new)
    }

    async fn connect(&self, request: Request<pb::ConnectRequest>) -> Answer<pb::ConnectResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        let remote = remote_address(request.remote.as_ref(), "remote")?;
        data_up_to(request.data.len(), self.sizes.message, "data")?;
        let kind = self.hub.summary(found.socket).map(|summary| summary.kind());
        let datagrams = kind == Some(pb::SocketKind::Datagram);
        found.may_reach(if datagrams { Transport::Udp } else { Transport::Tcp }, remote)?;
        let (data, wait) = (request.data.into(), wait(request.dont_wait));
        let At { value, at } = found.call(|socket| Op::Connect { socket, remote, data, wait }).await?;
        match value.reply {
            Reply::Connected { local, remote } => Ok(Response::new(pb::ConnectResponse {
                local: Some(address_to_proto(local)),
                remote: Some(address_to_proto(remote)),
                at: Some(at),
            })),
            other => Err(unexpected(&other)),
        }
    }

    async fn send(&self, request: Request<pb::SendRequest>) -> Answer<pb::SendResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        data_up_to(request.data.len(), self.sizes.message, "data")?;
        self.may_go_on(&found)?;
        let (data, urgent, wait) = (request.data.into(), request.urgent, wait(request.dont_wait));
        let At { value, at } = found.call(|socket| Op::Send { socket, data, urgent, wait }).await?;
        match value.reply {
            // At most the length of the data, which is limited.
            Reply::Sent { accepted } => {
                Ok(Response::new(pb::SendResponse { accepted: accepted as u32, at: Some(at) }))
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn recv(&self, request: Request<pb::RecvRequest>) -> Answer<pb::RecvResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        let (max, min) = self.sizes.to_receive(request.max_bytes, request.min_bytes)?;
        let (peek, wait) = (request.peek, wait(request.dont_wait));
        let At { value, at } = found.call(|socket| Op::Recv { socket, max, min, peek, wait }).await?;
        let Given { reply, data, receipt } = value;
        match reply {
            Reply::Received { end_of_stream, urgent, .. } => {
                let response = pb::RecvResponse { data, end_of_stream, urgent, at: Some(at) };
                Ok(with_receipt(response, receipt))
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn send_to(&self, request: Request<pb::SendToRequest>) -> Answer<pb::SendToResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        let remote = remote_address(request.remote.as_ref(), "remote")?;
        data_up_to(request.data.len(), self.sizes.message, "data")?;
        self.may_send_to(&found, remote).await?;
        let data = request.data.into();
        let At { value, at } = found.call(|socket| Op::SendTo { socket, remote, data }).await?;
        let local = named(&value.reply)?;
        Ok(Response::new(pb::SendToResponse { local, at: Some(at) }))
    }

    async fn recv_from(&self, request: Request<pb::RecvFromRequest>) -> Answer<pb::RecvFromResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        let (max, _) = self.sizes.to_receive(request.max_bytes, 0)?;
        let (peek, wait) = (request.peek, wait(request.dont_wait));
        let At { value, at } = found.call(|socket| Op::RecvFrom { socket, max, peek, wait }).await?;
        let Given { reply, data, receipt } = value;
        match reply {
            Reply::ReceivedFrom { remote, local, truncated, .. } => {
                let response = pb::RecvFromResponse {
                    data,
                    remote: Some(address_to_proto(remote)),
                    local: Some(address_to_proto(local)),
                    truncated,
                    at: Some(at),
                };
                Ok(with_receipt(response, receipt))
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn shutdown(&self, request: Request<pb::ShutdownRequest>) -> Answer<pb::ShutdownResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        let how = shutdown_how(request.how, "how")?;
        let At { value, at } = found.call(|socket| Op::Shutdown { socket, how }).await?;
        let tcp_state = tcp_state(&value.reply)?;
        Ok(Response::new(pb::ShutdownResponse { tcp_state, at: Some(at) }))
    }

    async fn close(&self, request: Request<pb::CloseRequest>) -> Answer<pb::CloseResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        let At { value, at } = found.call(|socket| Op::Close { socket }).await?;
        let tcp_state = tcp_state(&value.reply)?;
        Ok(Response::new(pb::CloseResponse { tcp_state, at: Some(at) }))
    }

    async fn abort(&self, request: Request<pb::AbortRequest>) -> Answer<pb::AbortResponse> {
        let found = self.find(request.extensions(), request.get_ref().socket)?;
        let At { at, .. } = found.call(|socket| Op::Abort { socket }).await?;
        Ok(Response::new(pb::AbortResponse { at: Some(at) }))
    }

    async fn set_options(&self, request: Request<pb::SetOptionsRequest>) -> Answer<pb::SetOptionsResponse> {
        let (_, extensions, request) = request.into_parts();
        let found = self.find(&extensions, request.socket)?;
        let options = options_patch(request.options.as_ref())?;
        let At { at, .. } = found.call(|socket| Op::SetOptions { socket, options }).await?;
        Ok(Response::new(pb::SetOptionsResponse { at: Some(at) }))
    }

    async fn get_options(&self, request: Request<pb::GetOptionsRequest>) -> Answer<pb::GetOptionsResponse> {
        let (At { value, at }, _) = self.inspect(request.extensions(), request.get_ref().socket).await?;
        let options = Some(options_to_proto(&value.options));
        Ok(Response::new(pb::GetOptionsResponse { options, at: Some(at) }))
    }

    async fn get_info(&self, request: Request<pb::GetInfoRequest>) -> Answer<pb::GetInfoResponse> {
        let (At { value, at }, stack) = self.inspect(request.extensions(), request.get_ref().socket).await?;
        // The hub keeps the times of state changes. It may be a turn ahead of what the engine said.
        let changed = self
            .hub
            .summary(value.info.socket)
            .map_or(value.info.opened, |summary| Instant::from_nanos(summary.state_time_ns));
        Ok(Response::new(info_to_proto(&value.info, &stack, changed, value.now, at)))
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Answer<pb::ListResponse> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        let filter = CompiledFilter::of(request.filter.as_ref())?.seen_by(caller.sight());
        let after = page_token(&request.page_token)?;
        let size = page_size(request.page_size);
        let (mut sockets, at) = self.hub.list(&filter, after, size + 1);
        let mut next_page_token = String::new();
        if sockets.len() > size {
            sockets.truncate(size);
            next_page_token = sockets.last().map(|socket| socket.socket.to_string()).unwrap_or_default();
        }
        Ok(Response::new(pb::ListResponse { sockets, next_page_token, at: Some(at) }))
    }

    async fn wait_for(&self, request: Request<pb::WaitForRequest>) -> Answer<pb::WaitForResponse> {
        let sight = self.access.caller(request.extensions())?.sight();
        let request = request.into_inner();
        let socket = SocketId(request.socket);
        let current = || async move {
            let Ok(lives) = self.networks.stack_of(socket, sight) else { return Ok(None) };
            match lives.stack.inspect(socket).await {
                Ok(At { value, at }) => Ok(value.map(|inspection| Current { info: inspection.info, at })),
                // The hub is about to hear that the socket went with its stack.
                Err(_) => Ok(None),
            }
        };
        self.hub.wait_for(request, sight, current).await.map(Response::new)
    }

    type TransferStream = Transfer;

    async fn transfer(&self, request: Request<Streaming<pb::TransferRequest>>) -> Answer<Transfer> {
        let (_, extensions, mut parts) = request.into_parts();
        let first = parts.message().await?.and_then(|first| first.part);
        let Some(pb::transfer_request::Part::Socket(socket)) = first else {
            return Err(Invalid::new("socket", "the first part has to name the socket").into());
        };
        let found = self.find(&extensions, socket)?;
        self.may_go_on(&found)?;
        let socket = found.socket;
        let kind = self.hub.summary(socket).map(|summary| summary.kind());
        if kind == Some(pb::SocketKind::Datagram) {
            return Err(status_saying(Errno::EOPNOTSUPP, "only streams can be transferred", Some(socket)));
        }
        Ok(Response::new(Transfer::start(found, parts, self.sizes)))
    }
}

/// The address that a call gave.
fn named(reply: &Reply) -> Result<Option<pb::SocketAddress>, Status> {
    match reply {
        Reply::Named { local } => Ok(Some(address_to_proto(*local))),
        other => Err(unexpected(other)),
    }
}

/// The TCP state that a call gave.
fn tcp_state(reply: &Reply) -> Result<i32, Status> {
    match reply {
        Reply::State { tcp_state } => Ok(tcp_state_to_proto(*tcp_state).into()),
        other => Err(unexpected(other)),
    }
}

/// A reply of another call: a bug of ours.
fn unexpected(reply: &Reply) -> Status {
    tracing::error!(?reply, "the engine gave another call's reply");
    Status::internal("the engine gave another call's reply")
}

/// Connections that may wait for `Accept`.
const DEFAULT_BACKLOG: u32 = 128;
