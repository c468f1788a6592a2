//! What can be read of a connection: [`TcpInfo`], made of what its parts know, when somebody asks.

use super::*;
use alloc::vec::Vec;

use crate::tcp::info::{OptionsInUse, RecoveryTimer, SentRange, TcpInfo};
use crate::tcp::recovery::Slot;

impl Connection {
    pub(crate) fn info(&self) -> TcpInfo {
        // Until the peer's SYN is here it is an offer.
        let agreed = if self.state == State::SynSent { Agreed::default() } else { self.agreed };
        TcpInfo {
            iss: self.snd.iss,
            snd_una: self.snd.una,
            snd_nxt: self.snd.nxt,
            snd_wnd: self.snd.wnd,
            irs: self.rcv.irs,
            rcv_nxt: self.rcv.nxt,
            rcv_wnd: self.receive_window(),
            snd_mss: self.snd.mss,
            pmtu: self.path.mtu(),
            rcv_mss: self.rcv.mss,
            send_queue: self.snd.buffer.len(),
            receive_queue: self.rcv.ready.len() as u32,
            send_buffer: self.send_capacity(),
            receive_buffer: self.receive_capacity(),
            urgent: self.urgent_remaining(),
            out_of_order: self.rcv.assembler.len() as u32,
            srtt: self.rtt.srtt(),
            rttvar: self.rtt.rttvar(),
            rto: self.rtt.rto(),
            cwnd: self.congestion_window(),
            ssthresh: self.congestion.ssthresh(),
            backoff: self.rtt.backoff().max(self.snd.persist.backoff()),
            peer_user_timeout: self.peer_user_timeout(),
            fast_open: self.fast_opened(),
            fast_open_failure: self.fast_open_failure(),
            totals: self.totals.totals(),
            shutdown_write: self.snd.fin,
            shutdown_read: self.shut_read,
            timers: self.timers.running().collect(),
            ca_state: self.recovery.phase,
            recovery_timer: match self.recovery.slot {
                Slot::Timeout => RecoveryTimer::Timeout,
                Slot::LossProbe => RecoveryTimer::LossProbe,
                Slot::Reordering => RecoveryTimer::Reordering,
            },
            pipe: self.recovery.pipe(),
            unacked: self.recovery.sent.outstanding(),
            sacked: self.recovery.sent.sacked(),
            lost: self.recovery.sent.lost(),
            retrans: self.recovery.sent.resent(),
            scoreboard: self.scoreboard(),
            min_rtt: self.rtt.min_rtt(),
            reordering_window: self.recovery.rack.reordering_window(self.circumstances()),
            reordering_seen: self.recovery.rack.reordering_seen(),
            delivery_rate: self.meters.sending.delivery_rate,
            delivered: self.rate.delivered(),
            retransmits: self.rtt.backoff(),
            probes: u32::from(self.snd.keep_alive_unanswered).max(self.snd.persist.unanswered()),
            options: OptionsInUse {
                timestamps: agreed.timestamps,
                sack: agreed.sack,
                window_scaling: agreed.window_scale.is_some(),
            },
            ecn: self.ecn.info(),
            snd_wscale: agreed.snd_shift(),
            rcv_wscale: agreed.rcv_shift(),
            ato: self.options.delayed_ack,
            rcv_mss_estimate: self.rcv.acks.largest(),
            notsent_bytes: self.snd.buffer.end().octets_since(self.snd.nxt),
            last: self.meters.last,
            stalls: self.meters.sending.stalls,
            dropped: self.meters.dropped.as_deref().copied(),
            reassembly: self.rcv.assembler.ranges().collect(),
            congestion: self.options.congestion,
            congestion_phase: self.congestion.phase(),
            congestion_variables: self.congestion.variables(),
            pacing_rate: self.congestion.pacing_rate(),
        }
    }
    fn scoreboard(&self) -> Vec<SentRange> {
        let mut ranges: Vec<SentRange> = Vec::new();
        for record in self.recovery.sent.iter() {
            let next = SentRange {
                range: record.start..record.end,
                sacked: record.sacked,
                lost: record.lost.is_some(),
                resent: record.resent,
                retransmissions: record.retransmissions,
            };
            match ranges.last_mut() {
                Some(last) if last.shares_fate_with(&next) => last.range.end = next.range.end,
                _ => ranges.push(next),
            }
        }
        ranges
    }
}
