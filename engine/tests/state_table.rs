//! The declared state machine: what it says as a whole, what is true of it as a whole, and the pages that show it.

mod generated;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use generated::{hold_dashboard, hold_part, hold_snapshot, table};
use sockwright_engine::tcp::state::{State, TRANSITIONS, Trigger};

use self::State::*;

#[test]
fn the_table_of_all_states_and_triggers_is_the_one_committed() {
    let mut text = format!("{:<16}", "");
    for state in State::ALL {
        write!(text, " {state:<12}").unwrap();
    }
    text = text.trim_end().to_owned() + "\n";
    for trigger in Trigger::ALL {
        let mut line = format!("{trigger:<16}");
        for state in State::ALL {
            write!(line, " {:<12}", state.after(trigger).map_or(".", State::name)).unwrap();
        }
        text += line.trim_end();
        text += "\n";
    }
    hold_snapshot("states.txt", &text);
}

#[test]
fn no_state_has_two_answers_to_one_trigger() {
    let mut seen = BTreeSet::new();
    for (from, trigger, _) in TRANSITIONS {
        assert!(seen.insert((from, trigger)), "{from} on {trigger} stands there twice");
    }
}

#[test]
fn every_state_and_every_trigger_is_in_use() {
    for state in State::ALL {
        assert!(TRANSITIONS.iter().any(|(from, _, _)| *from == state), "nothing leaves {state}");
    }
    for trigger in Trigger::ALL {
        assert!(TRANSITIONS.iter().any(|(_, on, _)| *on == trigger), "nothing happens on {trigger}");
    }
}

#[test]
fn every_state_is_reached_from_closed_and_leads_back_to_it() {
    for state in State::ALL {
        assert!(reachable(Closed).contains(&state), "{state} cannot be reached");
        assert!(reachable(state).contains(&Closed), "{state} never ends");
    }
}

#[test]
fn every_state_of_a_connection_can_be_aborted_and_ends_at_a_limit() {
    for state in State::ALL.into_iter().filter(|state| *state != Closed) {
        assert_eq!(state.after(Trigger::Abort), Some(Closed), "{state}");
        if state != Listen {
            assert_eq!(state.after(Trigger::Limit), Some(Closed), "{state}");
            // A reset ends every one but TIME-WAIT (RFC 1337).
            let ends = state != TimeWait;
            assert_eq!(state.after(Trigger::Rst), ends.then_some(Closed), "{state}");
        }
    }
}

#[test]
fn only_time_wait_waits_for_nothing_but_its_timer() {
    for state in State::ALL {
        assert_eq!(state.after(Trigger::TwoMslTimeout).is_some(), state == TimeWait, "{state}");
        // Each other state in which something of ours is to be acknowledged, or the peer to be heard, gives up in time.
        let gives_up = state.after(Trigger::GiveUpTimeout).is_some();
        assert_eq!(gives_up, !matches!(state, Closed | Listen | TimeWait), "{state}");
    }
}

#[test]
fn the_predicates_of_a_state_agree_with_its_arrows() {
    for state in State::ALL {
        let takes_fin = state.after(Trigger::Fin).is_some();
        // The handshakes take a FIN too, but only after they are over.
        let in_handshake = matches!(state, SynSent | SynReceived);
        assert_eq!(state.may_receive(), takes_fin || in_handshake, "{state}");
        assert_eq!(state.fin_outstanding(), state.after(Trigger::AckOfFin).is_some(), "{state}");
        assert_eq!(state.may_send(), state.after(Trigger::Close).is_some() && state != Listen, "{state}");
    }
}

