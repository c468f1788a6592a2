import { describe, expect, it } from "vitest";
import { flights } from "./flights";
import { outstandingAt, reassemblyAt } from "./outstanding";
import { demo, loss } from "./recorded";

const ofDemo = flights(demo.events, demo.ends);
const ofLoss = flights(loss.events, loss.ends);
const told = (stretches: ReturnType<typeof outstandingAt>) =>
  stretches.map(({ start, end, fate, again }) => `${start}:${end} ${fate}${again ? ` ×${again + 1}` : ""}`);

describe("what is outstanding at a moment", () => {
  it("is a SYN, then data, then a FIN, each until it is acknowledged", () => {
    const at = (ms: number) => told(outstandingAt(ofDemo, "left", BigInt(ms) * 1_000_000n));
    expect(at(5)).toEqual(["0:1 in flight"]);
    expect(at(25)).toEqual([]);
    expect(at(35)).toEqual(["0:100 in flight"]);
    expect(at(155)).toEqual(["0:1 in flight"]);
    expect(at(175)).toEqual([]);
  });

  it("has what was lost, what was acknowledged selectively, and what went again, without an overlap", () => {
    const seen = new Set<string>();
    for (const { timeNs } of loss.events) {
      const stretches = outstandingAt(ofLoss, "left", timeNs);
      stretches.forEach(({ start, end, fate }, index) => {
        seen.add(fate);
        expect(start).toBeLessThan(end);
        expect(start).toBeGreaterThanOrEqual(stretches[index - 1]?.end ?? 0);
      });
    }
    expect(seen).toEqual(new Set(["in flight", "lost", "sacked", "sent again"]));
    const last = loss.events.at(-1)?.timeNs ?? 0n;
    expect(outstandingAt(ofLoss, "left", last)).toEqual([]);
  });
});

describe("what waits out of order at a moment", () => {
  it("is what its acknowledgments say", () => {
    for (const flight of ofLoss) {
      const { from, printed, sentNs } = flight;
      if (from !== "right" || sentNs === undefined || !printed || printed.sack.length === 0) continue;
      const stretches = reassemblyAt(ofLoss, "right", sentNs);
      const here = stretches.filter(({ fate }) => fate === "here");
      expect(stretches[0]?.fate).toBe("missing");
      // Every block that it names is here; that of a duplicate (D-SACK) lies before.
      for (const { start, end } of printed.sack.filter(({ start }) => start > (printed.ack ?? 0))) {
        const [from, to] = [start - (printed.ack ?? 0), end - (printed.ack ?? 0)];
        expect(here.some((stretch) => stretch.start <= from && to <= stretch.end)).toBe(true);
      }
    }
  });

  it("is nothing where everything came in its order", () => {
    for (const { timeNs } of demo.events) expect(reassemblyAt(ofDemo, "right", timeNs)).toEqual([]);
  });
});
