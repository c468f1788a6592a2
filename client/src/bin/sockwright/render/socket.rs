//! Sockets as text: lists, details, options.

use sockwright_client::v1::tcp_info::CongestionVariables;
use sockwright_client::v1::{
    BbrInfo, CubicInfo, DatagramInfo, EcnInfo, FastOpenFailure, GetInfoResponse, IpOption, IpOptions,
    KeepAlive, ListenerInfo, OptionsInUse, RecoveryTimer, RunningTimer, SentRange, SequenceRange,
    SocketAddress, SocketOptions, SocketSummary, TcpInfo, TcpState, TimerKind, ip_option,
};

use super::table::{pairs, table};
use super::{safe, time};
use crate::names::Worded;

/// `10.0.0.2:80`, `[2001:db8::1]:80`, or nothing.
pub(crate) fn address(address: Option<&SocketAddress>) -> String {
    match address {
        None => String::new(),
        Some(SocketAddress { ip, port }) if ip.contains(':') => format!("[{ip}]:{port}"),
        Some(SocketAddress { ip, port }) => format!("{ip}:{port}"),
    }
}

/// A table of sockets.
pub(crate) fn list(sockets: &[SocketSummary]) -> String {
    let rows: Vec<_> = sockets.iter().map(row).collect();
    table(["ID", "STACK", "KIND", "SOCKET", "TCP", "LOCAL", "REMOTE", "LABEL", "SESSION"], &rows)
}

fn row(summary: &SocketSummary) -> [String; 9] {
    [
        summary.socket.to_string(),
        safe(&summary.stack),
        kind(summary),
        summary.socket_state().word(),
        tcp_state(summary.tcp_state()),
        address(summary.local.as_ref()),
        address(summary.remote.as_ref()),
        safe(&summary.label),
        safe(&summary.session),
    ]
}

/// A socket on one line: `lab/b #3 web  ESTABLISHED  connected  10.0.0.2:80 10.0.0.1:49152`.
pub(crate) fn line(summary: &SocketSummary) -> String {
    let mut line = format!("{} #{}", safe(&summary.stack), summary.socket);
    if !summary.label.is_empty() {
        line += &format!(" {}", safe(&summary.label));
    }
    let state = tcp_state(summary.tcp_state());
    let parts = [state, summary.socket_state().word(), ends(summary.local.as_ref(), summary.remote.as_ref())];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        line += &format!("  {part}");
    }
    line
}

/// Everything about a socket, a line for each.
pub(crate) fn info(info: &GetInfoResponse) -> String {
    let summary = info.summary.clone().unwrap_or_default();
    let mut rows = summary_rows(&summary);
    if let Some(error) = &info.error {
        rows.push(("error", format!("{}: {}", error.errno_name, safe(&error.message))));
    }
    rows.extend(info.listener.iter().flat_map(listener_rows));
    rows.extend(info.datagram.iter().flat_map(datagram_rows));
    rows.extend(info.tcp.iter().flat_map(tcp_rows));
    rows.push(("time", time(info.time_ns)));
    pairs(&rows)
}

/// Every option, under the name and in the form that `set` takes.
pub(crate) fn options(options: &SocketOptions) -> String {
    let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
    let switch = |value: Option<bool>| value.map(|value| value.to_string()).unwrap_or_default();
    let duration =
        |value: Option<prost_types::Duration>| value.map(|value| duration(&value)).unwrap_or_default();
    let linger = match &options.linger {
        None => String::new(),
        Some(linger) if !linger.enabled => "off".into(),
        Some(linger) => duration(Some(linger.time.unwrap_or_default())),
    };
    pairs(&[
        ("no-delay", switch(options.no_delay)),
        ("max-segment-size", number(options.max_segment_size)),
        ("msl", duration(options.msl)),
        ("keep-alive", options.keep_alive.as_ref().map(keep_alive).unwrap_or_default()),
        ("user-timeout", duration(options.user_timeout)),
        ("linger", linger),
        ("send-buffer", number(options.send_buffer)),
        ("receive-buffer", number(options.receive_buffer)),
        ("delayed-ack", duration(options.delayed_ack)),
        ("rto-min", duration(options.rto_min)),
        ("rto-initial", duration(options.rto_initial)),
        ("reuse-address", switch(options.reuse_address)),
        ("congestion-control", options.congestion_control().word()),
        ("initial-sequence-number", number(options.initial_sequence_number)),
        ("window-scaling", switch(options.window_scaling)),
        ("timestamps", switch(options.timestamps)),
        ("sack", switch(options.sack)),
        ("ecn", options.ecn().word()),
        ("hystart", switch(options.hystart)),
        ("pacing", switch(options.pacing)),
        ("initial-window", number(options.initial_window)),
        ("loss-detection", options.loss_detection().word()),
        ("tail-loss-probe", switch(options.tail_loss_probe)),
        ("fast-open", switch(options.fast_open)),
        ("user-timeout-option", switch(options.user_timeout_option)),
        ("hop-limit", number(options.hop_limit)),
        ("dscp", number(options.dscp)),
        ("ip-options", options.ip_options.as_ref().map(ip_options).unwrap_or_default()),
        ("path-mtu-discovery", options.path_mtu_discovery().word()),
        ("syn-cookies", options.syn_cookies().word()),
    ])
}

