// The sockets of the server as its events tell them: what the table of connections shows.
//
// Owns: one row for each socket, kept true by snapshots, events and samples; which rows are shown, and in which order. Never
// touches the server or a page.

import { type SocketAddress, SocketKind, SocketState, type SocketSummary, TcpState } from "@v1/common_pb";
import type { Event } from "@v1/events_pb";
import type { GetInfoResponse } from "@v1/sockets_pb";
import { addressText, socketStateName, TCP_STATES, tcpStateName } from "./tcp";

/** What `GetInfo` told of a connection last. */
export interface Sample {
  sent: number;
  received: number;
  /** In nanoseconds; 0 before the first measurement. */
  rtt: number;
  /** In octets. */
  cwnd: number;
  retransmissions: number;
}

/** Octets moved between two samples, at most so many spans back: the spark line. */
export const SPARK = 30;

/** A socket, as the table shows it. */
export interface Row {
  readonly socket: bigint;
  stack: string;
  session: string;
  label: string;
  kind: SocketKind;
  socketState: SocketState;
  tcpState: TcpState;
  local: string;
  remote: string;
  openedTimeNs: bigint;
  stateTimeNs: bigint;
  /** The errno with which it failed, or empty. */
  failed: string;
  /** It was released: when, as `Date.now()` has it. It is shown a moment longer. */
  goneAt: number | undefined;
  sample: Sample | undefined;
  /** The newest last. */
  spark: number[];
}

/** The columns that rows can be sorted by. */
export type Column =
  | "socket"
  | "state"
  | "stack"
  | "local"
  | "remote"
  | "label"
  | "session"
  | "age"
  | "sent"
  | "received"
  | "rtt"
  | "cwnd"
  | "retransmissions";

/** Columns of which only samples tell. */
export const SAMPLED: ReadonlySet<Column> = new Set(["sent", "received", "rtt", "cwnd", "retransmissions"]);

export interface Order {
  column: Column;
  descending: boolean;
}

/** What a state is called in filters and counts: TCP's where there is one, else the socket's. */
export function stateOf(row: Row): string {
  if (row.kind === SocketKind.DATAGRAM) return "UDP";
  return tcpStateName(row.tcpState) || socketStateName(row.socketState);
}

/** Rows that are gone and still shown: for this long, and at most so many. */
export const GONE_FOR_MS = 4000;
const GONE_AT_MOST = 200;

export class SocketTable {
  readonly rows = new Map<bigint, Row>();
  /** The time of each stack, as it was told last, on its own clock. */
  readonly times = new Map<string, bigint>();
  #gone: bigint[] = [];
  #before: Map<bigint, Row> | undefined;

  /** A part of a snapshot: what is not in it when it ends is not there. Samples of what stays are kept. */
  snapshot(sockets: readonly SocketSummary[], begins: boolean, ends: boolean): void {
    if (begins) {
      this.#before = new Map(this.rows);
      this.rows.clear();
      this.#gone = [];
    }
    for (const summary of sockets) {
      const before = this.#before?.get(summary.socket);
      const row = before ?? emptyRow(summary.socket);
      this.rows.set(summary.socket, row);
      this.#summarise(row, summary);
    }
    if (ends) this.#before = undefined;
  }

  events(events: readonly Event[], now: number): void {
    for (const event of events) {
      this.#tell(event.stack, event.timeNs);
      if (event.socket !== 0n) this.#apply(event, now);
    }
  }

  /** What `GetInfo` answered. */
  sample(info: GetInfoResponse): void {
    const summary = info.summary;
    const row = summary && this.rows.get(summary.socket);
    if (row === undefined || row.goneAt !== undefined) return;
    this.#summarise(row, summary as SocketSummary);
    this.#tell(row.stack, info.timeNs);
    const tcp = info.tcp;
    if (tcp !== undefined) {
      const sample = {
        sent: Number(tcp.bytesSent),
        received: Number(tcp.bytesReceived),
        rtt: Number(tcp.rttUs) * 1000,
        cwnd: tcp.cwnd,
        retransmissions: Number(tcp.retransmissions),
      };
      if (row.sample !== undefined) {
        row.spark.push(sample.sent + sample.received - row.sample.sent - row.sample.received);
        if (row.spark.length > SPARK) row.spark.shift();
      }
      row.sample = sample;
    }
  }

  /** Lets go of rows that were gone for long enough. True where there are more to come. */
  sweep(now: number): boolean {
    let swept = 0;
    for (const socket of this.#gone) {
      const row = this.rows.get(socket);
      if (row?.goneAt !== undefined && now - row.goneAt < GONE_FOR_MS && this.#gone.length - swept <= GONE_AT_MOST)
        break;
      this.rows.delete(socket);
      swept += 1;
    }
    if (swept > 0) {
      this.#gone = this.#gone.slice(swept);
    }
    return this.#gone.length > 0;
  }

  /** The time on the clock of a row's stack, as it was told last. */
  timeOf(row: Row): bigint {
    return this.times.get(row.stack) ?? row.stateTimeNs;
  }

  #tell(stack: string, timeNs: bigint): void {
    const known = this.times.get(stack);
    if (known === undefined || known < timeNs) this.times.set(stack, timeNs);
  }

