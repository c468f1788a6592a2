//! Explicit congestion notification (RFC 3168): what the handshake agreed on, and who owes whom which flag.
//!
//! Owns: [`Codepoint`], the two bits of the IP header; [`EcnSetup`], what the SYNs said; [`EcnState`], that with the echo
//! that we owe the peer and the answer to the peer's echo. Never touches a window: a reduction is `congestion/`'s
//! business, and when there is one `connection/recover.rs`'s.
//!
//! ```text
//!  sender                     network                  receiver
//!    | data, ECT(0) ------------> CE ----------------------> |
//!    | <------------------------------------ ACK, ECE until  |
//!    | the window is reduced, once a round trip              |
//!    | new data, CWR ----------------------------------> CWR |
//! ```

use super::agreed::ECN_BIT;
use super::config::Ecn;
use super::info::EcnInfo;
use super::seq::Seq;
use crate::wire::Flags;

/// The two ECN bits of an IP header (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Codepoint {
    /// Not ECN-capable.
    #[default]
    NotEct,
    /// ECN-capable, the other way.
    Ect1,
    /// ECN-capable.
    Ect0,
    /// Congestion was met.
    Ce,
}

impl Codepoint {
    /// Of the bits of a header; those above the two are not looked at.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => Codepoint::NotEct,
            1 => Codepoint::Ect1,
            2 => Codepoint::Ect0,
            _ => Codepoint::Ce,
        }
    }

    /// The bits of a header.
    pub(crate) const fn bits(self) -> u8 {
        self as u8
    }
}

/// What the SYNs and SYN,ACKs of a connection said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EcnSetup {
    sent: Seen,
    received: Seen,
}

/// Which kinds of SYN were seen in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    setup: bool,
    plain: bool,
}

impl EcnSetup {
    /// The flags of the SYN, or with `ack` of the SYN,ACK, that goes next.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
    //# If a host has received an ECN-setup SYN packet, then it MAY send
    //# an ECN-setup SYN-ACK packet.  Otherwise, it MUST NOT send an
    //# ECN-setup SYN-ACK packet.
    //
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
    //# A host that is not willing to use ECN on a TCP connection SHOULD
    //# clear both the ECE and CWR flags in all non-ECN-setup SYN and/or
    //# SYN-ACK packets that it sends to indicate this unwillingness.
    //
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1.1
    //# A host that receives no reply to an ECN-setup SYN within the normal
    //# SYN retransmission timeout interval MAY resend the SYN and any
    //# subsequent SYN retransmissions with CWR and ECE cleared.
    pub(crate) fn offer(&self, option: Ecn, ack: bool) -> Flags {
        let asked = self.received.setup && !self.received.plain;
        let first = self.sent == Seen::default();
        match (ack, option) {
            (true, Ecn::Passive | Ecn::Active) if asked => Flags::ECE,
            (false, Ecn::Active) if first => Flags::ECE | Flags::CWR,
            _ => Flags::NONE,
        }
    }

    /// A SYN or a SYN,ACK went.
    pub(crate) fn on_sent(&mut self, flags: Flags) {
        self.sent.note(flags);
    }

    /// A SYN or a SYN,ACK came.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
    //# Receivers MUST correctly handle all forms of the non-ECN-setup
    //# SYN and SYN-ACK packets.
    pub(crate) fn on_received(&mut self, flags: Flags) {
        self.received.note(flags);
    }

    /// The bit that a timestamp keeps of an agreement that is kept nowhere else (`Agreed::pack` has the lower ones).
    pub(crate) fn pack(&self) -> u32 {
        u32::from(self.may_mark()) << ECN_BIT
    }

    /// What `packed` says was agreed on, as far as we do at all.
    pub(crate) fn unpack(packed: u32, option: Ecn) -> Self {
        let setup = packed >> ECN_BIT & 1 == 1 && option != Ecn::Off;
        let seen = Seen { setup, plain: !setup };
        EcnSetup { sent: seen, received: seen }
    }

