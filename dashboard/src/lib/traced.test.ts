import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { parseQuery } from "./query";
import { readTrace } from "./trace";
import { admits, lastUntil, placesOf, socketsOf, spanOf, tableOf } from "./traced";

const trace = readTrace(
  "upload.zip",
  new Uint8Array(readFileSync(resolve(import.meta.dirname, "recorded/upload.zip"))),
);

it("the table has the sockets as they were last, and what moved", () => {
  const rows = [...tableOf(trace).rows.values()];
  const [client] = rows.filter(({ local, remote }) => remote.endsWith(":80") && local !== "");
  const server = rows.find(({ local }) => local === client?.remote && local !== "");
  const sent = client?.sample?.sent ?? 0;
  expect(sent).toBeGreaterThan(10_000);
  const child = rows.find(({ remote }) => remote === client?.local);
  // Without what went twice.
  const again = client?.sample?.retransmissions ?? 0;
  expect(again).toBeGreaterThan(0);
  expect(child?.sample?.received).toBeLessThan(sent);
  expect(child?.sample?.received).toBeGreaterThan(sent - (again + 3) * 1460);
  expect(client?.sample?.rtt).toBeGreaterThan(19_000_000);
  expect(client?.spark.reduce((sum, octets) => sum + octets, 0)).toBeGreaterThanOrEqual(sent);
  expect(server).toBeDefined();
});

it("the filters of the server's are kept here", () => {
  const rows = [...tableOf(trace).rows.values()];
  const count = (search: string) => rows.filter((row) => admits(parseQuery(search).filter, row)).length;
  expect(count("")).toBe(rows.length);
  expect(count("port:80")).toBe(3);
  expect(count("addr:10.0.0.1")).toBe(3);
  expect(count("addr:10.0.0.1 stack:lab/b")).toBe(1);
  expect(count("label:nobody")).toBe(0);
  expect(count("socket:1 socket:2")).toBe(2);
});

it("calls and lines of the log have their places among the events", () => {
  const connect = trace.calls.findLast(({ method }) => method === "/sockwright.v1.Sockets/Connect");
  if (!connect) throw new Error("no such call");
  expect(socketsOf(connect)).toHaveLength(1);
  const { from, to = 0n } = spanOf(connect);
  const during = trace.events.filter(({ seq }) => seq > from && seq <= to);
  expect(during.some(({ kind }) => kind.case === "segmentSent")).toBe(true);
  const places = placesOf([{ time: "2026-11-23T09:04:37.5Z" }, { time: "2030-01-01T00:00:00Z" }, {}], trace);
  expect(places).toEqual([0n, 719n, 0n]);
  expect(lastUntil(trace.events, 3n)?.seq).toBe(3n);
  expect(lastUntil(trace.events, 0n)).toBeUndefined();
  expect(lastUntil(trace.events, 10_000n)?.seq).toBe(719n);
});
