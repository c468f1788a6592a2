import { create } from "@bufbuild/protobuf";
import { SocketSummarySchema, TcpState } from "@v1/common_pb";
import { expect, it } from "vitest";
import { ConnectionModel } from "./connection";
import { demo, loss } from "./recorded";
import { retell } from "./retell";

it("finds both ends among everything, and what their link lost", () => {
  const events = [...demo.events, ...loss.events].toSorted((one, two) => (one.seq < two.seq ? -1 : 1));
  const model = new ConnectionModel(5n);
  retell(model, [], events);
  expect(model.far?.socket).toBe(6n);
  expect(model.events.some(({ kind }) => kind.case === "frameLost")).toBe(true);
  expect(new Set(model.events.map(({ socket }) => socket))).toEqual(new Set([0n, 5n, 6n]));
  const seqs = model.events.map(({ seq }) => seq);
  expect(seqs).toEqual([...new Set(seqs)].sort((one, two) => (one < two ? -1 : 1)));
});

it("begins with what was there before", () => {
  const address = (ip: string, port: number) => ({ ip, port });
  const summary = create(SocketSummarySchema, {
    socket: 9n,
    stack: "eth0",
    tcpState: TcpState.ESTABLISHED,
    local: address("192.0.2.1", 80),
    remote: address("192.0.2.2", 4000),
  });
  const model = new ConnectionModel(9n);
  retell(model, [summary], []);
  expect(model.near?.tcpState).toBe(TcpState.ESTABLISHED);
  expect(model.far).toBeUndefined();
});
