import { RetransmissionReason } from "@v1/events_pb";
import { expect, test } from "vitest";
import { roundTrips, windows } from "./curves";
import { flights } from "./flights";
import { demo, loss } from "./recorded";
import { timeSequence } from "./timesequence";

const lossy = flights(loss.events, loss.ends);
const graph = timeSequence(lossy, "left", loss.ends, 0n);

test("the acknowledgment line ascends, ends behind the FIN, and never passes what was sent", () => {
  const values = graph.ack.map(({ value }) => value);
  expect(values).toEqual([...values].sort((one, two) => one - two));
  expect(values.at(-1)).toBe(60_002);
  for (const { at, value } of graph.ack) {
    const sent = graph.sent.filter((segment) => segment.at <= at).map(({ end }) => end);
    expect(value).toBeLessThanOrEqual(Math.max(...sent));
  }
});

test("nothing is sent beyond the window", () => {
  for (const { at, end } of graph.sent.slice(1)) {
    const right = graph.window.findLast((level) => level.at <= at)?.value ?? Number.POSITIVE_INFINITY;
    expect(end).toBeLessThanOrEqual(right);
  }
});

test("retransmissions carry their reason, and lie on what was sent before", () => {
  const again = graph.sent.filter((segment) => segment.again !== RetransmissionReason.UNSPECIFIED);
  expect(again.length).toBeGreaterThan(0);
  for (const { start, end, at } of again) {
    expect(graph.sent.some((first) => first.at < at && first.start <= start && first.end >= end)).toBe(true);
  }
});

test("what was sacked lies above the acknowledgment line, and was sent", () => {
  expect(graph.sacked.length).toBeGreaterThan(0);
  for (const { at, start, end } of graph.sacked) {
    const ack = graph.ack.findLast((level) => level.at <= at)?.value ?? 0;
    // A block at or below it is a D-SACK: that came twice.
    if (start >= ack) expect(graph.sent.some((segment) => segment.start <= start && segment.end >= start)).toBe(true);
    expect(end).toBeGreaterThan(start);
  }
});

test("a receiver sees the same line, later", () => {
  const ends = { ...demo.ends, left: { ...demo.ends.left, socket: undefined, stack: undefined } };
  const seen = timeSequence(
    flights(
      demo.events.filter(({ socket }) => socket === 3n),
      ends,
    ),
    "left",
    ends,
    0n,
  );
  expect(seen.sent.map(({ start, end, at }) => [start, end, at])).toEqual([
    [0, 1, 0.01],
    [1, 101, 0.04],
    [101, 102, 0.16],
  ]);
});

test("the windows: flight is what is unacknowledged, and no more than the congestion window lets out", () => {
  const { at, of } = windows(loss.events, lossy, "left", 5n, 0n);
  expect(at).toEqual([...new Set(at)].sort((one, two) => one - two));
  expect(Math.max(...of.flight.map((value) => value ?? 0))).toBeGreaterThan(1448);
  expect(of.flight.at(-1)).toBe(0);
  expect(of.cwnd.some((value) => value !== null)).toBe(true);
  expect(of.ssthresh[0]).toBeNull();
});

test("round trips are no shorter than the link is long", () => {
  const { of } = roundTrips(loss.events, 5n, 0n);
  expect(of.rtt.length).toBeGreaterThan(0);
  for (const value of of.rtt) expect(value).toBeGreaterThanOrEqual(40);
  for (const value of of.rto) expect(value).toBeGreaterThanOrEqual(200);
});
