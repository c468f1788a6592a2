import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { TcpState } from "@v1/common_pb";
import { EventSchema, GapSchema } from "@v1/events_pb";
import { expect, it } from "vitest";
import { ConnectionModel } from "./connection";

const event = (seq: bigint, socket = 1n, kind?: MessageInitShape<typeof EventSchema>["kind"]) =>
  create(EventSchema, { seq, socket, timeNs: 5_000n + seq, kind });
const seqs = (model: ConnectionModel) => model.events.map(({ seq }) => Number(seq));

it("events of two watches lie in one order, each once", () => {
  const model = new ConnectionModel(1n);
  model.push([event(1n), event(4n), event(6n)]);
  model.push([event(2n, 2n), event(4n), event(5n, 0n), event(9n)]);
  model.push([event(10n)]);
  expect(seqs(model)).toEqual([1, 2, 4, 5, 6, 9, 10]);
});

it("the far end is the other socket, and both are as their last events say", () => {
  const model = new ConnectionModel(1n);
  const to = (state: TcpState) => ({ case: "tcpStateChanged", value: { to: state } }) as const;
  model.push([event(1n, 1n, to(TcpState.SYN_SENT)), event(2n, 2n, to(TcpState.SYN_RECEIVED))]);
  model.push([event(3n, 1n, to(TcpState.ESTABLISHED)), event(4n, 2n, { case: "released", value: {} })]);
  expect(model.near?.tcpState).toBe(TcpState.ESTABLISHED);
  expect(model.far).toMatchObject({ socket: 2n, tcpState: TcpState.SYN_RECEIVED, released: true });
});

it("a hole stays before the event that followed it", () => {
  const model = new ConnectionModel(1n);
  model.push([event(1n), event(2n)]);
  model.gap(create(GapSchema));
  model.push([event(9n)]);
  model.push([event(1n), event(3n)]);
  expect(seqs(model)).toEqual([1, 2, 3, 9]);
  expect(model.holes.map(({ index }) => index)).toEqual([3]);
});

it("so many events are kept, and how many went is told", () => {
  const model = new ConnectionModel(1n, 10);
  for (let seq = 1n; seq <= 11n; seq++) model.push([event(seq)]);
  expect(seqs(model)).toEqual([7, 8, 9, 10, 11]);
  expect(model.forgotten).toBe(6);
});

it("who listens is told of each change", () => {
  const model = new ConnectionModel(1n);
  let told = 0;
  const leave = model.subscribe(() => told++);
  model.push([event(1n)]);
  model.push([]);
  leave();
  model.push([event(2n)]);
  expect(told).toBe(1);
});
