//! A change of options: what `setsockopt` is told, checked.

use core::time::Duration;

use super::{CongestionControl, Ecn, KeepAlive, LossDetection, Options, PathMtuDiscovery, SynCookies};
use crate::wire::IpOptions;

/// A change of options: what is `None` is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionsPatch {
    /// See [`Options::no_delay`].
    pub no_delay: Option<bool>,
    /// See [`Options::max_segment_size`]; 88 to 65,495.
    pub max_segment_size: Option<u32>,
    /// See [`Options::msl`]; up to one day.
    pub msl: Option<Duration>,
    /// See [`Options::keep_alive`]; `Some(None)` turns it off.
    pub keep_alive: Option<Option<KeepAlive>>,
    /// See [`Options::user_timeout`]; 10 ms to one day.
    pub user_timeout: Option<Duration>,
    /// See [`Options::linger`]; up to one day, `Some(None)` turns it off.
    pub linger: Option<Option<Duration>>,
    /// See [`Options::send_buffer`]; 1 to 64 Mi.
    pub send_buffer: Option<u32>,
    /// See [`Options::receive_buffer`]; 1 to 64 Mi.
    pub receive_buffer: Option<u32>,
    /// See [`Options::delayed_ack`]; up to 499 ms.
    pub delayed_ack: Option<Duration>,
    /// See [`Options::rto_min`]; 1 ms to one minute.
    pub rto_min: Option<Duration>,
    /// See [`Options::rto_initial`]; 1 ms to one minute.
    pub rto_initial: Option<Duration>,
    /// See [`Options::reuse_address`].
    pub reuse_address: Option<bool>,
    /// See [`Options::congestion`].
    pub congestion: Option<CongestionControl>,
    /// See [`Options::initial_sequence_number`].
    pub initial_sequence_number: Option<u32>,
    /// See [`Options::window_scaling`].
    pub window_scaling: Option<bool>,
    /// See [`Options::timestamps`].
    pub timestamps: Option<bool>,
    /// See [`Options::sack`].
    pub sack: Option<bool>,
    /// See [`Options::ecn`].
    pub ecn: Option<Ecn>,
    /// See [`Options::hystart`].
    pub hystart: Option<bool>,
    /// See [`Options::pacing`].
    pub pacing: Option<bool>,
    /// See [`Options::initial_window`]; 1 to 100.
    pub initial_window: Option<u32>,
    /// See [`Options::loss_detection`].
    pub loss_detection: Option<LossDetection>,
    /// See [`Options::tail_loss_probe`].
    pub tail_loss_probe: Option<bool>,
    /// See [`Options::fast_open`].
    pub fast_open: Option<bool>,
    /// See [`Options::user_timeout_option`].
    pub user_timeout_option: Option<bool>,
    /// See [`Options::hop_limit`]; 1 to 255.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
    //# A host MUST NOT send a datagram with a Time-to-Live (TTL) value of zero.
    pub hop_limit: Option<u32>,
    /// See [`Options::dscp`]; 0 to 63.
    pub dscp: Option<u32>,
    /// See [`Options::ip_options`].
    pub ip_options: Option<IpOptions>,
    /// See [`Options::path_mtu_discovery`].
    pub path_mtu_discovery: Option<PathMtuDiscovery>,
    /// See [`Options::syn_cookies`].
    pub syn_cookies: Option<SynCookies>,
}

/// An option whose value is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The option's name in the contract.
    pub option: &'static str,
    /// What it may be, as a sentence.
    pub sentence: &'static str,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const MAX_BUFFER: u32 = 64 << 20;

impl OptionsPatch {
    /// Whether it holds an option that is fixed once the connection exists: what the SYN negotiates, and what the
    /// connection is built with.
    pub fn needs_no_connection(&self) -> bool {
        self.max_segment_size.is_some()
            || self.congestion.is_some()
            || self.initial_sequence_number.is_some()
            || self.window_scaling.is_some()
            || self.timestamps.is_some()
            || self.sack.is_some()
            || self.ecn.is_some()
            || self.hystart.is_some()
            || self.pacing.is_some()
            || self.initial_window.is_some()
            || self.loss_detection.is_some()
            || self.fast_open.is_some()
            || self.ip_options.is_some()
    }

