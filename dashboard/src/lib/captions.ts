// What happens on a connection, told in a few sentences: which call or segment, and which states it leads to.
//
//   captions(flights, steps, "left") -> [{ atNs: 0n, side: "left", text: "`Connect`: the client sends a SYN ..." }, ...]

import { TcpState } from "@v1/common_pb";
import { meaning } from "./diagram";
import type { Flight, Side } from "./flights";
import { other } from "./flights";
import type { Step } from "./road";
import { tcpStateName } from "./tcp";

/** One thing that happened. */
export interface Caption {
  /** The `seq` of its event. */
  readonly id: bigint;
  readonly atNs: bigint;
  /** At whose end. */
  readonly side: Side;
  /** The state that it led to; empty where it changed none. */
  readonly state: string;
  readonly text: string;
}

/** The captions of a connection, in order: every change of state, and the first data each way. */
export function captions(flights: readonly Flight[], steps: Record<Side, readonly Step[]>): Caption[] {
  const names = namesOf(steps);
  const all: Caption[] = [];
  for (const side of ["left", "right"] as const) {
    for (const step of steps[side]) {
      const text = tell(step, names[side], names[other(side)]);
      all.push({ id: step.id, atNs: step.atNs, side, state: tcpStateName(step.to), text });
    }
    const data = flights.find(({ from, segment }) => from === side && segment.length > 0);
    const atNs = data && (data.sentNs ?? data.arrivedNs);
    if (data && atNs !== undefined) {
      const text = `The first data of ${names[side]}: ${data.segment.length} octets. Data moves no state.`;
      all.push({ id: data.id, atNs, side, state: "", text });
    }
  }
  return all.sort((one, two) => (one.id < two.id ? -1 : 1));
}

/** Who opened is the client. */
function namesOf(steps: Record<Side, readonly Step[]>): Record<Side, string> {
  const opened = (side: Side): boolean => steps[side].some(({ to }) => to === TcpState.SYN_SENT);
  const accepted = (side: Side): boolean => steps[side].some(({ from }) => from === TcpState.LISTEN);
  for (const side of ["left", "right"] as const) {
    const peer = other(side);
    if ((opened(side) && !opened(peer)) || (accepted(peer) && !accepted(side))) {
      return side === "left"
        ? { left: "the client", right: "the server" }
        : { left: "the server", right: "the client" };
    }
  }
  return { left: "this end", right: "the other end" };
}

function tell(step: Step, who: string, peer: string): string {
  const text = TEXTS[`${tcpStateName(step.from)}>${tcpStateName(step.to)}`]?.[step.by.case ?? "call"];
  const call = step.by.case === "call" ? step.by.value : "";
  const sentence =
    text ?? `{call}{who} is in ${tcpStateName(step.to)} by ${step.cause}. ${meaning(tcpStateName(step.to))}`;
  const filled = sentence
    .replace("{call}", call && `${call}: `)
    .replaceAll("{who}", who)
    .replaceAll("{peer}", peer);
  return filled.replace(/(^|\. )([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}

/** By transition and by what made it. `{call}` is the call, if it was one. */
const TEXTS: Record<string, Partial<Record<"call" | "segment" | "timer" | "icmp" | "limit", string>>> = {
  "CLOSED>LISTEN": { call: "{call}{who} waits for connections." },
  "CLOSED>SYN-SENT": { call: "{call}{who} sends a SYN and waits for the answer." },
  "LISTEN>SYN-RECEIVED": {
    segment:
      "The SYN reaches a listener. A new connection is born for it and answers SYN, ACK. Accept has no part in that.",
  },
  "SYN-SENT>SYN-RECEIVED": { segment: "A SYN came in place of an answer: both ends open at once." },
  "SYN-SENT>ESTABLISHED": { segment: "The answer is here. {who} acknowledges it and is open: Connect returns." },
  "SYN-RECEIVED>ESTABLISHED": {
    segment: "The third segment of the handshake is here. {who} is open too, ready for Accept.",
  },
  "ESTABLISHED>FIN-WAIT-1": { call: "{call}{who} is done sending, and its FIN says so. It can still receive." },
  "ESTABLISHED>CLOSE-WAIT": {
    segment:
      "The FIN of {peer} is here. Recv gives the end of the stream; {who} may go on sending as long as it likes.",
  },
  "FIN-WAIT-1>FIN-WAIT-2": { segment: "The FIN is acknowledged: this direction is closed, the other one open." },
  "FIN-WAIT-1>CLOSING": { segment: "A FIN of {peer} crossed ours: both close at once." },
  "CLOSE-WAIT>LAST-ACK": { call: "{call}{who} is done as well, and sends its FIN." },
  "FIN-WAIT-2>TIME-WAIT": {
    segment:
      "The FIN of {peer} is here too. {who} acknowledges it, and stays for 2·MSL in case that acknowledgment is lost.",
  },
  "CLOSING>TIME-WAIT": {
    segment: "Both FINs are acknowledged. {who} stays for 2·MSL in case its acknowledgment is lost.",
  },
  "LAST-ACK>CLOSED": { segment: "The last acknowledgment is here: for {who} it is over." },
  "TIME-WAIT>CLOSED": { timer: "2·MSL are over: nothing of this connection can be on its way any more." },
};
