//! The user timeout option (RFC 5482): what is told, what is heard, and what comes of it.

mod common;

use std::time::Duration;

use common::script::Script;
use sockwright_engine::host::op::Request;
use sockwright_engine::tcp::config::OptionsPatch;

/// The option on, and nothing else said of the timeout.
fn on() -> OptionsPatch {
    OptionsPatch { user_timeout_option: Some(true), ..OptionsPatch::default() }
}

fn set(s: &mut Script, options: OptionsPatch) {
    s.host.call(Request::SetOptions { socket: s.socket, options }).unwrap();
}

/// After how many seconds what is sent now ends the connection.
fn gives_up_after(s: &mut Script) -> u64 {
    let began = s.host.now;
    s.send(1);
    while s.state() != "CLOSED" {
        s.advance(1000);
        s.sent();
    }
    (s.host.now - began).as_secs()
}

//= https://www.rfc-editor.org/rfc/rfc5482#section-3
//= type=test
//# a
//# connection that has enabled UTO options SHOULD include a UTO option
//# in the first packet that does not have the SYN flag set.
#[test]
fn the_option_is_on_the_syn_and_on_the_first_segment_after_it() {
    let mut s = Script::connecting(on());
    s.expect(&["S 0:0(0) win 65535 <mss 1460,uto 300s>"]);
    s.exchange("S. 0:0(0) ack 1 win 10000 <mss 1000>", &[". 1:1(0) ack 1 win 65535 <uto 300s>"]);
    s.inject("P. 1:1001(1000) ack 1 win 10000");
    s.exchange("P. 1001:2001(1000) ack 1 win 10000", &[". 1:1(0) ack 2001 win 63535"]);

    let mut s = Script::listening(on());
    s.exchange("S 0:0(0) win 10000 <mss 1000>", &["S. 0:0(0) ack 1 win 65535 <mss 1460,uto 300s>"]);
    s.inject(". 1:1(0) ack 1 win 10000");
    s.socket = s.host.accept(s.listener.unwrap());
    s.send(1000);
    // It takes its room from the data.
    s.expect(&[". 1:997(996) ack 1 win 65535 <uto 300s>"]);
}

//= https://www.rfc-editor.org/rfc/rfc5482#section-3
//= type=test
//# A host that supports the UTO option SHOULD include one in the next
//# possible outgoing segment whenever it starts using a new user timeout
//# for the connection.
#[test]
fn a_new_timeout_is_told_with_the_next_segment() {
    let mut s = Script::accepted_with(on());
    s.send(1);
    s.expect(&["P. 1:2(1) ack 1 win 65535 <uto 300s>"]);
    let minutes = Duration::from_secs(40_000);
    set(&mut s, OptionsPatch { user_timeout: Some(minutes), ..OptionsPatch::default() });
    s.inject(". 1:1(0) ack 2 win 10000");
    s.send(1);
    // Too long for seconds: whole minutes.
    s.expect(&["P. 2:3(1) ack 1 win 65535 <uto 39960s>"]);
    s.inject(". 1:1(0) ack 3 win 10000");
    s.send(1);
    s.expect(&["P. 3:4(1) ack 1 win 65535"]);
}

#[test]
fn nothing_is_told_and_nothing_heard_with_the_option_off() {
    let mut s = Script::accepted();
    s.inject("P. 1:2(1) ack 1 win 10000 <uto 1000s>");
    assert_eq!(s.info().peer_user_timeout, None);
    assert_eq!(gives_up_after(&mut s), 300);
}

//= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
//= type=test
//# Under the RECOMMENDED scheme, and when CHANGEABLE is true, each end
//# SHOULD compute the local USER TIMEOUT for a connection according to
//# this formula:
//#
//# USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT))
//= https://www.rfc-editor.org/rfc/rfc5482#section-3
//= type=test
//# Hosts MUST impose upper and lower limits on the user timeouts they
//# use for a connection.
#[test]
fn the_longer_of_the_two_counts_inside_of_the_limits() {
    for (peer, both) in [(600, 600), (10, 300), (2_000_000, 3600)] {
        let mut s = Script::accepted_with(on());
        s.inject(&format!("P. 1:2(1) ack 1 win 10000 <uto {peer}s>"));
        assert_eq!(gives_up_after(&mut s), both, "{peer}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
//= type=test
//# If the CHANGEABLE flag is false, USER_TIMEOUT MUST NOT
//# be changed, regardless of the received UTO option.
//= https://www.rfc-editor.org/rfc/rfc5482#section-3
//= type=test
//# If an application
//# explicitly sets the USER_TIMEOUT, CHANGEABLE MUST become false in
//# order to prevent UTO options (from the other end) from overriding
//# local application requests.
#[test]
fn what_the_user_set_stays_and_the_peers_can_be_asked_for() {
    let chosen = OptionsPatch { user_timeout: Some(Duration::from_secs(20)), ..on() };
    let mut s = Script::accepted_with(chosen);
    s.inject("P. 1:2(1) ack 1 win 10000 <uto 600s>");
    assert_eq!(s.info().peer_user_timeout, Some(Duration::from_secs(600)));
    assert_eq!(gives_up_after(&mut s), 20);
}

//= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
//= type=test
//# Consequently, the lower limit (L_LIMIT)
//# SHOULD be set to at least 100 seconds when following the RECOMMENDED
//# scheme described in this section.
#[test]
fn what_arrives_while_something_waits_counts_from_then() {
    let mut s = Script::accepted_with(on());
    s.send(1);
    s.advance(200_000);
    s.inject("P. 1:2(1) ack 1 win 10000 <uto 500s>");
    s.advance(499_000);
    assert_eq!(s.state(), "ESTABLISHED");
    s.advance(1_000);
    assert_eq!(s.state(), "CLOSED");
}

//= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
//= type=test
//# Connections in other
//# states MUST use the default timeout values defined in [RFC0793] and
//# [RFC1122].
#[test]
fn an_attempt_to_open_goes_by_its_own_timeout() {
    let mut s = Script::connecting(on());
    s.sent();
    s.inject("S 0:0(0) win 10000 <mss 1000,uto 3000s>");
    s.advance(299_000);
    assert_eq!(s.state(), "SYN-RECEIVED");
    s.advance(1_000);
    assert_eq!(s.state(), "CLOSED");
}
