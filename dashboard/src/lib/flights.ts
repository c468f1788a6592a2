// What became of each segment of a connection: when it left, when it arrived, whether it was lost, and why it was sent.
//
// Owns: the matching of what one end sent with what the other received, where both ends are ours; of faults with the segment
// that they hit; and of retransmissions with their reason. What happened at an end that is not ours is not guessed.
//
//   flights(events, ends) -> [{ from: "left", sentNs: 0n, arrivedNs: 10000000n, fate: "arrived", text: "S 0:0(0) ..." }, ...]

import type { SocketAddress } from "@v1/common_pb";
import type { Event, Segment } from "@v1/events_pb";
import { RetransmissionReason } from "@v1/events_pb";
import { type Printed, read } from "./sequence";
import { addressText, segmentLength, sequenceDistance } from "./tcp";

/** One of the two ends of a connection. The connection that is looked at is on the left. */
export type Side = "left" | "right";

/** Who is at an end. */
export interface Party {
  /** Its address and port. */
  readonly address: SocketAddress | undefined;
  /** The stack it lives on, where it is ours. */
  readonly stack: string | undefined;
  /** Its socket, where it is ours. */
  readonly socket: bigint | undefined;
}

/** Who is at the two ends. */
export type Ends = Readonly<Record<Side, Party>>;

/** What became of a segment. `unknown`: its other end is not ours. */
export type Fate = "arrived" | "dropped" | "lost" | "under way" | "unknown";

/** A segment on its way. */
export interface Flight {
  /** The `seq` of the event that told of it first. */
  readonly id: bigint;
  /** Who sent it. */
  readonly from: Side;
  /** The segment as its sender told it, or else its receiver. */
  readonly segment: Segment;
  /** The segment as it is printed, taken apart. */
  readonly printed: Printed | undefined;
  /** When it left, where its sender is ours. */
  readonly sentNs: bigint | undefined;
  /** When it arrived, if it did and its receiver is ours. */
  arrivedNs: bigint | undefined;
  /** The `seq` of the event of its arrival, or of its drop. */
  arrival: bigint | undefined;
  /** What became of it. */
  fate: Fate;
  /** Why it was dropped, or what the link did: `OUTSIDE_WINDOW`, `LOST`, `REORDERED`. */
  readonly faults: string[];
  /** Why it carries something again; `UNSPECIFIED` where it does not. */
  readonly again: RetransmissionReason;
}

/** The other side. */
export function other(side: Side): Side {
  return side === "left" ? "right" : "left";
}

/** The flights of a connection, in the order in which they were first told of. `events` come in the order of `seq`. */
export function flights(events: readonly Event[], ends: Ends): Flight[] {
  const matching = new Matching(ends);
  for (const event of events) matching.take(event);
  return matching.end();
}

/** The side that an event happened at; `undefined` where it belongs to neither. */
function sideOf(event: Event, ends: Ends): Side | undefined {
  for (const side of ["left", "right"] as const) {
    if (event.socket !== 0n && event.socket === ends[side].socket) return side;
  }
  // A SYN arrives at the listener, and some of what is dropped at nobody: its addresses tell whose it is.
  const { kind } = event;
  const at = (source: Side, segment: Segment | undefined, place: Side): Side | undefined =>
    segment && event.stack === ends[place].stack && goes(segment, source, ends) ? place : undefined;
  switch (kind.case) {
    case "segmentReceived":
      return at("left", kind.value, "right") ?? at("right", kind.value, "left");
    case "segmentSent":
      return at("left", kind.value, "left") ?? at("right", kind.value, "right");
    case "segmentDropped":
      return at("left", kind.value.segment, "right") ?? at("right", kind.value.segment, "left");
    default:
      return undefined;
  }
}

class Matching {
  readonly #ends: Ends;
  readonly #all: Flight[] = [];
  /** Sent, and not seen to arrive. */
  readonly #pending: Record<Side, Flight[]> = { left: [], right: [] };
  /** The reason that the next segment of a side carries something again. */
  readonly #again: Record<Side, RetransmissionReason> = { left: NOT_AGAIN, right: NOT_AGAIN };
  /** The latest flight that arrived at a side. */
  readonly #arrived: Partial<Record<Side, Flight>> = {};

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  take(event: Event): void {
    const { kind } = event;
    if (kind.case === "frameLost") {
      this.#fault(kind.value.what, kind.value.text);
      return;
    }
    const side = sideOf(event, this.#ends);
    if (!side) return;
    switch (kind.case) {
      case "retransmission":
        this.#again[side] = kind.value.reason;
        break;
      case "segmentSent":
        this.#sent(event, side, kind.value);
        break;
      case "segmentReceived":
        this.#received(event, side, kind.value);
        break;
      case "segmentDropped":
        if (kind.value.segment) this.#dropped(event, side, kind.value.segment, kind.value.reason);
        break;
    }
  }

  /** What was sent before something that arrived, and did not arrive itself, is lost as far as can be seen. */
  end(): Flight[] {
    for (const side of ["left", "right"] as const) {
      const lastArrived = this.#all.findLast((flight) => flight.from === side && flight.arrival !== undefined);
      for (const flight of this.#pending[side]) {
        if (flight.fate === "under way" && lastArrived && flight.id < lastArrived.id) flight.fate = "lost";
      }
    }
    return this.#all;
  }

  #sent(event: Event, from: Side, segment: Segment): void {
    const ours = this.#ends[other(from)].socket !== undefined;
    const flight = this.#fly(event, from, segment, { sentNs: event.timeNs, fate: ours ? "under way" : "unknown" });
    if (ours) this.#pending[from].push(flight);
  }

