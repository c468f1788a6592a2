// Finds what `sockwrightd --demo` played: a page that is opened beside it begins there.

import { create } from "@bufbuild/protobuf";
import { EventKind, PositionSchema, TcpState } from "@v1/common_pb";
import { Delivery } from "@v1/events_pb";
import type { Clients } from "./client";

/** The stack of the demo's client. */
export const DEMO_CLIENT = "demo/client";

/** The client's socket, where there is a demo, the server remembers it, and nothing lives that matters more. */
export async function demoConnection({ events, networks, sockets }: Clients): Promise<bigint | undefined> {
  const [{ labs }, { sockets: living, at }] = await Promise.all([networks.listLabs({}), sockets.list({ pageSize: 1 })]);
  if (living.length > 0 || !labs.some(({ name }) => name === "demo")) return undefined;
  const resume = create(PositionSchema, { epoch: at?.epoch ?? 0n, seq: 0n });
  const filter = { stacks: [DEMO_CLIENT], kinds: [EventKind.TCP_STATE_CHANGED] };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    for await (const { part } of events.watch({ filter, delivery: Delivery.LOSSLESS, resume }, { signal })) {
      if (part.case !== "events") return undefined;
      const opened = part.value.events.find(
        ({ kind }) => kind.case === "tcpStateChanged" && kind.value.to === TcpState.SYN_SENT,
      );
      if (opened) return opened.socket;
    }
  } catch {
    // It is not remembered, or the server is not there: the page begins as it always does.
  }
  return undefined;
}

/** What is remembered comes at once; a lab of this name in which nothing was played would keep us waiting. */
const PATIENCE_MS = 1500;
