// The words of TCP: names of states, flags, timers and reasons as RFC 9293, Wireshark and the contract have them. Owns no data.

import type { SocketAddress } from "@v1/common_pb";
import { SocketState, TcpState } from "@v1/common_pb";
import type { Cause, Event, Segment } from "@v1/events_pb";
import {
  CongestionPhase,
  RecoveryCause,
  RecoveryPhase,
  RetransmissionReason,
  TimerAction,
  TimerKind,
} from "@v1/events_pb";

/** The states of RFC 9293 in the order of a connection's life. */
export const TCP_STATES: readonly TcpState[] = [
  TcpState.LISTEN,
  TcpState.SYN_SENT,
  TcpState.SYN_RECEIVED,
  TcpState.ESTABLISHED,
  TcpState.FIN_WAIT_1,
  TcpState.FIN_WAIT_2,
  TcpState.CLOSE_WAIT,
  TcpState.CLOSING,
  TcpState.LAST_ACK,
  TcpState.TIME_WAIT,
  TcpState.CLOSED,
];

/** An enumerator as RFC 9293 writes it: `FIN_WAIT_1` is `FIN-WAIT-1`. */
function dashed(name: string | undefined): string {
  return name === undefined || name === "UNSPECIFIED" ? "" : name.replaceAll("_", "-");
}

/** `SYN-SENT` and the like; empty for a datagram socket. */
export function tcpStateName(state: TcpState): string {
  return dashed(TcpState[state]);
}

/** The phase of a connection's life that a state, by its name, belongs to. */
export function phaseOf(state: string): "listen" | "opening" | "open" | "closing" | "wait" | "closed" | "other" {
  return PHASES[state] ?? "other";
}

const PHASES: Record<string, ReturnType<typeof phaseOf>> = {
  LISTEN: "listen",
  "SYN-SENT": "opening",
  "SYN-RECEIVED": "opening",
  ESTABLISHED: "open",
  "FIN-WAIT-1": "closing",
  "FIN-WAIT-2": "closing",
  "CLOSE-WAIT": "closing",
  CLOSING: "closing",
  "LAST-ACK": "closing",
  "TIME-WAIT": "wait",
  CLOSED: "closed",
};

/** `CONNECTED` and the like. */
export function socketStateName(state: SocketState): string {
  return dashed(SocketState[state]);
}

export const timerName = (timer: TimerKind): string => dashed(TimerKind[timer]);
const timerActionName = (action: TimerAction): string => dashed(TimerAction[action]).toLowerCase();
export const retransmissionReasonName = (reason: RetransmissionReason): string => dashed(RetransmissionReason[reason]);
const recoveryPhaseName = (phase: RecoveryPhase): string => dashed(RecoveryPhase[phase]);
const recoveryCauseName = (cause: RecoveryCause): string => dashed(RecoveryCause[cause]);
const congestionPhaseName = (phase: CongestionPhase): string => dashed(CongestionPhase[phase]);

/** The flags of a header, the lowest bit first. */
const FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"] as const;