/// A duration as it is read: `1m30s`.
pub(crate) fn duration(duration: &prost_types::Duration) -> String {
    let duration = std::time::Duration::try_from(*duration).unwrap_or_default();
    humantime::format_duration(duration).to_string().replace(' ', "")
}

/// A TCP state in the RFC's spelling, or nothing.
pub(crate) fn tcp_state(state: TcpState) -> String {
    if state == TcpState::Unspecified { String::new() } else { state.word() }
}

fn ends(local: Option<&SocketAddress>, remote: Option<&SocketAddress>) -> String {
    [local, remote].into_iter().flatten().map(|end| address(Some(end))).collect::<Vec<_>>().join(" ")
}

fn kind(summary: &SocketSummary) -> String {
    format!("{}/{}", summary.kind().word(), summary.family().word())
}

fn keep_alive(keep_alive: &KeepAlive) -> String {
    if !keep_alive.enabled {
        return "off".into();
    }
    let mut words = Vec::new();
    words.extend(keep_alive.idle.map(|idle| format!("idle={}", duration(&idle))));
    words.extend(keep_alive.interval.map(|interval| format!("interval={}", duration(&interval))));
    if keep_alive.probes != 0 {
        words.push(format!("probes={}", keep_alive.probes));
    }
    if words.is_empty() { "on".into() } else { words.join(",") }
}

fn ip_options(options: &IpOptions) -> String {
    let word = |option: &IpOption| match &option.option {
        Some(ip_option::Option::RecordRoute(addresses)) => format!("record-route={addresses}"),
        Some(ip_option::Option::RouterAlert(value)) => format!("router-alert={value}"),
        Some(ip_option::Option::Raw(octets)) => {
            octets.iter().fold("raw=".to_owned(), |text, octet| text + &format!("{octet:02x}"))
        }
        None => String::new(),
    };
    let words: Vec<_> = options.options.iter().map(word).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(",") }
}

fn summary_rows(summary: &SocketSummary) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("socket", summary.socket.to_string()),
        ("stack", safe(&summary.stack)),
        ("label", safe(&summary.label)),
        ("session", safe(&summary.session)),
        ("kind", kind(summary)),
        ("socket state", summary.socket_state().word()),
        ("tcp state", tcp_state(summary.tcp_state())),
        ("local", address(summary.local.as_ref())),
        ("remote", address(summary.remote.as_ref())),
        ("opened at", time(summary.opened_time_ns)),
        ("in this state since", time(summary.state_time_ns)),
    ];
    if summary.listener != 0 {
        rows.insert(1, ("listener", summary.listener.to_string()));
    }
    rows
}

fn listener_rows(listener: &ListenerInfo) -> Vec<(&'static str, String)> {
    vec![
        ("backlog", listener.backlog.to_string()),
        ("half open", listener.half_open.to_string()),
        ("accept queue", listener.accept_queue.to_string()),
        ("overflows", listener.overflows.to_string()),
    ]
}

fn datagram_rows(datagram: &DatagramInfo) -> Vec<(&'static str, String)> {
    vec![
        ("queued", datagram.queued.to_string()),
        ("queued bytes", datagram.queued_bytes.to_string()),
        ("overflows", datagram.overflows.to_string()),
    ]
}

fn tcp_rows(tcp: &TcpInfo) -> Vec<(&'static str, String)> {
    [sequence_rows(tcp), sender_rows(tcp), total_rows(tcp), past_rows(tcp)].concat()
}

