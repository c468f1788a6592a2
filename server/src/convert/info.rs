//! What can be read of a socket.

use std::ops::Range;
use std::time::Duration;

use sockwright_engine::host::{DatagramInfo, ListenerInfo, SocketInfo};
use sockwright_engine::tcp::info::{
    CongestionVariables, CubicEpoch, EcnInfo, FastOpenFailure, OptionsInUse, RecoveryTimer, SentRange,
    TcpInfo, Totals,
};
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::time::Instant;
use sockwright_proto::v1 as pb;

use super::{
    address_to_proto, congestion_control_to_proto, congestion_phase_to_proto, family_to_proto, kind_to_proto,
    recovery_phase_to_proto, session_name, socket_state_to_proto, tcp_state_to_proto, timer_to_proto,
};
use crate::error::errno_to_proto;

/// Everything about a socket, read from its engine at `now`.
///
/// `state_time_ns` is not the engine's to know: the hub's summary of the socket has it, and `changed` is that.
pub fn info_to_proto(
    info: &SocketInfo,
    stack: &str,
    changed: Instant,
    now: Instant,
    at: pb::Position,
) -> pb::GetInfoResponse {
    let tcp_state = tcp_state_to_proto(info.tcp_state);
    let summary = pb::SocketSummary {
        socket: info.socket.0,
        stack: stack.to_owned(),
        session: session_name(info.session),
        label: info.label.to_string(),
        kind: kind_to_proto(info.kind).into(),
        family: family_to_proto(info.family).into(),
        socket_state: socket_state_to_proto(info.socket_state).into(),
        tcp_state: tcp_state.into(),
        local: info.local.map(address_to_proto),
        remote: info.remote.map(address_to_proto),
        listener: info.listener.map_or(0, |listener| listener.0),
        opened_time_ns: info.opened.as_nanos(),
        state_time_ns: changed.as_nanos(),
    };
    pb::GetInfoResponse {
        summary: Some(summary),
        error: info.error.map(|errno| errno_to_proto(errno, tcp_state, Some(info.socket))),
        tcp: info.tcp.as_ref().map(|tcp| tcp_info_to_proto(tcp, now)),
        listener: info.queues.map(listener_info_to_proto),
        datagram: info.datagrams.map(datagram_info_to_proto),
        time_ns: now.as_nanos(),
        at: Some(at),
    }
}

/// The variables of a connection, read at `now`.
pub fn tcp_info_to_proto(info: &TcpInfo, now: Instant) -> pb::TcpInfo {
    let TcpInfo {
        iss,
        snd_una,
        snd_nxt,
        snd_wnd,
        irs,
        rcv_nxt,
        rcv_wnd,
        snd_mss,
        pmtu,
        rcv_mss,
        send_queue,
        receive_queue,
        send_buffer,
        receive_buffer,
        urgent,
        out_of_order,
        srtt,
        rttvar,
        rto,
        cwnd,
        ssthresh,
        backoff,
        peer_user_timeout,
        fast_open,
        fast_open_failure,
        totals,
        shutdown_write,
        shutdown_read,
        ref timers,
        retransmits,
        probes,
        options,
        ecn,
        snd_wscale,
        rcv_wscale,
        ato,
        rcv_mss_estimate,
        notsent_bytes,
        last,
        stalls,
        dropped,
        ref reassembly,
        congestion,
        congestion_phase,
        pacing_rate,
        ca_state,
        recovery_timer,
        pipe,
        unacked,
        sacked,
        lost,
        retrans,
        ref scoreboard,
        min_rtt,
        reordering_window,
        reordering_seen,
        delivery_rate,
        delivered,
        congestion_variables,
    } = *info;
    let Totals {
        retransmissions,
        bytes_sent,
        bytes_acked,
        bytes_received,
        segments_out,
        segments_in,
        data_segs_out,
        data_segs_in,
        bytes_retrans,
        rcv_ooopack,
        delivered_ce,
        dsack_dups,
        total_rto,
        total_rto_recoveries,
        total_rto_time,
    } = totals;
    let since = |at: Option<Instant>| at.map(|at| micros(now - at));
    let stalls = stalls.until(now);
    let running = |(timer, deadline): &(_, Instant)| pb::RunningTimer {
        timer: timer_to_proto(*timer).into(),
        deadline_ns: deadline.as_nanos(),
    };
    pb::TcpInfo {
        iss: iss.0,
        snd_una: snd_una.0,
        snd_nxt: snd_nxt.0,
        snd_wnd,
        irs: irs.0,
        rcv_nxt: rcv_nxt.0,
        rcv_wnd,
        snd_mss,
        pmtu,
        rcv_mss,
        send_queue,
        receive_queue,
        send_buffer,
        receive_buffer,
        urgent,
        out_of_order,
        rtt_us: srtt.map_or(0, micros),
        rttvar_us: micros(rttvar),
        rto_us: micros(rto),
        cwnd,
        ssthresh,
        retransmissions,
        backoff,
        bytes_sent,
        bytes_acked,
        bytes_received,
        segments_out,
        segments_in,
        peer_user_timeout_us: peer_user_timeout.map(micros),
        fast_open,
        shutdown_write,
        shutdown_read,
        timers: timers.iter().map(running).collect(),
        retransmits,
        probes,
        options: Some(options_in_use_to_proto(options)),
        snd_wscale: snd_wscale.into(),
        rcv_wscale: rcv_wscale.into(),
        ato_us: micros(ato),
        rcv_mss_estimate,
        notsent_bytes,
        last_data_sent_us: since(last.data_sent),
        last_ack_sent_us: since(last.ack_sent),
        last_data_recv_us: since(last.data_recv),
        last_ack_recv_us: since(last.ack_recv),
        busy_time_us: micros(stalls.busy),
        rwnd_limited_us: micros(stalls.rwnd_limited),
        sndbuf_limited_us: micros(stalls.sndbuf_limited),
        last_drop: dropped.map(|dropped| pb::LastDrop {
            time_ns: dropped.at.as_nanos(),
            reason: dropped.reason.name().to_owned(),
        }),
        reassembly: reassembly.iter().map(range_to_proto).collect(),
        congestion_control: congestion_control_to_proto(congestion).into(),
        congestion_phase: congestion_phase_to_proto(congestion_phase).into(),
        pacing_rate,
        data_segs_out,
        data_segs_in,
        bytes_retrans,
        rcv_ooopack,
        ca_state: recovery_phase_to_proto(ca_state).into(),
        recovery_timer: recovery_timer_to_proto(recovery_timer).into(),
        pipe,
        unacked,
        sacked,
        lost,
        retrans,
        scoreboard: scoreboard.iter().map(sent_range_to_proto).collect(),
        min_rtt_us: min_rtt.map(micros),
        reordering_window_us: micros(reordering_window),
        reordering_seen,
        delivery_rate: delivery_rate.map(|delivery| delivery.rate),
        delivery_rate_app_limited: delivery_rate.is_some_and(|delivery| delivery.app_limited),
        delivered,
        delivered_ce,
        dsack_dups,
        total_rto,
        total_rto_recoveries,
        total_rto_time_us: micros(total_rto_time),
        congestion_variables: congestion_variables_to_proto(congestion_variables),
        ecn: Some(ecn_info_to_proto(ecn)),
        fast_open_failure: fast_open_failure_to_proto(fast_open_failure).into(),
    }
}

