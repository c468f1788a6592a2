import { expect, it } from "vitest";
import { clock, count, octets, span } from "./format";

it("spans have three digits and a unit that fits", () => {
  const shown = [0, 999, 1000, 40e6, 999.6e6, 2.5e9, 59.96e9, 61e9, 3600e9 * 3.2, 86400e9 * 3].map(span);
  expect(shown).toEqual([
    "0 ns",
    "999 ns",
    "1.00 µs",
    "40.0 ms",
    "1.00 s",
    "2.50 s",
    "1 m 0 s",
    "1 m 1 s",
    "3 h 12 m",
    "3 d 0 h",
  ]);
  expect(span(-1500)).toBe("-1.50 µs");
});

it("octets go by thousands", () => {
  expect([0, 512, 999, 1460, 12_345, 999_600, 5e9].map(octets)).toEqual([
    "0",
    "512",
    "999",
    "1.46 kB",
    "12.3 kB",
    "1.00 MB",
    "5.00 GB",
  ]);
});

it("whole numbers have spaces between their thousands", () => {
  expect([7, 1234, 1234567].map(count)).toEqual(["7", "1\u202f234", "1\u202f234\u202f567"]);
  expect(count(12345n)).toBe("12\u202f345");
});

it("a clock is exact to the microsecond, however late it is", () => {
  expect(clock(12_000_345_678n)).toBe("12.000345");
  expect(clock(9_223_372_036_854_775_807n)).toBe("9223372036.854775");
});
