//! The window that a connection begins with (RFC 6928), and the one it restarts with (RFC 3390).

use super::Config;

/// IW, in octets.
//= https://www.rfc-editor.org/rfc/rfc6928#section-2
//# More precisely, the upper bound for the initial window will be
//#
//#       min (10*MSS, max (2*MSS, 14600))                            (1)
//
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=exception
//= reason=RFC 6928 allows ten segments, as all systems of today send; the option initial_window goes down to one.
//# IW, the initial value of cwnd, MUST be set using the following
//# guidelines as an upper bound.
//
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=exception
//= reason=RFC 6928 allows ten segments, as all systems of today send; the option initial_window goes down to one.
//# If SMSS > 2190 bytes:
//#     IW = 2 * SMSS bytes and MUST NOT be more than 2 segments
//# If (SMSS > 1095 bytes) and (SMSS <= 2190 bytes):
//#     IW = 3 * SMSS bytes and MUST NOT be more than 3 segments
//# if SMSS <= 1095 bytes:
//#     IW = 4 * SMSS bytes and MUST NOT be more than 4 segments
//
// The events of loss recovery and GetInfo tell, for each connection, what RFC 6928 wants to be seen:
//= https://www.rfc-editor.org/rfc/rfc6928#section-12
//# An increased initial window MUST NOT be
//# turned on by default on systems without such monitoring capabilities.
//
//= https://www.rfc-editor.org/rfc/rfc6928#section-12
//= type=exception
//= reason=Nothing is remembered from one connection to the next, so that a test meets the same peer each time.
//# The sender SHOULD cache such information about
//# connection setups using an initial window larger than allowed by RFC
//# 3390, and new connections SHOULD fall back to the initial window
//# allowed by RFC 3390 if there is evidence of performance issues.
pub(super) fn initial_window(config: &Config) -> u32 {
    /// What a segment of an Ethernet carries.
    const USUAL_MSS: u32 = 1460;
    let segments = u32::from(config.initial_window.max(1));
    (segments * config.mss).min((2 * config.mss).max(segments * USUAL_MSS))
}

/// The initial window of RFC 3390 and RFC 5681, in octets.
pub(super) fn rfc3390_window(mss: u32) -> u32 {
    match mss {
        0..=1095 => 4 * mss,
        1096..=2190 => 3 * mss,
        _ => 2 * mss,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{MSS, config};
    use super::*;
    use crate::tcp::config::CongestionControl;

    //= https://www.rfc-editor.org/rfc/rfc6928#section-2
    //= type=test
    //# More precisely, the upper bound for the initial window will be
    //#
    //#       min (10*MSS, max (2*MSS, 14600))                            (1)
    #[test]
    fn the_initial_window_is_ten_segments_of_usual_size_and_fewer_of_large_ones() {
        for (mss, window) in [(536, 5360), (1460, 14_600), (1461, 14_600), (7300, 14_600), (9000, 18_000)] {
            assert_eq!(
                initial_window(&Config { mss, ..config(CongestionControl::NewReno) }),
                window,
                "{mss}"
            );
        }
        let one = Config { initial_window: 1, ..config(CongestionControl::NewReno) };
        assert_eq!(initial_window(&one), MSS);
    }

    #[test]
    fn the_older_initial_window_is_four_kilobytes_or_so() {
        assert_eq!([536, 1095, 1096, 2190, 2191].map(rfc3390_window), [2144, 4380, 3288, 6570, 4382]);
    }
}