  #summarise(row: Row, summary: SocketSummary): void {
    row.stack = summary.stack;
    row.session = summary.session;
    row.label = summary.label;
    row.kind = summary.kind;
    row.socketState = summary.socketState;
    row.tcpState = summary.tcpState;
    row.local = addressText(summary.local);
    row.remote = addressText(summary.remote);
    row.openedTimeNs = summary.openedTimeNs;
    row.stateTimeNs = summary.stateTimeNs;
  }

  #apply(event: Event, now: number): void {
    let row = this.rows.get(event.socket);
    if (row === undefined) {
      row = emptyRow(event.socket);
      row.openedTimeNs = event.timeNs;
      row.stateTimeNs = event.timeNs;
      this.rows.set(event.socket, row);
    }
    row.stack = event.stack;
    row.session = event.session;
    row.label = event.label;
    const kind = event.kind;
    switch (kind.case) {
      case "opened":
        row.kind = kind.value.kind;
        row.openedTimeNs = event.timeNs;
        break;
      case "named":
        row.local = addressText(kind.value.local);
        row.remote = addressText(kind.value.remote) || row.remote;
        break;
      case "socketStateChanged":
        row.socketState = kind.value.to;
        break;
      case "tcpStateChanged":
        row.tcpState = kind.value.to;
        row.stateTimeNs = event.timeNs;
        row.local = addressText(kind.value.local as SocketAddress | undefined) || row.local;
        row.remote = addressText(kind.value.remote as SocketAddress | undefined) || row.remote;
        break;
      case "failed":
        row.failed = kind.value.errnoName;
        break;
      case "released":
        row.goneAt = now;
        this.#gone.push(event.socket);
        break;
    }
  }
}

/** How many rows there are of each state, in the order of a connection's life. */
export function countStates(rows: Iterable<Row>): { state: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const state = stateOf(row);
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return [...counts].map(([state, count]) => ({ state, count })).sort((a, b) => rank(a.state) - rank(b.state));
}

/** The rows that are in one of `states` (none: in any) and have all of `words`, in this order. */
export function arrange(
  table: SocketTable,
  words: readonly string[],
  states: ReadonlySet<string>,
  order: Order,
): Row[] {
  const shown: Row[] = [];
  for (const row of table.rows.values()) {
    if (states.size > 0 && !states.has(stateOf(row))) continue;
    if (words.length === 0 || hasAll(row, words)) shown.push(row);
  }
  const key = keyOf(table, order.column);
  const keyed = shown.map((row) => ({ row, key: key(row) }));
  const sign = order.descending ? -1 : 1;
  keyed.sort((a, b) => {
    // What is not known stands at the end, whichever way it is sorted.
    if (a.key === undefined || b.key === undefined) {
      if (a.key !== b.key) return a.key === undefined ? 1 : -1;
    } else if (a.key !== b.key) {
      return a.key < b.key ? -sign : sign;
    }
    return a.row.socket < b.row.socket ? -1 : 1;
  });
  return keyed.map(({ row }) => row);
}

function hasAll(row: Row, words: readonly string[]): boolean {
  const text = `${row.socket} ${row.stack} ${row.label} ${row.session} ${row.local} ${row.remote} ${stateOf(row)} ${row.failed}`;
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}

function keyOf(table: SocketTable, column: Column): (row: Row) => number | string | bigint | undefined {
  switch (column) {
    case "socket":
      return (row) => row.socket;
    case "state":
      return (row) => rank(stateOf(row));
    case "stack":
    case "local":
    case "remote":
    case "label":
    case "session":
      return (row) => row[column] || undefined;
    case "age":
      return (row) => table.timeOf(row) - row.openedTimeNs;
    default:
      return (row) => row.sample?.[column];
  }
}

const RANKS = new Map(TCP_STATES.map((state, index) => [tcpStateName(state), index]));

function rank(state: string): number {
  return RANKS.get(state) ?? RANKS.size;
}

function emptyRow(socket: bigint): Row {
  return {
    socket,
    stack: "",
    session: "",
    label: "",
    kind: SocketKind.STREAM,
    socketState: SocketState.UNBOUND,
    tcpState: TcpState.CLOSED,
    local: "",
    remote: "",
    openedTimeNs: 0n,
    stateTimeNs: 0n,
    failed: "",
    goneAt: undefined,
    sample: undefined,
    spark: [],
  };
}
