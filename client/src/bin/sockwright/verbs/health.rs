//! `grpc.health.v1`.

use serde_json::json;
use tonic::Request;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::Context;
use crate::failure::Failure;

/// Prints the status; anything but SERVING is a failure, as scripts expect.
pub(super) async fn check(cx: &mut Context, service: String) -> Result<(), Failure> {
    let mut request = Request::new(HealthCheckRequest { service });
    if let Some(timeout) = cx.timeout {
        request.set_timeout(timeout);
    }
    let status = HealthClient::new(cx.client.channel()).check(request).await?.into_inner().status();
    if cx.out.is_json() {
        cx.out.value(&json!({ "status": status.as_str_name() }))?;
    } else {
        cx.out.line(status.as_str_name())?;
    }
    if status == ServingStatus::Serving { Ok(()) } else { Err(Failure::Said) }
}