  #received(event: Event, at: Side, segment: Segment): void {
    const from = other(at);
    const flight =
      this.#takePending(from, segment) ?? this.#fly(event, from, segment, { sentNs: undefined, fate: "arrived" });
    flight.arrivedNs = event.timeNs;
    flight.arrival = event.seq;
    flight.fate = "arrived";
    this.#arrived[at] = flight;
  }

  #dropped(event: Event, at: Side, segment: Segment, reason: string): void {
    const just = this.#arrived[at];
    const told = just && just.arrivedNs === event.timeNs && just.fate === "arrived" && same(just.segment, segment);
    if (!told) this.#received(event, at, segment);
    const flight = this.#arrived[at];
    if (!flight) return;
    flight.fate = "dropped";
    flight.faults.push(reason);
  }

  /** What a link did to a frame; its text has the numbers of the wire. */
  #fault(what: string, text: string): void {
    const frame = /(\S+) > (\S+): (\S+) (\d+):\d+\((\d+)\)/.exec(text);
    if (!frame) return;
    const [, source, destination, flags, seq, length] = frame;
    for (const from of ["left", "right"] as const) {
      if (
        source !== addressText(this.#ends[from].address) ||
        destination !== addressText(this.#ends[other(from)].address)
      )
        continue;
      const hit = this.#pending[from].findLast(
        (flight) =>
          flight.printed?.flags === flags &&
          flight.segment.seq === Number(seq) &&
          flight.segment.length === Number(length),
      );
      if (!hit) return;
      hit.faults.push(what);
      if (!GONE.has(what)) return;
      hit.fate = "lost";
      this.#pending[from] = this.#pending[from].filter((flight) => flight !== hit);
    }
  }

  #fly(event: Event, from: Side, segment: Segment, rest: Pick<Flight, "sentNs" | "fate">): Flight {
    const printed = read(segment.text);
    const again = this.#again[from];
    this.#again[from] = NOT_AGAIN;
    const flight = {
      id: event.seq,
      from,
      segment,
      printed,
      again,
      faults: [],
      arrivedNs: undefined,
      arrival: undefined,
      ...rest,
    };
    this.#all.push(flight);
    return flight;
  }

  /**
   * The flight that a segment which arrived was. The same acknowledgment may be under way several times, and the first of them
   * is meant; the same data is if the one before was lost. A link that cuts or joins segments gives parts of what was sent.
   */
  #takePending(from: Side, segment: Segment): Flight | undefined {
    const pending = this.#pending[from];
    const equal = (flight: Flight): boolean => same(flight.segment, segment);
    const whole = segmentLength(segment) > 0 ? pending.findLastIndex(equal) : pending.findIndex(equal);
    const place = whole >= 0 ? whole : pending.findLastIndex((flight) => touches(flight.segment, segment));
    if (place < 0) return undefined;
    const [flight] = pending.splice(place, 1);
    return flight;
  }
}

const NOT_AGAIN = RetransmissionReason.UNSPECIFIED;
/** What a link does to a frame that then never arrives. */
const GONE = new Set(["LOST", "QUEUE_FULL", "TOO_BIG", "NO_SUCH_HOST"]);

function goes(segment: Segment, from: Side, ends: Ends): boolean {
  return is(segment.source, ends[from].address) && is(segment.destination, ends[other(from)].address);
}

function is(one: SocketAddress | undefined, two: SocketAddress | undefined): boolean {
  return one !== undefined && two !== undefined && one.ip === two.ip && one.port === two.port;
}

function same(one: Segment, two: Segment): boolean {
  return (
    one.seq === two.seq &&
    one.ack === two.ack &&
    one.flags === two.flags &&
    one.length === two.length &&
    one.window === two.window
  );
}

/** Whether a segment that arrived holds data of one that was sent. */
function touches(sent: Segment, arrived: Segment): boolean {
  const offset = sequenceDistance(sent.seq, arrived.seq);
  return sent.length > 0 && arrived.length > 0 && offset < sent.length && offset > -arrived.length;
}
