import { create } from "@bufbuild/protobuf";
import { TcpState } from "@v1/common_pb";
import { type Event, GapSchema } from "@v1/events_pb";
import { describe, expect, test } from "vitest";
import { ConnectionModel } from "./connection";
import { demo, loss } from "./recorded";

const seqs = ({ events }: ConnectionModel) => events.map(({ seq }) => seq);
const batches = (events: readonly Event[], length: number): Event[][] =>
  Array.from({ length: Math.ceil(events.length / length) }, (_, place) =>
    events.slice(place * length, (place + 1) * length),
  );

describe("events are known once and in order, however they come", () => {
  const expected = loss.events.map(({ seq }) => seq);

  test("two watches, of which either is ahead", () => {
    const isLost = ({ kind }: Event) => kind.case === "frameLost";
    const [lost, others] = [loss.events.filter(isLost), loss.events.filter((event) => !isLost(event))];
    for (const order of [
      [lost, ...batches(others, 7)],
      [...batches(others, 7), lost],
      batches(others, 7).flatMap((batch, place) => [batch, lost.slice(place, place + 1)]),
    ]) {
      const model = new ConnectionModel(5n);
      for (const batch of order) model.push(batch);
      expect(seqs(model)).toEqual(expected);
    }
  });

  test("one end first, then both from the beginning", () => {
    const model = new ConnectionModel(2n);
    model.push(demo.events.filter(({ socket }) => socket === 2n));
    for (const batch of batches(demo.events, 5)) model.push(batch);
    expect(seqs(model)).toEqual(demo.events.map(({ seq }) => seq));
    expect(model.near?.tcpState).toBe(TcpState.CLOSED);
    expect(model.near?.released).toBe(true);
  });

  test("a batch backwards, and one twice", () => {
    const model = new ConnectionModel(2n);
    model.push(demo.events.slice(0, 20).toReversed());
    model.push(demo.events.slice(10, 30));
    expect(seqs(model)).toEqual(demo.events.slice(0, 30).map(({ seq }) => seq));
  });
});

test("a hole stays between the events that it lay between", () => {
  const model = new ConnectionModel(2n);
  model.push(demo.events.slice(10, 20));
  model.gap(create(GapSchema));
  model.push(demo.events.slice(30, 40));
  model.push(demo.events.slice(0, 10));
  expect(model.holes.map(({ index }) => index)).toEqual([20]);
  model.push(demo.events.slice(40));
  expect(model.holes.map(({ index }) => index)).toEqual([20]);
});
