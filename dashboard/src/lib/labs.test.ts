import { create } from "@bufbuild/protobuf";
import { ImpairmentsSchema, LabSchema } from "@v1/networks_pb";
import { describe, expect, it } from "vitest";
import { impairmentsText, KNOBS, knobValue, mapOf, speedText, withKnob } from "./labs";

const line = create(ImpairmentsSchema, {
  loss: 0.07,
  delay: { nanos: 10_000_000 },
  rateBps: 2_500_000n,
  queueLimit: 1000,
  bursts: { begin: 0.1, end: 0.5 },
});

describe("what a line does", () => {
  it("is shown in the unit of each control, and comes back as it was", () => {
    const shown = Object.fromEntries(KNOBS.map((knob) => [knob.field, knobValue(line, knob)]));
    expect(shown).toMatchObject({ loss: 7, delay: 10, jitter: 0, rateBps: 2.5, reorder: 0 });
    for (const knob of KNOBS) {
      const again = create(ImpairmentsSchema, withKnob(line, knob, knobValue(line, knob)));
      expect(knobValue(again, knob), knob.field).toBe(knobValue(line, knob));
      // What has no control stays.
      expect(again.queueLimit).toBe(1000);
      expect(again.bursts?.end).toBe(0.5);
    }
  });

  it("begins with nothing where nothing was said", () => {
    const knob = KNOBS.find(({ field }) => field === "delay");
    if (knob === undefined) throw new Error("no delay");
    expect(knobValue(undefined, knob)).toBe(0);
    expect(withKnob(undefined, knob, 1500)).toEqual({ delay: { seconds: 1n, nanos: 500_000_000 } });
  });

  it("is said in a few words", () => {
    expect(impairmentsText(line)).toBe("10.0 ms, 2.5 Mbit/s, 7 % lost, bursts of loss");
    expect(impairmentsText(undefined)).toBe("");
  });
});

describe("a map", () => {
  it("has every stack inside, and every link at all of its stacks", () => {
    for (const count of [1, 2, 3, 8]) {
      const names = Array.from({ length: count }, (_, index) => `s${index}`);
      const lab = create(LabSchema, {
        name: "lab",
        stacks: names.map((name) => `lab/${name}`),
        links: [{ stacks: names }],
      });
      const map = mapOf(lab);
      expect(map.stacks.map(({ short }) => short)).toEqual(names);
      expect(map.links[0]?.lines).toHaveLength(count);
      for (const { x, y } of map.stacks) {
        expect(x).toBeGreaterThan(0);
        expect(x).toBeLessThan(map.width);
        expect(y).toBeGreaterThan(0);
        expect(y).toBeLessThan(map.height);
      }
    }
  });

  it("keeps two links between the same stacks apart", () => {
    const stacks = ["a", "b"];
    const lab = create(LabSchema, { name: "l", stacks: ["l/a", "l/b"], links: [{ stacks }, { stacks }] });
    const [one, other] = mapOf(lab).links;
    expect(one?.y).not.toBe(other?.y);
  });
});

it("a speed is told as people do", () => {
  expect([0.001, 0.5, 1, 100].map(speedText)).toEqual([
    "1000 times as slow",
    "2 times as slow",
    "as fast as here",
    "100 times as fast",
  ]);
});
