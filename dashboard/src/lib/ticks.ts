// Round numbers along an axis: 1, 2 or 5 times a power of ten apart.

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