    /// `options` with the change made, or the first option that is out of its range.
    pub fn apply(&self, options: &Options) -> Result<Options, OutOfRange> {
        self.check_times()?;
        self.check_numbers()?;
        let old = options.clone();
        Ok(Options {
            no_delay: self.no_delay.unwrap_or(old.no_delay),
            max_segment_size: self
                .max_segment_size
                .and_then(|mss| u16::try_from(mss).ok())
                .or(old.max_segment_size),
            msl: self.msl.unwrap_or(old.msl),
            keep_alive: self.keep_alive.unwrap_or(old.keep_alive),
            user_timeout: self.user_timeout.unwrap_or(old.user_timeout),
            //= https://www.rfc-editor.org/rfc/rfc5482#section-3
            //# If an application
            //# explicitly sets the USER_TIMEOUT, CHANGEABLE MUST become false in
            //# order to prevent UTO options (from the other end) from overriding
            //# local application requests.
            user_timeout_set: old.user_timeout_set || self.user_timeout.is_some(),
            linger: self.linger.unwrap_or(old.linger),
            send_buffer: self.send_buffer.unwrap_or(old.send_buffer),
            // As with SO_SNDBUF and SO_RCVBUF: who chooses a size gets that one.
            send_buffer_max: self.send_buffer.unwrap_or(old.send_buffer_max),
            receive_buffer: self.receive_buffer.unwrap_or(old.receive_buffer),
            receive_buffer_max: self.receive_buffer.unwrap_or(old.receive_buffer_max),
            delayed_ack: self.delayed_ack.unwrap_or(old.delayed_ack),
            rto_min: self.rto_min.unwrap_or(old.rto_min),
            rto_initial: self.rto_initial.unwrap_or(old.rto_initial),
            reuse_address: self.reuse_address.unwrap_or(old.reuse_address),
            congestion: self.congestion.unwrap_or(old.congestion),
            initial_sequence_number: self.initial_sequence_number.or(old.initial_sequence_number),
            window_scaling: self.window_scaling.unwrap_or(old.window_scaling),
            timestamps: self.timestamps.unwrap_or(old.timestamps),
            sack: self.sack.unwrap_or(old.sack),
            ecn: self.ecn.unwrap_or(old.ecn),
            hystart: self.hystart.unwrap_or(old.hystart),
            pacing: self.pacing.unwrap_or(old.pacing),
            initial_window: octet(self.initial_window).unwrap_or(old.initial_window),
            loss_detection: self.loss_detection.unwrap_or(old.loss_detection),
            tail_loss_probe: self.tail_loss_probe.unwrap_or(old.tail_loss_probe),
            fast_open: self.fast_open.unwrap_or(old.fast_open),
            user_timeout_option: self.user_timeout_option.unwrap_or(old.user_timeout_option),
            hop_limit: octet(self.hop_limit).unwrap_or(old.hop_limit),
            dscp: octet(self.dscp).unwrap_or(old.dscp),
            ip_options: self.ip_options.unwrap_or(old.ip_options),
            path_mtu_discovery: self.path_mtu_discovery.unwrap_or(old.path_mtu_discovery),
            syn_cookies: self.syn_cookies.unwrap_or(old.syn_cookies),
        })
    }

    fn check_times(&self) -> Result<(), OutOfRange> {
        between(self.msl, Duration::ZERO, DAY, "msl", "msl has to be 0 to 1 day.")?;
        if let Some(Some(keep)) = self.keep_alive {
            between(
                Some(keep.idle),
                MILLISECOND,
                DAY * 30,
                "keep_alive.idle",
                "keep_alive.idle has to be 1 ms to 30 days.",
            )?;
            between(
                Some(keep.interval),
                MILLISECOND,
                DAY,
                "keep_alive.interval",
                "keep_alive.interval has to be 1 ms to 1 day.",
            )?;
        }
        between(
            self.user_timeout,
            MILLISECOND * 10,
            DAY,
            "user_timeout",
            "user_timeout has to be 10 ms to 1 day.",
        )?;
        between(
            self.linger.flatten(),
            Duration::ZERO,
            DAY,
            "linger.time",
            "linger.time has to be 0 to 1 day.",
        )?;
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3
        //# in particular, the delay MUST be
        //# less than 0.5 seconds (MUST-40).
        between(
            self.delayed_ack,
            Duration::ZERO,
            MILLISECOND * 499,
            "delayed_ack",
            "delayed_ack has to be 0 to 499 ms.",
        )?;
        between(self.rto_min, MILLISECOND, MINUTE, "rto_min", "rto_min has to be 1 ms to 1 minute.")?;
        between(
            self.rto_initial,
            MILLISECOND,
            MINUTE,
            "rto_initial",
            "rto_initial has to be 1 ms to 1 minute.",
        )
    }

    fn check_numbers(&self) -> Result<(), OutOfRange> {
        between(
            self.max_segment_size,
            88,
            65_495,
            "max_segment_size",
            "max_segment_size has to be 88 to 65495 octets.",
        )?;
        let probes = self.keep_alive.flatten().map(|keep| keep.probes);
        between(probes, 1, u8::MAX, "keep_alive.probes", "keep_alive.probes has to be 1 to 255.")?;
        for (value, option) in [(self.send_buffer, "send_buffer"), (self.receive_buffer, "receive_buffer")] {
            between(value, 1, MAX_BUFFER, option, "A buffer has to be 1 to 67108864 octets.")?;
        }
        between(
            self.initial_window,
            1,
            100,
            "initial_window",
            "initial_window has to be 1 to 100 segments.",
        )?;
        between(self.hop_limit, 1, 255, "hop_limit", "hop_limit has to be 1 to 255.")?;
        between(self.dscp, 0, 63, "dscp", "dscp has to be 0 to 63.")
    }
}

