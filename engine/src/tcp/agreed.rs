//! What the two SYNs agreed on: window scaling and timestamps (RFC 7323), selective acknowledgments (RFC 2018).
//!
//! Owns: [`Agreed`], first what our SYN offers, then what is left of it once the peer's SYN is here. Small and `Copy`:
//! the records of half-open and closed connections keep it. Never touches a connection.
//!
//! ```text
//! we offer   wscale 5, TS, sackOK
//! peer's SYN wscale 7, sackOK        agreed: Snd.Wind.Shift 7, Rcv.Wind.Shift 5, SACK, no timestamps
//! ```

use super::config::Options;
use super::timestamps::Clock;
use crate::time::Instant;
use crate::wire::TcpOptions;

/// The largest shift count.
//= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
//# Thus, the shift count
//# MUST be limited to 14 (which allows windows of 2^30 = 1 GiB).
pub(crate) const SHIFT_MAX: u8 = 14;

/// In a packed agreement: windows are not scaled.
const NO_SCALE: u8 = 0xf;
/// In a packed agreement: the bit of SACK.
const SACK_BIT: u32 = 4;
/// In a packed agreement: the bit of ECN, which `ecn.rs` sets and reads.
pub(crate) const ECN_BIT: u32 = 5;
/// How many bits a packed agreement has.
pub(crate) const PACKED_BITS: u32 = 6;

/// The shift counts of window scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shifts {
    /// Snd.Wind.Shift, applied to the windows that come.
    pub(crate) snd: u8,
    /// Rcv.Wind.Shift, applied to the windows that we announce.
    pub(crate) rcv: u8,
}

/// The options that both sides use, or that we offer to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Window scaling (Snd.WS.OK).
    pub(crate) window_scale: Option<Shifts>,
    /// Timestamps (Snd.TS.OK).
    //= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
    //# The TCP SHOULD remember this state by setting a flag, referred to as Snd.TS.OK, to one.
    pub(crate) timestamps: bool,
    /// Selective acknowledgments.
    pub(crate) sack: bool,
}

impl Agreed {
    /// What our SYN offers.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
    //# Thus, a TCP that is prepared to scale windows SHOULD send the option,
    //# even if its own scale factor is 1 and the exponent 0.
    pub(crate) fn offered(options: &Options) -> Self {
        let shift = Shifts { snd: 0, rcv: shift_for(options.receive_buffer_most()) };
        Agreed {
            window_scale: options.window_scaling.then_some(shift),
            timestamps: options.timestamps,
            sack: options.sack,
        }
    }

    /// What is left of an offer once the peer's SYN is known. What only the peer offers, it offers in vain.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
    //# This option is an offer, not a promise; both sides MUST send Window
    //# Scale options in their <SYN> segments to enable window scaling in
    //# either direction.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
    //# Upon receiving a <SYN> segment with a Window Scale option
    //# containing shift.cnt = S, a TCP MUST set Snd.Wind.Shift to S and
    //# MUST set Rcv.Wind.Shift to R; otherwise, it MUST set both
    //# Snd.Wind.Shift and Rcv.Wind.Shift to zero.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
    //# If a TCP receives a <SYN> segment containing a Window Scale option, it SHOULD send its own
    //# Window Scale option in the <SYN,ACK> segment.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
    //# A Window Scale option in a segment without a SYN bit MUST be ignored.
    pub(crate) fn with(self, peer: &TcpOptions) -> Self {
        //= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
        //# If a
        //# Window Scale option is received with a shift.cnt value larger than
        //# 14, the TCP SHOULD log the error but MUST use 14 instead of the
        //# specified value.
        let window_scale = self
            .window_scale
            .zip(peer.window_scale)
            .map(|(ours, theirs)| Shifts { snd: theirs.min(SHIFT_MAX), ..ours });
        Agreed {
            window_scale,
            timestamps: self.timestamps && peer.timestamps.is_some(),
            sack: self.sack && peer.sack_permitted,
        }
    }

    /// The options of our SYN or SYN,ACK, its MSS apart.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
    //# The Window Scale option MUST be sent with shift.cnt = R, where R
    //# is the value that the TCP would like to use for its receive
    //# window.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# TCP endpoints MUST implement both sending and receiving the MSS Option (MUST-14).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.2
    //# This field may be sent in the initial connection request (i.e., in segments with the SYN
    //# control bit set) and MUST NOT be sent in other segments (MUST- 65).
    //= https://www.rfc-editor.org/rfc/rfc2018#section-2
    //# It MUST NOT be sent on non-SYN segments.
    pub(crate) fn on_syn(self, mss: u32, clock: &Clock, now: Instant) -> TcpOptions {
        TcpOptions {
            mss: Some(u16::try_from(mss).unwrap_or(u16::MAX)),
            window_scale: self.window_scale.map(|shifts| shifts.rcv),
            sack_permitted: self.sack,
            timestamps: self.timestamps.then(|| clock.option(now)),
            ..TcpOptions::NONE
        }
    }

    /// What the low bits of a timestamp keep of a handshake that is kept nowhere else: four bits of Snd.Wind.Shift and one of
    /// SACK, as in Linux.
    pub(crate) fn pack(self) -> u32 {
        u32::from(self.window_scale.map_or(NO_SCALE, |shifts| shifts.snd)) | u32::from(self.sack) << SACK_BIT
    }

    /// What `packed` says was agreed, as far as our offer goes.
    pub(crate) fn unpack(self, packed: u32) -> Self {
        let snd = (packed & u32::from(NO_SCALE)) as u8;
        Agreed {
            window_scale: self.window_scale.filter(|_| snd <= SHIFT_MAX).map(|ours| Shifts { snd, ..ours }),
            timestamps: true,
            sack: self.sack && packed >> SACK_BIT & 1 == 1,
        }
    }

    /// Snd.Wind.Shift.
    pub(crate) fn snd_shift(self) -> u8 {
        self.window_scale.map_or(0, |shifts| shifts.snd)
    }

    /// Rcv.Wind.Shift.
    pub(crate) fn rcv_shift(self) -> u8 {
        self.window_scale.map_or(0, |shifts| shifts.rcv)
    }

    /// Octets of options on every segment after the SYN.
    pub(crate) fn option_len(self) -> u32 {
        if self.timestamps { 12 } else { 0 }
    }
}

/// The smallest shift count with which a window of `buffer` octets can be told.
fn shift_for(buffer: u32) -> u8 {
    (0..SHIFT_MAX).find(|shift| buffer >> shift <= u32::from(u16::MAX)).unwrap_or(SHIFT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
    //= type=test
    //# Thus, the shift count MUST be limited to 14 (which allows windows of 2^30 = 1 GiB).
    #[test]
    fn the_shift_is_the_smallest_that_can_tell_the_buffer() {
        for (buffer, shift) in
            [(1, 0), (65_535, 0), (65_536, 1), (1 << 20, 5), (64 << 20, 11), (u32::MAX, 14)]
        {
            assert_eq!(shift_for(buffer), shift, "{buffer}");
        }
    }
}
