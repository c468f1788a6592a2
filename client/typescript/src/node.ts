// The client in Node: gRPC over HTTP/2, and connections as Node's own streams.

import { readFileSync } from "node:fs";
import net from "node:net";
import process from "node:process";
import { Duplex } from "node:stream";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { bearing } from "./access.ts";
import { Client } from "./client.ts";
import type { Connection } from "./socket.ts";

/** A call may wait for hours; a server that is gone should not take as long to be missed. */
const PING_INTERVAL_MS = 30_000;

/**
 * How a server is known to be that one, and who calls it. What is not given comes from the variable of the environment. Files are
 * PEM, and are read as the connection is made.
 */
export interface Access {
  /** The bearer token that each call carries. `SOCKWRIGHT_TOKEN`, or the file that `SOCKWRIGHT_TOKEN_FILE` names. */
  readonly token?: string;
  /** The file of the authorities that are believed, with TLS. `SOCKWRIGHT_CA`; otherwise they are Node's own. */
  readonly ca?: string;
  /** The file of a certificate of one's own, with TLS. `SOCKWRIGHT_CERT`. */
  readonly cert?: string;
  /** The file of its key. `SOCKWRIGHT_KEY`. */
  readonly key?: string;
  /**
   * Lets the token go in clear to another machine, where the network is private. `SOCKWRIGHT_INSECURE=1`. Otherwise it goes over TLS,
   * to loopback and to Unix sockets alone.
   */
  readonly insecure?: boolean;
}

/**
 * Names a server: `127.0.0.1:50051`, `https://host:port` for TLS, `unix:/path`; without one, what `SOCKWRIGHT_SERVER` names. The
 * first call finds out whether it is there. Calls of who is not known, or may not, throw `EACCES`. It throws where a file cannot be
 * read, and where a token would go in clear to another machine.
 */
export function connect(address?: string, access: Access = {}): Client {
  const server = address ?? process.env.SOCKWRIGHT_SERVER ?? "127.0.0.1:50051";
  const unix = server.startsWith("unix:");
  const baseUrl = unix ? "http://localhost" : server.includes("://") ? server : `http://${server}`;
  if (!/^https?:/.test(baseUrl))
    throw new TypeError(`${server}: neither http:// nor https://, nor unix:/path, nor host:port`);
  const insecure = access.insecure ?? process.env.SOCKWRIGHT_INSECURE === "1";
  const interceptors = bearing(access.token ?? tokenOfEnvironment(), new URL(baseUrl), insecure);
  const transport = { baseUrl, pingIntervalMs: PING_INTERVAL_MS, interceptors };
  if (unix) {
    const createConnection = () => net.connect(server.slice("unix:".length));
    return new Client(createGrpcTransport({ ...transport, nodeOptions: { createConnection } }));
  }
  const nodeOptions = baseUrl.startsWith("https:")
    ? {
        ca: file(access.ca ?? process.env.SOCKWRIGHT_CA),
        cert: file(access.cert ?? process.env.SOCKWRIGHT_CERT),
        key: file(access.key ?? process.env.SOCKWRIGHT_KEY),
      }
    : {};
  return new Client(createGrpcTransport({ ...transport, nodeOptions }));
}

function tokenOfEnvironment(): string | undefined {
  const { SOCKWRIGHT_TOKEN, SOCKWRIGHT_TOKEN_FILE } = process.env;
  return SOCKWRIGHT_TOKEN || file(SOCKWRIGHT_TOKEN_FILE)?.toString("ascii").trim();
}

function file(name: string | undefined): Buffer | undefined {
  return name ? readFileSync(name) : undefined;
}

/**
 * A connection as Node has streams: for `http.request({ createConnection })`, for `server.emit("connection", ...)`, for `pipeline`.
 * Its end is the half-close; once both sides have ended, or it is destroyed, the socket is closed.
 */
export function duplex(connection: Connection): Duplex {
  const stream: Duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      connection.read().then(
        (data) => stream.push(data ?? null),
        (error) => stream.destroy(error),
      );
    },
    write(data: Uint8Array, _encoding, done) {
      connection.write(data).then(() => done(), done);
    },
    final(done) {
      connection.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      connection.close().then(
        () => done(error),
        (failed) => done(error ?? failed),
      );
    },
  });
  return stream;
}

export * from "./index.ts";
export { connect as connectWeb } from "./index.ts";
