//! TCP options: MSS (RFC 9293 §3.7.1), window scale and timestamps (RFC 7323), SACK (RFC 2018), user timeout (RFC 5482), Fast
//! Open (RFC 7413).
//!
//! Reads them in any order and at any alignment; writes them in one: that of Linux, which keeps every
//! option's numbers on a word boundary:
//!
//! ```text
//! SYN   mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7
//! else  nop, nop, TS val 2 ecr 1, nop, nop, sack 3001:4001
//! ```

use core::fmt;
use core::time::Duration;

use super::FastOpenCookie;
use crate::tcp::seq::Seq;
use crate::wire::Malformed;

/// What fits between the fixed header and the data: the data offset ends at 60 octets.
pub(super) const OPTIONS_LEN_MAX: usize = 40;

const END: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
//= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
//# This MUST be 28, i.e., the TCP option number [RFC0793] that has
//# been assigned by IANA (see Section 7).
const USER_TIMEOUT: u8 = 28;
//= https://www.rfc-editor.org/rfc/rfc7413#section-9
//# Current and new
//# implementations SHOULD use option (34).
const FAST_OPEN: u8 = 34;

/// The options of a segment that this engine knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// The maximum segment size that the sender can take, in octets.
    pub mss: Option<u16>,
    /// The shift count of the sender's windows, as written. RFC 7323 §2.3 has a receiver use 14 in place
    /// of anything larger, and say that it did; so the number arrives here as it is.
    pub window_scale: Option<u8>,
    /// Whether the sender takes selective acknowledgments.
    pub sack_permitted: bool,
    /// The sender's clock, and its echo of ours.
    pub timestamps: Option<Timestamps>,
    /// What the sender holds beyond its acknowledgment number.
    pub sack: SackBlocks,
    /// How long the sender keeps what is unacknowledged before it gives up: whole seconds up to 32,767, then whole minutes.
    pub user_timeout: Option<Duration>,
    /// A Fast Open cookie, or the request for one. It means something on a SYN only.
    pub fast_open: Option<FastOpenCookie>,
}

/// The timestamps option (RFC 7323 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the value that the sender heard last, significant with ACK set.
    pub echo: u32,
}

impl TcpOptions {
    /// No options.
    pub const NONE: TcpOptions = TcpOptions {
        mss: None,
        window_scale: None,
        sack_permitted: false,
        timestamps: None,
        sack: SackBlocks::EMPTY,
        user_timeout: None,
        fast_open: None,
    };

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.2
    //# There is
    //# no guarantee that senders will use this option, so receivers MUST
    //# be prepared to process options even if they do not begin on a word
    //# boundary (MUST-64).
    /// Reads the octets between the fixed header and the data. Of an option that comes twice, the later
    /// one counts.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# A given TCP implementation can support any currently defined options, but the following
    //# options MUST be supported (MUST-4 -- note Maximum Segment Size Option support is also part
    //# of MUST-14 in Section 3.7.1):
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# A TCP implementation MUST be able to receive a TCP Option in any segment (MUST-5).
    pub fn parse(mut bytes: &[u8]) -> Result<Self, Malformed> {
        let mut options = TcpOptions::NONE;
        // What nearly every segment has, as nearly every sender writes it (RFC 7323 appendix A).
        if let &[NOP, NOP, TIMESTAMPS, 10, a, b, c, d, e, f, g, h] = bytes {
            let (value, echo) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
            options.timestamps = Some(Timestamps { value, echo });
            return Ok(options);
        }
        while let Some((&kind, rest)) = bytes.split_first() {
            match kind {
                END => break,
                NOP => {
                    bytes = rest;
                    continue;
                }
                _ => {}
            }
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
            //# TCP implementations MUST be prepared to handle
            //# an illegal option length (e.g., zero); a suggested procedure is to
            //# reset the connection and log the error cause (MUST-7).
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
            //# All TCP Options except End of Option List Option (EOL) and No-Operation (NOP) MUST have
            //# length fields, including all future options (MUST-68).
            let (&len, rest) = rest.split_first().ok_or(Malformed::BadOption)?;
            let len = usize::from(len).checked_sub(2).ok_or(Malformed::BadOption)?;
            let (body, rest) = rest.split_at_checked(len).ok_or(Malformed::BadOption)?;
            options.read(kind, body)?;
            bytes = rest;
        }
        Ok(options)
    }

