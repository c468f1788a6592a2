import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { SocketKind, SocketState, SocketSummarySchema, TcpState } from "@v1/common_pb";
import { EventSchema } from "@v1/events_pb";
import { GetInfoResponseSchema } from "@v1/sockets_pb";
import { describe, expect, it } from "vitest";
import { arrange, countStates, GONE_FOR_MS, type Order, SocketTable, SPARK } from "./store";

const summary = (socket: bigint, tcpState: TcpState, more: { label?: string; kind?: SocketKind } = {}) =>
  create(SocketSummarySchema, {
    socket,
    stack: "lab/a",
    kind: SocketKind.STREAM,
    socketState: SocketState.CONNECTED,
    tcpState,
    local: { ip: "10.0.0.1", port: Number(socket) },
    ...more,
  });

const event = (seq: bigint, socket: bigint, kind: MessageInitShape<typeof EventSchema>["kind"]) =>
  create(EventSchema, { seq, socket, timeNs: seq * 1000n, stack: "lab/a", label: "web", kind });

const info = (socket: bigint, bytesSent: bigint) =>
  create(GetInfoResponseSchema, {
    summary: summary(socket, TcpState.ESTABLISHED, { label: "Web" }),
    tcp: { bytesSent, rttUs: 10_000n - socket },
    timeNs: 1n,
  });

const BY_SOCKET: Order = { column: "socket", descending: false };

describe("the table of sockets", () => {
  it("is what the last snapshot says, and keeps the samples of what stayed", () => {
    const table = new SocketTable();
    table.snapshot([summary(1n, TcpState.LISTEN), summary(2n, TcpState.ESTABLISHED)], true, true);
    table.sample(info(2n, 10n));
    table.snapshot([summary(2n, TcpState.CLOSE_WAIT)], true, false);
    table.snapshot([summary(3n, TcpState.SYN_SENT)], false, true);
    expect([...table.rows.keys()]).toEqual([2n, 3n]);
    expect(table.rows.get(2n)).toMatchObject({ tcpState: TcpState.CLOSE_WAIT, sample: { sent: 10 } });
  });

  it("follows a socket by its events, from the first to the last", () => {
    const table = new SocketTable();
    table.events([event(1n, 5n, { case: "opened", value: { kind: SocketKind.STREAM } })], 0);
    const to = TcpState.SYN_SENT;
    const remote = { ip: "fd00::2", port: 80 };
    table.events([event(2n, 5n, { case: "tcpStateChanged", value: { to, remote } })], 0);
    table.events([event(3n, 5n, { case: "failed", value: { errnoName: "ECONNREFUSED" } })], 0);
    expect(table.rows.get(5n)).toMatchObject({
      label: "web",
      tcpState: to,
      remote: "[fd00::2]:80",
      failed: "ECONNREFUSED",
      openedTimeNs: 1000n,
      stateTimeNs: 2000n,
    });
    table.events([event(4n, 5n, { case: "released", value: {} })], 1000);
    expect(table.sweep(1000 + GONE_FOR_MS - 1)).toBe(true);
    expect(table.rows.has(5n)).toBe(true);
    expect(table.sweep(1000 + GONE_FOR_MS)).toBe(false);
    expect(table.rows.has(5n)).toBe(false);
  });

  it("does not keep thousands of rows that are gone", () => {
    const table = new SocketTable();
    for (let socket = 1n; socket <= 1000n; socket++) {
      table.events([event(socket, socket, { case: "released", value: {} })], 0);
    }
    table.sweep(1);
    expect(table.rows.size).toBe(200);
    expect(table.rows.has(1000n)).toBe(true);
  });

  it("remembers what moved between samples, so many of them", () => {
    const table = new SocketTable();
    table.snapshot([summary(1n, TcpState.ESTABLISHED)], true, true);
    for (let sent = 0n; sent < 100n; sent++) table.sample(info(1n, sent * sent));
    const spark = table.rows.get(1n)?.spark ?? [];
    expect(spark).toHaveLength(SPARK);
    expect(spark.at(-1)).toBe(99 * 99 - 98 * 98);
  });
});

describe("what is shown", () => {
  const table = new SocketTable();
  table.snapshot(
    [
      summary(9n, TcpState.ESTABLISHED, { label: "Web" }),
      summary(10n, TcpState.TIME_WAIT),
      summary(2n, TcpState.LISTEN),
      summary(3n, TcpState.UNSPECIFIED, { kind: SocketKind.DATAGRAM }),
    ],
    true,
    true,
  );
  table.sample(info(9n, 1n));
  table.sample(info(2n, 1n));
  const shown = (words: string[], states: string[], order: Order) =>
    arrange(table, words, new Set(states), order).map(({ socket }) => Number(socket));

  it("is counted by state, in the order of a connection's life", () => {
    expect(countStates(table.rows.values()).map(({ state, count }) => `${count} ${state}`)).toEqual([
      "2 ESTABLISHED",
      "1 TIME-WAIT",
      "1 UDP",
    ]);
  });

  it("has every word, in whatever column", () => {
    expect(shown(["web"], [], BY_SOCKET)).toEqual([2, 9]);
    expect(shown(["10.0.0.1:", "time"], [], BY_SOCKET)).toEqual([10]);
    expect(shown([], ["TIME-WAIT", "UDP"], BY_SOCKET)).toEqual([3, 10]);
  });

  it("is sorted by number, not by text, and what is not known stands at the end both ways", () => {
    expect(shown([], [], BY_SOCKET)).toEqual([2, 3, 9, 10]);
    expect(shown([], [], { column: "socket", descending: true })).toEqual([10, 9, 3, 2]);
    expect(shown([], [], { column: "rtt", descending: false })).toEqual([9, 2, 3, 10]);
    expect(shown([], [], { column: "rtt", descending: true })).toEqual([2, 9, 3, 10]);
  });
});
