import { expect, test } from "vitest";
import { ticks, tickTimes } from "./ticks";

test("ticks are round and lie inside", () => {
  expect(ticks([0, 10], 5)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ticks([3, 97], 4)).toEqual([50]);
  expect(ticks([0.013, 0.021], 4)).toHaveLength(4);
});

test("of nothing there are none", () => {
  expect(ticks([1, 1], 5)).toEqual([]);
  expect(ticks([0, 1], 0)).toEqual([]);
});

test("times have the digits that tell them apart", () => {
  expect(tickTimes([0, 0.05, 0.1])).toEqual(["0.00 s", "0.05 s", "0.10 s"]);
  expect(tickTimes([29.9, 30, 30.1])).toEqual(["29.9 s", "30.0 s", "30.1 s"]);
  expect(tickTimes([0, 20, 40])).toEqual(["0 s", "20 s", "40 s"]);
});
