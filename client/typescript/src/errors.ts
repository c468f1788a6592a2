// Why a call failed, in the words of Node: `error.code === "ECONNREFUSED"`.

import { Code, ConnectError } from "@connectrpc/connect";
import { SocketErrorSchema } from "./gen/sockwright/v1/common_pb.ts";
import { type State, stateName } from "./words.ts";

/** Why a call failed. */
export class SockwrightError extends Error {
  override readonly name = "SockwrightError";
  /**
   * The errno's symbol, e.g. `ECONNREFUSED`, or `EACCES` of a caller that is not known; or else the name of the gRPC status, e.g.
   * `NOT_FOUND`.
   */
  readonly code: string;
  /** Linux's number of the errno on x86-64, where there is one. */
  readonly errno: number | undefined;
  /** The gRPC status. */
  readonly status: Code;
  /** The state in which the call found the connection, where there was one. */
  readonly tcpState: State | undefined;
  /** The socket concerned, where there is one. */
  readonly socket: bigint | undefined;

  /** From what a generated client threw. */
  constructor(cause: ConnectError) {
    const detail = cause.findDetails(SocketErrorSchema)[0];
    const code = detail?.errnoName || (DENIED.has(cause.code) ? "EACCES" : statusName(cause.code));
    super(`${code}: ${detail?.message || cause.rawMessage}`, { cause });
    this.code = code;
    this.errno = detail?.errno || undefined;
    this.status = cause.code;
    this.tcpState = detail && stateName(detail.tcpState);
    this.socket = detail?.socket || undefined;
  }
}

const DENIED = new Set([Code.Unauthenticated, Code.PermissionDenied]);

/** Waits for a call, and throws what it threw as a `SockwrightError`. */
export async function settled<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw failure(error);
  }
}

/** What was thrown, as a `SockwrightError` where a server or the way to it is to blame. */
export function failure(error: unknown): unknown {
  return error instanceof ConnectError ? new SockwrightError(error) : error;
}

/** `NotFound` as gRPC spells it: `NOT_FOUND`. */
function statusName(code: Code): string {
  return Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
