// Sequence numbers, and what is read off the printed form of a segment.
//
// Owns: numbers that do not wrap (RFC 9293 §3.4), and `read`, which takes apart the notation of tcpdump and packetdrill that the
// engine prints with numbers relative to the connection:
//
//   ". 1:1(0) ack 1001 win 257 <TS val 2 ecr 1,sack 2001:3001 4001:5001>"

import { sequenceDistance } from "./tcp";

/** Makes of numbers that wrap at 2^32 numbers that do not: each is taken to be the one nearest to the one before. */
export class Unwrapped {
  #last: number | undefined;

  /** `seq`, in one run with all before. */
  of(seq: number): number {
    this.#last = this.#last === undefined ? seq : this.#last + sequenceDistance(this.#last, seq);
    return this.#last;
  }
}

/** A range of sequence numbers, without its end. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What the printed form of a segment says. */
export interface Printed {
  /** The flags in tcpdump's notation: `S.`, `P.`, `.`. */
  readonly flags: string;
  /** The octets, relative to the connection. */
  readonly range: Range;
  /** The octets of data. */
  readonly length: number;
  /** The acknowledgment number, relative to the connection; absent without the ACK flag. */
  readonly ack: number | undefined;
  /** The window field, unscaled. */
  readonly window: number;
  /** The SACK blocks, relative to the connection. */
  readonly sack: readonly Range[];
  /** The shift of the window that a SYN offers. */
  readonly windowScale: number | undefined;
}

/** Reads the printed form of a segment; `undefined` where it is something else. */
export function read(text: string): Printed | undefined {
  const head = /^(\S+) (\d+):(\d+)\((\d+)\)(?: ack (\d+))? win (\d+)/.exec(text);
  if (!head) return undefined;
  const [, flags = "", start, end, length, ack, window] = head;
  const blocks = /[<,]sack((?: \d+:\d+)+)/.exec(text)?.[1] ?? "";
  const scale = /[<,]wscale (\d+)/.exec(text)?.[1];
  return {
    flags,
    range: { start: Number(start), end: Number(end) },
    length: Number(length),
    ack: ack === undefined ? undefined : Number(ack),
    window: Number(window),
    sack: [...blocks.matchAll(/(\d+):(\d+)/g)].map(([, from, to]) => ({ start: Number(from), end: Number(to) })),
    windowScale: scale === undefined ? undefined : Number(scale),
  };
}
