//! What the contract tells of a connection's options, of what its sender goes through, and of its variables.

mod common;

use std::time::Duration;

use common::{World, duration, lab_request, refusal};
use sockwright_proto::v1::event::Kind;
use sockwright_proto::v1::{self as pb, Clock, EventKind};
use tonic::Code;

/// No option is as it is by default.
fn all_changed() -> pb::SocketOptions {
    let second = Some(duration(Duration::from_secs(1)));
    let alert = pb::ip_option::Option::RouterAlert(0);
    pb::SocketOptions {
        no_delay: Some(true),
        max_segment_size: Some(536),
        msl: second,
        keep_alive: Some(pb::KeepAlive { enabled: true, idle: second, interval: second, probes: 3 }),
        user_timeout: second,
        linger: Some(pb::Linger { enabled: true, time: second }),
        send_buffer: Some(10_000),
        receive_buffer: Some(20_000),
        delayed_ack: Some(duration(Duration::ZERO)),
        rto_min: second,
        rto_initial: second.map(|_| duration(Duration::from_secs(3))),
        reuse_address: Some(true),
        congestion_control: pb::CongestionControl::Bbr.into(),
        initial_sequence_number: Some(7),
        window_scaling: Some(false),
        timestamps: Some(false),
        sack: Some(false),
        ecn: pb::Ecn::Active.into(),
        hystart: Some(false),
        pacing: Some(true),
        initial_window: Some(4),
        loss_detection: pb::LossDetection::DuplicateAcks.into(),
        tail_loss_probe: Some(false),
        fast_open: Some(true),
        user_timeout_option: Some(true),
        hop_limit: Some(255),
        dscp: Some(46),
        path_mtu_discovery: pb::PathMtuDiscovery::Probe.into(),
        syn_cookies: pb::SynCookies::Always.into(),
        ip_options: Some(pb::IpOptions { options: vec![pb::IpOption { option: Some(alert) }] }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_are_told_as_they_were_set_and_some_are_fixed_by_the_connection() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let mut sockets = world.sockets.clone();
    let options = Some(all_changed());
    let create = pb::CreateRequest { stack: format!("{lab}/a"), options, ..Default::default() };
    let socket = world.create(create).await.unwrap();
    let told = sockets.get_options(pb::GetOptionsRequest { socket }).await.unwrap().into_inner().options;
    assert_eq!(told, Some(all_changed()));

    let (client, _) = world.pair(&lab).await;
    let fixed = [
        pb::SocketOptions { sack: Some(false), ..Default::default() },
        pb::SocketOptions { ecn: pb::Ecn::Active.into(), ..Default::default() },
        pb::SocketOptions { initial_window: Some(1), ..Default::default() },
        pb::SocketOptions { loss_detection: pb::LossDetection::Rack.into(), ..Default::default() },
    ];
    for options in fixed {
        let set = pb::SetOptionsRequest { socket: client, options: Some(options) };
        let refused = refusal(sockets.set_options(set).await);
        assert_eq!(refused, (Code::FailedPrecondition, "EISCONN".to_owned()));
    }
    let free = pb::SocketOptions {
        hop_limit: Some(1),
        dscp: Some(0),
        tail_loss_probe: Some(false),
        path_mtu_discovery: pb::PathMtuDiscovery::Off.into(),
        ..Default::default()
    };
    sockets.set_options(pb::SetOptionsRequest { socket: client, options: Some(free) }).await.unwrap();

    let wrong = [
        ("initial_window", pb::SocketOptions { initial_window: Some(101), ..Default::default() }),
        ("hop_limit", pb::SocketOptions { hop_limit: Some(0), ..Default::default() }),
        ("dscp", pb::SocketOptions { dscp: Some(64), ..Default::default() }),
        ("syn_cookies", pb::SocketOptions { syn_cookies: 99, ..Default::default() }),
    ];
    for (name, options) in wrong {
        let set = pb::SetOptionsRequest { socket, options: Some(options) };
        let status = sockets.set_options(set).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(name), "{}", status.message());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sender_goes_through_reaches_those_who_watch_it() {
    let world = World::start().await;
    let mut request = lab_request("lab", Clock::Virtual, "");
    request.links[0].impairments = Some(pb::Impairments {
        delay: Some(duration(Duration::from_millis(10))),
        loss: 0.05,
        ..Default::default()
    });
    let lab = world.networks.clone().create_lab(request).await.unwrap().into_inner().lab.unwrap().name;
    let (client, server) = world.pair(&lab).await;
    let kinds = [EventKind::Recovery, EventKind::Congestion, EventKind::RttSample, EventKind::Windows];
    let mut watches = Vec::new();
    for kind in kinds {
        watches.push(world.watch(&[kind]).await);
    }
    world.send(client, &[7; 300_000]).await.unwrap();
    world.recv_exactly(server, 300_000).await;
    for (kind, watch) in kinds.into_iter().zip(&mut watches) {
        let told = watch.find(|event| (event.socket == client).then(|| event.kind.clone()).flatten()).await;
        let is_it = match &told {
            Kind::Recovery(recovery) => kind == EventKind::Recovery && recovery.from != recovery.to,
            Kind::Congestion(congestion) => kind == EventKind::Congestion && congestion.cwnd > 0,
            Kind::RttSample(sample) => kind == EventKind::RttSample && sample.rtt_ns >= 20_000_000,
            Kind::Windows(windows) => kind == EventKind::Windows && windows.snd_wnd > 0,
            _ => false,
        };
        assert!(is_it, "{kind:?}: {told:?}");
    }
    let tcp = world.info(client).await.tcp.unwrap();
    assert!(tcp.retransmissions > 0 && tcp.bytes_retrans > 0 && tcp.delivered > 0, "{tcp:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_variables_of_a_connection_are_told_like_tcp_info() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let (client, server) = world.pair(&lab).await;
    world.send(client, &[7; 1000]).await.unwrap();
    world.recv_exactly(server, 1000).await;
    let all_acknowledged = pb::wait_for_request::Condition::AllAcknowledged(true);
    world.wait_for(client, all_acknowledged, None).await.unwrap();

    let tcp = world.info(client).await.tcp.unwrap();
    let options = pb::OptionsInUse { timestamps: true, sack: true, window_scaling: true };
    assert_eq!(tcp.options, Some(options));
    // For a receive buffer that may grow to 6 MiB.
    assert_eq!((tcp.snd_wscale, tcp.rcv_wscale), (7, 7));
    assert_eq!((tcp.min_rtt_us, tcp.delivered, tcp.data_segs_out), (Some(2000), 1000, 1));
    assert_eq!((tcp.unacked, tcp.scoreboard.len(), tcp.notsent_bytes), (0, 0, 0));
    assert_eq!(tcp.ca_state(), pb::RecoveryPhase::Open);
    assert_eq!(tcp.congestion_control(), pb::CongestionControl::Cubic);
    assert_eq!(tcp.congestion_phase(), pb::CongestionPhase::SlowStart);
    let cubic = pb::tcp_info::CongestionVariables::Cubic(pb::CubicInfo::default());
    assert_eq!(tcp.congestion_variables, Some(cubic));
    assert!(tcp.last_data_sent_us.is_some() && tcp.last_data_recv_us.is_none());
    assert!(tcp.busy_time_us >= 2000, "{}", tcp.busy_time_us);
    let tcp = world.info(server).await.tcp.unwrap();
    assert_eq!((tcp.data_segs_in, tcp.bytes_received, tcp.rcv_mss_estimate), (1, 1000, 1000));
    assert_eq!((tcp.last_drop, tcp.reassembly), (None, vec![]));
}
