//! Engines driven by bytes: what the fuzz targets of `engine/fuzz` and the bounded test in `tests/fuzz.rs` both run.
//!
//! A string of bytes is read as a string of decisions, so that whatever a fuzzer mutates is again something that could
//! happen. [`operations`] makes calls on one engine and feeds it segments close to what its connections expect;
//! [`pair`] lets two engines talk over a wire that drops, duplicates, reorders and corrupts, and then over a good one.
//! After every input a [`Watched`](watched::Watched) engine is drained and held to what is always true of it.
//!
//! ```text
//! cargo +nightly fuzz run pair                                 in engine/, until it finds something
//! FUZZ_TRACE=1 cargo +nightly fuzz run pair <what it found>    every event of it
//! ```

pub(crate) mod operations;
pub(crate) mod pair;
mod watched;

use std::time::Duration;

use sockwright_engine::tcp::config::{
    CongestionControl, Ecn, KeepAlive, LossDetection, OptionsPatch, PathMtuDiscovery, SynCookies,
};
use sockwright_engine::wire::{IpOption, IpOptions};

/// Bytes as decisions. When they are over, every decision is the first one.
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Choices(bytes)
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// An index below `len`, which is not 0.
    fn below(&mut self, len: usize) -> usize {
        usize::from(self.byte()) % len
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// One of the first bytes to come, a bit each.
    fn coin(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Options, each mostly left alone.
    fn options(&mut self) -> OptionsPatch {
        let ms = Duration::from_millis;
        let set = u32::from(self.word()) << 16 | u32::from(self.word());
        let mut is_set = (0..32).map(|bit| set >> bit & 1 == 1);
        let mut given = || is_set.next().unwrap_or_default();
        OptionsPatch {
            no_delay: given().then(|| self.coin()),
            max_segment_size: given().then(|| self.pick(&[88, 100, 536, 1460, 65_495, 87])),
            msl: given().then(|| ms(self.pick(&[0, 1, 100, 30_000]))),
            keep_alive: given().then(|| {
                let (idle, probes) = (ms(self.pick(&[1, 50, 7_200_000])), self.pick(&[1, 2, 9]));
                self.coin().then_some(KeepAlive { idle, interval: idle, probes })
            }),
            user_timeout: given().then(|| ms(self.pick(&[10, 500, 300_000]))),
            linger: given().then(|| self.coin().then(|| ms(self.pick(&[0, 1, 1000])))),
            send_buffer: given().then(|| self.pick(&[1, 100, 2000, 262_144])),
            receive_buffer: given().then(|| self.pick(&[1, 10, 700, 5000, 65_535, 200_000])),
            delayed_ack: given().then(|| ms(self.pick(&[0, 1, 40, 499]))),
            rto_min: given().then(|| ms(self.pick(&[1, 200, 60_000]))),
            rto_initial: given().then(|| ms(self.pick(&[1, 1000, 60_000]))),
            reuse_address: given().then(|| self.coin()),
            initial_sequence_number: given().then(|| self.pick(&[0, 1, u32::MAX, u32::MAX - 200, 1 << 31])),
            congestion: given().then(|| {
                self.pick(&[CongestionControl::NewReno, CongestionControl::Cubic, CongestionControl::Bbr])
            }),
            window_scaling: given().then(|| self.coin()),
            timestamps: given().then(|| self.coin()),
            sack: given().then(|| self.coin()),
            ecn: given().then(|| self.pick(&[Ecn::Off, Ecn::Passive, Ecn::Active])),
            hystart: given().then(|| self.coin()),
            pacing: given().then(|| self.coin()),
            initial_window: given().then(|| self.pick(&[1, 2, 10, 100])),
            loss_detection: given().then(|| self.pick(&[LossDetection::Rack, LossDetection::DuplicateAcks])),
            tail_loss_probe: given().then(|| self.coin()),
            fast_open: given().then(|| self.coin()),
            user_timeout_option: given().then(|| self.coin()),
            hop_limit: given().then(|| self.pick(&[1, 64, 255])),
            dscp: given().then(|| self.pick(&[0, 46, 63])),
            path_mtu_discovery: given().then(|| {
                self.pick(&[PathMtuDiscovery::Off, PathMtuDiscovery::Icmp, PathMtuDiscovery::Probe])
            }),
            syn_cookies: given()
                .then(|| self.pick(&[SynCookies::Off, SynCookies::WhenFull, SynCookies::Always])),
            ip_options: given().then(|| {
                let lists = [&[][..], &[IpOption::RecordRoute(9)], &[IpOption::RouterAlert(0)]];
                IpOptions::new(self.pick(&lists)).expect("they fit")
            }),
        }
    }
}
