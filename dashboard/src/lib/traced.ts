// What the views of a trace show of it: its sockets as a table, and where its calls and log lines lie among its events.
//
// Owns nothing: everything is derived from the bundle. The stream of events is the time that all have in common: a moment is the
// `seq` of the last event until then.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FilterSchema } from "@v1/common_pb";
import type { Event } from "@v1/events_pb";
import { read } from "./sequence";
import { type Row, type Sample, SocketTable, SPARK } from "./store";
import { FIN } from "./tcp";
import type { Call, LogLine, Moment, Trace } from "./trace";

/** The sockets of a trace as they were last, with what their events tell of octets, round trips and windows. */
export function tableOf({ sockets, events }: Pick<Trace, "sockets" | "events">): SocketTable {
  const table = new SocketTable();
  table.snapshot(sockets, true, true);
  table.events(events, 0);
  const [from, to] = [events[0]?.seq ?? 0n, events.at(-1)?.seq ?? 0n];
  const span = Number(to - from) + 1;
  const finished = new Set<bigint>();
  for (const { seq, socket, kind } of events) {
    const row = table.rows.get(socket);
    if (row === undefined) continue;
    const sample = sampleOf(row);
    switch (kind.case) {
      case "segmentSent": {
        sample.sent += kind.value.length;
        // What it acknowledges arrived in order: all but the SYN, and the FIN.
        const ack = read(kind.value.text)?.ack ?? 0;
        sample.received = Math.max(sample.received, ack - 1 - (finished.has(socket) ? 1 : 0));
        move(row, kind.value.length, Number(seq - from) / span);
        break;
      }
      case "segmentReceived":
        if (kind.value.flags & FIN) finished.add(socket);
        move(row, kind.value.length, Number(seq - from) / span);
        break;
      case "retransmission":
        sample.retransmissions += 1;
        break;
      case "rttSample":
        sample.rtt = Number(kind.value.srttNs);
        break;
      case "congestion":
        sample.cwnd = kind.value.cwnd;
        break;
    }
  }
  // Here none of them is about to vanish.
  for (const row of table.rows.values()) row.goneAt = undefined;
  return table;
}

function sampleOf(row: Row): Sample {
  row.sample ??= { sent: 0, received: 0, rtt: 0, cwnd: 0, retransmissions: 0 };
  return row.sample;
}

/** Octets moved at this part of the trace, for the line in the table. */
function move(row: Row, octets: number, part: number): void {
  if (row.spark.length === 0) row.spark.push(...new Array<number>(SPARK).fill(0));
  const place = Math.min(SPARK - 1, Math.floor(part * SPARK));
  row.spark[place] = (row.spark[place] ?? 0) + octets;
}

/** Whether the filter that a server would take admits a row. */
export function admits(filter: MessageInitShape<typeof FilterSchema>, row: Row): boolean {
  const { sockets = [], labels = [], sessions = [], stacks = [], addresses = [], ports = [] } = filter;
  const ends = [row.local, row.remote].map((end) => /^\[?([^\]]*)\]?:(\d+)$/.exec(end) ?? []);
  const one = <T>(values: readonly T[], admitted: (value: T) => boolean): boolean =>
    values.length === 0 || values.some(admitted);
  return (
    one(sockets, (socket) => socket === row.socket) &&
    one(labels, (label) => label === row.label) &&
    one(sessions, (session) => session === row.session) &&
    one(stacks, (stack) => stack === row.stack) &&
    one(addresses, (address) => ends.some(([, ip]) => ip === address)) &&
    one(ports, (port) => ends.some(([, , number]) => Number(number) === port))
  );
}

/** The sockets that a call names, in its request or its response. */
export function socketsOf({ request, response }: Call): bigint[] {
  const found = new Set<bigint>();
  for (const message of [request, response]) {
    for (const named of [message?.socket, ...(Array.isArray(message?.sockets) ? message.sockets : [])]) {
      if (typeof named === "string" && /^\d{1,20}$/.test(named)) found.add(BigInt(named));
    }
  }
  return [...found];
}

/** Where a call is among the events: after the first number, and not after the second; one that had not ended goes on. */
export function spanOf({ start, end }: Call): { from: bigint; to: bigint | undefined } {
  return { from: seqOf(start) ?? 0n, to: seqOf(end) };
}

/** Where a log line is among the events: at the last one whose number is known at a time before it. */
export function placesOf(log: readonly LogLine[], { calls, manifest }: Pick<Trace, "calls" | "manifest">): bigint[] {
  const known = [manifest.start, manifest.end, ...calls.flatMap(({ start, end }) => [start, end])]
    .flatMap((moment) => {
      const [at, seq] = [timeOf(moment?.time), seqOf(moment)];
      return at === undefined || seq === undefined ? [] : [{ at, seq }];
    })
    .sort((one, two) => one.at - two.at);
  return log.map(({ time }) => {
    const at = timeOf(time) ?? 0;
    return known.findLast((moment) => moment.at <= at)?.seq ?? 0n;
  });
}

/** The last of events, ascending by `seq`, that is not after a moment of the trace. */
export function lastUntil(events: readonly Event[], seq: bigint): Event | undefined {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.seq ?? 0n) <= seq) low = middle + 1;
    else high = middle;
  }
  return events[low - 1];
}

function seqOf(moment: Moment | undefined): bigint | undefined {
  return /^\d{1,20}$/.test(moment?.seq ?? "") ? BigInt(moment?.seq ?? 0) : undefined;
}

/** Milliseconds, and parts of them. */
function timeOf(text: string | undefined): number | undefined {
  const parsed = Date.parse(text ?? "");
  if (Number.isNaN(parsed)) return undefined;
  // What is finer than milliseconds is dropped by `Date`.
  return parsed + Number(`0.${/\.\d{3}(\d+)/.exec(text ?? "")?.[1] ?? 0}`);
}
