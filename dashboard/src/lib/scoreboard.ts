// The scoreboard and the reassembly queue as stretches of one line each, as `GetInfo` tells them.
//
//   outstanding(info) -> [{ start: 0, end: 1448, fate: "sacked", again: 0 }, ...], counted from SND.UNA

import type { TcpInfo } from "@v1/sockets_pb";
import { sequenceDistance } from "./tcp";

/** What is known of octets that were sent. */
export type SentFate = "in flight" | "sacked" | "lost" | "sent again";

/** A stretch, counted from where its line begins. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly fate: SentFate | "here" | "missing";
  /** How often it was sent again. */
  readonly again: number;
}

/** What is sent and not acknowledged, from SND.UNA on. */
export function outstanding({ sndUna, scoreboard }: TcpInfo): Stretch[] {
  return scoreboard.map(({ range, sacked, lost, resent, retransmissions }) => ({
    start: sequenceDistance(sndUna, range?.start ?? sndUna),
    end: sequenceDistance(sndUna, range?.end ?? sndUna),
    fate: sacked ? "sacked" : resent ? "sent again" : lost ? "lost" : "in flight",
    again: retransmissions,
  }));
}

/** What arrived out of order and what is missing before it, from RCV.NXT on. */
export function reassembly({ rcvNxt, reassembly }: TcpInfo): Stretch[] {
  const stretches: Stretch[] = [];
  let reached = 0;
  for (const { start, end } of reassembly) {
    const [from, to] = [sequenceDistance(rcvNxt, start), sequenceDistance(rcvNxt, end)];
    if (from > reached) stretches.push({ start: reached, end: from, fate: "missing", again: 0 });
    stretches.push({ start: from, end: to, fate: "here", again: 0 });
    reached = to;
  }
  return stretches;
}