/// The variables of RFC 9293, and what waits in the buffers.
fn sequence_rows(tcp: &TcpInfo) -> Vec<(&'static str, String)> {
    let shut = match (tcp.shutdown_read, tcp.shutdown_write) {
        (true, true) => "read, write",
        (true, false) => "read",
        (false, true) => "write",
        (false, false) => "",
    };
    let options = tcp.options.unwrap_or_default();
    let scale = format!("snd {}, rcv {}", tcp.snd_wscale, tcp.rcv_wscale);
    let mut rows = vec![
        ("iss", tcp.iss.to_string()),
        ("snd.una", tcp.snd_una.to_string()),
        ("snd.nxt", tcp.snd_nxt.to_string()),
        ("snd.wnd", tcp.snd_wnd.to_string()),
        ("snd.mss", tcp.snd_mss.to_string()),
        ("irs", tcp.irs.to_string()),
        ("rcv.nxt", tcp.rcv_nxt.to_string()),
        ("rcv.wnd", tcp.rcv_wnd.to_string()),
        ("rcv.mss", tcp.rcv_mss.to_string()),
        ("path mtu", tcp.pmtu.to_string()),
        ("largest segment", tcp.rcv_mss_estimate.to_string()),
        ("options", options_in_use(options)),
        ("window scale", if options.window_scaling { scale } else { String::new() }),
        ("fast open", fast_open(tcp)),
        ("ecn", ecn(tcp.ecn.unwrap_or_default())),
        ("shut down", shut.to_string()),
        ("send queue", tcp.send_queue.to_string()),
        ("not sent", tcp.notsent_bytes.to_string()),
        ("receive queue", tcp.receive_queue.to_string()),
        ("urgent", tcp.urgent.to_string()),
        ("out of order", tcp.out_of_order.to_string()),
    ];
    rows.extend(tcp.reassembly.iter().map(|range| ("waits", format!("{}:{}", range.start, range.end))));
    rows
}

/// How the sender does, and its timers.
fn sender_rows(tcp: &TcpInfo) -> Vec<(&'static str, String)> {
    let ssthresh = if tcp.ssthresh == u32::MAX { "infinite".to_string() } else { tcp.ssthresh.to_string() };
    let rate = |rate: Option<u64>| rate.map(|rate| format!("{rate}/s")).unwrap_or_default();
    let limited = if tcp.delivery_rate_app_limited { ", at least" } else { "" };
    let mut rows = vec![
        ("recovery", tcp.ca_state().word()),
        ("pipe", tcp.pipe.to_string()),
        ("unacked", tcp.unacked.to_string()),
        ("sacked", tcp.sacked.to_string()),
        ("lost", tcp.lost.to_string()),
        ("under way again", tcp.retrans.to_string()),
        ("reordering seen", tcp.reordering_seen.to_string()),
        ("reordering window", micros(tcp.reordering_window_us)),
        ("rtt", micros(tcp.rtt_us)),
        ("rttvar", micros(tcp.rttvar_us)),
        ("min rtt", tcp.min_rtt_us.map(micros_or_zero).unwrap_or_default()),
        ("rto", micros(tcp.rto_us)),
        ("ato", micros(tcp.ato_us)),
        ("backoff", tcp.backoff.to_string()),
        ("retransmits", tcp.retransmits.to_string()),
        ("probes", tcp.probes.to_string()),
        ("congestion control", tcp.congestion_control().word()),
        ("phase", tcp.congestion_phase().word()),
        ("cwnd", tcp.cwnd.to_string()),
        ("ssthresh", ssthresh),
        ("pacing rate", rate(tcp.pacing_rate)),
        ("delivery rate", rate(tcp.delivery_rate) + limited),
    ];
    rows.extend(match &tcp.congestion_variables {
        Some(CongestionVariables::Cubic(cubic)) => cubic_rows(cubic),
        Some(CongestionVariables::Bbr(bbr)) => bbr_rows(bbr),
        None => Vec::new(),
    });
    rows.extend(tcp.scoreboard.iter().map(|range| ("sent", sent(range))));
    rows.extend(tcp.timers.iter().map(|timer| ("timer", running(timer, tcp.recovery_timer()))));
    rows
}

/// A timer, and what that of loss recovery means.
fn running(timer: &RunningTimer, meaning: RecoveryTimer) -> String {
    let name = timer.timer().word();
    let meaning = match timer.timer() {
        TimerKind::Retransmit => format!(" ({})", meaning.word()),
        _ => String::new(),
    };
    format!("{name}{meaning} at {}", time(timer.deadline_ns))
}

