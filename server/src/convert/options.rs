//! The options of a socket.

use std::time::Duration;

use sockwright_engine::tcp::config::{
    CongestionControl, Ecn, KeepAlive, LossDetection, Options, OptionsPatch, PathMtuDiscovery, SynCookies,
};
use sockwright_engine::wire::{IpOption, IpOptions};
use sockwright_proto::v1 as pb;

use super::Invalid;
use super::unknown;

/// A change of options. What is absent is left alone; values out of their range are [`Invalid`] and name the option
/// as `options.<name>`.
pub fn options_patch(options: Option<&pb::SocketOptions>) -> Result<OptionsPatch, Invalid> {
    let Some(options) = options else { return Ok(OptionsPatch::default()) };
    let time = |value: &Option<prost_types::Duration>, name: &str| {
        value.as_ref().map(|value| duration(value, &format!("options.{name}"))).transpose()
    };
    let patch = OptionsPatch {
        no_delay: options.no_delay,
        max_segment_size: options.max_segment_size,
        msl: time(&options.msl, "msl")?,
        keep_alive: options.keep_alive.as_ref().map(keep_alive).transpose()?,
        user_timeout: time(&options.user_timeout, "user_timeout")?,
        linger: options.linger.as_ref().map(linger).transpose()?,
        send_buffer: options.send_buffer,
        receive_buffer: options.receive_buffer,
        delayed_ack: time(&options.delayed_ack, "delayed_ack")?,
        rto_min: time(&options.rto_min, "rto_min")?,
        rto_initial: time(&options.rto_initial, "rto_initial")?,
        reuse_address: options.reuse_address,
        congestion: congestion(options.congestion_control)?,
        initial_sequence_number: options.initial_sequence_number,
        window_scaling: options.window_scaling,
        timestamps: options.timestamps,
        sack: options.sack,
        ecn: ecn(options.ecn)?,
        hystart: options.hystart,
        pacing: options.pacing,
        initial_window: options.initial_window,
        loss_detection: loss_detection(options.loss_detection)?,
        tail_loss_probe: options.tail_loss_probe,
        fast_open: options.fast_open,
        user_timeout_option: options.user_timeout_option,
        hop_limit: options.hop_limit,
        dscp: options.dscp,
        path_mtu_discovery: path_mtu_discovery(options.path_mtu_discovery)?,
        syn_cookies: syn_cookies(options.syn_cookies)?,
        ip_options: options.ip_options.as_ref().map(ip_options).transpose()?,
    };
    // The engine owns the ranges; asking it now is what lets the message name the option.
    match patch.apply(&Options::default()) {
        Ok(_) => Ok(patch),
        Err(wrong) => Err(Invalid::new(format!("options.{}", wrong.option), wrong.sentence)),
    }
}

/// Every option, as `GetOptions` tells it.
pub fn options_to_proto(options: &Options) -> pb::SocketOptions {
    let Options {
        no_delay,
        max_segment_size,
        msl,
        keep_alive,
        user_timeout,
        user_timeout_set: _,
        linger,
        send_buffer,
        send_buffer_max: _,
        receive_buffer,
        receive_buffer_max: _,
        delayed_ack,
        rto_min,
        rto_initial,
        reuse_address,
        congestion,
        initial_sequence_number,
        window_scaling,
        timestamps,
        sack,
        ecn,
        hystart,
        pacing,
        initial_window,
        loss_detection,
        tail_loss_probe,
        fast_open,
        user_timeout_option,
        hop_limit,
        dscp,
        path_mtu_discovery,
        syn_cookies,
        ip_options,
    } = *options;
    let keep = keep_alive.unwrap_or_default();
    pb::SocketOptions {
        no_delay: Some(no_delay),
        max_segment_size: max_segment_size.map(u32::from),
        msl: Some(duration_to_proto(msl)),
        keep_alive: Some(pb::KeepAlive {
            enabled: keep_alive.is_some(),
            idle: Some(duration_to_proto(keep.idle)),
            interval: Some(duration_to_proto(keep.interval)),
            probes: keep.probes.into(),
        }),
        user_timeout: Some(duration_to_proto(user_timeout)),
        linger: Some(pb::Linger { enabled: linger.is_some(), time: linger.map(duration_to_proto) }),
        send_buffer: Some(send_buffer),
        receive_buffer: Some(receive_buffer),
        delayed_ack: Some(duration_to_proto(delayed_ack)),
        rto_min: Some(duration_to_proto(rto_min)),
        rto_initial: Some(duration_to_proto(rto_initial)),
        reuse_address: Some(reuse_address),
        congestion_control: congestion_control_to_proto(congestion).into(),
        initial_sequence_number,
        window_scaling: Some(window_scaling),
        timestamps: Some(timestamps),
        sack: Some(sack),
        ecn: match ecn {
            Ecn::Off => pb::Ecn::Off.into(),
            Ecn::Passive => pb::Ecn::Passive.into(),
            Ecn::Active => pb::Ecn::Active.into(),
        },
        hystart: Some(hystart),
        pacing: Some(pacing),
        initial_window: Some(initial_window.into()),
        loss_detection: match loss_detection {
            LossDetection::Rack => pb::LossDetection::Rack.into(),
            LossDetection::DuplicateAcks => pb::LossDetection::DuplicateAcks.into(),
        },
        tail_loss_probe: Some(tail_loss_probe),
        fast_open: Some(fast_open),
        user_timeout_option: Some(user_timeout_option),
        hop_limit: Some(hop_limit.into()),
        dscp: Some(dscp.into()),
        path_mtu_discovery: match path_mtu_discovery {
            PathMtuDiscovery::Off => pb::PathMtuDiscovery::Off.into(),
            PathMtuDiscovery::Icmp => pb::PathMtuDiscovery::Icmp.into(),
            PathMtuDiscovery::Probe => pb::PathMtuDiscovery::Probe.into(),
        },
        syn_cookies: match syn_cookies {
            SynCookies::Off => pb::SynCookies::Off.into(),
            SynCookies::WhenFull => pb::SynCookies::WhenFull.into(),
            SynCookies::Always => pb::SynCookies::Always.into(),
        },
        ip_options: Some(ip_options_to_proto(&ip_options)),
    }
}

