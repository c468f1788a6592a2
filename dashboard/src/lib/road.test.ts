import { TimerKind } from "@v1/events_pb";
import { expect, test } from "vitest";
import transitions from "../gen/transitions.json";
import { captions } from "./captions";
import { BOX, diagram } from "./diagram";
import { flights } from "./flights";
import { demo, loss } from "./recorded";
import { road } from "./road";
import { tcpStateName } from "./tcp";
import { runningTimers } from "./timers";

const client = road(demo.events, 2n);
const server = road(demo.events, 3n);

test("the road of the client, with causes and how long it stayed", () => {
  expect(client.map(({ step, to, cause, dwellNs }) => [step, tcpStateName(to), cause, dwellNs])).toEqual([
    [1, "SYN-SENT", "Connect", 20_000_000n],
    [2, "ESTABLISHED", "rcv S.", 130_000_000n],
    [3, "FIN-WAIT-1", "Shutdown", 20_000_000n],
    [4, "FIN-WAIT-2", "rcv .", 30_000_000n],
    [5, "TIME-WAIT", "rcv F.", 60_000_000_000n],
    [6, "CLOSED", "TIME-WAIT timer", undefined],
  ]);
});

test("every transition of the engine's table has its arrow, or gets one when it is taken", () => {
  const undrawn = diagram([]).edges;
  for (const { from, to, on, fails } of transitions.transitions) {
    const arrow = undrawn.find((edge) => edge.from.name === from && edge.to.name === to && edge.triggers.includes(on));
    const figure = !fails && on !== "rcv data after CLOSE" && !(from === "SYN-RECEIVED" && on === "rcv SYN");
    if (figure) expect(arrow, `${from} on ${on}`).toBeDefined();
  }
  const aborted = diagram([
    ...server.slice(0, 2),
    {
      step: 3,
      id: 0n,
      from: 5,
      to: 1,
      by: { case: "call", value: "Abort" },
      cause: "Abort",
      atNs: 0n,
      dwellNs: undefined,
    },
  ]);
  expect(aborted.edges.filter(({ steps }) => steps.length > 0).map(({ id }) => id)).toContain(
    "ESTABLISHED>CLOSED, at the end",
  );
});

test("the diagram lights the road, and the box it ends in", () => {
  const { nodes, edges } = diagram(client);
  expect(nodes.filter(({ here }) => here).map(({ id }) => id)).toEqual(["CLOSED, at the end"]);
  expect(nodes.filter(({ visits }) => visits > 0)).toHaveLength(7);
  expect(edges.flatMap(({ steps }) => steps.map(({ step }) => step)).sort()).toEqual([1, 2, 3, 4, 5, 6]);
});

test("no boxes overlap, and arrows begin and end at their borders", () => {
  const { nodes, edges } = diagram([]);
  for (const one of nodes) {
    for (const two of nodes) {
      const apart = Math.abs(one.x - two.x) > BOX.width || Math.abs(one.y - two.y) > BOX.height;
      expect(one === two || apart, `${one.id} and ${two.id}`).toBe(true);
    }
  }
  for (const { from, path } of edges) {
    const [dx, dy] = [Math.abs(path.start.x - from.x), Math.abs(path.start.y - from.y)];
    expect(Math.max(dx - BOX.width / 2, dy - BOX.height / 2)).toBeCloseTo(0);
  }
});

test("captions tell each change of state in its order", () => {
  const told = captions(flights(demo.events, demo.ends), { left: client, right: server });
  expect(told[0]?.text).toBe("Connect: the client sends a SYN and waits for the answer.");
  expect(told.map(({ state }) => state).filter(Boolean)).toEqual([
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "CLOSE-WAIT",
    "FIN-WAIT-2",
    "LAST-ACK",
    "TIME-WAIT",
    "CLOSED",
    "CLOSED",
  ]);
  for (const { text } of told) expect(text).not.toMatch(/[{}]|undefined/);
});

test("timers run from when they were started until they stop, fire, or the socket is gone", () => {
  const started = loss.events.find(({ socket, kind }) => socket === 5n && kind.case === "timer");
  const running = runningTimers(loss.events, 5n, started?.timeNs ?? 0n);
  expect(running.map(({ timer }) => timer)).toContain(TimerKind.RETRANSMIT);
  expect(runningTimers(loss.events, 5n, 0n).every(({ deadlineNs }) => deadlineNs > 0n)).toBe(true);
  const end = loss.events.at(-1)?.timeNs ?? 0n;
  expect(runningTimers(loss.events, 6n, end)).toEqual([]);
});