fn total_rows(tcp: &TcpInfo) -> Vec<(&'static str, String)> {
    vec![
        ("bytes sent", tcp.bytes_sent.to_string()),
        ("bytes acked", tcp.bytes_acked.to_string()),
        ("bytes sent again", tcp.bytes_retrans.to_string()),
        ("bytes received", tcp.bytes_received.to_string()),
        ("segments out", tcp.segments_out.to_string()),
        ("with data", tcp.data_segs_out.to_string()),
        ("retransmissions", tcp.retransmissions.to_string()),
        ("segments in", tcp.segments_in.to_string()),
        ("with data", tcp.data_segs_in.to_string()),
        ("out of order, ever", tcp.rcv_ooopack.to_string()),
        ("bytes delivered", tcp.delivered.to_string()),
        ("bytes of them marked", tcp.delivered_ce.to_string()),
        ("marks received", tcp.ecn.unwrap_or_default().received_ce.to_string()),
        ("duplicates told", tcp.dsack_dups.to_string()),
        ("timeouts", tcp.total_rto.to_string()),
        ("recoveries from them", tcp.total_rto_recoveries.to_string()),
        ("time in those", micros(tcp.total_rto_time_us)),
    ]
}

/// When it last did what, and for how long what held it up.
fn past_rows(tcp: &TcpInfo) -> Vec<(&'static str, String)> {
    let ago = |us: Option<u64>| us.map(|us| format!("{} ago", micros_or_zero(us))).unwrap_or_default();
    let dropped = tcp.last_drop.as_ref();
    vec![
        ("last data sent", ago(tcp.last_data_sent_us)),
        ("last ack sent", ago(tcp.last_ack_sent_us)),
        ("last data received", ago(tcp.last_data_recv_us)),
        ("last ack received", ago(tcp.last_ack_recv_us)),
        ("busy", micros(tcp.busy_time_us)),
        ("held up by the window", micros(tcp.rwnd_limited_us)),
        ("held up by the buffer", micros(tcp.sndbuf_limited_us)),
        (
            "last drop",
            dropped
                .map(|drop| format!("{} at {}", safe(&drop.reason), time(drop.time_ns)))
                .unwrap_or_default(),
        ),
    ]
}

fn options_in_use(options: OptionsInUse) -> String {
    words(&[("timestamps", options.timestamps), ("sack", options.sack)], ", ")
}

fn ecn(ecn: EcnInfo) -> String {
    let EcnInfo { marks, listens, seen, echoes, received_ce: _ } = ecn;
    words(&[("marks", marks), ("listens", listens), ("seen", seen), ("echoes", echoes)], ", ")
}

fn fast_open(tcp: &TcpInfo) -> String {
    match (tcp.fast_open, tcp.fast_open_failure()) {
        (true, _) => "taken".to_owned(),
        (false, FastOpenFailure::Unspecified) => String::new(),
        (false, failure) => failure.word(),
    }
}

/// Those words that are so.
fn words(all: &[(&str, bool)], between: &str) -> String {
    all.iter().filter(|(_, so)| *so).map(|(word, _)| *word).collect::<Vec<_>>().join(between)
}

/// A range of the scoreboard: `1001:2001 lost resent x1`.
fn sent(sent: &SentRange) -> String {
    let SequenceRange { start, end } = sent.range.unwrap_or_default();
    let fate = words(&[("sacked", sent.sacked), ("lost", sent.lost), ("resent", sent.resent)], " ");
    let times = if sent.retransmissions == 0 { String::new() } else { format!("x{}", sent.retransmissions) };
    format!("{start}:{end} {fate} {times}").trim_end().replace("  ", " ")
}

fn cubic_rows(cubic: &CubicInfo) -> Vec<(&'static str, String)> {
    let mut rows = vec![("w_max", cubic.w_max.to_string())];
    rows.extend(cubic.epoch.iter().flat_map(|epoch| {
        [
            ("epoch began at", time(epoch.start_ns)),
            ("k", micros_or_zero(epoch.k_us)),
            ("origin", epoch.origin.to_string()),
            ("w_est", epoch.w_est.to_string()),
        ]
    }));
    rows
}

