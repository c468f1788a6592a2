//! Segments as tcpdump and packetdrill write them.

use alloc::format;
use alloc::string::ToString;

use crate::tcp::seq::Seq;
use crate::wire::*;

fn summary(flags: Flags, seq: u32, len: u32, ack: u32, window: u16) -> TcpSummary {
    TcpSummary { flags, seq: Seq(seq), ack: Seq(ack), window, len, urgent: 0, options: TcpOptions::NONE }
}

#[test]
fn flags_have_the_letters_of_tcpdump() {
    let shown = [
        (Flags::SYN, "S"),
        (Flags::SYN | Flags::ACK, "S."),
        (Flags::PSH | Flags::ACK, "P."),
        (Flags::FIN | Flags::ACK, "F."),
        (Flags::FIN | Flags::PSH | Flags::ACK, "FP."),
        (Flags::RST, "R"),
        (Flags::RST | Flags::ACK, "R."),
        (Flags::ACK, "."),
        (Flags::SYN | Flags::ECE | Flags::CWR, "SEW"),
        (Flags(0xff), "FSRP.UEW"),
        (Flags::NONE, "-"),
    ];
    for (flags, letters) in shown {
        assert_eq!(flags.to_string(), letters);
    }
}

#[test]
fn segments_read_as_in_a_packetdrill_script() {
    let syn = TcpSummary {
        options: TcpOptions { mss: Some(1460), ..TcpOptions::NONE },
        ..summary(Flags::SYN, 0, 0, 9, 65535)
    };
    assert_eq!(syn.to_string(), "S 0:0(0) win 65535 <mss 1460>");
    let data = summary(Flags::PSH | Flags::ACK, 1, 1000, 1, 257);
    assert_eq!(data.to_string(), "P. 1:1001(1000) ack 1 win 257");
    assert_eq!(summary(Flags::RST, 1, 0, 5, 0).to_string(), "R 1:1(0) win 0");

    let mut options = TcpOptions {
        mss: Some(1000),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 100, echo: 50 }),
        ..TcpOptions::NONE
    };
    options.sack.push(Seq(2001), Seq(3001));
    options.sack.push(Seq(4001), Seq(5001));
    let all = TcpSummary { options, ..summary(Flags::ACK, 1, 0, 1, 257) };
    let expected = "<mss 1000,sackOK,TS val 100 ecr 50,wscale 7,sack 2001:3001 4001:5001>";
    assert_eq!(all.to_string(), format!(". 1:1(0) ack 1 win 257 {expected}"));
}

#[test]
fn relative_numbers_wrap_and_sack_blocks_follow_the_acknowledgment() {
    let (isn, peer_isn) = (Seq(u32::MAX - 1), Seq(u32::MAX));
    let mut ack = summary(Flags::ACK, isn.0.wrapping_add(1), 1000, peer_isn.0.wrapping_add(1), 257);
    ack.options.sack.push(peer_isn + 1001, peer_isn + 2001);
    assert_eq!(
        ack.display_relative(isn, peer_isn).to_string(),
        ". 1:1001(1000) ack 1 win 257 <sack 1001:2001>"
    );
}

#[test]
fn every_reason_to_drop_has_its_own_words() {
    assert_eq!(Malformed::BadChecksum.to_string(), "bad checksum");
    assert_ne!(Malformed::BadHeaderLength.as_str(), Malformed::BadTotalLength.as_str());
}
