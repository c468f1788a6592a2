// The road that a connection took through the states of RFC 9293, step by step.
//
//   road(events, socket) -> [{ step: 1, from: CLOSED, to: SYN_SENT, cause: "Connect", atNs: 0n, dwellNs: 20000000n }, ...]

import type { TcpState } from "@v1/common_pb";
import type { Cause, Event } from "@v1/events_pb";
import { causeText } from "./tcp";

/** One transition. */
export interface Step {
  /** Its place on the road, from 1. */
  readonly step: number;
  /** The `seq` of its event. */
  readonly id: bigint;
  readonly from: TcpState;
  readonly to: TcpState;
  /** What made it. */
  readonly by: Cause["cause"];
  /** The same in words. */
  readonly cause: string;
  /** When, on the stack's clock. */
  readonly atNs: bigint;
  /** How long it stayed in `to`; absent while it is there. */
  dwellNs: bigint | undefined;
}

/** The transitions of one socket, in order. */
export function road(events: readonly Event[], socket: bigint): Step[] {
  const steps: Step[] = [];
  for (const { seq, timeNs, socket: whose, kind } of events) {
    if (whose !== socket || kind.case !== "tcpStateChanged") continue;
    const { from, to, cause } = kind.value;
    const last = steps.at(-1);
    if (last) last.dwellNs = timeNs - last.atNs;
    const by = cause?.cause ?? { case: undefined };
    steps.push({
      step: steps.length + 1,
      id: seq,
      from,
      to,
      by,
      cause: causeText(cause),
      atNs: timeNs,
      dwellNs: undefined,
    });
  }
  return steps;
}

/** The steps that were taken at a moment. */
export function until(steps: readonly Step[], atNs: bigint): Step[] {
  return steps.filter((step) => step.atNs <= atNs);
}