fn ip_options(options: &pb::IpOptions) -> Result<IpOptions, Invalid> {
    use pb::ip_option::Option as Shown;
    let parse = |(number, option): (usize, &pb::IpOption)| {
        let wrong = |name: &str, problem: &str| {
            Invalid::new(format!("options.ip_options.options[{number}]{name}"), problem)
        };
        match &option.option {
            Some(Shown::RecordRoute(addresses)) => match u8::try_from(*addresses) {
                Ok(addresses @ 1..=9) => Ok(IpOption::RecordRoute(addresses)),
                _ => Err(wrong(".record_route", "it has room for 1 to 9 addresses")),
            },
            Some(Shown::RouterAlert(value)) => match u16::try_from(*value) {
                Ok(value) => Ok(IpOption::RouterAlert(value)),
                Err(_) => Err(wrong(".router_alert", "it has to be 0 to 65535")),
            },
            Some(Shown::Raw(octets)) => Ok(IpOption::Raw(octets.to_vec())),
            None => Err(wrong("", "it is none of the options")),
        }
    };
    // More of them fit into no header.
    let listed = options.options.iter().take(IpOptions::LEN_MAX + 1).enumerate();
    let list: Vec<_> = listed.map(parse).collect::<Result<_, _>>()?;
    IpOptions::new(&list).map_err(|invalid| Invalid::new("options.ip_options", invalid.to_string()))
}

fn ip_options_to_proto(options: &IpOptions) -> pb::IpOptions {
    use pb::ip_option::Option as Shown;
    let shown = |option| match option {
        IpOption::RecordRoute(addresses) => Shown::RecordRoute(addresses.into()),
        IpOption::RouterAlert(value) => Shown::RouterAlert(value.into()),
        IpOption::Raw(octets) => Shown::Raw(octets.into()),
    };
    let options = options.list().into_iter().map(|option| pb::IpOption { option: Some(shown(option)) });
    pb::IpOptions { options: options.collect() }
}

/// A congestion control algorithm.
pub fn congestion_control_to_proto(algorithm: CongestionControl) -> pb::CongestionControl {
    match algorithm {
        CongestionControl::NewReno => pb::CongestionControl::NewReno,
        CongestionControl::Cubic => pb::CongestionControl::Cubic,
        CongestionControl::Bbr => pb::CongestionControl::Bbr,
    }
}

/// A length of time. Negative ones, and nanoseconds out of their range, are refused.
pub fn duration(value: &prost_types::Duration, field: &str) -> Result<Duration, Invalid> {
    let (seconds, nanos) = (u64::try_from(value.seconds), u32::try_from(value.nanos));
    match (seconds, nanos) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Ok(Duration::new(seconds, nanos)),
        _ => Err(Invalid::new(field, "it is negative, or not a duration")),
    }
}

/// A length of time, as the contract writes it.
pub fn duration_to_proto(time: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        nanos: time.subsec_nanos().cast_signed(),
    }
}

