//! The timers that run: those that `GetInfo` told of, and what was started, stopped and fired since.

use sockwright_proto::v1;
use sockwright_proto::v1::event::Kind;

use super::{Connection, Side};

/// The timers of the socket that run, the next to fire first.
pub fn timers(connection: &Connection) -> Vec<v1::RunningTimer> {
    if connection.end(Side::Near).is_none_or(|end| end.released) {
        return Vec::new();
    }
    let info = connection.info();
    let told = info.and_then(|info| info.tcp.as_ref()).map(|tcp| tcp.timers.clone());
    // What happened in the moment of the answer may be in it or not: it is the same either way.
    let told_ns = info.map_or(0, |info| info.time_ns);
    let mut running = told.unwrap_or_default();
    for event in connection.events() {
        if event.socket != connection.socket() || event.time_ns < told_ns {
            continue;
        }
        let Some(Kind::Timer(timer)) = &event.kind else { continue };
        running.retain(|running| running.timer != timer.timer);
        if timer.action() == v1::TimerAction::Started {
            running.push(v1::RunningTimer { timer: timer.timer, deadline_ns: timer.deadline_ns });
        }
    }
    running.sort_by_key(|timer| timer.deadline_ns);
    running
}
