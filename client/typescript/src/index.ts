// The client in a browser: gRPC-Web to the server's own port. In Node, "sockwright/node" has the same names over HTTP/2.

import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { bearing } from "./access.ts";
import { Client } from "./client.ts";

/**
 * Names a server, e.g. `http://127.0.0.1:50051`. The first call finds out whether it is there. The token is carried by each call;
 * authorities and certificates are the browser's. It goes over TLS and to loopback alone, unless `insecure` has it go in clear, where
 * the network is private: otherwise a `TypeError`.
 */
export function connect(
  baseUrl: string,
  { token, insecure = false }: { readonly token?: string; readonly insecure?: boolean } = {},
): Client {
  // Of the page that this is in, where there is one.
  const server = new URL(baseUrl, globalThis.location?.href);
  return new Client(createGrpcWebTransport({ baseUrl, interceptors: bearing(token, server, insecure) }));
}

export * from "./client.ts";
export { SockwrightError } from "./errors.ts";
export { type Condition, Connection, type Datagram, DatagramSocket, Listener, type Wait } from "./socket.ts";
export type { Update } from "./watch.ts";
export type { Address, ClockName, Filter, Impairments, Kind, Policy, State } from "./words.ts";
