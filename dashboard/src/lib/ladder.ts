// The ladder: where each segment, state and wait of a connection stands between its two columns.
//
// Owns: the heights. They are in units: to scale, a unit is a second; evenly spaced, it is the distance between two moments,
// however long the time between them was. Knows no pixels.
//
//   ladder(flights, { left: steps, right: steps }, "even") -> { rungs: [{ flight, fromY: 1, toY: 2 }, ...], height: 17, ... }

import type { Flight, Side } from "./flights";
import { other } from "./flights";
import type { Step } from "./road";

/** How the heights are chosen. */
export type Spacing = "even" | "scale";

/** A segment as an arrow. */
export interface Rung {
  readonly flight: Flight;
  /** Where it leaves its sender's column. */
  readonly fromY: number;
  /** Where it reaches its receiver's; for one that never did, where it would have about that time. */
  readonly toY: number;
}

/** A state that an end entered. */
export interface Mark {
  readonly side: Side;
  readonly step: Step;
  readonly y: number;
}

/** A time in which nothing happened, worth telling. */
export interface Wait {
  readonly y: number;
  readonly fromNs: bigint;
  readonly ns: bigint;
}

/** A time and its height. */
export interface Moment {
  readonly atNs: bigint;
  readonly y: number;
}

/** A ladder. Heights ascend with the order of events. */
export interface Ladder {
  readonly rungs: readonly Rung[];
  readonly marks: readonly Mark[];
  readonly waits: readonly Wait[];
  readonly moments: readonly Moment[];
  readonly height: number;
}

/** Lays a ladder out. */
export function ladder(flights: readonly Flight[], steps: Record<Side, readonly Step[]>, spacing: Spacing): Ladder {
  const points = pointsOf(flights, steps);
  const origin = points[0]?.atNs ?? 0n;
  const rise = spacing === "even" ? evenly(points) : toScale(points, origin);
  const usual = spacing === "even" ? 1 : usualFlight(flights);
  const heights = new Map<Flight, { from?: number; to?: number }>();
  const marks: Mark[] = [];
  const moments: Moment[] = [];
  points.forEach((point, place) => {
    const y = rise.heights[place] ?? 0;
    moments.push({ atNs: point.atNs, y });
    if (point.is === "state") marks.push({ side: point.side, step: point.step, y });
    else heights.set(point.flight, { ...heights.get(point.flight), [point.is]: y });
  });
  const rungs = [...heights].map(([flight, { from, to }]) => {
    const missing = flight.fate === "unknown" || from === undefined ? 0 : usual;
    return { flight, fromY: from ?? to ?? 0, toY: to ?? (from ?? 0) + missing };
  });
  const last = Math.max(0, ...tail(moments, 1).map(({ y }) => y), ...tail(rungs, 64).map(({ toY }) => toY));
  return { rungs, marks, waits: rise.waits, moments, height: last };
}

/** The height right after a time: where a hole in what is known lies. */
export function heightAfter(drawn: Ladder, atNs: bigint): number {
  const after = drawn.moments[firstAfter(drawn.moments, (moment) => moment.atNs > atNs)];
  return (heightAt(drawn, atNs) + (after?.y ?? drawn.height)) / 2;
}

/** The height of a time: between two moments, in proportion. */
export function heightAt({ moments }: Ladder, atNs: bigint): number {
  const after = firstAfter(moments, (moment) => moment.atNs > atNs);
  const [before, next] = [moments[after - 1], moments[after]];
  if (!before) return next ? next.y : 0;
  if (!next) return before.y;
  const part = Number(atNs - before.atNs) / Number(next.atNs - before.atNs);
  return before.y + part * (next.y - before.y);
}

/** How many moments are not after a time. */
export function momentsUntil({ moments }: Ladder, atNs: bigint): number {
  return firstAfter(moments, (moment) => moment.atNs > atNs);
}

