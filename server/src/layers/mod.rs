//! What stands between HTTP and the services, outermost first.
//!
//! | layer | what it does |
//! |---|---|
//! | [`Names`] | refuses what browsers ask of a loopback address in a name that is not ours |
//! | [`authentication`] | says of the request whose it is, by its token if it has one: in its extensions |
//! | [`Scrapes`] | answers GET `/metrics` with the figures of the server, to who sees all |
//! | [`Pages`] | answers GET and HEAD, which gRPC never uses, with the page |
//! | `GrpcWebLayer` of tonic-web | makes gRPC of gRPC-Web, and gRPC-Web of the answer |
//! | [`observers`] | [tell](trace) of the call, by a span in the trace of its caller and a line when it is over, and [count](measure) it: its status, its time, its messages |
//! | [`Denials`] | has the audit log told of the calls that are denied, and of those of nobody |
//! | [`Authorisation`] | refuses the calls of nobody, but for health and reflection |
//! | [`Admission`] | refuses what is more, or comes faster, than the server takes, at all or of one caller; streams count for their life |
//! | [`Witnesses`] | shows the call to the traces that want it |
//! | [`Drains`] | refuses what is new with UNAVAILABLE, once the server is about to end |
//! | [`Deadlines`] | ends a call at its `grpc-timeout`, with DEADLINE_EXCEEDED |
//! | [`Deliveries`] | settles a call's receipt when its response is on its way, and not before |
//! | [`whole_requests`] | ends a request that is cut short with INVALID_ARGUMENT |
//! | [`Panics`] | ends a call that panics with INTERNAL, so that all others see an ordinary end |
//!
//! Those that answer some requests themselves are [`Gate`]s; bodies that are watched as they pass are [`passing`].

mod admit;
mod authenticate;
mod authorize;
mod deadline;
mod delivery;
mod denials;
mod drain;
mod gate;
mod measure;
mod names;
mod observe;
mod page;
mod panic;
mod passing;
mod scrape;
mod trace;
mod whole;
mod witness;

pub(crate) use admit::Admission;
pub(crate) use authenticate::authentication;
pub(crate) use authorize::Authorisation;
pub(crate) use deadline::Deadlines;
pub(crate) use delivery::{Deliveries, delivered, with_receipt};
pub(crate) use denials::Denials;
pub(crate) use drain::Drains;
pub(crate) use gate::Gate;
pub(crate) use names::Names;
pub(crate) use observe::observers;
pub(crate) use page::Pages;
pub(crate) use panic::Panics;
pub(crate) use scrape::Scrapes;
pub(crate) use whole::whole_requests;
pub(crate) use witness::Witnesses;