fn bbr_rows(bbr: &BbrInfo) -> Vec<(&'static str, String)> {
    let mut rows = vec![("bandwidth", format!("{}/s", bbr.bandwidth))];
    rows.extend(bbr.min_rtt_us.map(|us| ("bbr min rtt", micros_or_zero(us))));
    rows.extend([("pacing gain", gain(bbr.pacing_gain)), ("cwnd gain", gain(bbr.cwnd_gain))]);
    rows
}

/// A gain in 256ths, as papers have it: `2.89`.
fn gain(of_256: u32) -> String {
    format!("{:.2}", f64::from(of_256) / 256.0)
}

fn micros(us: u64) -> String {
    if us == 0 { String::new() } else { micros_or_zero(us) }
}

fn micros_or_zero(us: u64) -> String {
    humantime::format_duration(std::time::Duration::from_micros(us)).to_string()
}

#[cfg(test)]
mod tests {
    use sockwright_client::v1::{
        AddressFamily, CongestionControl, CongestionPhase, CubicEpoch, Ecn, LastDrop, Linger, LossDetection,
        PathMtuDiscovery, RecoveryPhase, SocketKind, SocketState, SynCookies,
    };

    use super::*;
    use crate::parse::socket_options::ip_options as read_ip_options;

    fn web() -> SocketSummary {
        SocketSummary {
            socket: 3,
            stack: "lab/b".into(),
            label: "web".into(),
            kind: SocketKind::Stream.into(),
            family: AddressFamily::Ipv4.into(),
            socket_state: SocketState::Connected.into(),
            tcp_state: TcpState::Established.into(),
            local: Some(SocketAddress { ip: "10.0.0.2".into(), port: 80 }),
            remote: Some(SocketAddress { ip: "10.0.0.1".into(), port: 49152 }),
            listener: 1,
            opened_time_ns: 1_500_000,
            state_time_ns: 2_000_999,
            ..Default::default()
        }
    }

    #[test]
    fn addresses_of_ipv6_are_in_brackets() {
        assert_eq!(address(Some(&SocketAddress { ip: "fd00::1".into(), port: 80 })), "[fd00::1]:80");
        assert_eq!(address(None), "");
    }

    #[test]
    fn a_list_is_a_table() {
        let unbound = SocketSummary {
            socket: 12,
            stack: "eth".into(),
            kind: SocketKind::Datagram.into(),
            family: AddressFamily::Ipv6.into(),
            socket_state: SocketState::Unbound.into(),
            ..Default::default()
        };
        assert_eq!(
            list(&[web(), unbound]),
            "\
ID  STACK  KIND           SOCKET     TCP          LOCAL        REMOTE          LABEL  SESSION
3   lab/b  stream/ipv4    connected  ESTABLISHED  10.0.0.2:80  10.0.0.1:49152  web    -
12  eth    datagram/ipv6  unbound    -            -            -               -      -"
        );
    }

    #[test]
    fn a_socket_fits_on_a_line() {
        assert_eq!(line(&web()), "lab/b #3 web  ESTABLISHED  connected  10.0.0.2:80 10.0.0.1:49152");
    }

    #[test]
    fn options_are_shown_as_they_are_set() {
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let given = SocketOptions {
            no_delay: Some(true),
            msl: seconds(90),
            keep_alive: Some(KeepAlive {
                enabled: true,
                idle: seconds(7200),
                interval: seconds(75),
                probes: 9,
            }),
            linger: Some(Linger { enabled: true, time: None }),
            send_buffer: Some(262_144),
            congestion_control: CongestionControl::NewReno.into(),
            timestamps: Some(false),
            ecn: Ecn::Active.into(),
            initial_window: Some(4),
            loss_detection: LossDetection::DuplicateAcks.into(),
            path_mtu_discovery: PathMtuDiscovery::Probe.into(),
            syn_cookies: SynCookies::WhenFull.into(),
            ip_options: Some(read_ip_options("record-route=3,router-alert,raw=44040500").unwrap()),
            ..Default::default()
        };
        assert_eq!(
            options(&given),
            "\
no-delay                 true
max-segment-size         -
msl                      1m30s
keep-alive               idle=2h,interval=1m15s,probes=9
user-timeout             -
linger                   0s
send-buffer              262144
receive-buffer           -
delayed-ack              -
rto-min                  -
rto-initial              -
reuse-address            -
congestion-control       new-reno
initial-sequence-number  -
window-scaling           -
timestamps               false
sack                     -
ecn                      active
hystart                  -
pacing                   -
initial-window           4
loss-detection           duplicate-acks
tail-loss-probe          -
fast-open                -
user-timeout-option      -
hop-limit                -
dscp                     -
ip-options               record-route=3,router-alert=0,raw=44040500
path-mtu-discovery       probe
syn-cookies              when-full"
        );
    }