fn recovery_timer_to_proto(timer: RecoveryTimer) -> pb::RecoveryTimer {
    match timer {
        RecoveryTimer::Timeout => pb::RecoveryTimer::Timeout,
        RecoveryTimer::LossProbe => pb::RecoveryTimer::LossProbe,
        RecoveryTimer::Reordering => pb::RecoveryTimer::Reordering,
    }
}

fn sent_range_to_proto(sent: &SentRange) -> pb::SentRange {
    let SentRange { ref range, sacked, lost, resent, retransmissions } = *sent;
    let range = Some(range_to_proto(range));
    pb::SentRange { range, sacked, lost, resent, retransmissions: retransmissions.into() }
}

fn congestion_variables_to_proto(
    variables: CongestionVariables,
) -> Option<pb::tcp_info::CongestionVariables> {
    match variables {
        CongestionVariables::NewReno => None,
        CongestionVariables::Cubic { w_max, epoch } => {
            let epoch = epoch.map(|CubicEpoch { start, k, origin, w_est }| pb::CubicEpoch {
                start_ns: start.as_nanos(),
                k_us: micros(k),
                origin,
                w_est,
            });
            Some(pb::tcp_info::CongestionVariables::Cubic(pb::CubicInfo { w_max, epoch }))
        }
        CongestionVariables::Bbr { bandwidth, min_rtt, pacing_gain, cwnd_gain } => {
            let min_rtt_us = min_rtt.map(micros);
            let bbr = pb::BbrInfo { bandwidth, min_rtt_us, pacing_gain, cwnd_gain };
            Some(pb::tcp_info::CongestionVariables::Bbr(bbr))
        }
    }
}

fn options_in_use_to_proto(options: OptionsInUse) -> pb::OptionsInUse {
    let OptionsInUse { timestamps, sack, window_scaling } = options;
    pb::OptionsInUse { timestamps, sack, window_scaling }
}

fn ecn_info_to_proto(ecn: EcnInfo) -> pb::EcnInfo {
    let EcnInfo { marks, listens, seen, echoes, received_ce } = ecn;
    pb::EcnInfo { marks, listens, seen, echoes, received_ce }
}

fn fast_open_failure_to_proto(failure: Option<FastOpenFailure>) -> pb::FastOpenFailure {
    match failure {
        None => pb::FastOpenFailure::Unspecified,
        Some(FastOpenFailure::CookieUnavailable) => pb::FastOpenFailure::CookieUnavailable,
        Some(FastOpenFailure::DataNotAcked) => pb::FastOpenFailure::DataNotAcked,
        Some(FastOpenFailure::SynRetransmitted) => pb::FastOpenFailure::SynRetransmitted,
    }
}

fn range_to_proto(range: &Range<Seq>) -> pb::SequenceRange {
    pb::SequenceRange { start: range.start.0, end: range.end.0 }
}

/// The queues of a listener.
pub fn listener_info_to_proto(info: ListenerInfo) -> pb::ListenerInfo {
    let ListenerInfo { backlog, half_open, accept_queue, overflows } = info;
    pb::ListenerInfo { backlog, half_open, accept_queue, overflows }
}

/// The queue of a datagram socket.
pub fn datagram_info_to_proto(info: DatagramInfo) -> pb::DatagramInfo {
    let DatagramInfo { queued, queued_bytes, overflows } = info;
    pb::DatagramInfo { queued, queued_bytes, overflows }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
