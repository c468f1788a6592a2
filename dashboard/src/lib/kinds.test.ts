import { EventKind, EventKindSchema } from "@v1/common_pb";
import { expect, it } from "vitest";
import { GROUPS, isRemembered, kindsOf } from "./kinds";

it("every kind of event is in one group", () => {
  const grouped = GROUPS.flatMap(({ kinds }) => kinds).sort((a, b) => a - b);
  const all = EventKindSchema.values.map(({ number }) => number).filter((number) => number !== 0);
  expect(grouped).toEqual(all);
});

it("states are remembered without a watcher, and segments beside them are not", () => {
  expect(isRemembered(kindsOf(new Set(["states"])))).toBe(true);
  expect(isRemembered(kindsOf(new Set(["states", "segments"])))).toBe(false);
  expect(isRemembered([EventKind.TIMER])).toBe(false);
});
