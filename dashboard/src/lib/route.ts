// Where in the page one is, as the part of the address after `#`: permalinks to a connection and a moment.
//
//   #/connections?state=ESTABLISHED&sort=rtt    #/connections/12?run=8c098a17e0b3f6d2&at=3000400    #/labs    #/events

/** A place in the page. */
export type Route =
  | { view: "connections"; query: URLSearchParams }
  /**
   * `at`: the moment under the cursor, in nanoseconds on the stack's clock. `run`: the run of the server that the socket is of;
   * in another one the same number is another socket.
   */
  | { view: "connection"; socket: bigint; at: bigint | undefined; run: bigint | undefined; query: URLSearchParams }
  /** A trace from disk: one of its parts, and of a connection which one and when. */
  | { view: "trace"; part: TracePart; socket: bigint | undefined; at: bigint | undefined; query: URLSearchParams }
  | { view: "labs"; query: URLSearchParams }
  | { view: "events"; query: URLSearchParams };

/** The parts of a trace, in the order in which they are offered. */
export const TRACE_PARTS = ["overview", "connections", "events", "calls", "log"] as const;
export type TracePart = (typeof TRACE_PARTS)[number];

/** Reads what follows `#`. What cannot be understood is the list of connections. */
export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const [view, ...rest] = path.split("/").filter(Boolean);
  const [socket] = rest;
  if (view === "trace") {
    const part = TRACE_PARTS.find((name) => name === rest[0]) ?? "overview";
    return { view, part, socket: whole(rest[1] ?? null), at: whole(query.get("at")), query };
  }
  if (view === "labs" || view === "events") return { view, query };
  if (view === "connections" && socket !== undefined && WHOLE.test(socket)) {
    return { view: "connection", socket: BigInt(socket), at: whole(query.get("at")), run: runIn(query), query };
  }
  return { view: "connections", query };
}

/** The address of one connection, of this run of the server, and of a moment in it. */
export function connectionLink(socket: bigint, at?: bigint, run?: bigint): string {
  return withQuery(`/connections/${socket}`, { run: run === undefined ? "" : runText(run), at: at?.toString() });
}

/** The address of a connection of the trace that is open, and of a moment in it. */
export function tracedLink(socket: bigint, at?: bigint): string {
  return withQuery(`/trace/connections/${socket}`, { at: at?.toString() });
}

/** A run of the server, as it is written in addresses. */
export function runText(run: bigint): string {
  return run.toString(16).padStart(16, "0");
}

/** The same place with these parameters; those without a value are left out. */
export function withQuery(path: string, parameters: Record<string, string | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return text === "" ? `#${path}` : `#${path}?${text}`;
}

function runIn(query: URLSearchParams): bigint | undefined {
  const text = query.get("run") ?? "";
  return /^[\da-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}

const WHOLE = /^\d{1,20}$/;

function whole(text: string | null): bigint | undefined {
  return text !== null && WHOLE.test(text) ? BigInt(text) : undefined;
}
