// The kinds of events in the groups in which people ask for them.

import { EventKind } from "@v1/common_pb";
import type { Event } from "@v1/events_pb";
import { kindName } from "./tcp";

export interface Group {
  id: string;
  name: string;
  kinds: readonly EventKind[];
}

/** What a watch without kinds tells: it costs the server nothing. */
export const STATES: Group = {
  id: "states",
  name: "States and errors",
  kinds: [
    EventKind.OPENED,
    EventKind.NAMED,
    EventKind.SOCKET_STATE_CHANGED,
    EventKind.TCP_STATE_CHANGED,
    EventKind.ACCEPT_READY,
    EventKind.FAILED,
    EventKind.LIMIT_HIT,
    EventKind.RELEASED,
    EventKind.ADDRESS_CONFLICT,
    EventKind.LINK_CHANGED,
    EventKind.STACK_FAILED,
    EventKind.DRAINING,
  ],
};

/** Every kind is in one group. */
export const GROUPS: readonly Group[] = [
  STATES,
  {
    id: "segments",
    name: "Segments",
    kinds: [
      EventKind.SEGMENT_SENT,
      EventKind.SEGMENT_RECEIVED,
      EventKind.SEGMENT_DROPPED,
      EventKind.RETRANSMISSION,
      EventKind.FRAME_LOST,
      EventKind.DATAGRAM,
    ],
  },
  { id: "timers", name: "Timers", kinds: [EventKind.TIMER] },
  { id: "data", name: "Data", kinds: [EventKind.READABLE, EventKind.ACKNOWLEDGED, EventKind.URGENT] },
  {
    id: "congestion",
    name: "Congestion",
    kinds: [
      EventKind.RECOVERY,
      EventKind.UNDO,
      EventKind.CONGESTION,
      EventKind.RTT_SAMPLE,
      EventKind.WINDOWS,
      EventKind.PATH_MTU,
    ],
  },
  { id: "network", name: "Network", kinds: [EventKind.ICMP_RECEIVED, EventKind.NEIGHBOR] },
];

/** The kinds of the groups with these identifiers; those of `STATES` where there is none. */
export function kindsOf(groups: ReadonlySet<string>): EventKind[] {
  const chosen = GROUPS.filter(({ id }) => groups.has(id)).flatMap(({ kinds }) => kinds);
  return chosen.length > 0 ? chosen : [...STATES.kinds];
}

/** Whether an event is of one of the kinds. Each names a field of `Event.kind`. */
export function isOfKinds(event: Event, kinds: ReadonlySet<EventKind>): boolean {
  const name = kindName(event).toUpperCase() as keyof typeof EventKind;
  return kinds.has(EventKind[name]);
}

/** Whether the server remembers all of these without being watched: nothing of them is missed by who comes back in time. */
export function isRemembered(kinds: readonly EventKind[]): boolean {
  return kinds.every((kind) => STATES.kinds.includes(kind));
}
