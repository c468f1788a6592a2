//! The calls of the service `Sessions`.

use sockwright_client::v1;

use super::Context;
use crate::args::sessions::SessionVerb;
use crate::failure::Failure;
use crate::render::safe;
use crate::render::socket::duration;

pub(super) async fn run(cx: &mut Context, verb: SessionVerb) -> Result<(), Failure> {
    match verb {
        SessionVerb::Open { lease, on_expiry, label, idempotency_key } => {
            let request = v1::OpenRequest { lease, on_expiry: on_expiry.into(), label, idempotency_key };
            let response = cx.client.sessions.open(request).await?;
            Ok(cx.out.message(response.get_ref(), |response| safe(&response.session))?)
        }
        SessionVerb::KeepAlive { session, every } => loop {
            let response =
                cx.client.sessions.keep_alive(v1::KeepAliveRequest { session: session.clone() }).await?;
            cx.out.message(response.get_ref(), |response| duration(&response.lease.unwrap_or_default()))?;
            match every {
                Some(every) => tokio::time::sleep(every).await,
                None => return Ok(()),
            }
        },
        SessionVerb::Close { session, on_expiry } => {
            let on_expiry = on_expiry.unwrap_or_default().into();
            let response = cx.client.sessions.close(v1::SessionsCloseRequest { session, on_expiry }).await?;
            Ok(cx.out.message(response.get_ref(), |response| response.sockets.to_string())?)
        }
    }
}