/** The moment nearest to a height, if one is within reach. */
export function momentNear({ moments }: Ladder, y: number, reach: number): Moment | undefined {
  const after = firstAfter(moments, (moment) => moment.y > y);
  const near = [moments[after - 1], moments[after]].filter((moment) => moment && Math.abs(moment.y - y) <= reach);
  return near.sort((one, two) => Math.abs((one?.y ?? 0) - y) - Math.abs((two?.y ?? 0) - y))[0];
}

/** The time of a height. */
export function timeAt({ moments }: Ladder, y: number): bigint {
  const after = firstAfter(moments, (moment) => moment.y > y);
  const [before, next] = [moments[after - 1], moments[after]];
  if (!before) return next ? next.atNs : 0n;
  if (!next) return before.atNs;
  const part = (y - before.y) / (next.y - before.y);
  return before.atNs + BigInt(Math.round(part * Number(next.atNs - before.atNs)));
}

/** Something that stands at one height of one column. */
type Point = { readonly id: bigint; readonly atNs: bigint; readonly side: Side } & (
  | { readonly is: "from" | "to"; readonly flight: Flight }
  | { readonly is: "state"; readonly step: Step }
);

function pointsOf(flights: readonly Flight[], steps: Record<Side, readonly Step[]>): Point[] {
  const points: Point[] = [];
  for (const flight of flights) {
    const { id, from, sentNs, arrivedNs, arrival } = flight;
    if (sentNs !== undefined) points.push({ is: "from", id, atNs: sentNs, side: from, flight });
    if (arrivedNs !== undefined && arrival !== undefined) {
      points.push({ is: "to", id: arrival, atNs: arrivedNs, side: other(from), flight });
    }
  }
  for (const side of ["left", "right"] as const) {
    for (const step of steps[side]) points.push({ is: "state", id: step.id, atNs: step.atNs, side, step });
  }
  return points.sort((one, two) => (one.id < two.id ? -1 : 1));
}

interface Rise {
  readonly heights: readonly number[];
  readonly waits: readonly Wait[];
}

/**
 * A step for each moment, a smaller one where a column sends, receives or changes twice in the same moment, and a double one for
 * a wait.
 */
function evenly(points: readonly Point[]): Rise {
  const waits: Wait[] = [];
  let y = 0;
  let taken = new Set<string>();
  let now = points[0]?.atNs ?? 0n;
  const heights = points.map((point) => {
    const passed = point.atNs - now;
    const place = `${point.side} ${point.is}`;
    if (passed >= WORTH_TELLING_NS) {
      waits.push({ y: y + 1, fromNs: now, ns: passed });
      y += 2;
    } else if (passed > 0n) {
      y += 1;
    } else if (taken.has(place)) {
      y += BESIDE;
    }
    if (passed !== 0n || taken.has(place)) taken = new Set();
    taken.add(place);
    now = point.atNs;
    return y;
  });
  return { heights, waits };
}

function toScale(points: readonly Point[], origin: bigint): Rise {
  let highest = 0;
  const heights = points.map((point) => {
    // Two stacks may number what happened at once in either order, never the later before the earlier.
    highest = Math.max(highest, Number(point.atNs - origin) / 1e9);
    return highest;
  });
  return { heights, waits: [] };
}

/** How long segments are on their way, in seconds: the median of those that arrived lately. */
function usualFlight(flights: readonly Flight[]): number {
  const times = tail(flights, 256).flatMap(({ sentNs, arrivedNs }) =>
    sentNs !== undefined && arrivedNs !== undefined ? [Number(arrivedNs - sentNs) / 1e9] : [],
  );
  times.sort((one, two) => one - two);
  return times[times.length >> 1] ?? 0;
}

function tail<T>(all: readonly T[], most: number): readonly T[] {
  return all.slice(-most);
}

/** The first place where `past` holds, which goes on holding; the length if it never does. */
function firstAfter<T>(sorted: readonly T[], past: (value: T) => boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const value = sorted[middle];
    if (value !== undefined && past(value)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Of a step, where something more happens in the same moment. */
const BESIDE = 0.7;
/** A wait of half a second is a long time for a connection. */
const WORTH_TELLING_NS = 500_000_000n;
