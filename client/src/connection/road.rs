//! The road that an end took through the states of RFC 9293, step by step.
//!
//! ```text
//! 1  CLOSED -> SYN-SENT       Connect  at 0.000  for 20 ms
//! 2  SYN-SENT -> ESTABLISHED  S.       at 0.020  until now
//! ```

use sockwright_proto::v1;
use sockwright_proto::v1::cause::Cause;
use sockwright_proto::v1::event::Kind;

use super::{Connection, Side};

/// One transition.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<'a> {
    /// The `seq` of its event.
    pub seq: u64,
    /// Before.
    pub from: v1::TcpState,
    /// After.
    pub to: v1::TcpState,
    /// What made it.
    pub cause: Option<&'a Cause>,
    /// When, on the stack's clock.
    pub at_ns: u64,
    /// How long it stayed in `to`; absent while it is there.
    pub dwell_ns: Option<u64>,
}

/// The transitions of one end, in order.
pub fn road(connection: &Connection, side: Side) -> Vec<Step<'_>> {
    let Some(socket) = connection.end(side).map(|end| end.socket.summary.socket) else {
        return Vec::new();
    };
    let mut steps: Vec<Step<'_>> = Vec::new();
    for event in connection.events().filter(|event| event.socket == socket) {
        let Some(Kind::TcpStateChanged(changed)) = &event.kind else { continue };
        if let Some(last) = steps.last_mut() {
            last.dwell_ns = Some(event.time_ns.saturating_sub(last.at_ns));
        }
        steps.push(Step {
            seq: event.seq,
            from: changed.from(),
            to: changed.to(),
            cause: changed.cause.as_ref().and_then(|cause| cause.cause.as_ref()),
            at_ns: event.time_ns,
            dwell_ns: None,
        });
    }
    steps
}
