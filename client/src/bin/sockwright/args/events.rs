//! The verb of the service `Events`.

use clap::Args;
use sockwright_client::v1::{Delivery, EventKind};

use super::filter::FilterArgs;
use crate::names::{Worded, Words};
use crate::parse::position::{Point, point};

/// See `Events.Watch`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Which sockets and events.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Which events.
    #[command(flatten)]
    kinds: KindArgs,
    /// When falling behind: merge what happened to one socket, and never end
    #[arg(long, conflicts_with = "lossless", help_heading = "Delivery")]
    conflate: bool,
    /// When falling behind: end with an error (the default)
    #[arg(long, help_heading = "Delivery")]
    lossless: bool,
    /// Go on after this position, without the sockets that are there; 0 is the beginning of the server's run
    #[arg(long, value_name = "[EPOCH:]SEQ", value_parser = point, help_heading = "Delivery")]
    pub(crate) resume: Option<Point>,
    /// Events that may wait for this watcher [default: the server's limit]
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true, help_heading = "Delivery")]
    pub(crate) queue_limit: u32,
}

/// Which kinds of event. Without any of them: those that tell states and errors.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kinds of event")]
struct KindArgs {
    /// These kinds, in place of those that tell states and errors
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = Words::<EventKind>::parser())]
    kind: Vec<EventKind>,
    /// Segments, datagrams and lost frames, too
    #[arg(long)]
    segments: bool,
    /// All kinds: timers, readiness, acknowledgments, recovery, congestion, round trips and windows, too
    #[arg(long, conflicts_with_all = ["kind", "segments"])]
    all_kinds: bool,
}

impl Watch {
    /// How it is to be treated when it falls behind.
    pub(crate) fn delivery(&self) -> Delivery {
        if self.conflate { Delivery::Conflate } else { Delivery::Lossless }
    }

    /// The kinds of event; empty: the server's default.
    pub(crate) fn kinds(&self) -> Vec<EventKind> {
        if self.kinds.all_kinds {
            return EventKind::all().collect();
        }
        let mut kinds = self.kinds.kind.clone();
        if self.kinds.segments {
            if kinds.is_empty() {
                kinds.extend(DEFAULT_KINDS);
            }
            kinds.extend(SEGMENT_KINDS);
        }
        kinds
    }
}

/// What a filter without kinds means; see `WatchRequest.filter`.
const DEFAULT_KINDS: [EventKind; 12] = [
    EventKind::Opened,
    EventKind::Named,
    EventKind::SocketStateChanged,
    EventKind::TcpStateChanged,
    EventKind::AcceptReady,
    EventKind::Failed,
    EventKind::LimitHit,
    EventKind::Released,
    EventKind::AddressConflict,
    EventKind::LinkChanged,
    EventKind::StackFailed,
    EventKind::Draining,
];

const SEGMENT_KINDS: [EventKind; 6] = [
    EventKind::SegmentSent,
    EventKind::SegmentReceived,
    EventKind::SegmentDropped,
    EventKind::Retransmission,
    EventKind::Datagram,
    EventKind::FrameLost,
];

/// The long help.
pub(super) const ABOUT: &str = "\
Print what happens, as it happens

Prints the sockets that are there, then a line for every event, until it is interrupted or --timeout is over:

  0.001500 lab/b #3 web  LISTEN -> SYN-RECEIVED  (S)  10.0.0.2:80 < 10.0.0.1:49152
  0.001500 lab/b #3 web > S. 0:0(0) ack 1 win 65535 <mss 1460>
  TIME     STACK ID LABEL

In a change of state, `<` says that the peer caused it and `>` that we did. Segments are `>` sent, `<` received or \
`x` dropped. A label shows only where there is one.

With --json each line is an object: {\"snapshot\": SOCKET} for a socket that was there, {\"snapshotEnd\": POSITION}, \
then {\"epoch\": EPOCH, \"event\": EVENT}, and {\"gap\": GAP} where events were lost.";

pub(super) const EXAMPLES: &str = "\
Examples:
  sockwright watch --label web
  sockwright watch --stack lab/a --segments
  sockwright watch --kind tcp-state-changed --state TIME-WAIT,CLOSED
  sockwright watch --resume 0 --timeout 1s                 what happened so far
  sockwright watch --json | jq -r 'select(.event.failed) | .event.failed.errnoName'";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Verb};

    fn watch(flags: &str) -> Watch {
        let cli =
            Cli::try_parse_from(["sockwright", "watch"].into_iter().chain(flags.split_whitespace())).unwrap();
        match cli.verb {
            Verb::Watch(watch) => watch,
            verb => panic!("{verb:?}"),
        }
    }

    #[test]
    fn kinds_are_the_servers_choice_unless_asked_for() {
        assert!(watch("").kinds().is_empty());
        assert_eq!(watch("--kind opened,RELEASED").kinds(), [EventKind::Opened, EventKind::Released]);
        assert_eq!(watch("--segments").kinds().len(), 18);
        assert_eq!(watch("--segments --kind timer").kinds().len(), 7);
        assert_eq!(watch("--all-kinds").kinds().len(), 30);
    }

    #[test]
    fn a_watch_is_lossless_unless_told_otherwise() {
        assert_eq!(watch("").delivery(), Delivery::Lossless);
        assert_eq!(watch("--conflate").delivery(), Delivery::Conflate);
    }

    #[test]
    fn filters_are_lists() {
        let watch = watch("--socket 1,2 --socket 3 --state time-wait --address FD00::1 --port 80");
        let filter = sockwright_client::v1::Filter::from(watch.filter);
        assert_eq!((filter.sockets, filter.tcp_states), (vec![1, 2, 3], vec![11]));
        assert_eq!((filter.addresses, filter.ports), (vec!["fd00::1".to_string()], vec![80]));
    }
}
