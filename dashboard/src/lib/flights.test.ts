import { RetransmissionReason } from "@v1/events_pb";
import { describe, expect, test } from "vitest";
import { type Ends, flights } from "./flights";
import { demo, loss } from "./recorded";

describe("the demo", () => {
  const all = flights(demo.events, demo.ends);

  test("each segment is one flight, in order, and arrives", () => {
    expect(all.map(({ from, printed }) => `${from} ${printed?.flags}`)).toEqual([
      "left S",
      "right S.",
      "left .",
      "left P.",
      "right .",
      "right P.",
      "left .",
      "left F.",
      "right .",
      "right .",
      "right P.",
      "left .",
      "right F.",
      "left .",
    ]);
    expect(new Set(all.map(({ fate }) => fate))).toEqual(new Set(["arrived"]));
  });

  test("each is on its way for the delay of the link", () => {
    for (const { sentNs, arrivedNs } of all) expect(Number(arrivedNs) - Number(sentNs)).toBe(10_000_000);
  });

  test("where the peer is not ours, what it got is not known, and when it sent neither", () => {
    const ends: Ends = { ...demo.ends, right: { ...demo.ends.right, stack: undefined, socket: undefined } };
    const near = demo.events.filter(({ socket }) => socket === ends.left.socket);
    const seen = flights(near, ends);
    expect(seen).toHaveLength(14);
    for (const { from, fate, sentNs, arrivedNs } of seen) {
      expect(fate).toBe(from === "left" ? "unknown" : "arrived");
      expect(from === "left" ? arrivedNs : sentNs).toBeUndefined();
    }
  });
});

describe("a link that loses", () => {
  const all = flights(loss.events, loss.ends);
  const told = loss.events.filter(({ kind }) => kind.case === "frameLost" && kind.value.what === "LOST");

  test("every frame that the link lost is a segment that is lost, and no other is", () => {
    const lost = all.filter(({ fate }) => fate === "lost");
    expect(lost).toHaveLength(told.length);
    for (const { faults } of lost) expect(faults).toContain("LOST");
  });

  test("what was held back is marked, and arrives", () => {
    const held = all.filter(({ faults }) => faults.includes("REORDERED"));
    expect(held.length).toBeGreaterThan(0);
    for (const { fate } of held) expect(fate).toBe("arrived");
  });

  test("retransmissions carry their reason", () => {
    const reasons = all.map(({ again }) => again).filter((reason) => reason !== RetransmissionReason.UNSPECIFIED);
    const expected = loss.events.flatMap(({ kind }) => (kind.case === "retransmission" ? [kind.value.reason] : []));
    expect(reasons).toEqual(expected);
    expect(new Set(reasons).size).toBeGreaterThan(1);
  });

  test("nothing arrives before it was sent", () => {
    for (const { sentNs, arrivedNs } of all) {
      if (sentNs !== undefined && arrivedNs !== undefined) expect(arrivedNs).toBeGreaterThan(sentNs);
    }
  });

  test("without the word of the link, what others overtook counts as lost", () => {
    const silent = loss.events.filter(({ kind }) => kind.case !== "frameLost");
    const guessed = flights(silent, loss.ends).filter(({ fate }) => fate === "lost");
    expect(guessed.length).toBeGreaterThan(0);
    expect(guessed.length).toBeLessThanOrEqual(told.length);
  });
});