/// Turned off, its times are not kept: the engine has no place for them.
fn keep_alive(keep: &pb::KeepAlive) -> Result<Option<KeepAlive>, Invalid> {
    let default = KeepAlive::default();
    let time = |value: &Option<prost_types::Duration>, name: &str, default| match value {
        Some(value) => duration(value, &format!("options.keep_alive.{name}")),
        None => Ok(default),
    };
    let idle = time(&keep.idle, "idle", default.idle)?;
    let interval = time(&keep.interval, "interval", default.interval)?;
    let probes = match u8::try_from(keep.probes) {
        Ok(0) => default.probes,
        Ok(probes) => probes,
        Err(_) => return Err(Invalid::new("options.keep_alive.probes", "it has to be 1 to 255")),
    };
    Ok(keep.enabled.then_some(KeepAlive { idle, interval, probes }))
}

/// On without a time is a time of zero, as in `struct linger`.
fn linger(linger: &pb::Linger) -> Result<Option<Duration>, Invalid> {
    let time = match &linger.time {
        Some(time) => duration(time, "options.linger.time")?,
        None => Duration::ZERO,
    };
    Ok(linger.enabled.then_some(time))
}

fn congestion(number: i32) -> Result<Option<CongestionControl>, Invalid> {
    match pb::CongestionControl::try_from(number) {
        Ok(pb::CongestionControl::Unspecified) => Ok(None),
        Ok(pb::CongestionControl::NewReno) => Ok(Some(CongestionControl::NewReno)),
        Ok(pb::CongestionControl::Cubic) => Ok(Some(CongestionControl::Cubic)),
        Ok(pb::CongestionControl::Bbr) => Ok(Some(CongestionControl::Bbr)),
        Err(_) => Err(unknown(number, "options.congestion_control")),
    }
}

fn ecn(number: i32) -> Result<Option<Ecn>, Invalid> {
    match pb::Ecn::try_from(number) {
        Ok(pb::Ecn::Unspecified) => Ok(None),
        Ok(pb::Ecn::Off) => Ok(Some(Ecn::Off)),
        Ok(pb::Ecn::Passive) => Ok(Some(Ecn::Passive)),
        Ok(pb::Ecn::Active) => Ok(Some(Ecn::Active)),
        Err(_) => Err(unknown(number, "options.ecn")),
    }
}

fn loss_detection(number: i32) -> Result<Option<LossDetection>, Invalid> {
    match pb::LossDetection::try_from(number) {
        Ok(pb::LossDetection::Unspecified) => Ok(None),
        Ok(pb::LossDetection::Rack) => Ok(Some(LossDetection::Rack)),
        Ok(pb::LossDetection::DuplicateAcks) => Ok(Some(LossDetection::DuplicateAcks)),
        Err(_) => Err(unknown(number, "options.loss_detection")),
    }
}

fn path_mtu_discovery(number: i32) -> Result<Option<PathMtuDiscovery>, Invalid> {
    match pb::PathMtuDiscovery::try_from(number) {
        Ok(pb::PathMtuDiscovery::Unspecified) => Ok(None),
        Ok(pb::PathMtuDiscovery::Off) => Ok(Some(PathMtuDiscovery::Off)),
        Ok(pb::PathMtuDiscovery::Icmp) => Ok(Some(PathMtuDiscovery::Icmp)),
        Ok(pb::PathMtuDiscovery::Probe) => Ok(Some(PathMtuDiscovery::Probe)),
        Err(_) => Err(unknown(number, "options.path_mtu_discovery")),
    }
}

