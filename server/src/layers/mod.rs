//! What stands between HTTP and the services, outermost first.
//!
//! | layer | what it does |
//! |---|---|
//! | [`Pages`] | answers GET and HEAD, which gRPC never uses, with the page |
//! | `GrpcWebLayer` of tonic-web | makes gRPC of gRPC-Web, and gRPC-Web of the answer |
//! | [`Calls`] | shows calls to the traces that want them |
//! | [`Deadlines`] | ends a call at its `grpc-timeout`, with DEADLINE_EXCEEDED |
//! | [`Deliveries`] | settles a call's receipt when its response is on its way, and not before |

mod calls;
mod deadline;
mod delivery;
mod page;

pub(crate) use calls::Calls;
pub(crate) use deadline::Deadlines;
pub(crate) use delivery::{Deliveries, delivered, with_receipt};
pub(crate) use page::Pages;
