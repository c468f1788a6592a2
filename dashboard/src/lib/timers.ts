// The timers that run at a moment, from the events that started, stopped and fired them.

import type { Event, TimerKind } from "@v1/events_pb";
import { TimerAction } from "@v1/events_pb";

/** A timer that runs. */
export interface Running {
  readonly timer: TimerKind;
  /** When it was started, on the stack's clock. */
  readonly sinceNs: bigint;
  /** When it will fire. */
  readonly deadlineNs: bigint;
}

/** The timers of `socket` that run at `atNs`, the next to fire first. */
export function runningTimers(events: readonly Event[], socket: bigint, atNs: bigint): Running[] {
  const running = new Map<TimerKind, Running>();
  for (const { timeNs, socket: whose, kind } of events) {
    if (whose !== socket || timeNs > atNs) continue;
    if (kind.case === "released") running.clear();
    if (kind.case !== "timer") continue;
    const { timer, action, deadlineNs } = kind.value;
    if (action === TimerAction.STARTED) running.set(timer, { timer, sinceNs: timeNs, deadlineNs });
    else running.delete(timer);
  }
  return [...running.values()].sort((one, two) => (one.deadlineNs < two.deadlineNs ? -1 : 1));
}