/// Read off the figure, arrow by arrow, from its top.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.3.2
//= type=test
//# The state diagram in Figure 5 illustrates only state changes,
//# together with the causing events and resulting actions, but addresses
//# neither error conditions nor actions that are not connected with
//# state changes.
#[test]
fn every_arrow_of_figure_5_is_there() {
    const FIGURE_5: [(State, Trigger, State); 18] = [
        (Closed, Trigger::PassiveOpen, Listen),
        (Listen, Trigger::Close, Closed),
        (Closed, Trigger::ActiveOpen, SynSent),
        (SynSent, Trigger::Close, Closed),
        (Listen, Trigger::Syn, SynReceived),
        (SynSent, Trigger::Syn, SynReceived),
        (SynReceived, Trigger::AckOfSyn, Established),
        (SynSent, Trigger::SynAck, Established),
        (SynReceived, Trigger::Close, FinWait1),
        (Established, Trigger::Close, FinWait1),
        (Established, Trigger::Fin, CloseWait),
        (FinWait1, Trigger::Fin, Closing),
        (FinWait1, Trigger::AckOfFin, FinWait2),
        (CloseWait, Trigger::Close, LastAck),
        (FinWait2, Trigger::Fin, TimeWait),
        (Closing, Trigger::AckOfFin, TimeWait),
        (LastAck, Trigger::AckOfFin, Closed),
        (TimeWait, Trigger::TwoMslTimeout, Closed),
    ];
    for (from, trigger, to) in FIGURE_5 {
        assert_eq!(from.after(trigger), Some(to), "{from} on {trigger}");
    }
    // The figure's other two: `SEND` in LISTEN, which no socket call makes, and a RST in SYN-RECEIVED that returns to
    // LISTEN: our listener never left it, and the child ends.
    assert_eq!(SynReceived.after(Trigger::Rst), Some(Closed));
    // The figure has no more than these and ours only adds ends: errors, timeouts, limits, and a repeated handshake.
    for (from, trigger, to) in TRANSITIONS {
        let drawn = FIGURE_5.contains(&(*from, *trigger, *to));
        assert!(drawn || *to == Closed, "{from} on {trigger} to {to} is not in the figure");
    }
}

#[test]
fn the_page_tells_what_each_state_means() {
    let rows = State::ALL.map(|state| [format!("`{state}`"), meaning(state).to_owned()]);
    hold_part("state-machine.md", "states", &table(["State", "Means"], rows));
}

#[test]
fn the_page_draws_the_life_of_a_connection() {
    let mut text = String::from("```mermaid\nstateDiagram-v2\n");
    for state in State::ALL {
        writeln!(text, "    state \"{state}\" as {}", identifier(state)).unwrap();
    }
    text += "    [*] --> CLOSED\n";
    for (from, trigger, to) in TRANSITIONS.iter().filter(|(_, trigger, _)| is_of_the_normal_life(*trigger)) {
        // A repeated handshake that begins anew ends the child; the figure leaves such things out.
        if (*from, *trigger) != (SynReceived, Trigger::Syn) {
            writeln!(text, "    {} --> {}: {trigger}", identifier(*from), identifier(*to)).unwrap();
        }
    }
    hold_part("state-machine.md", "diagram", &(text + "```"));
}

#[test]
fn the_page_lists_every_transition() {
    let mut ways: BTreeMap<(State, State), Vec<&str>> = BTreeMap::new();
    for (from, trigger, to) in TRANSITIONS {
        ways.entry((*from, *to)).or_default().push(trigger.name());
    }
    let rows = ways
        .into_iter()
        .map(|((from, to), triggers)| [format!("`{from}`"), triggers.join("; "), format!("`{to}`")]);
    hold_part("state-machine.md", "transitions", &table(["From", "On", "To"], rows));
}

#[test]
fn the_page_tells_who_pulls_each_trigger() {
    let rows = Trigger::ALL.map(|trigger| {
        let moves = TRANSITIONS.iter().filter(|(_, on, _)| *on == trigger);
        let from: Vec<_> = moves.map(|(from, _, to)| format!("{from}→{to}")).collect();
        let ends = from.iter().filter(|arrow| arrow.ends_with("→CLOSED")).count();
        let moves = if from.len() > 3 && ends == from.len() {
            format!("{} states→CLOSED", from.len())
        } else {
            from.join(", ")
        };
        [trigger.name().to_owned(), origin(trigger).to_owned(), moves]
    });
    hold_part("state-machine.md", "triggers", &table(["Trigger", "Comes from", "Moves"], rows));
}

