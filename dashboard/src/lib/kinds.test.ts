import { expect, it } from "vitest";
import { EventKindSchema } from "../gen/sockwright/v1/common_pb";
import { GROUPS } from "./kinds";

it("every kind of event is in one group", () => {
  const grouped = GROUPS.flatMap(({ kinds }) => kinds).sort((a, b) => a - b);
  const all = EventKindSchema.values.map(({ number }) => number).filter((number) => number !== 0);
  expect(grouped).toEqual(all);
});
