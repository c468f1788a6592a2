// What part of a graph is seen: zooming and moving it, inside its bounds. Knows no pixels.

/** From, and to, in the units of the graph. */
export type Range = readonly [from: number, to: number];

/** Shows `factor` times as much, with `at` where it was. What reaches the bounds is the bounds. */
export function zoomed([from, to]: Range, at: number, factor: number, bounds: Range): Range {
  const length = Math.max((to - from) * factor, (bounds[1] - bounds[0]) * FINEST);
  const part = to > from ? (at - from) / (to - from) : 0.5;
  return inside([at - part * length, at + (1 - part) * length], bounds);
}

/** Moves by a part of what is seen. */
export function moved([from, to]: Range, part: number, bounds: Range): Range {
  const by = (to - from) * part;
  return inside([from + by, to + by], bounds);
}

/** Moves a range into bounds, and cuts it to them where it is longer. */
export function inside([from, to]: Range, [low, high]: Range): Range {
  const length = to - from;
  if (length >= high - low) return [low, high];
  if (from < low) return [low, low + length];
  return to > high ? [high - length, high] : [from, to];
}

/** The part of the bounds beyond which zooming in shows no more. */
const FINEST = 1e-7;
