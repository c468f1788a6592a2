import { expect, it } from "vitest";
import { connectionLink, parseRoute, tracedLink, withQuery } from "./route";

it("a link to a moment of a connection leads back to it", () => {
  const route = parseRoute(connectionLink(12n, 9_007_199_254_740_993n));
  expect(route).toMatchObject({ view: "connection", socket: 12n, at: 9_007_199_254_740_993n });
  expect(parseRoute(connectionLink(12n))).toMatchObject({ view: "connection", at: undefined });
});

it("a link names the run of the server that its socket is of", () => {
  const link = connectionLink(12n, 5n, 0xacn);
  expect(link).toBe("#/connections/12?run=00000000000000ac&at=5");
  expect(parseRoute(link)).toMatchObject({ socket: 12n, at: 5n, run: 0xacn });
  expect(parseRoute("#/connections/12?run=x")).toMatchObject({ socket: 12n, run: undefined });
});

it("a trace has its parts, and connections of its own", () => {
  expect(parseRoute("#/trace")).toMatchObject({ view: "trace", part: "overview", socket: undefined });
  expect(parseRoute("#/trace/calls")).toMatchObject({ view: "trace", part: "calls" });
  expect(parseRoute(tracedLink(3n, 7n))).toMatchObject({ view: "trace", part: "connections", socket: 3n, at: 7n });
});

it("what cannot be understood is the list of connections", () => {
  for (const hash of [
    "",
    "#",
    "#/",
    "#/nowhere",
    "#/connections/x",
    "#/connections/1e3",
    `#/connections/${"9".repeat(40)}`,
  ]) {
    expect(parseRoute(hash).view, hash).toBe("connections");
  }
  expect(parseRoute("#/connections/3?at=soon")).toMatchObject({ view: "connection", at: undefined });
});

it("filters are part of the address", () => {
  const address = withQuery("/connections", { q: "label:a b", state: "", sort: "rtt" });
  const route = parseRoute(address);
  expect(route.query.get("q")).toBe("label:a b");
  expect(route.query.has("state")).toBe(false);
  expect(withQuery("/events", {})).toBe("#/events");
});