    /// Our data may say that it is ECN-capable.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
    //# A host MUST NOT set ECT on data packets unless it has sent at
    //# least one ECN-setup SYN or ECN-setup SYN-ACK packet, and has
    //# received at least one ECN-setup SYN or ECN-setup SYN-ACK packet,
    //# and has sent no non-ECN-setup SYN or non-ECN-setup SYN-ACK
    //# packet.
    //
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
    //# If a host has received at least one non-ECN-setup SYN
    //# or non-ECN-setup SYN-ACK packet, then it SHOULD NOT set ECT on
    //# data packets.
    pub(crate) fn may_mark(&self) -> bool {
        self.sent.setup && self.received.setup && !self.sent.plain && !self.received.plain
    }

    /// The peer's data is listened to for marks.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
    //# If a host has sent at least one ECN-setup SYN or ECN-setup SYN-
    //# ACK packet, and has received no non-ECN-setup SYN or non-ECN-
    //# setup SYN-ACK packet, then if that host receives TCP data
    //# packets with ECT and CE codepoints set in the IP header, then
    //# that host MUST process these packets as specified for an ECN-
    //# capable connection.
    fn listens(&self) -> bool {
        self.sent.setup && !self.received.plain
    }
}

impl Seen {
    fn note(&mut self, flags: Flags) {
        let ecn = (flags.contains(Flags::ECE), flags.contains(Flags::CWR));
        let wanted = if flags.contains(Flags::ACK) { (true, false) } else { (true, true) };
        self.setup |= ecn == wanted;
        self.plain |= ecn != wanted;
    }
}

/// ECN of an open connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EcnState {
    pub(crate) setup: EcnSetup,
    /// A mark came, and the peer has not said yet that it slowed down.
    echoes: bool,
    /// We slowed down, and have not said so yet.
    reduced: bool,
    /// What was sent when we did. An echo of what came before tells nothing new.
    reduced_at: Option<Seq>,
    /// Data came that may be marked, or was.
    seen: bool,
    /// Segments with data that came marked.
    received_ce: u64,
}

impl EcnState {
    /// An acceptable segment with data came; whether it is to be acknowledged at once.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.5
    //# we
    //# specify that a legitimate TCP data sender MUST NOT set an ECT
    //# codepoint on retransmitted data packets, and that the TCP data
    //# receiver SHOULD ignore the CE codepoint on out-of-window packets.
    //
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.6
    //# Therefore, if
    //# a window probe arrives with the CE codepoint set, then the receiver
    //# SHOULD respond to the ECN indications.
    pub(crate) fn on_data(&mut self, flags: Flags, codepoint: Codepoint) -> bool {
        if !self.setup.listens() {
            return false;
        }
        let before = self.echoes;
        if flags.contains(Flags::CWR) {
            self.echoes = false;
        }
        self.echoes |= codepoint == Codepoint::Ce;
        self.seen |= codepoint != Codepoint::NotEct;
        self.received_ce += u64::from(codepoint == Codepoint::Ce);
        self.echoes != before
    }

    /// What can be read of it.
    pub(crate) fn info(&self) -> EcnInfo {
        EcnInfo {
            marks: self.setup.may_mark(),
            listens: self.setup.listens(),
            seen: self.seen,
            echoes: self.echoes,
            received_ce: self.received_ce,
        }
    }

    /// Whether an acknowledgment tells that a segment of ours was marked. Where we said of none that it may be, ECE means
    /// nothing.
    pub(crate) fn hears_echo(&self, flags: Flags) -> bool {
        self.setup.may_mark() && flags.contains(Flags::ECE) && !flags.contains(Flags::SYN)
    }

    /// The congestion window was reduced, for whatever reason, with everything up to `nxt` sent: the next new data says so.
    pub(crate) fn on_reduced(&mut self, nxt: Seq) {
        self.reduced = self.setup.may_mark();
        self.reduced_at = Some(nxt);
    }

    /// The reduction was for nothing.
    pub(crate) fn on_restored(&mut self) {
        self.reduced_at = None;
    }

