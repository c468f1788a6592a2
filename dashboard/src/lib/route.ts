// Where in the page one is, as the part of the address after `#`: permalinks to a connection and a moment.
//
//   #/connections?state=ESTABLISHED&sort=rtt    #/connections/12?at=3000400    #/labs    #/events

/** A place in the page. */
export type Route =
  | { view: "connections"; query: URLSearchParams }
  /** `at`: the moment under the cursor, in nanoseconds on the stack's clock. */
  | { view: "connection"; socket: bigint; at: bigint | undefined; query: URLSearchParams }
  | { view: "labs"; query: URLSearchParams }
  | { view: "events"; query: URLSearchParams };

/** Reads what follows `#`. What cannot be understood is the list of connections. */
export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const [view, socket] = path.split("/").filter(Boolean);
  if (view === "labs" || view === "events") return { view, query };
  if (view === "connections" && socket !== undefined && WHOLE.test(socket)) {
    return { view: "connection", socket: BigInt(socket), at: whole(query.get("at")), query };
  }
  return { view: "connections", query };
}

/** The address of one connection, and of a moment in it. */
export function connectionLink(socket: bigint, at?: bigint): string {
  return `#/connections/${socket}${at === undefined ? "" : `?at=${at}`}`;
}

/** The same place with these parameters; those without a value are left out. */
export function withQuery(path: string, parameters: Record<string, string | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return text === "" ? `#${path}` : `#${path}?${text}`;
}

const WHOLE = /^\d{1,20}$/;

function whole(text: string | null): bigint | undefined {
  return text !== null && WHOLE.test(text) ? BigInt(text) : undefined;
}
