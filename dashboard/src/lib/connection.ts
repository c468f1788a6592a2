// One connection as its events tell it. Everything that draws a connection derives what it draws from this.
//
// Owns: the events of a socket, and of its other end where that is ours too, in the order of `seq` and each once; where
// events are missing; what was last known of both ends. Never touches the server or a page.
//
//   const model = new ConnectionModel(12n);
//   model.summarise(sockets); model.push(events); model.gap(gap);
//   model.events; model.near?.tcpState; model.holes;

import type { SocketAddress, SocketSummary } from "@v1/common_pb";
import { SocketState, TcpState } from "@v1/common_pb";
import type { Event, Gap } from "@v1/events_pb";

/** What is known of one end of a connection: as the last event or snapshot tells it. */
export interface End {
  readonly socket: bigint;
  stack: string;
  session: string;
  label: string;
  local: SocketAddress | undefined;
  remote: SocketAddress | undefined;
  socketState: SocketState;
  tcpState: TcpState;
  /** When its TCP state last changed, on the stack's clock. */
  stateTimeNs: bigint;
  /** It was released: it is no more. */
  released: boolean;
}

/** A hole in what is known: it lies before the event with this index. */
export interface Hole {
  index: number;
  gap: Gap;
}

/** What a model holds at a moment: it goes on, and this stays as it is. */
export interface Known extends Pick<ConnectionModel, "events" | "holes" | "near" | "far" | "forgotten"> {}

export const NOTHING_KNOWN: Known = { events: [], holes: [], near: undefined, far: undefined, forgotten: 0 };

/** What a model holds now. */
export function holding({ events, holes, near, far, forgotten }: ConnectionModel): Known {
  return {
    events: events.slice(),
    holes: holes.slice(),
    near: near && { ...near },
    far: far && { ...far },
    forgotten,
  };
}

/** Events kept at most; beyond that the oldest half goes. */
const EVENTS_AT_MOST = 200_000;

export class ConnectionModel {
  /** The socket that this is about. */
  readonly socket: bigint;
  /** In the order of `seq`, without a double. */
  events: Event[] = [];
  /** In the order of their index. */
  holes: Hole[] = [];
  /** Old events that were let go because there were too many. */
  forgotten = 0;
  readonly #ends = new Map<bigint, End>();
  /** The newest event of each end that was applied. */
  readonly #applied = new Map<bigint, bigint>();
  readonly #listeners = new Set<() => void>();
  readonly #limit: number;

  constructor(socket: bigint, limit = EVENTS_AT_MOST) {
    this.socket = socket;
    this.#limit = limit;
  }

  /** Our end. */
  get near(): End | undefined {
    return this.#ends.get(this.socket);
  }

  /** The other end, where it is a socket of this server that is known here. */
  get far(): End | undefined {
    for (const end of this.#ends.values()) if (end.socket !== this.socket) return end;
    return undefined;
  }

  /** What a snapshot, `List` or `GetInfo` says of this socket or its other end. */
  summarise(summary: SocketSummary): void {
    const { socket, stack, session, label, local, remote, socketState, tcpState, stateTimeNs } = summary;
    const end = { socket, stack, session, label, local, remote, socketState, tcpState, stateTimeNs, released: false };
    this.#ends.set(socket, end);
    this.#changed();
  }

  /** Events in any order, of which some may be known already. Those of no socket (frames lost on a link) are kept too. */
  push(events: readonly Event[]): void {
    if (events.length === 0) return;
    const newest = this.events.at(-1)?.seq ?? 0n;
    const inOrder = events.every((event, index) => event.seq > (events[index - 1]?.seq ?? newest));
    if (inOrder) {
      for (const event of events) this.events.push(event);
      for (const event of events) this.#apply(event);
    } else {
      this.#merge(events);
    }
    this.#trim();
    this.#changed();
  }

  /** Events that are not going to come. */
  gap(gap: Gap): void {
    this.holes.push({ index: this.events.length, gap });
    this.#changed();
  }

  /** Calls `listener` after each change, until the function that it returns is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Merges a part of a stream into what is known from its first event on: two watches may be ahead of each other by little. */
  #merge(events: readonly Event[]): void {
    const fresh = events.toSorted((one, two) => order(one.seq, two.seq));
    const from = firstFrom(this.events, fresh[0]?.seq ?? 0n);
    const known = this.events.splice(from);
    const holes = this.holes.filter(({ index }) => index > from);
    const moved = new Map(holes.map((hole) => [hole, hole.index - from]));
    let next = 0;
    const takeBefore = (seq: bigint | undefined): void => {
      for (let event = fresh[next]; event && (seq === undefined || event.seq <= seq); event = fresh[next]) {
        if (event.seq !== seq && event.seq !== this.events.at(-1)?.seq) {
          this.events.push(event);
          this.#apply(event);
        }
        next += 1;
      }
    };
    known.forEach((event, place) => {
      takeBefore(event.seq);
      for (const hole of holes) if (moved.get(hole) === place) hole.index = this.events.length;
      this.events.push(event);
    });
    for (const hole of holes) if (moved.get(hole) === known.length) hole.index = this.events.length;
    takeBefore(undefined);
  }

  /** What an event says of its end, unless a later one was heard. */
  #apply(event: Event): void {
    if (event.socket === 0n || event.seq <= (this.#applied.get(event.socket) ?? 0n)) return;
    this.#applied.set(event.socket, event.seq);
    let end = this.#ends.get(event.socket);
    if (end === undefined) {
      end = unknownEnd(event);
      this.#ends.set(event.socket, end);
    }
    const kind = event.kind;
    switch (kind.case) {
      case "named":
        end.local = kind.value.local;
        end.remote = kind.value.remote ?? end.remote;
        break;
      case "socketStateChanged":
        end.socketState = kind.value.to;
        break;
      case "tcpStateChanged":
        end.tcpState = kind.value.to;
        end.stateTimeNs = event.timeNs;
        end.local = kind.value.local ?? end.local;
        end.remote = kind.value.remote ?? end.remote;
        break;
      case "released":
        end.released = true;
        break;
    }
  }

  #trim(): void {
    if (this.events.length <= this.#limit) return;
    const gone = this.events.length - Math.floor(this.#limit / 2);
    this.events = this.events.slice(gone);
    this.holes = this.holes.map((hole) => ({ ...hole, index: hole.index - gone })).filter(({ index }) => index >= 0);
    this.forgotten += gone;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function unknownEnd(event: Event): End {
  return {
    socket: event.socket,
    stack: event.stack,
    session: event.session,
    label: event.label,
    local: undefined,
    remote: undefined,
    socketState: SocketState.UNSPECIFIED,
    tcpState: TcpState.UNSPECIFIED,
    stateTimeNs: event.timeNs,
    released: false,
  };
}

function order(one: bigint, two: bigint): number {
  return one < two ? -1 : one > two ? 1 : 0;
}

/** The first place with this `seq` or a later one. */
function firstFrom(events: readonly Event[], seq: bigint): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.seq ?? 0n) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