/** The names of the flags that are set, as Wireshark lists them: `SYN, ACK`. */
export function flagNames(flags: number): string {
  return FLAGS.filter((_, bit) => flags & (1 << bit)).join(", ");
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** The sequence numbers that a segment takes: its data, and one each for SYN and FIN. */
export function segmentLength(segment: Segment): number {
  return segment.length + (segment.flags & SYN ? 1 : 0) + (segment.flags & FIN ? 1 : 0);
}

/** How far `to` is after `from` in sequence space, from -2^31 to 2^31 - 1. */
export function sequenceDistance(from: number, to: number): number {
  return (to - from) | 0;
}

/** `192.0.2.1:80` or `[2001:db8::1]:80`; empty where there is none. */
export function addressText(address: SocketAddress | undefined): string {
  if (address === undefined) return "";
  return address.ip.includes(":") ? `[${address.ip}]:${address.port}` : `${address.ip}:${address.port}`;
}

/** Why a state changed, in a few words: `rcv S.`, `Connect`, `TIME-WAIT timer`. */
export function causeText(cause: Cause | undefined): string {
  const what = cause?.cause;
  switch (what?.case) {
    case "segment":
      return `rcv ${what.value}`;
    case "call":
      return what.value;
    case "timer":
      return `${timerName(what.value)} timer`;
    case "icmp":
      return `ICMP${what.value.v6 ? "v6" : ""} type ${what.value.type} code ${what.value.code}`;
    case "limit":
      return `limit ${what.value}`;
    default:
      return "";
  }
}

/** An event in one line of text, without its time, stack and socket. */
export function eventText(event: Event): string {
  const kind = event.kind;
  switch (kind.case) {
    case "opened":
      return kind.value.listener ? `from listener ${kind.value.listener}` : "";
    case "named":
      return [addressText(kind.value.local), addressText(kind.value.remote)].filter(Boolean).join(" → ");
    case "socketStateChanged":
      return `${socketStateName(kind.value.from)} → ${socketStateName(kind.value.to)}`;
    case "tcpStateChanged":
      return `${tcpStateName(kind.value.from)} → ${tcpStateName(kind.value.to)}, ${causeText(kind.value.cause)}`;
    case "segmentSent":
    case "segmentReceived":
      return kind.value.text;
    case "segmentDropped":
      return [kind.value.reason, kind.value.segment?.text].filter(Boolean).join(": ");
    case "retransmission":
      return `${retransmissionReasonName(kind.value.reason)}, seq ${kind.value.seq}, ${kind.value.length} octets`;
    case "timer":
      return `${timerName(kind.value.timer)} ${timerActionName(kind.value.action)}`;
    case "readable":
      return `${kind.value.available} octets${kind.value.endOfStream ? ", end of stream" : ""}`;
    case "acknowledged":
      return `${kind.value.bytes} octets, ${kind.value.outstanding} outstanding`;
    case "acceptReady":
      return `socket ${kind.value.socket}, ${kind.value.queued} queued`;
    case "failed":
      return [kind.value.errnoName, kind.value.message].filter(Boolean).join(": ");
    case "icmpReceived": {
      const icmp = kind.value.icmp;
      return `type ${icmp?.type} code ${icmp?.code}${kind.value.fatal ? ", fatal" : ""}`;
    }
    case "limitHit":
      return kind.value.limit;
    case "datagram":
      return `${addressText(kind.value.source)} → ${addressText(kind.value.destination)}, ${kind.value.length} octets`;
    case "frameLost":
      return [kind.value.what, kind.value.text, kind.value.frames > 1n ? `${kind.value.frames} frames` : ""]
        .filter(Boolean)
        .join(": ");
    case "recovery":
      return `${recoveryPhaseName(kind.value.from)} → ${recoveryPhaseName(kind.value.to)}, ${recoveryCauseName(kind.value.cause)}`;
    case "congestion":
      return `cwnd ${kind.value.cwnd}, ssthresh ${kind.value.ssthresh === 0xffffffff ? "∞" : kind.value.ssthresh}, ${congestionPhaseName(kind.value.phase)}`;
    case "rttSample":
      return `rtt ${kind.value.rttNs} ns, srtt ${kind.value.srttNs} ns, rto ${kind.value.rtoNs} ns`;
    case "windows":
      return `snd ${kind.value.sndWnd}, rcv ${kind.value.rcvWnd}`;
    case "pathMtu":
      return `${kind.value.mtu}`;
    case "urgent":
      return `up to ${kind.value.pointer}`;
    case "neighbor":
      return [kind.value.address, kind.value.mac].filter(Boolean).join(" ");
    case "addressConflict":
      return `${kind.value.address} with ${kind.value.mac}`;
    case "linkChanged":
      return `mtu ${kind.value.mtu}`;
    default:
      return "";
  }
}

/** The kind of an event under its name in the contract: `tcp_state_changed`. */
export function kindName(event: Event): string {
  return (event.kind.case ?? "").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Whether each of the words, in lower case, stands somewhere in what is shown of an event. */
export function eventHasAll(event: Event, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = `${event.seq} ${event.stack} ${event.socket} ${event.label} ${kindName(event)} ${eventText(event)}`;
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}
