//! The words for what the sender goes through: loss recovery and congestion control.

use sockwright_engine::event::{CongestionPhase, RecoveryCause, RecoveryPhase, UndoCause};
use sockwright_proto::v1 as pb;

/// A phase of loss recovery.
pub fn recovery_phase_to_proto(phase: RecoveryPhase) -> pb::RecoveryPhase {
    match phase {
        RecoveryPhase::Open => pb::RecoveryPhase::Open,
        RecoveryPhase::Disorder => pb::RecoveryPhase::Disorder,
        RecoveryPhase::Cwr => pb::RecoveryPhase::Cwr,
        RecoveryPhase::Recovery => pb::RecoveryPhase::Recovery,
        RecoveryPhase::Loss => pb::RecoveryPhase::Loss,
    }
}

/// Why it changed.
pub fn recovery_cause_to_proto(cause: RecoveryCause) -> pb::RecoveryCause {
    match cause {
        RecoveryCause::DuplicateAcks => pb::RecoveryCause::DuplicateAcks,
        RecoveryCause::Rack => pb::RecoveryCause::Rack,
        RecoveryCause::TailLossProbe => pb::RecoveryCause::TailLossProbe,
        RecoveryCause::Timeout => pb::RecoveryCause::Timeout,
        RecoveryCause::Ecn => pb::RecoveryCause::Ecn,
        RecoveryCause::Acknowledged => pb::RecoveryCause::Acknowledged,
        RecoveryCause::Undone => pb::RecoveryCause::Undone,
    }
}

/// What showed that it was for nothing.
pub fn undo_cause_to_proto(cause: UndoCause) -> pb::UndoCause {
    match cause {
        UndoCause::Timestamp => pb::UndoCause::Timestamp,
        UndoCause::DuplicateSack => pb::UndoCause::DuplicateSack,
        UndoCause::ForwardRto => pb::UndoCause::ForwardRto,
    }
}

/// What a congestion control algorithm is doing.
pub fn congestion_phase_to_proto(phase: CongestionPhase) -> pb::CongestionPhase {
    match phase {
        CongestionPhase::SlowStart => pb::CongestionPhase::SlowStart,
        CongestionPhase::ConservativeSlowStart => pb::CongestionPhase::ConservativeSlowStart,
        CongestionPhase::CongestionAvoidance => pb::CongestionPhase::CongestionAvoidance,
        CongestionPhase::Recovery => pb::CongestionPhase::Recovery,
        CongestionPhase::Startup => pb::CongestionPhase::Startup,
        CongestionPhase::Drain => pb::CongestionPhase::Drain,
        CongestionPhase::ProbeBandwidth => pb::CongestionPhase::ProbeBandwidth,
        CongestionPhase::ProbeRtt => pb::CongestionPhase::ProbeRtt,
    }
}
