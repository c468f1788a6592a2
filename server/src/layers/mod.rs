//! What stands between HTTP/2 and the services, outermost first.
//!
//! | layer | what it does |
//! |---|---|
//! | [`Deadlines`] | ends a call at its `grpc-timeout`, with DEADLINE_EXCEEDED |
//! | [`Deliveries`] | settles a call's receipt when its response is on its way, and not before |

mod deadline;
mod delivery;

pub(crate) use deadline::Deadlines;
pub(crate) use delivery::{Deliveries, delivered, with_receipt};
