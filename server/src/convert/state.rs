//! The enums of sockets and of TCP.

use sockwright_engine::host::op::{Family, ShutdownHow, SocketKind, SocketState};
use sockwright_engine::tcp::state::State;
use sockwright_engine::tcp::timers::TimerKind;
use sockwright_proto::v1 as pb;

use super::Invalid;

/// What TCP made of a socket; unspecified for a datagram socket.
pub fn tcp_state_to_proto(state: Option<State>) -> pb::TcpState {
    match state {
        None => pb::TcpState::Unspecified,
        Some(State::Closed) => pb::TcpState::Closed,
        Some(State::Listen) => pb::TcpState::Listen,
        Some(State::SynSent) => pb::TcpState::SynSent,
        Some(State::SynReceived) => pb::TcpState::SynReceived,
        Some(State::Established) => pb::TcpState::Established,
        Some(State::FinWait1) => pb::TcpState::FinWait1,
        Some(State::FinWait2) => pb::TcpState::FinWait2,
        Some(State::CloseWait) => pb::TcpState::CloseWait,
        Some(State::Closing) => pb::TcpState::Closing,
        Some(State::LastAck) => pb::TcpState::LastAck,
        Some(State::TimeWait) => pb::TcpState::TimeWait,
    }
}

/// What the caller did with a socket.
pub fn socket_state_to_proto(state: SocketState) -> pb::SocketState {
    match state {
        SocketState::Unbound => pb::SocketState::Unbound,
        SocketState::Bound => pb::SocketState::Bound,
        SocketState::Listening => pb::SocketState::Listening,
        SocketState::Connecting => pb::SocketState::Connecting,
        SocketState::Connected => pb::SocketState::Connected,
        SocketState::Disconnected => pb::SocketState::Disconnected,
        SocketState::Closed => pb::SocketState::Closed,
    }
}

/// The type of a socket.
pub fn kind_to_proto(kind: SocketKind) -> pb::SocketKind {
    match kind {
        SocketKind::Stream => pb::SocketKind::Stream,
        SocketKind::Datagram => pb::SocketKind::Datagram,
    }
}

/// The type of a socket, as a request gives it: unspecified is a stream.
pub fn kind_from_proto(kind: i32, field: &str) -> Result<SocketKind, Invalid> {
    match pb::SocketKind::try_from(kind) {
        Ok(pb::SocketKind::Unspecified | pb::SocketKind::Stream) => Ok(SocketKind::Stream),
        Ok(pb::SocketKind::Datagram) => Ok(SocketKind::Datagram),
        Err(_) => Err(unknown(kind, field)),
    }
}

/// The version of IP.
pub fn family_to_proto(family: Family) -> pb::AddressFamily {
    match family {
        Family::V4 => pb::AddressFamily::Ipv4,
        Family::V6 => pb::AddressFamily::Ipv6,
    }
}

/// The version of IP, as a request gives it: unspecified is IPv4.
pub fn family_from_proto(family: i32, field: &str) -> Result<Family, Invalid> {
    match pb::AddressFamily::try_from(family) {
        Ok(pb::AddressFamily::Unspecified | pb::AddressFamily::Ipv4) => Ok(Family::V4),
        Ok(pb::AddressFamily::Ipv6) => Ok(Family::V6),
        Err(_) => Err(unknown(family, field)),
    }
}

/// The direction of a shutdown; unspecified is refused.
pub fn shutdown_how(how: i32, field: &str) -> Result<ShutdownHow, Invalid> {
    match pb::ShutdownHow::try_from(how) {
        Ok(pb::ShutdownHow::Read) => Ok(ShutdownHow::Read),
        Ok(pb::ShutdownHow::Write) => Ok(ShutdownHow::Write),
        Ok(pb::ShutdownHow::Both) => Ok(ShutdownHow::Both),
        Ok(pb::ShutdownHow::Unspecified) => Err(Invalid::new(field, "no direction is given")),
        Err(_) => Err(unknown(how, field)),
    }
}

/// A timer of a connection.
pub fn timer_to_proto(timer: TimerKind) -> pb::TimerKind {
    match timer {
        TimerKind::Retransmit => pb::TimerKind::Retransmit,
        TimerKind::Persist => pb::TimerKind::Persist,
        TimerKind::DelayedAck => pb::TimerKind::DelayedAck,
        TimerKind::KeepAlive => pb::TimerKind::KeepAlive,
        TimerKind::UserTimeout => pb::TimerKind::UserTimeout,
        TimerKind::FinWait2 => pb::TimerKind::FinWait2,
        TimerKind::TimeWait => pb::TimerKind::TimeWait,
        TimerKind::Linger => pb::TimerKind::Linger,
        TimerKind::Pacing => pb::TimerKind::Pacing,
    }
}

/// An enum's number that the contract does not have.
pub(crate) fn unknown(number: i32, field: &str) -> Invalid {
    Invalid::new(field, format!("{number} is none of the values of this enum"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_keep_their_names() {
        for state in State::ALL {
            let name = format!("TCP_STATE_{}", state.name().replace('-', "_"));
            assert_eq!(tcp_state_to_proto(Some(state)).as_str_name(), name);
        }
        for timer in TimerKind::ALL {
            assert_eq!(timer_to_proto(timer).as_str_name(), format!("TIMER_KIND_{}", timer.name()));
        }
    }

    #[test]
    fn unspecified_enums_mean_what_the_contract_says() {
        assert_eq!(kind_from_proto(0, "kind"), Ok(SocketKind::Stream));
        assert_eq!(family_from_proto(0, "family"), Ok(Family::V4));
        assert_eq!(shutdown_how(0, "how").unwrap_err().field, "how");
        assert_eq!(kind_from_proto(99, "kind").unwrap_err().field, "kind");
    }
}
