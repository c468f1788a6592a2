// The contract's names as TypeScript writes them: states as RFC 9293 spells them, addresses as objects, times in seconds.
// Owns no connection and makes no call.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import type { SocketAddress } from "./gen/sockwright/v1/common_pb.ts";
import { EventKind, type FilterSchema, SocketAddressSchema, TcpState } from "./gen/sockwright/v1/common_pb.ts";
import type { ImpairmentsSchema } from "./gen/sockwright/v1/networks_pb.ts";
import { Clock } from "./gen/sockwright/v1/networks_pb.ts";
import { OnExpiry } from "./gen/sockwright/v1/sessions_pb.ts";

/** An IP address in any textual form, and a port. */
export interface Address {
  readonly ip: string;
  readonly port: number;
}

/** A state of RFC 9293, as it spells it. */
export type State =
  | "CLOSED"
  | "LISTEN"
  | "SYN-SENT"
  | "SYN-RECEIVED"
  | "ESTABLISHED"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "CLOSE-WAIT"
  | "CLOSING"
  | "LAST-ACK"
  | "TIME-WAIT";

/** A kind of event, as the fields of `Event.kind` are called: `segment_sent`. */
export type Kind = Exclude<Lowercase<keyof typeof EventKind>, "unspecified">;

/** Which sockets and events. What is given has to hold together, the values of one by turns. */
export interface Filter {
  readonly stacks?: readonly string[];
  readonly sockets?: readonly bigint[];
  readonly sessions?: readonly string[];
  readonly labels?: readonly string[];
  readonly addresses?: readonly string[];
  readonly ports?: readonly number[];
  readonly states?: readonly State[];
  readonly kinds?: readonly Kind[];
}

/** What a link does to frames. Chances are 0 to 1, times are seconds. */
export interface Impairments {
  readonly loss?: number;
  readonly delay?: number;
  readonly jitter?: number;
  readonly reorder?: number;
  readonly reorderBy?: number;
  readonly duplicate?: number;
  readonly corrupt?: number;
  readonly rateBps?: bigint;
  readonly queueLimit?: number;
  readonly mark?: number;
  readonly bursts?: { readonly begin: number; readonly end: number; readonly loss?: number };
}

/** Whose time a lab has. */
export type ClockName = "virtual" | "manual" | "real";

/** What becomes of the sockets of a session whose client is gone. */
export type Policy = "reset" | "fin" | "vanish" | "keep";

/** The name of a state; undefined where there is none. */
export function stateName(state: TcpState): State | undefined {
  return state === TcpState.UNSPECIFIED ? undefined : (TcpState[state].replaceAll("_", "-") as State);
}

/** The contract's states. RangeError: not the name of one. */
export function stateNumbers(states: readonly State[]): TcpState[] {
  return states.map((state) => numberOf(TcpState, state));
}

/** The contract's kinds. RangeError: not the name of one. */
export function kindNumbers(kinds: readonly Kind[]): EventKind[] {
  return kinds.map((kind) => numberOf(EventKind, kind));
}

/** The contract's clock. */
export function clockNumber(clock: ClockName | undefined): Clock {
  return clock === undefined ? Clock.UNSPECIFIED : numberOf(Clock, clock);
}

/** The contract's policy. */
export function policyNumber(policy: Policy | undefined): OnExpiry {
  return policy === undefined ? OnExpiry.UNSPECIFIED : numberOf(OnExpiry, policy);
}

/** Callers without types get here with names that are none. */
function numberOf<N extends number>(names: Record<string, string | N>, name: string): N {
  const found = names[name.toUpperCase().replaceAll("-", "_")];
  if (typeof found === "number" && found !== 0) return found;
  const known = Object.keys(names).filter((key) => Number.isNaN(Number(key)) && key !== "UNSPECIFIED");
  throw new RangeError(`"${name}" is none of ${known.join(", ")}`);
}

/** The contract's address. */
export function toAddress({ ip, port }: Address): SocketAddress {
  return create(SocketAddressSchema, { ip, port });
}

/** The address of a reply. */
export function fromAddress(address: SocketAddress | undefined): Address {
  return { ip: address?.ip ?? "", port: address?.port ?? 0 };
}

/** A time as the contract has it. RangeError: not a number of seconds. */
export function duration(seconds: number): Duration {
  if (!Number.isFinite(seconds)) throw new RangeError(`${seconds} is not a number of seconds`);
  const nanoseconds = BigInt(Math.round(seconds * 1e9));
  return create(DurationSchema, {
    seconds: nanoseconds / 1_000_000_000n,
    nanos: Number(nanoseconds % 1_000_000_000n),
  });
}

/** The contract's filter. */
export function toFilter(filter: Filter): MessageInitShape<typeof FilterSchema> {
  const { stacks = [], sockets = [], sessions = [], labels = [], addresses = [], ports = [] } = filter;
  return {
    stacks: [...stacks],
    sockets: [...sockets],
    sessions: [...sessions],
    labels: [...labels],
    addresses: [...addresses],
    ports: [...ports],
    tcpStates: stateNumbers(filter.states ?? []),
    kinds: kindNumbers(filter.kinds ?? []),
  };
}

/** The contract's impairments. */
export function toImpairments(impairments: Impairments): MessageInitShape<typeof ImpairmentsSchema> {
  const { delay, jitter, reorderBy, ...others } = impairments;
  return {
    ...others,
    ...(delay === undefined ? {} : { delay: duration(delay) }),
    ...(jitter === undefined ? {} : { jitter: duration(jitter) }),
    ...(reorderBy === undefined ? {} : { reorderBy: duration(reorderBy) }),
  };
}