    /// Everything up to `una` is acknowledged; whether an echo of it is news.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
    //# TCP should not react to congestion indications more than once every
    //# window of data (or more loosely, more than once every round-trip
    //# time).
    pub(crate) fn is_echo_news(&mut self, una: Seq) -> bool {
        // Only beyond what was outstanding has the peer seen CWR.
        self.reduced_at = self.reduced_at.filter(|at| !una.after(*at));
        self.reduced_at.is_none()
    }

    /// The flags for a segment that acknowledges.
    pub(crate) fn echo(&self) -> Flags {
        if self.echoes { Flags::ECE } else { Flags::NONE }
    }

    /// Whether the next new data tells the peer that the window was reduced.
    pub(crate) fn reduced(&self) -> bool {
        self.setup.may_mark() && self.reduced
    }

    /// The mark, and the flag, of a segment with data that was never sent before and lies inside the peer's window. All
    /// others have none: pure acknowledgments, retransmissions, window probes.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-5
    //# Protocols and senders that only require a single ECT
    //# codepoint SHOULD use ECT(0).
    //
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
    //# When only one ECT codepoint
    //# is needed by a sender for all packets sent on a TCP connection,
    //# ECT(0) SHOULD be used.
    //
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
    //# If a host ever sets the ECT codepoint on a data packet, then
    //# that host MUST correctly set/clear the CWR TCP bit on all
    //# subsequent packets in the connection.
    //
    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
    //# When the TCP data sender is ready to set the CWR bit after reducing
    //# the congestion window, it SHOULD set the CWR bit only on the first
    //# new data packet that it transmits.
    pub(crate) fn mark_new_data(&mut self) -> (Codepoint, Flags) {
        if !self.setup.may_mark() {
            return (Codepoint::NotEct, Flags::NONE);
        }
        let reduced = core::mem::take(&mut self.reduced);
        (Codepoint::Ect0, if reduced { Flags::CWR } else { Flags::NONE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYN: Flags = Flags::SYN;
    const SYN_ACK: Flags = Flags::SYN.with(Flags::ACK);
    const ECE: Flags = Flags::ECE;
    const CWR: Flags = Flags::CWR;

    fn active(syn: Flags, syn_ack: Flags) -> EcnSetup {
        let mut setup = EcnSetup::default();
        setup.on_sent(SYN | syn);
        setup.on_received(SYN_ACK | syn_ack);
        setup
    }

    fn agreed() -> EcnState {
        EcnState { setup: active(ECE | CWR, ECE), ..EcnState::default() }
    }

    #[test]
    fn the_bits_are_those_of_the_header() {
        for bits in 0..4 {
            assert_eq!(Codepoint::from_bits(bits).bits(), bits);
        }
        assert_eq!(Codepoint::from_bits(0b111), Codepoint::Ce);
    }

    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
    //= type=test
    //# Receivers MUST correctly handle all forms of the non-ECN-setup
    //# SYN and SYN-ACK packets.
    #[test]
    fn only_the_right_pair_of_flags_asks_and_only_the_right_flag_agrees() {
        for asked in [Flags::NONE, ECE, CWR, ECE | CWR] {
            let mut setup = EcnSetup::default();
            setup.on_received(SYN | asked);
            let answer = setup.offer(Ecn::Passive, true);
            assert_eq!(answer, if asked == ECE | CWR { ECE } else { Flags::NONE });
            setup.on_sent(SYN_ACK | answer);
            assert_eq!(setup.may_mark(), asked == ECE | CWR);
        }
        for answered in [Flags::NONE, ECE, CWR, ECE | CWR] {
            assert_eq!(active(ECE | CWR, answered).may_mark(), answered == ECE);
            assert_eq!(active(ECE | CWR, answered).listens(), answered == ECE);
            assert!(!active(Flags::NONE, answered).may_mark());
            assert!(!active(Flags::NONE, answered).listens());
        }
    }

    #[test]
    fn a_host_asks_and_agrees_as_its_option_says() {
        let fresh = EcnSetup::default();
        let offers = [Ecn::Off, Ecn::Passive, Ecn::Active].map(|option| fresh.offer(option, false));
        assert_eq!(offers, [Flags::NONE, Flags::NONE, ECE | CWR]);
        let mut asked = EcnSetup::default();
        asked.on_received(SYN | ECE | CWR);
        let answers = [Ecn::Off, Ecn::Passive, Ecn::Active].map(|option| asked.offer(option, true));
        assert_eq!(answers, [Flags::NONE, ECE, ECE]);
    }

    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1.1
    //= type=test
    //# A host that receives no reply to an ECN-setup SYN within the normal
    //# SYN retransmission timeout interval MAY resend the SYN and any
    //# subsequent SYN retransmissions with CWR and ECE cleared.
    #[test]
    fn a_syn_that_is_sent_again_does_not_ask_and_then_nothing_is_marked() {
        let mut setup = EcnSetup::default();
        setup.on_sent(SYN | ECE | CWR);
        assert_eq!(setup.offer(Ecn::Active, false), Flags::NONE);
        setup.on_sent(SYN);
        // The answer to the first one, late: marks of the peer are heard.
        setup.on_received(SYN_ACK | ECE);
        assert!(!setup.may_mark());
        assert!(setup.listens());
    }

    #[test]
    fn a_mark_is_echoed_until_the_peer_slows_down() {
        let mut ecn = agreed();
        assert!(!ecn.on_data(Flags::ACK, Codepoint::Ect0));
        assert_eq!(ecn.echo(), Flags::NONE);
        assert!(ecn.on_data(Flags::ACK, Codepoint::Ce));
        assert!(!ecn.on_data(Flags::ACK, Codepoint::Ect0));
        assert_eq!(ecn.echo(), ECE);
        // It slowed down, and met congestion again.
        assert!(!ecn.on_data(Flags::ACK | CWR, Codepoint::Ce));
        assert_eq!(ecn.echo(), ECE);
        assert!(ecn.on_data(Flags::ACK | CWR, Codepoint::Ect0));
        assert_eq!(ecn.echo(), Flags::NONE);
    }

    #[test]
    fn the_first_new_data_after_a_reduction_says_so() {
        let mut ecn = agreed();
        assert_eq!(ecn.mark_new_data(), (Codepoint::Ect0, Flags::NONE));
        ecn.on_reduced(Seq(1000));
        assert_eq!(ecn.mark_new_data(), (Codepoint::Ect0, CWR));
        assert_eq!(ecn.mark_new_data(), (Codepoint::Ect0, Flags::NONE));
    }

    #[test]
    fn an_echo_is_news_beyond_what_was_outstanding_when_the_window_fell() {
        let mut ecn = agreed();
        assert!(ecn.is_echo_news(Seq(500)));
        ecn.on_reduced(Seq(1000));
        assert!(!ecn.is_echo_news(Seq(1000)));
        assert!(ecn.is_echo_news(Seq(1001)));
        assert!(ecn.is_echo_news(Seq(1001 + (1 << 31))), "half of the sequence space later");
        ecn.on_reduced(Seq(5000));
        ecn.on_restored();
        assert!(ecn.is_echo_news(Seq(4000)));
    }

    #[test]
    fn without_an_agreement_nothing_is_marked_heard_or_echoed() {
        let mut ecn = EcnState { setup: active(Flags::NONE, ECE), ..EcnState::default() };
        ecn.on_reduced(Seq(1000));
        assert_eq!(ecn.mark_new_data(), (Codepoint::NotEct, Flags::NONE));
        assert!(!ecn.on_data(Flags::ACK, Codepoint::Ce));
        assert_eq!(ecn.echo(), Flags::NONE);
        assert!(!ecn.hears_echo(Flags::ACK | ECE));
        assert!(agreed().hears_echo(Flags::ACK | ECE));
        assert!(!agreed().hears_echo(SYN_ACK | ECE));
    }
}
