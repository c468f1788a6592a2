import { describe, expect, test } from "vitest";
import { flights } from "./flights";
import { heightAfter, heightAt, ladder, momentNear, timeAt } from "./ladder";
import { demo, loss } from "./recorded";
import { road } from "./road";

const of = ({ events, ends }: typeof demo, spacing: "even" | "scale") => {
  const steps = { left: road(events, ends.left.socket ?? 0n), right: road(events, ends.right.socket ?? 0n) };
  return ladder(flights(events, ends), steps, spacing);
};

describe.each(["even", "scale"] as const)("%s", (spacing) => {
  test.each([demo, loss])("no segment goes up, and heights ascend with the order of events", (recorded) => {
    const { rungs, moments } = of(recorded, spacing);
    for (const { fromY, toY } of rungs) expect(toY).toBeGreaterThan(fromY);
    const heights = moments.map(({ y }) => y);
    expect(heights).toEqual([...heights].sort((one, two) => one - two));
  });

  test("a time is at its height, and a height at its time", () => {
    const drawn = of(demo, spacing);
    for (const { atNs } of drawn.moments) expect(timeAt(drawn, heightAt(drawn, atNs))).toBe(atNs);
  });
});

test("to scale, a second is a unit", () => {
  const { rungs, height } = of(demo, "scale");
  expect(rungs[0]).toMatchObject({ fromY: 0, toY: 0.01 });
  expect(height).toBeCloseTo(60.2);
});

test("evenly spaced, a wait of a minute takes the room of two segments, and is told", () => {
  const { waits, height } = of(demo, "even");
  expect(waits.map(({ ns }) => ns)).toEqual([59_990_000_000n]);
  expect(height).toBeLessThan(24);
});

test("segments that leave in the same moment do not lie on each other", () => {
  for (const { rungs } of [of(demo, "even"), of(loss, "even")]) {
    const places = rungs.map(({ flight, fromY }) => `${flight.from} ${fromY}`);
    expect(new Set(places).size).toBe(places.length);
  }
});

test("what is pointed at is the nearest moment within reach", () => {
  const drawn = of(demo, "even");
  const [first, second] = [drawn.moments[0], drawn.moments.find(({ atNs }) => atNs > 0n)];
  expect(momentNear(drawn, 0.1, 0.2)?.atNs).toBe(first?.atNs);
  expect(momentNear(drawn, (second?.y ?? 0) - 0.1, 0.2)).toBe(second);
  expect(momentNear(drawn, 0.5, 0.2)).toBeUndefined();
});

test("a hole lies between the moments around it", () => {
  const drawn = of(demo, "even");
  expect(heightAfter(drawn, 20_000_000n)).toBe((heightAt(drawn, 20_000_000n) + heightAt(drawn, 30_000_000n)) / 2);
});

test("nothing is drawn of nothing", () => {
  expect(ladder([], { left: [], right: [] }, "even")).toMatchObject({ rungs: [], marks: [], height: 0 });
});
