//! The contract's enums as words, in both directions.
//!
//! Owns: the spelling of states, kinds and reasons on the command line and in text.
//!
//! ```text
//! TCP_STATE_FIN_WAIT_2             <->  FIN-WAIT-2          RFC spelling
//! EVENT_KIND_TCP_STATE_CHANGED     <->  tcp-state-changed   everything that is not a TCP state or a timer
//! fin-wait-2, FIN_WAIT_2, FinWait   ->  read alike, but for the last, which is refused
//! ```

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use sockwright_client::v1::{
    AddressFamily, ChurnCloser, Clock, CongestionControl, CongestionPhase, Ecn, EventKind, FastOpenFailure,
    GapReason, LinkState, LossDetection, Medium, NeighborState, OnExpiry, PathMtuDiscovery, PatternPart,
    RecoveryCause, RecoveryPhase, RecoveryTimer, RequestResponsePart, RetransmissionReason, ShutdownHow,
    SocketKind, SocketState, SynCookies, TcpState, TimerAction, TimerKind, TrafficEnd, UndoCause,
};

/// An enum of the contract with words for its values.
pub(crate) trait Worded: Copy + TryFrom<i32> {
    /// What the names of its values begin with.
    const PREFIX: &'static str;
    /// Whether its words are in capitals, as the RFC has them.
    const CAPITALS: bool = false;

    /// The value's name in the contract.
    fn proto_name(self) -> &'static str;

    /// The value as a word.
    fn word(self) -> String {
        let name = self.proto_name();
        let word = name.strip_prefix(Self::PREFIX).unwrap_or(name).replace('_', "-");
        if Self::CAPITALS { word } else { word.to_ascii_lowercase() }
    }

    /// Every value but the unspecified one.
    fn all() -> impl Iterator<Item = Self> {
        (1..).map_while(|number| Self::try_from(number).ok())
    }

    /// The value that a word means, in capitals or not, with `-` or `_`.
    fn from_word(word: &str) -> Option<Self> {
        let word = word.replace('_', "-");
        Self::all().find(|value| value.word().eq_ignore_ascii_case(&word))
    }
}

macro_rules! named {
    ($($type:ident $prefix:literal $capitals:literal),* $(,)?) => {$(
        impl Worded for $type {
            const PREFIX: &'static str = $prefix;
            const CAPITALS: bool = $capitals;

            fn proto_name(self) -> &'static str {
                self.as_str_name()
            }
        }
    )*};
}

named! {
    TcpState "TCP_STATE_" true,
    TimerKind "TIMER_KIND_" true,
    SocketState "SOCKET_STATE_" false,
    EventKind "EVENT_KIND_" false,
    SocketKind "SOCKET_KIND_" false,
    AddressFamily "ADDRESS_FAMILY_" false,
    ShutdownHow "SHUTDOWN_HOW_" false,
    OnExpiry "ON_EXPIRY_" false,
    Clock "CLOCK_" false,
    CongestionControl "CONGESTION_CONTROL_" false,
    GapReason "GAP_REASON_" false,
    RetransmissionReason "RETRANSMISSION_REASON_" false,
    TimerAction "TIMER_ACTION_" false,
    RecoveryPhase "RECOVERY_PHASE_" true,
    RecoveryTimer "RECOVERY_TIMER_" false,
    RecoveryCause "RECOVERY_CAUSE_" false,
    UndoCause "UNDO_CAUSE_" false,
    CongestionPhase "CONGESTION_PHASE_" false,
    NeighborState "NEIGHBOR_STATE_" true,
    LinkState "LINK_STATE_" false,
    Ecn "ECN_" false,
    LossDetection "LOSS_DETECTION_" false,
    PathMtuDiscovery "PATH_MTU_DISCOVERY_" false,
    SynCookies "SYN_COOKIES_" false,
    FastOpenFailure "FAST_OPEN_FAILURE_" false,
    Medium "MEDIUM_" false,
    RequestResponsePart "REQUEST_RESPONSE_PART_" false,
    PatternPart "PATTERN_PART_" false,
    ChurnCloser "CHURN_CLOSER_" false,
    TrafficEnd "TRAFFIC_END_" false,
}

/// Reads a word of `T` on the command line; knows them all for help and completion.
pub(crate) struct Words<T>(std::marker::PhantomData<fn() -> T>);

impl<T> Words<T> {
    /// The parser.
    pub(crate) fn parser() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<T> Clone for Words<T> {
    fn clone(&self) -> Self {
        Self::parser()
    }
}

impl<T: Worded + Send + Sync + 'static> TypedValueParser for Words<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        value.to_str().and_then(T::from_word).ok_or_else(|| {
            let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
            if let Some(arg) = arg {
                error.insert(ContextKind::InvalidArg, ContextValue::String(arg.to_string()));
            }
            let valid = T::all().map(T::word).collect();
            error.insert(
                ContextKind::InvalidValue,
                ContextValue::String(value.to_string_lossy().into_owned()),
            );
            error.insert(ContextKind::ValidValue, ContextValue::Strings(valid));
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(T::all().map(|value| PossibleValue::new(value.word()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_states_are_spelled_as_in_the_rfc() {
        let words: Vec<_> = TcpState::all().map(TcpState::word).collect();
        assert_eq!(
            words.join(" "),
            "CLOSED LISTEN SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 CLOSE-WAIT CLOSING LAST-ACK TIME-WAIT"
        );
    }

    #[test]
    fn a_state_is_read_in_each_of_its_spellings() {
        for word in ["FIN-WAIT-2", "fin-wait-2", "FIN_WAIT_2", "Fin-Wait-2"] {
            assert_eq!(TcpState::from_word(word), Some(TcpState::FinWait2));
        }
        for word in ["FIN-WAIT", "", "unspecified", "TCP_STATE_CLOSED"] {
            assert_eq!(TcpState::from_word(word), None);
        }
    }

    #[test]
    fn other_enums_are_in_small_letters() {
        assert_eq!(EventKind::TcpStateChanged.word(), "tcp-state-changed");
        assert_eq!(EventKind::from_word("SEGMENT_SENT"), Some(EventKind::SegmentSent));
        assert_eq!(EventKind::all().count(), 30);
        assert_eq!(GapReason::WatcherTooSlow.word(), "watcher-too-slow");
    }
}
