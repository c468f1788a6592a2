//! The law of conflation, against the full stream.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::conflate::Conflater;
use super::super::ring::Record;
use super::*;

fn any_event() -> impl Strategy<Value = HubEvent> {
    (1u64..4, 0u32..12, 0usize..11, 0usize..11).prop_map(|(socket, choice, from, to)| match choice {
        0 => opened(socket),
        1 => named(socket),
        2 | 3 => tcp(socket, State::ALL[from], State::ALL[to]),
        4 => sockets(socket, SocketState::Bound, SocketState::Listening),
        5 => readable(socket, 7),
        6 => event(socket, EventKind::Acknowledged { bytes: 1, outstanding: 2 }),
        7 => event(socket, EventKind::Failed(Errno::ETIMEDOUT)),
        8 => event(socket, EventKind::AcceptReady { child: SocketId(9), queued: 1 }),
        9 => event(socket, EventKind::Windows { snd_wnd: 1, rcv_wnd: 2 }),
        10 => event(socket, EventKind::Urgent { pointer: 1 }),
        _ => released(socket),
    })
}

/// The kinds that tell a level, as the contract lists them at `DELIVERY_CONFLATE`.
fn is_level(kind: pb::EventKind) -> bool {
    use pb::EventKind as K;
    [
        K::Named,
        K::SocketStateChanged,
        K::TcpStateChanged,
        K::Readable,
        K::Acknowledged,
        K::AcceptReady,
        K::Recovery,
        K::Congestion,
        K::RttSample,
        K::Windows,
        K::PathMtu,
    ]
    .contains(&kind)
}

/// Everything that happened after `cursor`.
fn records_after(hub: &Hub, mut cursor: u64) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some(block) = hub.lock().ring.block_after(cursor) {
        records.extend_from_slice(block.after(cursor));
        cursor = records.last().map_or(cursor, |last| last.seq);
    }
    records
}

proptest! {
    #[test]
    fn conflation_loses_only_what_is_outdated(
        events in prop::collection::vec((any_event(), 0usize..3), 0..200),
    ) {
        let (hub, stack) = hub(HubConfig::default());
        let (events, reads): (Vec<_>, Vec<_>) = events.into_iter().unzip();
        hub.publish(&stack, events);
        let full = records_after(&hub, 0);

        let (mut conflater, mut told) = (Conflater::default(), Vec::new());
        for (record, read) in full.iter().zip(reads) {
            conflater.push(record);
            told.extend(std::iter::from_fn(|| conflater.pop()).take(read / 2).map(|record| *record));
        }
        let waiting = conflater.len();
        let rest: Vec<_> = std::iter::from_fn(|| conflater.pop()).map(|record| *record).collect();
        prop_assert_eq!(rest.len(), waiting);
        prop_assert_eq!((conflater.len(), conflater.levels()), (0, 0), "nothing is kept of what was told");
        told.extend(rest);

        // In order, and nothing twice.
        prop_assert!(told.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        // What tells no level is all there.
        let others = |records: &[Record]| -> Vec<u64> {
            records.iter().filter(|record| !is_level(record.kind())).map(|record| record.seq).collect()
        };
        prop_assert_eq!(others(&told), others(&full));
        // Of every level the last is there.
        let last = |records: &[Record]| -> HashMap<_, u64> {
            records.iter().map(|record| ((record.event.socket(), record.kind()), record.seq)).collect()
        };
        prop_assert_eq!(last(&told), last(&full));
        // What waits is bounded by levels, however much happens.
        let kept = full.iter().filter(|record| !is_level(record.kind())).count();
        prop_assert!(waiting <= kept + 3 * 6);
    }
}