    fn read(&mut self, kind: u8, body: &[u8]) -> Result<(), Malformed> {
        match (kind, body) {
            (MSS, &[a, b]) => self.mss = Some(u16::from_be_bytes([a, b])),
            (WINDOW_SCALE, &[shift]) => self.window_scale = Some(shift),
            (SACK_PERMITTED, &[]) => self.sack_permitted = true,
            (SACK, body) => self.sack = SackBlocks::parse(body)?,
            (TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                let (value, echo) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
                self.timestamps = Some(Timestamps { value, echo });
            }
            //= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
            //# Length of the TCP option in octets [RFC0793]; its value MUST be 4.
            (USER_TIMEOUT, &[a, b]) => self.user_timeout = user_timeout(u16::from_be_bytes([a, b])),
            //= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.1
            //# Options with invalid Length values or without the SYN flag set MUST
            //# be ignored.
            (FAST_OPEN, body) => self.fast_open = FastOpenCookie::new(body).or(self.fast_open),
            (MSS | WINDOW_SCALE | SACK_PERMITTED | TIMESTAMPS | USER_TIMEOUT, _) => {
                return Err(Malformed::BadOption);
            }
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
            //# A TCP implementation MUST (MUST-6) ignore without error any TCP
            //# Option it does not implement, assuming that the option has a length
            //# field.
            _ => {}
        }
        Ok(())
    }

    /// A user timeout as the option can tell it: no shorter than a second, and without what its unit leaves over.
    pub(crate) fn tellable(timeout: Duration) -> Option<Duration> {
        user_timeout(user_timeout_field(timeout))
    }

    /// The length of the options as written, in octets: a multiple of 4, at most 40.
    #[allow(clippy::len_without_is_empty, reason = "`is_empty` would ask something else: see `NONE`")]
    pub fn len(&self) -> usize {
        self.fixed_len() + self.sack_len()
    }

    /// How many SACK blocks have room beside the other options.
    pub fn sack_room(&self) -> usize {
        (OPTIONS_LEN_MAX - self.fixed_len()).saturating_sub(4) / 8
    }

    /// The length of everything but the SACK blocks.
    fn fixed_len(&self) -> usize {
        let mss = if self.mss.is_some() { 4 } else { 0 };
        let timestamps = if self.timestamps.is_some() { 12 } else { 0 };
        // SACK-permitted takes the place of the two NOPs before timestamps when there are some.
        let sack_permitted = if self.sack_permitted && self.timestamps.is_none() { 4 } else { 0 };
        let window_scale = if self.window_scale.is_some() { 4 } else { 0 };
        let user_timeout = if self.user_timeout.is_some() { 4 } else { 0 };
        let others = mss + timestamps + sack_permitted + window_scale + user_timeout;
        others + self.fast_open.map(fast_open_len).filter(|len| others + len <= OPTIONS_LEN_MAX).unwrap_or(0)
    }

    /// Whether everything but the SACK blocks has room. A long cookie beside all other options has none: it is left out.
    pub fn fits(&self) -> bool {
        let without = TcpOptions { fast_open: None, ..*self }.fixed_len();
        self.fast_open.is_none_or(|cookie| without + fast_open_len(cookie) <= OPTIONS_LEN_MAX)
    }

    fn sack_len(&self) -> usize {
        match self.sack.len().min(self.sack_room()) {
            0 => 0,
            blocks => 4 + 8 * blocks,
        }
    }

    /// Appends the options. SACK blocks that have no room are left out, last ones first: RFC 2018 §4 puts
    /// the block that matters most in front.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# The content of the header beyond the End of Option List Option MUST be header padding of
    //# zeros (MUST-69).
    pub(super) fn emit(&self, out: &mut OptionBytes) {
        if let Some(mss) = self.mss {
            out.extend(&[MSS, 4]);
            out.extend(&mss.to_be_bytes());
        }
        let pair = if self.sack_permitted { [SACK_PERMITTED, 2] } else { [NOP, NOP] };
        if let Some(Timestamps { value, echo }) = self.timestamps {
            out.extend(&pair);
            out.extend(&[TIMESTAMPS, 10]);
            out.extend(&value.to_be_bytes());
            out.extend(&echo.to_be_bytes());
        } else if self.sack_permitted {
            out.extend(&[NOP, NOP]);
            out.extend(&pair);
        }
        if let Some(shift) = self.window_scale {
            out.extend(&[NOP, WINDOW_SCALE, 3, shift]);
        }
        if let Some(timeout) = self.user_timeout {
            out.extend(&[USER_TIMEOUT, 4]);
            out.extend(&user_timeout_field(timeout).to_be_bytes());
        }
        if let Some(cookie) = self.fast_open.filter(|_| self.fits()) {
            let len = 2 + cookie.as_slice().len();
            out.extend(&[FAST_OPEN, len as u8]);
            out.extend(cookie.as_slice());
            // An even number is two short of a word at most.
            out.extend(if len.is_multiple_of(4) { &[] } else { &[NOP, NOP] });
        }
        let blocks = self.sack.len().min(self.sack_room());
        if blocks != 0 {
            out.extend(&[NOP, NOP, SACK, 2 + 8 * blocks as u8]);
            for (left, right) in self.sack.iter().take(blocks) {
                out.extend(&left.0.to_be_bytes());
                out.extend(&right.0.to_be_bytes());
            }
        }
    }
}

