import { expect, test } from "vitest";
import { inside, moved, zoomed } from "./range";

test("zooming keeps the point under the pointer where it was", () => {
  expect(zoomed([0, 10], 2.5, 0.5, [0, 10])).toEqual([1.25, 6.25]);
});

test("nothing beyond the bounds is seen", () => {
  expect(zoomed([2, 4], 3, 100, [0, 10])).toEqual([0, 10]);
  expect(moved([2, 4], -5, [0, 10])).toEqual([0, 2]);
  expect(moved([6, 8], 5, [0, 10])).toEqual([8, 10]);
  expect(inside([-3, 30], [0, 10])).toEqual([0, 10]);
});

test("zooming in ends somewhere", () => {
  let range: readonly [number, number] = [0, 10];
  for (let times = 0; times < 100; times += 1) range = zoomed(range, 5, 0.5, [0, 10]);
  expect(range[1] - range[0]).toBeGreaterThan(0);
});
