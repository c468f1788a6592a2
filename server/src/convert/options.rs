//! The options of a socket.

use std::time::Duration;

use sockwright_engine::tcp::config::{CongestionControl, KeepAlive, Options, OptionsPatch};
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
        ..OptionsPatch::default()
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
        linger,
        send_buffer,
        receive_buffer,
        delayed_ack,
        rto_min,
        rto_initial,
        reuse_address,
        congestion,
        initial_sequence_number,
        ..
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
        congestion_control: match congestion {
            CongestionControl::NewReno => pb::CongestionControl::NewReno.into(),
            CongestionControl::Cubic => pb::CongestionControl::Cubic.into(),
            CongestionControl::Bbr => pb::CongestionControl::Bbr.into(),
        },
        initial_sequence_number,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds, nanos: 0 })
    }

    #[test]
    fn every_option_survives_the_way_there_and_back() {
        let options = Options {
            no_delay: true,
            max_segment_size: Some(536),
            keep_alive: Some(KeepAlive { idle: Duration::from_millis(1500), ..KeepAlive::default() }),
            linger: Some(Duration::from_nanos(1)),
            initial_sequence_number: Some(u32::MAX),
            reuse_address: true,
            ..Options::default()
        };
        for options in [options, Options::default()] {
            let patch = options_patch(Some(&options_to_proto(&options))).unwrap();
            assert_eq!(patch.apply(&Options::default()), Ok(options));
        }
        assert_eq!(options_patch(None), Ok(OptionsPatch::default()));
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
        assert_eq!(
            refused(pb::SocketOptions { congestion_control: 99, ..Default::default() }),
            "options.congestion_control"
        );
        let linger = pb::Linger { enabled: true, time: seconds(86_401) };
        assert_eq!(
            refused(pb::SocketOptions { linger: Some(linger), ..Default::default() }),
            "options.linger.time"
        );
    }
}
