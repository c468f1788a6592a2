// The page's one server, and what it is known to be doing: shown in the status line by whoever watches.

import type { Gap } from "@v1/events_pb";
import { caller } from "./caller.svelte";
import { bearing, refusals } from "./lib/caller";
import { clients } from "./lib/client";
import type { Line } from "./lib/stream";

/** The server that the page came from. */
export const server = clients(location.origin, [
  bearing(() => caller.token),
  refusals((refused) => {
    caller.refused = refused;
  }),
]);

class Status {
  /** The state of the view's watch; undefined where nothing is watched. */
  line = $state.raw<Line>();
  /** The run of the server. */
  epoch = $state.raw<bigint>();
  /** The newest event seen. */
  seq = $state.raw<bigint>();
  /** What was missed, the newest last. */
  gaps = $state.raw<readonly Gap[]>([]);

  /** The newest position seen. */
  at(epoch: bigint, seq: bigint): void {
    this.epoch = epoch;
    this.seq = seq;
  }

  missed(gap: Gap): void {
    this.gaps = [...this.gaps.slice(-99), gap];
  }
}

export const status = new Status();
