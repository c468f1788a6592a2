// The client in Node: gRPC over HTTP/2, and connections as Node's own streams.

import { Duplex } from "node:stream";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Client } from "./client.ts";
import type { Connection } from "./socket.ts";

/** A call may wait for hours; a server that is gone should not take as long to be missed. */
const PING_INTERVAL_MS = 30_000;

/** Names a server, e.g. `127.0.0.1:50051`. The first call finds out whether it is there. */
export function connect(address: string): Client {
  const baseUrl = address.includes("://") ? address : `http://${address}`;
  return new Client(createGrpcTransport({ baseUrl, pingIntervalMs: PING_INTERVAL_MS }));
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
