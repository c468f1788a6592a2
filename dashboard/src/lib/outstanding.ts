// The scoreboard and the reassembly queue at a moment that is past, from the segments that were told of until then.
//
// Owns: what was sent and not acknowledged, and what arrived out of order, as stretches of one line each: the same that
// `scoreboard.ts` reads off `GetInfo` for now. `lost` is here what a link lost, which is the truth, and not what its sender
// thought. Numbers are relative to the connection, as segments are printed.

import type { Flight, Side } from "./flights";
import { other } from "./flights";
import type { Stretch } from "./scoreboard";
import type { Range } from "./sequence";
import { FIN, SYN } from "./tcp";

/** What `side` had sent and had no acknowledgment of at `atNs`, counted from its SND.UNA. */
export function outstandingAt(flights: readonly Flight[], side: Side, atNs: bigint): Stretch[] {
  const acks = flights.filter((flight) => hasArrived(flight, other(side), atNs));
  const una = acks.reduce((most, { printed }) => Math.max(most, printed?.ack ?? 0), 0);
  const sacked = joined(acks.flatMap(({ printed }) => printed?.sack ?? []).filter(({ end }) => end > una));
  const sent: (Range & { flight: Flight })[] = [];
  for (const flight of flights) {
    const range = flight.from === side ? octetsOf(flight) : undefined;
    if (range === undefined || flight.sentNs === undefined || flight.sentNs > atNs || range.end <= una) continue;
    sent.push({ start: Math.max(una, range.start), end: range.end, flight });
  }
  const cuts = [...new Set([...sent, ...sacked].flatMap(({ start, end }) => [start, end]))].sort(
    (one, two) => one - two,
  );
  const places = new Map(cuts.map((cut, place) => [cut, place]));
  const carried = cuts.map((): Flight[] => []);
  for (const { start, end, flight } of sent) {
    for (let place = places.get(start) ?? 0; (cuts[place] ?? end) < end; place += 1) carried[place]?.push(flight);
  }
  const stretches: Stretch[] = [];
  carried.forEach((by, place) => {
    const [start = 0, end = 0] = [cuts[place], cuts[place + 1]];
    const last = by.at(-1);
    if (last === undefined) return;
    const isSacked = sacked.some((block) => block.start <= start && end <= block.end);
    const fate = isSacked ? "sacked" : by.length > 1 ? "sent again" : last.fate === "lost" ? "lost" : "in flight";
    const stretch = { start: start - una, end: end - una, fate, again: by.length - 1 } as const;
    const before = stretches.at(-1);
    const goesOn = before?.end === stretch.start && before.fate === fate && before.again === stretch.again;
    if (goesOn) stretches[stretches.length - 1] = { ...stretch, start: before.start };
    else stretches.push(stretch);
  });
  return stretches;
}

/** What had arrived at `side` out of order at `atNs`, and what was missing before it, counted from its RCV.NXT. */
export function reassemblyAt(flights: readonly Flight[], side: Side, atNs: bigint): Stretch[] {
  const arrived: Range[] = [];
  let next: number | undefined;
  for (const flight of flights) {
    if (flight.from === side) {
      const { printed, sentNs } = flight;
      if (sentNs !== undefined && sentNs <= atNs) next = Math.max(next ?? 0, printed?.ack ?? 0);
    } else if (hasArrived(flight, flight.from, atNs)) {
      const range = octetsOf(flight);
      if (range) arrived.push(range);
    }
  }
  const ranges = joined(arrived);
  let reached = next ?? ranges[0]?.start ?? 0;
  const base = ranges.find(({ start, end }) => start <= reached && reached < end)?.end ?? reached;
  reached = base;
  const stretches: Stretch[] = [];
  for (const { start, end } of ranges) {
    if (start < base) continue;
    if (start > reached) stretches.push({ start: reached - base, end: start - base, fate: "missing", again: 0 });
    stretches.push({ start: start - base, end: end - base, fate: "here", again: 0 });
    reached = end;
  }
  return stretches;
}

function hasArrived({ from, fate, arrivedNs }: Flight, sender: Side, atNs: bigint): boolean {
  return from === sender && fate === "arrived" && arrivedNs !== undefined && arrivedNs <= atNs;
}

/** The sequence numbers that a segment takes; `undefined` where it takes none. */
function octetsOf({ printed, segment }: Flight): Range | undefined {
  if (printed === undefined) return undefined;
  const { start } = printed.range;
  const length = printed.length + (segment.flags & SYN ? 1 : 0) + (segment.flags & FIN ? 1 : 0);
  return length > 0 ? { start, end: start + length } : undefined;
}

/** The same octets as ranges in order, of which none touches another. */
function joined(ranges: readonly Range[]): Range[] {
  const all: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.toSorted((one, two) => one.start - two.start)) {
    const last = all.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else all.push({ start, end });
  }
  return all;
}
