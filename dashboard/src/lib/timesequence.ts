// The time-sequence graph, as tcptrace draws it: what one side sent, what the other acknowledged and how far it opened its window.
//
// Owns: the lines. Sequence numbers are relative to the connection and do not wrap; times are seconds since `originNs`. All is
// drawn as one end saw it: that of the sender, if it is ours, or else that of the receiver.
//
//   timeSequence(flights, "left", ends, 0n) -> { sent: [{ at: 0.03, start: 1, end: 101, again: UNSPECIFIED }], ack: [...], ... }

import type { RetransmissionReason } from "@v1/events_pb";
import type { Ends, Fate, Flight, Side } from "./flights";
import { type Range, Unwrapped } from "./sequence";
import { FIN, RST, SYN, segmentLength } from "./tcp";

/** A segment that occupies sequence numbers. */
export interface Sent extends Range {
  readonly at: number;
  readonly again: RetransmissionReason;
  readonly fate: Fate;
  readonly flight: Flight;
}

/** A value from a time on. */
export interface Level {
  readonly at: number;
  readonly value: number;
}

/** A range that was selectively acknowledged. */
export interface Sacked extends Range {
  readonly at: number;
}

/** The graph of one direction. */
export interface TimeSequence {
  readonly sent: readonly Sent[];
  /** The acknowledgment line. */
  readonly ack: readonly Level[];
  /** The window line: how far the sender may send. */
  readonly window: readonly Level[];
  readonly sacked: readonly Sacked[];
  /** Acknowledgments that moved nothing. */
  readonly duplicates: readonly Level[];
}

/** The graph of what `sender` sent. */
export function timeSequence(flights: readonly Flight[], sender: Side, ends: Ends, originNs: bigint): TimeSequence {
  const seenBySender = ends[sender].socket !== undefined;
  const graph = {
    sent: [] as Sent[],
    ack: [] as Level[],
    window: [] as Level[],
    sacked: [] as Sacked[],
    duplicates: [] as Level[],
  };
  const numbers = new Unwrapped();
  const seen: { flight: Flight; atNs: bigint; id: bigint }[] = [];
  for (const flight of flights) {
    const sentBySeer = (flight.from === sender) === seenBySender;
    const atNs = sentBySeer ? flight.sentNs : flight.arrivedNs;
    const id = sentBySeer ? flight.id : flight.arrival;
    if (atNs !== undefined && id !== undefined) seen.push({ flight, atNs, id });
  }
  seen.sort((one, two) => (one.id < two.id ? -1 : 1));
  let scale = 0;
  for (const { flight, atNs } of seen) {
    const at = Number(atNs - originNs) / 1e9;
    const { printed } = flight;
    if (!printed) continue;
    const { range, ack, sack, window, windowScale } = printed;
    const { flags } = flight.segment;
    if (flight.from === sender) {
      const start = numbers.of(range.start);
      const occupied = segmentLength(flight.segment);
      if (occupied > 0)
        graph.sent.push({ at, start, end: start + occupied, again: flight.again, fate: flight.fate, flight });
      continue;
    }
    if (windowScale !== undefined) scale = windowScale;
    if (flight.fate === "dropped" || ack === undefined) continue;
    const value = numbers.of(ack);
    const before = graph.ack.at(-1)?.value;
    // The window of a SYN is never scaled (RFC 7323 §2.2).
    const right = value + window * 2 ** ((flags & SYN) !== 0 ? 0 : scale);
    if (before === undefined || value > before) graph.ack.push({ at, value });
    else if (value === before && printed.length === 0 && (flags & (SYN | FIN | RST)) === 0)
      graph.duplicates.push({ at, value });
    if (before === undefined || value >= before) {
      if (graph.window.at(-1)?.value !== right) graph.window.push({ at, value: right });
    }
    for (const block of sack) {
      const start = value + (block.start - ack);
      graph.sacked.push({ at, start, end: start + (block.end - block.start) });
    }
  }
  return graph;
}
