// The stream of events, over lost connections and restarts of the server.

import { Code, ConnectError, type Client as ServiceClient } from "@connectrpc/connect";
import { failure } from "./errors.ts";
import type { Position, SocketSummary } from "./gen/sockwright/v1/common_pb.ts";
import { Delivery, type Event, type Events, type Gap } from "./gen/sockwright/v1/events_pb.ts";
import { type Filter, toFilter } from "./words.ts";

/** One thing that a watch tells. */
export type Update =
  /** The sockets that were there as it began, or after a gap: complete. */
  | { readonly kind: "snapshot"; readonly sockets: readonly SocketSummary[]; readonly at: Position | undefined }
  /** What happened. */
  | { readonly kind: "event"; readonly event: Event }
  /** What this watch did not get. A snapshot follows. */
  | { readonly kind: "gap"; readonly gap: Gap };

/** How many milliseconds a watch that lost its server waits before it tries again, at first and at most. */
const RETRY_FIRST = 50;
const RETRY_MOST = 2000;

/**
 * Everything that the filter admits, in order, from a snapshot on. When the server goes away it goes on where it was as soon as it
 * is back, and tells a gap if anything was missed. It ends with the signal. Throws what trying again does not mend.
 */
export async function* watch(
  events: ServiceClient<typeof Events>,
  filter: Filter,
  signal: AbortSignal,
): AsyncGenerator<Update> {
  const asked = toFilter(filter);
  let resume: Position | undefined;
  let wait = RETRY_FIRST;
  while (!signal.aborted) {
    let sockets: SocketSummary[] = [];
    try {
      const delivery = Delivery.LOSSLESS;
      for await (const { part } of events.watch({ filter: asked, delivery, resume }, { signal })) {
        wait = RETRY_FIRST;
        if (part.case === "snapshot") {
          sockets.push(...part.value.sockets);
          if (!part.value.last) continue;
          resume = part.value.at;
          yield { kind: "snapshot", sockets, at: resume };
          sockets = [];
        } else if (part.case === "gap") {
          // Should the snapshot break off, it has to come again.
          resume = undefined;
          yield { kind: "gap", gap: part.value };
        } else if (part.case === "events") {
          for (const event of part.value.events) {
            resume = { $typeName: "sockwright.v1.Position", epoch: part.value.epoch, seq: event.seq };
            yield { kind: "event", event };
          }
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ConnectError) || !LOST.has(error.code)) throw failure(error);
    }
    await pause(wait, signal);
    wait = Math.min(2 * wait, RETRY_MOST);
  }
}

/** A server that is stopped tells one, a connection that breaks the others. */
const LOST: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Aborted, Code.Unknown, Code.Canceled, Code.Internal]);

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}