/// The dashboard draws the diagram from this file, and marks in it the road that a connection took.
#[test]
fn the_dashboard_has_the_table() {
    let states = State::ALL.map(|state| {
        let means = meaning(state);
        format!("    {{ \"name\": \"{state}\", \"means\": \"{means}\" }}")
    });
    let transitions = TRANSITIONS.iter().map(|(from, trigger, to)| {
        let fails = !is_of_the_normal_life(*trigger);
        format!("    {{ \"from\": \"{from}\", \"on\": \"{trigger}\", \"to\": \"{to}\", \"fails\": {fails} }}")
    });
    let transitions: Vec<_> = transitions.collect();
    let (states, transitions) = (states.join(",\n"), transitions.join(",\n"));
    let text = format!("{{\n  \"states\": [\n{states}\n  ],\n  \"transitions\": [\n{transitions}\n  ]\n}}\n");
    hold_dashboard("transitions.json", &text);
}

fn reachable(start: State) -> BTreeSet<State> {
    let (mut seen, mut next) = (BTreeSet::from([start]), vec![start]);
    while let Some(state) = next.pop() {
        for (_, _, to) in TRANSITIONS.iter().filter(|(from, _, _)| *from == state) {
            if seen.insert(*to) {
                next.push(*to);
            }
        }
    }
    seen
}

fn identifier(state: State) -> String {
    state.name().replace('-', "_")
}

/// What the RFC's figure draws: all but the ways in which a connection fails.
fn is_of_the_normal_life(trigger: Trigger) -> bool {
    use Trigger::*;
    !matches!(trigger, Abort | Rst | GiveUpTimeout | IcmpError | Limit)
}

fn meaning(state: State) -> &'static str {
    match state {
        Closed => "There is no connection: not yet, or no more.",
        Listen => {
            "Waits for a SYN from anyone. Each one begins a connection of its own; the listener stays here."
        }
        SynSent => "We opened: our SYN is out, the peer's is awaited.",
        SynReceived => {
            "Both SYNs are exchanged; the peer's acknowledgment of ours is awaited. Where a listener's connections begin."
        }
        Established => "Open: data flows both ways.",
        FinWait1 => "We closed first; our FIN waits to be sent or acknowledged. We still receive.",
        FinWait2 => "Our FIN is acknowledged; the peer's is awaited. The half-close: we still receive.",
        CloseWait => "The peer closed; we have not. The other side of a half-close: we still send.",
        Closing => "Both closed at once: each FIN crossed the other, and ours is not acknowledged yet.",
        LastAck => "The peer closed, then we did; the acknowledgment of our FIN is the last thing awaited.",
        TimeWait => "Both FINs are acknowledged, and we were first to close. Waits 2·MSL, then forgets.",
    }
}

fn origin(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::PassiveOpen => "`Listen`",
        Trigger::ActiveOpen => "`Connect`",
        Trigger::Close => "`Shutdown` for writing; `Close`; a session that expires by the policy FIN",
        Trigger::Abort => {
            "`Abort`; `Close` with a linger time of 0 or with unread data; a session's policy RESET or VANISH"
        }
        Trigger::Syn => "A SYN arrives (in SYN-RECEIVED: another one than the handshake began with)",
        Trigger::SynAck => "The SYN,ACK that answers our SYN arrives",
        Trigger::AckOfSyn => "The acknowledgment of our SYN,ACK arrives",
        Trigger::AckOfFin => "The acknowledgment of our FIN arrives",
        Trigger::Fin => "The peer's FIN arrives, and all data before it has",
        Trigger::LateData => "Data arrives for a socket that its caller closed; answered with a reset",
        Trigger::Rst => {
            "A RST arrives at the very sequence number expected (in SYN-SENT: one that acknowledges our SYN)"
        }
        Trigger::TwoMslTimeout => "Twice the socket's `msl` passed",
        Trigger::GiveUpTimeout => {
            "`user_timeout`; unanswered keep-alive probes; a minute in FIN-WAIT-2 after `Close`"
        }
        Trigger::IcmpError => "An ICMP message that says nobody will answer our SYN",
        Trigger::Limit => "The stack's limit of TIME-WAIT records; an invariant of the engine found broken",
    }
}
