//! What `GetInfo` told of each socket last.
//!
//! Owns: the figures that no event tells of, and how many octets moved between two answers.

use std::collections::{BTreeMap, VecDeque};

use sockwright_client::v1::{GetInfoResponse, TcpInfo};

/// Samples by socket.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    of: BTreeMap<u64, Sample>,
}

/// A sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// Octets of data sent.
    pub(super) sent: u64,
    /// Octets of data received.
    pub(super) received: u64,
    /// The smoothed round trip, once one was measured.
    pub(super) rtt_ns: Option<u64>,
    /// The congestion window, in octets.
    pub(super) cwnd: u64,
    /// Segments sent again.
    pub(super) retransmissions: u64,
    /// Octets moved between samples, the newest last.
    pub(super) moved: VecDeque<u64>,
}

impl Samples {
    pub(super) fn of(&self, socket: u64) -> Option<&Sample> {
        self.of.get(&socket)
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, info: &GetInfoResponse) {
        let (Some(summary), Some(tcp)) = (&info.summary, &info.tcp) else { return };
        let TcpInfo { bytes_sent: sent, bytes_received: received, .. } = *tcp;
        let before = self.of.remove(&summary.socket);
        let mut sample = Sample {
            sent,
            received,
            rtt_ns: (tcp.rtt_us > 0).then_some(tcp.rtt_us * 1000),
            cwnd: tcp.cwnd.into(),
            retransmissions: tcp.retransmissions,
            moved: VecDeque::new(),
        };
        if let Some(mut before) = before {
            let moved = (sent + received).saturating_sub(before.sent + before.received);
            before.moved.push_back(moved);
            if before.moved.len() > MOVED_MAX {
                before.moved.pop_front();
            }
            sample.moved = before.moved;
        }
        self.of.insert(summary.socket, sample);
    }

    /// Forgets all but those that are still shown.
    pub(super) fn keep(&mut self, is_shown: impl Fn(u64) -> bool) {
        self.of.retain(|socket, _| is_shown(*socket));
    }
}

/// Spans of the curve.
const MOVED_MAX: usize = 30;