    #[test]
    fn details_are_under_the_names_of_the_rfc() {
        let tcp = TcpInfo {
            snd_una: 7,
            rtt_us: 10_500,
            ssthresh: u32::MAX,
            shutdown_write: true,
            timers: [(TimerKind::TimeWait, 60_000_000_000), (TimerKind::Retransmit, 1_000_000)]
                .map(|(timer, deadline_ns)| RunningTimer { timer: timer.into(), deadline_ns })
                .to_vec(),
            ca_state: RecoveryPhase::Recovery.into(),
            recovery_timer: RecoveryTimer::LossProbe.into(),
            scoreboard: vec![
                SentRange {
                    range: Some(SequenceRange { start: 1, end: 1001 }),
                    lost: true,
                    resent: true,
                    retransmissions: 2,
                    ..Default::default()
                },
                SentRange { range: Some(SequenceRange { start: 1001, end: 2001 }), ..Default::default() },
            ],
            delivery_rate: Some(500_000),
            delivery_rate_app_limited: true,
            congestion_variables: Some(CongestionVariables::Cubic(CubicInfo {
                w_max: 14_600,
                epoch: Some(CubicEpoch { start_ns: 2_000_000, k_us: 1_500, origin: 14_600, w_est: 7_300 }),
            })),
            options: Some(OptionsInUse { timestamps: true, sack: true, window_scaling: true }),
            ecn: Some(EcnInfo { marks: true, listens: true, received_ce: 3, ..Default::default() }),
            fast_open_failure: FastOpenFailure::CookieUnavailable.into(),
            snd_wscale: 7,
            rcv_wscale: 5,
            congestion_control: CongestionControl::Cubic.into(),
            congestion_phase: CongestionPhase::ConservativeSlowStart.into(),
            pacing_rate: Some(125_000),
            last_data_sent_us: Some(0),
            last_ack_recv_us: Some(1_500_000),
            rwnd_limited_us: 20_000,
            last_drop: Some(LastDrop { time_ns: 1_000_000, reason: "OUTSIDE_WINDOW".into() }),
            reassembly: vec![SequenceRange { start: 101, end: 201 }],
            ..Default::default()
        };
        let text = info(&GetInfoResponse { summary: Some(web()), tcp: Some(tcp), ..Default::default() });
        let squeezed: Vec<_> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(squeezed[..3], ["socket 3", "listener 1", "stack lab/b"]);
        for line in [
            "kind stream/ipv4",
            "tcp state ESTABLISHED",
            "in this state since 0.002000",
            "snd.una 7",
            "rtt 10ms 500us",
            "rto -",
            "ssthresh infinite",
            "shut down write",
            "timer TIME-WAIT at 60.000000",
            "options timestamps, sack",
            "window scale snd 7, rcv 5",
            "ecn marks, listens",
            "marks received 3",
            "fast open cookie-unavailable",
            "congestion control cubic",
            "phase conservative-slow-start",
            "pacing rate 125000/s",
            "last data sent 0s ago",
            "last data received -",
            "last ack received 1s 500ms ago",
            "held up by the window 20ms",
            "last drop OUTSIDE_WINDOW at 0.001000",
            "waits 101:201",
            "timer RETRANSMIT (loss-probe) at 0.001000",
            "recovery RECOVERY",
            "sent 1:1001 lost resent x2",
            "sent 1001:2001",
            "delivery rate 500000/s, at least",
            "w_max 14600",
            "epoch began at 0.002000",
            "k 1ms 500us",
        ] {
            assert!(squeezed.iter().any(|other| other == line), "{line}\n{text}");
        }
    }

    #[test]
    fn gains_are_told_as_the_paper_has_them() {
        let bbr = BbrInfo { bandwidth: 1, min_rtt_us: Some(20_000), pacing_gain: 739, cwnd_gain: 512 };
        let rows = bbr_rows(&bbr);
        assert_eq!(
            rows[1..],
            [
                ("bbr min rtt", "20ms".to_owned()),
                ("pacing gain", "2.89".to_owned()),
                ("cwnd gain", "2.00".to_owned())
            ]
        );
    }
}
