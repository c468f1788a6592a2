import { expect, test } from "vitest";
import { read, Unwrapped } from "./sequence";

test("numbers that wrap go on ascending, and an old one stays old", () => {
  const numbers = new Unwrapped();
  expect([0xffff_fff0, 0x10, 0xffff_fff8, 0x20].map((seq) => numbers.of(seq))).toEqual([
    0xffff_fff0, 0x1_0000_0010, 0xffff_fff8, 0x1_0000_0020,
  ]);
});

test("a segment is read with its options", () => {
  expect(read("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 1 ecr 0,wscale 7>")).toEqual({
    flags: "S.",
    range: { start: 0, end: 0 },
    length: 0,
    ack: 1,
    window: 65535,
    sack: [],
    windowScale: 7,
  });
  expect(read(". 1:1(0) ack 1001 win 257 <TS val 2 ecr 1,sack 2001:3001 4001:5001>")?.sack).toEqual([
    { start: 2001, end: 3001 },
    { start: 4001, end: 5001 },
  ]);
  expect(read("R 7:7(0) win 0")).toMatchObject({ flags: "R", ack: undefined });
});

test("what is no segment is not read", () => {
  expect(read("10.0.0.1 > 10.0.0.2: ICMP, length 64")).toBeUndefined();
  expect(read("")).toBeUndefined();
});
