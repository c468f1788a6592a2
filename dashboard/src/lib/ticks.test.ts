import { expect, test } from "vitest";
import { ticks } from "./ticks";

test("ticks are round and lie inside", () => {
  expect(ticks([0, 10], 5)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ticks([3, 97], 4)).toEqual([50]);
  expect(ticks([0.013, 0.021], 4)).toHaveLength(4);
});

test("of nothing there are none", () => {
  expect(ticks([1, 1], 5)).toEqual([]);
  expect(ticks([0, 1], 0)).toEqual([]);
});
