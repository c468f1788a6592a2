//! The engine's words and the contract's, turned into each other.
//!
//! Owns every conversion between `sockwright_engine` and `sockwright_proto`, by topic. Matches are exhaustive on the
//! engine's side, so that a new variant cannot be forgotten here. Requests are parsed: what comes out cannot be
//! wrong, and what cannot be parsed is an [`Invalid`] that names the field.

mod address;
mod counters;
mod event;
mod info;
mod invalid;
mod options;
mod sender;
mod session;
mod state;

pub(crate) use address::ip;
pub use address::{address_to_proto, bind_address, remote_address};
pub use counters::{counters_to_proto, retransmissions_by_name};
pub use event::event_kind;
pub(crate) use event::{Envelope, message, retransmission_reason, write_event};
pub use info::{datagram_info_to_proto, info_to_proto, listener_info_to_proto, tcp_info_to_proto};
pub use invalid::Invalid;
pub use options::{
    congestion_control_to_proto, duration, duration_to_proto, options_patch, options_to_proto,
};
pub use sender::{
    congestion_phase_to_proto, recovery_cause_to_proto, recovery_phase_to_proto, undo_cause_to_proto,
};
pub use session::{parse_session, session_name};
pub(crate) use state::unknown;
pub use state::{
    family_from_proto, family_to_proto, kind_from_proto, kind_to_proto, shutdown_how, socket_state_to_proto,
    tcp_state_to_proto, timer_to_proto,
};
