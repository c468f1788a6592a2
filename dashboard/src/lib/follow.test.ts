import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { EventKind, TcpState } from "@v1/common_pb";
import { Events, GapReason, GapSchema, type WatchRequest, type WatchResponseSchema } from "@v1/events_pb";
import { Networks } from "@v1/networks_pb";
import { Sockets } from "@v1/sockets_pb";
import { expect, it } from "vitest";
import { ConnectionModel } from "./connection";
import { follow } from "./follow";
import { demo } from "./recorded";
import type { Line } from "./stream";

type Part = MessageInitShape<typeof WatchResponseSchema>["part"];

/** A server that remembers the demo; `after` is what a watch tells when it has told that. */
function serving(after: (request: WatchRequest) => Part | undefined) {
  const asked: WatchRequest[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(Sockets, { list: () => ({ sockets: [], at: { epoch: 1n, seq: 0n } }) });
    service(Events, {
      async *watch(request, context) {
        asked.push(request);
        const { sockets = [] } = request.filter ?? {};
        const events = demo.events.filter(({ socket }) => sockets.length === 0 || sockets.includes(socket));
        yield { part: { case: "events", value: { epoch: 1n, events } } };
        const part = after(request);
        if (part !== undefined) yield { part };
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      },
    });
  });
  const clients = {
    events: createClient(Events, transport),
    networks: createClient(Networks, transport),
    sockets: createClient(Sockets, transport),
  };
  return { asked, clients };
}

const isOfLosses = ({ filter }: WatchRequest) => filter?.kinds.length === 1 && filter.kinds[0] === EventKind.FRAME_LOST;
const unheard = { line: () => {}, at: () => {}, missed: () => {}, otherRun: () => {} };

it("both ends are found from one of them, each event once", async () => {
  const { asked, clients } = serving(() => undefined);
  const model = new ConnectionModel(2n);
  const stop = follow(clients, model, unheard);
  await expect.poll(() => asked.length).toBe(3);
  const [first, both] = asked;
  expect(first?.filter?.sockets).toEqual([2n]);
  // By the address of the end that opened it.
  expect(both?.filter?.ports).toEqual([65514]);
  expect(asked.filter(isOfLosses)).toHaveLength(1);
  await expect.poll(() => model.far?.tcpState).toBe(TcpState.CLOSED);
  const seqs = model.events.map(({ seq }) => seq);
  expect(seqs).toEqual([...new Set(seqs)]);
  stop();
});

it.each([
  ["the watch of both ends", (request: WatchRequest) => (request.filter?.ports.length ?? 0) > 0],
  ["the watch of what links lose", isOfLosses],
])("another run of the server is told once, whoever hears of it first: %s", async (_, hears) => {
  const { clients } = serving((request) => {
    const otherRun = create(GapSchema, { reason: GapReason.OTHER_EPOCH });
    return hears(request) ? { case: "gap", value: otherRun } : undefined;
  });
  const model = new ConnectionModel(2n);
  const stop = follow(clients, model, unheard);
  await expect.poll(() => model.holes.map(({ gap }) => gap.reason)).toEqual([GapReason.OTHER_EPOCH]);
  stop();
});

it("nobody is told of a line that fails after he left", async () => {
  const lines: Line[] = [];
  let refuse: ((error: Error) => void) | undefined;
  const { clients } = serving(() => undefined);
  const sockets = { ...clients.sockets, list: () => new Promise<never>((_, reject) => (refuse = reject)) };
  const stop = follow({ ...clients, sockets }, new ConnectionModel(2n), {
    ...unheard,
    line: (line) => void lines.push(line),
  });
  stop();
  refuse?.(new ConnectError("no", Code.Unavailable));
  await new Promise((resolve) => setImmediate(resolve));
  expect(lines).toEqual([]);
});

it("a connection of another run of the server is not looked for in this one", async () => {
  const { asked, clients } = serving(() => undefined);
  const model = new ConnectionModel(2n);
  const now = new Promise((otherRun) => follow(clients, model, { ...unheard, otherRun }, 7n));
  expect(await now).toBe(1n);
  expect(asked).toEqual([]);
  expect(model.near).toBeUndefined();
});