fn between<T: PartialOrd>(
    value: Option<T>,
    low: T,
    high: T,
    option: &'static str,
    sentence: &'static str,
) -> Result<(), OutOfRange> {
    match value {
        Some(value) if !(low..=high).contains(&value) => Err(OutOfRange { option, sentence }),
        _ => Ok(()),
    }
}

/// A number whose range was checked.
fn octet(value: Option<u32>) -> Option<u8> {
    value.and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::IpOption;

    fn alert() -> IpOptions {
        IpOptions::new(&[IpOption::RouterAlert(0)]).unwrap()
    }

    #[test]
    fn an_empty_patch_changes_nothing() {
        assert_eq!(OptionsPatch::default().apply(&Options::default()), Ok(Options::default()));
    }

    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
    //= type=test
    //# A host MUST NOT send a datagram with a Time-to-Live (TTL) value of zero.
    #[test]
    fn a_value_out_of_range_names_its_option() {
        let refused = |patch: OptionsPatch| patch.apply(&Options::default()).unwrap_err().option;
        assert_eq!(
            refused(OptionsPatch { max_segment_size: Some(87), ..Default::default() }),
            "max_segment_size"
        );
        assert_eq!(refused(OptionsPatch { msl: Some(DAY * 2), ..Default::default() }), "msl");
        assert_eq!(refused(OptionsPatch { receive_buffer: Some(0), ..Default::default() }), "receive_buffer");
        let keep = KeepAlive { probes: 0, ..Default::default() };
        assert_eq!(
            refused(OptionsPatch { keep_alive: Some(Some(keep)), ..Default::default() }),
            "keep_alive.probes"
        );
        for initial_window in [0, 101] {
            let patch = OptionsPatch { initial_window: Some(initial_window), ..Default::default() };
            assert_eq!(refused(patch), "initial_window");
        }
        for hop_limit in [0, 256] {
            let patch = OptionsPatch { hop_limit: Some(hop_limit), ..Default::default() };
            assert_eq!(refused(patch), "hop_limit");
        }
        assert_eq!(refused(OptionsPatch { dscp: Some(64), ..Default::default() }), "dscp");
    }

    #[test]
    fn a_patch_of_every_option_changes_every_option() {
        let patch = OptionsPatch {
            no_delay: Some(true),
            max_segment_size: Some(88),
            msl: Some(DAY),
            keep_alive: Some(Some(KeepAlive::default())),
            user_timeout: Some(DAY),
            linger: Some(Some(DAY)),
            send_buffer: Some(1),
            receive_buffer: Some(1),
            delayed_ack: Some(Duration::ZERO),
            rto_min: Some(MINUTE),
            rto_initial: Some(MINUTE),
            reuse_address: Some(true),
            congestion: Some(CongestionControl::Bbr),
            initial_sequence_number: Some(7),
            window_scaling: Some(false),
            timestamps: Some(false),
            sack: Some(false),
            ecn: Some(Ecn::Active),
            hystart: Some(false),
            pacing: Some(true),
            initial_window: Some(100),
            loss_detection: Some(LossDetection::DuplicateAcks),
            tail_loss_probe: Some(false),
            fast_open: Some(true),
            user_timeout_option: Some(true),
            hop_limit: Some(255),
            dscp: Some(63),
            ip_options: Some(alert()),
            path_mtu_discovery: Some(PathMtuDiscovery::Probe),
            syn_cookies: Some(SynCookies::Always),
        };
        let changed = Options {
            no_delay: true,
            max_segment_size: Some(88),
            msl: DAY,
            keep_alive: Some(KeepAlive::default()),
            user_timeout: DAY,
            user_timeout_set: true,
            linger: Some(DAY),
            send_buffer: 1,
            send_buffer_max: 1,
            receive_buffer: 1,
            receive_buffer_max: 1,
            delayed_ack: Duration::ZERO,
            rto_min: MINUTE,
            rto_initial: MINUTE,
            reuse_address: true,
            congestion: CongestionControl::Bbr,
            initial_sequence_number: Some(7),
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
            ip_options: alert(),
            path_mtu_discovery: PathMtuDiscovery::Probe,
            syn_cookies: SynCookies::Always,
        };
        assert_eq!(patch.apply(&Options::default()), Ok(changed));
    }
}