/// Octets of the Fast Open option, padded.
fn fast_open_len(cookie: FastOpenCookie) -> usize {
    (2 + cookie.as_slice().len()).next_multiple_of(4)
}

/// Set: the timeout is in minutes, else in seconds.
const GRANULARITY: u16 = 0x8000;

//= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
//# When set (G = 1), the time interval in the "User Timeout"
//# field MUST be interpreted as minutes.  Otherwise (G = 0), the time
//# interval in the "User Timeout" field MUST be interpreted as
//# seconds.
//= https://www.rfc-editor.org/rfc/rfc5482#section-3.4
//# A TCP User Timeout Option with a "User Timeout" field of zero and a
//# "Granularity" bit of either minutes (1) or seconds (0) is reserved
//# for future use.  Current TCP implementations MUST NOT send it and
//# MUST ignore it upon reception.
fn user_timeout(field: u16) -> Option<Duration> {
    let unit = if field & GRANULARITY == 0 { 1 } else { 60 };
    //= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
    //# It
    //# MUST be interpreted as a 15-bit unsigned integer.
    match u64::from(field & !GRANULARITY) {
        0 => None,
        units => Some(Duration::from_secs(units * unit)),
    }
}

/// The field that comes nearest to `timeout` from below, and is not zero.
fn user_timeout_field(timeout: Duration) -> u16 {
    let field = |units: u64| u16::try_from(units).ok().filter(|units| *units < GRANULARITY);
    let (seconds, minutes) = (timeout.as_secs().max(1), timeout.as_secs() / 60);
    field(seconds).unwrap_or_else(|| GRANULARITY | field(minutes).unwrap_or(GRANULARITY - 1))
}

/// Options on their way out: at most 40 octets, on the stack.
pub(super) struct OptionBytes {
    bytes: [u8; OPTIONS_LEN_MAX],
    len: usize,
}

impl OptionBytes {
    pub(super) const fn new() -> Self {
        OptionBytes { bytes: [0; OPTIONS_LEN_MAX], len: 0 }
    }

    fn extend(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
        }
        self.len = end;
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

/// The blocks of a SACK option (RFC 2018 §3): up to four, each from its left edge to just before its right
/// edge.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct SackBlocks {
    blocks: [(Seq, Seq); SackBlocks::MAX],
    len: u8,
}

impl SackBlocks {
    /// How many blocks an option can hold.
    pub const MAX: usize = 4;
    /// No blocks, and no option.
    pub const EMPTY: SackBlocks = SackBlocks { blocks: [(Seq(0), Seq(0)); SackBlocks::MAX], len: 0 };

    /// Adds a block behind the others. Whether there was room.
    pub fn push(&mut self, left: Seq, right: Seq) -> bool {
        match self.blocks.get_mut(usize::from(self.len)) {
            Some(block) => {
                *block = (left, right);
                self.len += 1;
                true
            }
            None => false,
        }
    }

    /// The blocks, in the order of the option.
    pub fn as_slice(&self) -> &[(Seq, Seq)] {
        self.blocks.get(..usize::from(self.len)).unwrap_or(&self.blocks)
    }

    /// The blocks, one by one: `(left edge, right edge)`.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Seq, Seq)> + '_ {
        self.as_slice().iter().copied()
    }

    /// How many blocks there are.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let (words, []) = body.as_chunks::<8>() else { return Err(Malformed::BadOption) };
        let mut blocks = SackBlocks::EMPTY;
        for &[a, b, c, d, e, f, g, h] in words {
            let (left, right) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
            if !blocks.push(Seq(left), Seq(right)) {
                return Err(Malformed::BadOption);
            }
        }
        if blocks.is_empty() { Err(Malformed::BadOption) } else { Ok(blocks) }
    }
}

/// Takes the first four.
impl FromIterator<(Seq, Seq)> for SackBlocks {
    fn from_iter<T: IntoIterator<Item = (Seq, Seq)>>(iter: T) -> Self {
        let mut blocks = SackBlocks::EMPTY;
        for (left, right) in iter.into_iter().take(SackBlocks::MAX) {
            blocks.push(left, right);
        }
        blocks
    }
}

impl fmt::Debug for SackBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}
