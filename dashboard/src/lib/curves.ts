// The variables of one end over time: windows, and round trips.
//
// Owns: the columns that the curves are drawn from. A column has a number for each time, or null where nothing was told; a value
// holds until the next one. Times are seconds since `originNs`, windows are octets, round trips are milliseconds.

import type { Event } from "@v1/events_pb";
import type { Flight, Side } from "./flights";
import { ACK, segmentLength, sequenceDistance } from "./tcp";

/** Columns of one length; the first is the times, ascending. */
export interface Columns<Name extends string> {
  readonly at: readonly number[];
  readonly of: Readonly<Record<Name, readonly (number | null)[]>>;
}

/** The windows: congestion, threshold, octets in flight, and what the peer takes. */
export type Window = "cwnd" | "ssthresh" | "flight" | "rwnd";
/** Round trips: measured, smoothed, and the timeout that follows. */
export type RoundTrip = "rtt" | "srtt" | "rto";

/** The windows of `socket`, which is the end at `side`. */
export function windows(
  events: readonly Event[],
  flights: readonly Flight[],
  side: Side,
  socket: bigint,
  originNs: bigint,
): Columns<Window> {
  const rows = new Rows<Window>(["cwnd", "ssthresh", "flight", "rwnd"]);
  for (const { seq, timeNs, socket: whose, kind } of events) {
    if (whose !== socket) continue;
    if (kind.case === "congestion") {
      const { cwnd, ssthresh } = kind.value;
      rows.add(seq, timeNs, { cwnd, ssthresh: ssthresh === NO_THRESHOLD ? null : ssthresh });
    } else if (kind.case === "windows") {
      rows.add(seq, timeNs, { rwnd: kind.value.sndWnd });
    }
  }
  inFlight(flights, side, rows);
  return rows.columns(originNs);
}

/** The round trips that `socket` measured. */
export function roundTrips(events: readonly Event[], socket: bigint, originNs: bigint): Columns<RoundTrip> {
  const rows = new Rows<RoundTrip>(["rtt", "srtt", "rto"]);
  for (const { seq, timeNs, socket: whose, kind } of events) {
    if (whose !== socket || kind.case !== "rttSample") continue;
    const { rttNs, srttNs, rtoNs } = kind.value;
    rows.add(seq, timeNs, { rtt: Number(rttNs) / 1e6, srtt: Number(srttNs) / 1e6, rto: Number(rtoNs) / 1e6 });
  }
  return rows.columns(originNs);
}

/** SND.NXT less SND.UNA, from what was sent and what was acknowledged. */
function inFlight(flights: readonly Flight[], side: Side, rows: Rows<Window>): void {
  const points: { id: bigint; atNs: bigint; next?: number; una?: number }[] = [];
  for (const { id, from, sentNs, arrival, arrivedNs, segment, fate } of flights) {
    if (from === side) {
      const occupied = segmentLength(segment);
      if (sentNs !== undefined && occupied > 0) points.push({ id, atNs: sentNs, next: (segment.seq + occupied) | 0 });
    } else if (arrival !== undefined && arrivedNs !== undefined && fate === "arrived" && (segment.flags & ACK) !== 0) {
      points.push({ id: arrival, atNs: arrivedNs, una: segment.ack });
    }
  }
  points.sort((one, two) => (one.id < two.id ? -1 : 1));
  let [next, una]: (number | undefined)[] = [];
  for (const point of points) {
    if (point.next !== undefined && (next === undefined || sequenceDistance(next, point.next) > 0)) next = point.next;
    if (point.una !== undefined && (una === undefined || sequenceDistance(una, point.una) > 0)) una = point.una;
    if (next === undefined || una === undefined) continue;
    rows.add(point.id, point.atNs, { flight: Math.max(0, sequenceDistance(una, next)) });
  }
}

class Rows<Name extends string> {
  readonly #names: readonly Name[];
  readonly #rows: { id: bigint; atNs: bigint; values: Partial<Record<Name, number | null>> }[] = [];

  constructor(names: readonly Name[]) {
    this.#names = names;
  }

  add(id: bigint, atNs: bigint, values: Partial<Record<Name, number | null>>): void {
    this.#rows.push({ id, atNs, values });
  }

  /** One row for each time: the last that was told at it. */
  columns(originNs: bigint): Columns<Name> {
    this.#rows.sort((one, two) => (one.id < two.id ? -1 : 1));
    const at: number[] = [];
    const of = Object.fromEntries(this.#names.map((name) => [name, []])) as unknown as Record<Name, (number | null)[]>;
    let last: bigint | undefined;
    for (const { atNs, values } of this.#rows) {
      if (last !== atNs) {
        at.push(Number(atNs - originNs) / 1e9);
        for (const name of this.#names) of[name].push(of[name].at(-1) ?? null);
        last = atNs;
      }
      for (const name of this.#names) {
        const value = values[name];
        if (value !== undefined) of[name][at.length - 1] = value;
      }
    }
    return { at, of };
  }
}

/** The slow-start threshold before the first loss. */
const NO_THRESHOLD = 0xffff_ffff;