fn syn_cookies(number: i32) -> Result<Option<SynCookies>, Invalid> {
    match pb::SynCookies::try_from(number) {
        Ok(pb::SynCookies::Unspecified) => Ok(None),
        Ok(pb::SynCookies::Off) => Ok(Some(SynCookies::Off)),
        Ok(pb::SynCookies::WhenFull) => Ok(Some(SynCookies::WhenFull)),
        Ok(pb::SynCookies::Always) => Ok(Some(SynCookies::Always)),
        Err(_) => Err(unknown(number, "options.syn_cookies")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pb::ip_option::Option as Shown;

    fn seconds(seconds: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds, nanos: 0 })
    }

    /// No option is as it is by default.
    fn all_changed() -> Options {
        Options {
            no_delay: true,
            max_segment_size: Some(536),
            msl: Duration::from_secs(1),
            keep_alive: Some(KeepAlive { idle: Duration::from_millis(1500), ..KeepAlive::default() }),
            user_timeout: Duration::from_secs(1),
            user_timeout_set: true,
            linger: Some(Duration::from_nanos(1)),
            send_buffer: 1,
            send_buffer_max: 1,
            receive_buffer: 2,
            receive_buffer_max: 2,
            delayed_ack: Duration::ZERO,
            rto_min: Duration::from_millis(1),
            rto_initial: Duration::from_millis(1),
            reuse_address: true,
            congestion: CongestionControl::Bbr,
            initial_sequence_number: Some(u32::MAX),
            window_scaling: false,
            timestamps: false,
            sack: false,
            ecn: Ecn::Active,
            hystart: false,
            pacing: true,
            initial_window: 100,
            loss_detection: LossDetection::DuplicateAcks,
            tail_loss_probe: false,
            fast_open: true,
            user_timeout_option: true,
            hop_limit: 255,
            dscp: 63,
            ip_options: IpOptions::new(&[
                IpOption::RecordRoute(2),
                IpOption::RouterAlert(7),
                IpOption::Raw(vec![68, 4, 5, 0]),
            ])
            .unwrap(),
            path_mtu_discovery: PathMtuDiscovery::Probe,
            syn_cookies: SynCookies::Always,
        }
    }

    #[test]
    fn every_option_survives_the_way_there_and_back() {
        let mut every_value = vec![Options::default(), all_changed()];
        let with = |change: fn(&mut Options)| {
            let mut options = Options::default();
            change(&mut options);
            options
        };
        every_value.extend([
            with(|options| options.congestion = CongestionControl::NewReno),
            with(|options| options.congestion = CongestionControl::Cubic),
            with(|options| options.ecn = Ecn::Off),
            with(|options| options.path_mtu_discovery = PathMtuDiscovery::Off),
            with(|options| options.syn_cookies = SynCookies::Off),
        ]);
        for options in every_value {
            let patch = options_patch(Some(&options_to_proto(&options))).unwrap();
            // Whoever is told a user timeout has one of its own.
            let (send_buffer_max, receive_buffer_max) = (options.send_buffer, options.receive_buffer);
            let options = Options { user_timeout_set: true, send_buffer_max, receive_buffer_max, ..options };
            assert_eq!(patch.apply(&Options::default()), Ok(options));
        }
        assert_eq!(options_patch(None), Ok(OptionsPatch::default()));
        assert_eq!(options_patch(Some(&pb::SocketOptions::default())), Ok(OptionsPatch::default()));
    }

    #[test]
    fn a_value_out_of_its_range_names_its_option() {
        let refused = |options: pb::SocketOptions| options_patch(Some(&options)).unwrap_err().field;
        assert_eq!(refused(pb::SocketOptions { msl: seconds(-1), ..Default::default() }), "options.msl");
        let nanos = Some(prost_types::Duration { seconds: 0, nanos: -1 });
        assert_eq!(refused(pb::SocketOptions { rto_min: nanos, ..Default::default() }), "options.rto_min");
        assert_eq!(
            refused(pb::SocketOptions { rto_initial: seconds(61), ..Default::default() }),
            "options.rto_initial"
        );
        let keep = pb::KeepAlive { enabled: true, probes: 256, ..Default::default() };
        assert_eq!(
            refused(pb::SocketOptions { keep_alive: Some(keep), ..Default::default() }),
            "options.keep_alive.probes"
        );
        let with_ip_option = |option| {
            let ip_options = pb::IpOptions { options: vec![pb::IpOption { option: Some(option) }] };
            pb::SocketOptions { ip_options: Some(ip_options), ..Default::default() }
        };
        for (options, name) in [
            (pb::SocketOptions { congestion_control: 99, ..Default::default() }, "congestion_control"),
            (pb::SocketOptions { ecn: 99, ..Default::default() }, "ecn"),
            (pb::SocketOptions { loss_detection: -1, ..Default::default() }, "loss_detection"),
            (pb::SocketOptions { path_mtu_discovery: 99, ..Default::default() }, "path_mtu_discovery"),
            (pb::SocketOptions { syn_cookies: 99, ..Default::default() }, "syn_cookies"),
            (pb::SocketOptions { initial_window: Some(0), ..Default::default() }, "initial_window"),
            (pb::SocketOptions { hop_limit: Some(256), ..Default::default() }, "hop_limit"),
            (pb::SocketOptions { dscp: Some(64), ..Default::default() }, "dscp"),
            (with_ip_option(Shown::RecordRoute(10)), "ip_options.options[0].record_route"),
            (with_ip_option(Shown::RouterAlert(65_536)), "ip_options.options[0].router_alert"),
            (with_ip_option(Shown::Raw(vec![1; 41].into())), "ip_options"),
            (with_ip_option(Shown::Raw(vec![7, 40, 4].into())), "ip_options"),
            (with_ip_option(Shown::Raw(vec![131, 3, 4].into())), "ip_options"),
        ] {
            assert_eq!(refused(options), format!("options.{name}"));
        }
        let linger = pb::Linger { enabled: true, time: seconds(86_401) };
        assert_eq!(
            refused(pb::SocketOptions { linger: Some(linger), ..Default::default() }),
            "options.linger.time"
        );
    }
}
