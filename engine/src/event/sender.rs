//! The words for what the sender goes through: loss recovery and congestion control.

/// The phases of the sender's loss recovery, under Linux's names for them (`tcpi_ca_state`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoveryPhase {
    /// Nothing is amiss.
    #[default]
    Open,
    /// Duplicate acknowledgments or SACKs came, too few to call it a loss.
    Disorder,
    /// The window shrinks because the network marked packets (RFC 3168).
    Cwr,
    /// Fast recovery.
    Recovery,
    /// After a retransmission timeout.
    Loss,
}

impl RecoveryPhase {
    /// The name in text.
    pub const fn name(self) -> &'static str {
        match self {
            RecoveryPhase::Open => "OPEN",
            RecoveryPhase::Disorder => "DISORDER",
            RecoveryPhase::Cwr => "CWR",
            RecoveryPhase::Recovery => "RECOVERY",
            RecoveryPhase::Loss => "LOSS",
        }
    }
}

/// Why loss recovery changed its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryCause {
    /// Duplicate acknowledgments or SACKs (RFC 5681, RFC 6675).
    DuplicateAcks,
    /// Something sent later was delivered a reordering window ago (RACK, RFC 8985).
    Rack,
    /// A tail loss probe showed that one was lost (RFC 8985 §7.4).
    TailLossProbe,
    /// The retransmission timer fired (RFC 6298).
    Timeout,
    /// The network marked packets (RFC 3168).
    Ecn,
    /// All that was outstanding when it began is acknowledged.
    Acknowledged,
    /// It was for nothing.
    Undone,
}

impl RecoveryCause {
    /// The name in text.
    pub const fn name(self) -> &'static str {
        match self {
            RecoveryCause::DuplicateAcks => "DUPLICATE_ACKS",
            RecoveryCause::Rack => "RACK",
            RecoveryCause::TailLossProbe => "TAIL_LOSS_PROBE",
            RecoveryCause::Timeout => "TIMEOUT",
            RecoveryCause::Ecn => "ECN",
            RecoveryCause::Acknowledged => "ACKNOWLEDGED",
            RecoveryCause::Undone => "UNDONE",
        }
    }
}

/// What showed that recovery was for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoCause {
    /// The echoed timestamp is older than the retransmission (Eifel, RFC 3522).
    Timestamp,
    /// All that was sent again came twice (D-SACK, RFC 2883).
    DuplicateSack,
    /// What was acknowledged after a timeout was not what was sent again (F-RTO, RFC 5682).
    ForwardRto,
}

impl UndoCause {
    /// The name in text.
    pub const fn name(self) -> &'static str {
        match self {
            UndoCause::Timestamp => "TIMESTAMP",
            UndoCause::DuplicateSack => "DUPLICATE_SACK",
            UndoCause::ForwardRto => "FORWARD_RTO",
        }
    }
}

/// What a congestion control algorithm is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CongestionPhase {
    /// Doubling every round trip (RFC 5681 §3.1).
    #[default]
    SlowStart,
    /// HyStart++ saw the round trips grow and doubts (RFC 9406).
    ConservativeSlowStart,
    /// Congestion avoidance.
    CongestionAvoidance,
    /// The window shrinks towards the threshold, or waits for a loss to be repaired.
    Recovery,
    /// BBR: looking for the bandwidth.
    Startup,
    /// BBR: letting the queue that start-up built run dry.
    Drain,
    /// BBR: around the bandwidth.
    ProbeBandwidth,
    /// BBR: looking for the round trip without a queue.
    ProbeRtt,
}

impl CongestionPhase {
    /// The name in text.
    pub const fn name(self) -> &'static str {
        match self {
            CongestionPhase::SlowStart => "SLOW_START",
            CongestionPhase::ConservativeSlowStart => "CONSERVATIVE_SLOW_START",
            CongestionPhase::CongestionAvoidance => "CONGESTION_AVOIDANCE",
            CongestionPhase::Recovery => "RECOVERY",
            CongestionPhase::Startup => "STARTUP",
            CongestionPhase::Drain => "DRAIN",
            CongestionPhase::ProbeBandwidth => "PROBE_BANDWIDTH",
            CongestionPhase::ProbeRtt => "PROBE_RTT",
        }
    }
}
