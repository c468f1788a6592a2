//! The renderer, on stories made by hand.

use sockwright_proto::v1::{Cause, Event, Segment, SocketAddress, TcpState, TcpStateChanged, cause, event};

use super::story::Party;
use super::{CallPart, Ladder, Moment, Side, Story};

fn tell(moments: Vec<Moment>) -> String {
    let party = |name: &str| Party { stack: name.to_owned(), title: name.to_owned() };
    Ladder::of(&Story { left: party("a"), right: party("b"), moments }).to_text(false)
}

fn event(stack: &str, millis: u64, kind: event::Kind) -> Moment {
    Moment::Event(Box::new(Event {
        stack: stack.to_owned(),
        time_ns: millis * 1_000_000,
        kind: Some(kind),
        ..Default::default()
    }))
}

fn segment(from: &str, text: &str) -> Segment {
    let source = Some(SocketAddress { ip: from.to_owned(), port: 1 });
    Segment { source, flags: u32::from(text.contains('S')) << 1, text: text.to_owned(), ..Default::default() }
}

fn state(to: TcpState, cause: cause::Cause) -> event::Kind {
    let cause = Some(Cause { cause: Some(cause) });
    event::Kind::TcpStateChanged(TcpStateChanged { to: to.into(), cause, ..Default::default() })
}

#[test]
fn a_lost_segment_ends_in_a_cross_and_a_reset_closes_both() {
    let syn = || event::Kind::SegmentSent(segment("a", "S 0:0(0) win 65535 <mss 1460>"));
    let reset = segment("b", "R. 0:0(0) ack 1 win 0");
    let call = |text: &str, part| Moment::Call { side: Side::Left, text: text.to_owned(), part };
    let picture = tell(vec![
        call("connect()", CallPart::Begins),
        event("a", 0, state(TcpState::SynSent, cause::Cause::Call("Connect".to_owned()))),
        event("a", 0, syn()),
        event("a", 1000, syn()),
        event("b", 1010, event::Kind::SegmentReceived(segment("a", "S 0:0(0) win 65535 <mss 1460>"))),
        event("b", 1010, event::Kind::SegmentSent(reset.clone())),
        event("a", 1020, event::Kind::SegmentReceived(reset)),
        event("a", 1020, state(TcpState::Closed, cause::Cause::Segment("R.".to_owned()))),
        call("ECONNREFUSED", CallPart::Returns),
    ]);
    let expected = " seconds  a                                                               b
          connect() ═══════╗                                            │
   0.000  SYN-SENT         ║────── S 0:0(0) win 65535 <mss 1460> ──────X│
   1.000                   ║────── S 0:0(0) win 65535 <mss 1460> ──────>│                      1.010
   1.020  CLOSED           ║<───────── R. 0:0(0) ack 1 win 0 ───────────│                      1.010
          ECONNREFUSED ════╝                                            │
";
    let drawn = picture.split("\n\n").next().unwrap();
    assert_eq!(format!("{drawn}\n"), expected);
}

#[test]
fn colour_changes_nothing_but_colour() {
    let moments = vec![Moment::Act("x".to_owned())];
    let party = |name: &str| Party { stack: name.to_owned(), title: name.to_owned() };
    let ladder = Ladder::of(&Story { left: party("a"), right: party("b"), moments });
    let mut plain = String::new();
    let mut escape = false;
    for c in ladder.to_text(true).chars() {
        match c {
            '\x1b' => escape = true,
            'm' if escape => escape = false,
            _ if escape => {}
            c => plain.push(c),
        }
    }
    let trimmed: Vec<_> = plain.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, ladder.to_text(false).lines().map(str::trim_end).collect::<Vec<_>>());
}
