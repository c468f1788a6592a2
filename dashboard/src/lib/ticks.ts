// Round numbers along an axis: 1, 2 or 5 times a power of ten apart, and times among them in as many digits as they need.

import type { Range } from "./range";

/** About `most` of them, inside the range. */
export function ticks([from, to]: Range, most: number): number[] {
  if (!(to > from) || most < 1) return [];
  const rough = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((times) => times * power >= rough * 0.999) ?? 10) * power;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.max(0, Math.floor(to / step) - first + 1) }, (_, place) => (first + place) * step);
}

/** Seconds, so exactly that ticks this far apart differ. */
function tickTime(seconds: number, apart: number): string {
  const digits = apart > 0 ? Math.min(9, Math.max(0, Math.ceil(-Math.log10(apart * 1.001)))) : 0;
  return `${seconds.toFixed(digits)} s`;
}

/** All of them, as times. */
export function tickTimes(all: readonly number[]): string[] {
  const [first = 0, second = first] = all;
  return all.map((at) => tickTime(at, second - first));
}
