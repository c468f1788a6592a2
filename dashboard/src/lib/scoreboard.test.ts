import { create } from "@bufbuild/protobuf";
import { TcpInfoSchema } from "@v1/sockets_pb";
import { expect, test } from "vitest";
import { outstanding, reassembly } from "./scoreboard";

test("the scoreboard is counted from the oldest octet that is not acknowledged, across the end of the numbers", () => {
  const info = create(TcpInfoSchema, {
    sndUna: 0xffff_ff00,
    scoreboard: [
      { range: { start: 0xffff_ff00, end: 0x100 }, lost: true, resent: true, retransmissions: 1 },
      { range: { start: 0x100, end: 0x200 }, sacked: true },
      { range: { start: 0x200, end: 0x300 } },
    ],
  });
  expect(outstanding(info)).toEqual([
    { start: 0, end: 512, fate: "sent again", again: 1 },
    { start: 512, end: 768, fate: "sacked", again: 0 },
    { start: 768, end: 1024, fate: "in flight", again: 0 },
  ]);
});

test("what is missing lies between what arrived out of order", () => {
  const info = create(TcpInfoSchema, {
    rcvNxt: 1000,
    reassembly: [
      { start: 1500, end: 2000 },
      { start: 2000, end: 2500 },
    ],
  });
  expect(reassembly(info).map(({ start, end, fate }) => [start, end, fate])).toEqual([
    [0, 500, "missing"],
    [500, 1000, "here"],
    [1000, 1500, "here"],
  ]);
});
