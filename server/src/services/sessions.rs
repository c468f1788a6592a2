//! The service `Sessions`.

use std::sync::Arc;
use std::time::Duration;

use sockwright_proto::v1::sessions_server::Sessions as Service;
use sockwright_proto::v1::{
    KeepAliveRequest, KeepAliveResponse, OnExpiry, OpenRequest, OpenResponse, SessionsCloseRequest,
    SessionsCloseResponse,
};
use tonic::{Request, Response, Status};

use super::{LABEL_OCTETS, text_up_to};
use crate::access::caller::Access;
use crate::convert::{Invalid, duration, session_name};
use crate::hub::Hub;
use crate::idempotency::{Keys, check_key};
use crate::sessions::Sessions;
use crate::stack::command::Policy;

/// The service over these sessions.
pub(crate) struct SessionsService {
    access: Arc<Access>,
    sessions: Arc<Sessions>,
    hub: Arc<Hub>,
    opened: Keys<OpenResponse>,
}

impl SessionsService {
    /// The service, remembering so many idempotency keys.
    pub(crate) fn new(access: Arc<Access>, sessions: Arc<Sessions>, hub: Arc<Hub>, keys: usize) -> Self {
        SessionsService { access, sessions, hub, opened: Keys::new(keys) }
    }
}

#[tonic::async_trait]
impl Service for SessionsService {
    async fn open(&self, request: Request<OpenRequest>) -> Result<Response<OpenResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        text_up_to(&request.label, LABEL_OCTETS, "label")?;
        check_key(&request.idempotency_key)?;
        let lease = lease(request.lease.as_ref())?;
        let on_expiry = policy(request.on_expiry)?.unwrap_or(Policy::Reset);
        let open = async {
            let session = self.sessions.open(&caller, lease, on_expiry, request.label)?;
            let lease = Some(duration_to_proto(lease));
            Ok(OpenResponse { session: session_name(session), lease, at: Some(self.hub.position()) })
        };
        self.opened.once(caller.id(), "", &request.idempotency_key, open).await.map(Response::new)
    }

    async fn keep_alive(
        &self,
        request: Request<KeepAliveRequest>,
    ) -> Result<Response<KeepAliveResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let lease = self.sessions.keep_alive(&caller, &request.into_inner().session)?;
        let at = Some(self.hub.position());
        Ok(Response::new(KeepAliveResponse { lease: Some(duration_to_proto(lease)), at }))
    }

    async fn close(
        &self,
        request: Request<SessionsCloseRequest>,
    ) -> Result<Response<SessionsCloseResponse>, Status> {
        let caller = self.access.caller(request.extensions())?;
        let request = request.into_inner();
        let policy = policy(request.on_expiry)?;
        let treated = self.sessions.close(&caller, &request.session, policy).await?;
        Ok(Response::new(SessionsCloseResponse { sockets: treated.value, at: Some(treated.at) }))
    }
}

/// 100 ms to 1 day; absent is 30 s.
fn lease(lease: Option<&prost_types::Duration>) -> Result<Duration, Invalid> {
    let Some(lease) = lease else { return Ok(Duration::from_secs(30)) };
    let lease = duration(lease, "lease")?;
    match (Duration::from_millis(100)..=Duration::from_secs(86_400)).contains(&lease) {
        true => Ok(lease),
        false => Err(Invalid::new("lease", "it has to be 100 ms to 1 day")),
    }
}

/// `None` where it is unspecified.
fn policy(number: i32) -> Result<Option<Policy>, Invalid> {
    match OnExpiry::try_from(number) {
        Ok(OnExpiry::Unspecified) => Ok(None),
        Ok(OnExpiry::Reset) => Ok(Some(Policy::Reset)),
        Ok(OnExpiry::Fin) => Ok(Some(Policy::Fin)),
        Ok(OnExpiry::Vanish) => Ok(Some(Policy::Vanish)),
        Ok(OnExpiry::Keep) => Ok(Some(Policy::Keep)),
        Err(_) => Err(Invalid::new("on_expiry", format!("{number} is none of the values of this enum"))),
    }
}

fn duration_to_proto(duration: Duration) -> prost_types::Duration {
    // A lease is at most a day.
    prost_types::Duration {
        seconds: duration.as_secs().cast_signed(),
        nanos: duration.subsec_nanos().cast_signed(),
    }
}
