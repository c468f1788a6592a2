//! The options of a socket: what `setsockopt` sets, typed, with their ranges.

use core::time::Duration;

/// Every option of a socket, with RFC 9293's and Linux's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Send small segments at once, without Nagle's algorithm.
    pub no_delay: bool,
    /// The largest segment to send or announce, in octets of data. `None`: what the link allows.
    pub max_segment_size: Option<u16>,
    /// The maximum segment lifetime. TIME-WAIT lasts twice as long.
    pub msl: Duration,
    /// Keep-alive probes, or `None`.
    pub keep_alive: Option<KeepAlive>,
    /// How long something may stay unacknowledged before the connection is given up (RFC 9293 §3.8.3, R2).
    pub user_timeout: Duration,
    /// How long `close` waits; zero resets; `None` does not wait.
    pub linger: Option<Duration>,
    /// Octets that may be sent ahead of the peer.
    pub send_buffer: u32,
    /// Octets that may wait to be received; it bounds the window.
    pub receive_buffer: u32,
    /// How long an acknowledgment may wait for company.
    pub delayed_ack: Duration,
    /// The floor of the retransmission timeout.
    pub rto_min: Duration,
    /// The retransmission timeout before the first measurement.
    pub rto_initial: Duration,
    /// Bind although connections of the port live on.
    pub reuse_address: bool,
    /// The congestion control algorithm.
    pub congestion: CongestionControl,
    /// The initial send sequence number, in place of the one of RFC 6528.
    pub initial_sequence_number: Option<u32>,
}

/// The congestion control algorithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CongestionControl {
    /// RFC 5681 and RFC 6582.
    #[default]
    NewReno,
}

/// When keep-alive probes are sent (RFC 9293 §3.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Idle time before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Unanswered probes that end the connection.
    pub probes: u8,
}

impl Default for KeepAlive {
    fn default() -> Self {
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
        //# This interval MUST
        //# be configurable (MUST-27) and MUST default to no less than two hours
        //# (MUST-28).
        KeepAlive { idle: Duration::from_secs(7200), interval: Duration::from_secs(75), probes: 9 }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            no_delay: false,
            max_segment_size: None,
            msl: Duration::from_secs(30),
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
            //# If keep-alives are included, the application MUST be able to turn
            //# them on or off for each TCP connection (MUST-24), and they MUST
            //# default to off (MUST-25).
            keep_alive: None,
            user_timeout: Duration::from_secs(300),
            linger: None,
            send_buffer: 256 * 1024,
            receive_buffer: 65_535,
            delayed_ack: Duration::from_millis(40),
            rto_min: Duration::from_millis(200),
            rto_initial: Duration::from_secs(1),
            reuse_address: false,
            congestion: CongestionControl::NewReno,
            initial_sequence_number: None,
        }
    }
}

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
    /// Whether it holds an option that only matters before the connection exists.
    pub fn needs_no_connection(&self) -> bool {
        self.max_segment_size.is_some() || self.congestion.is_some() || self.initial_sequence_number.is_some()
    }

    /// `options` with the change made, or the first option that is out of its range.
    pub fn apply(&self, options: &Options) -> Result<Options, OutOfRange> {
        let check =
            |ok: bool, option, sentence| if ok { Ok(()) } else { Err(OutOfRange { option, sentence }) };
        let between = |value: Option<Duration>, low, high, option, sentence| {
            check(value.is_none_or(|value| (low..=high).contains(&value)), option, sentence)
        };
        let buffer = |value: Option<u32>, option| {
            check(
                value.is_none_or(|value| (1..=MAX_BUFFER).contains(&value)),
                option,
                "A buffer has to be 1 to 67108864 octets.",
            )
        };
        let mss = self.max_segment_size;
        check(
            mss.is_none_or(|mss| (88..=65_495).contains(&mss)),
            "max_segment_size",
            "max_segment_size has to be 88 to 65495 octets.",
        )?;
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
            check(keep.probes > 0, "keep_alive.probes", "keep_alive.probes has to be 1 to 255.")?;
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
        buffer(self.send_buffer, "send_buffer")?;
        buffer(self.receive_buffer, "receive_buffer")?;
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
        )?;

        let old = options.clone();
        Ok(Options {
            no_delay: self.no_delay.unwrap_or(old.no_delay),
            max_segment_size: mss.and_then(|mss| u16::try_from(mss).ok()).or(old.max_segment_size),
            msl: self.msl.unwrap_or(old.msl),
            keep_alive: self.keep_alive.unwrap_or(old.keep_alive),
            user_timeout: self.user_timeout.unwrap_or(old.user_timeout),
            linger: self.linger.unwrap_or(old.linger),
            send_buffer: self.send_buffer.unwrap_or(old.send_buffer),
            receive_buffer: self.receive_buffer.unwrap_or(old.receive_buffer),
            delayed_ack: self.delayed_ack.unwrap_or(old.delayed_ack),
            rto_min: self.rto_min.unwrap_or(old.rto_min),
            rto_initial: self.rto_initial.unwrap_or(old.rto_initial),
            reuse_address: self.reuse_address.unwrap_or(old.reuse_address),
            congestion: self.congestion.unwrap_or(old.congestion),
            initial_sequence_number: self.initial_sequence_number.or(old.initial_sequence_number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_patch_changes_nothing() {
        assert_eq!(OptionsPatch::default().apply(&Options::default()), Ok(Options::default()));
    }

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
    }
}
