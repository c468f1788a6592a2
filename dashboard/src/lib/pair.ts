// Which events belong to a connection between two sockets of one lab, of all that have one of its addresses and ports.

import type { SocketAddress } from "@v1/common_pb";
import type { Event } from "@v1/events_pb";
import { addressText } from "./tcp";

export class Pair {
  readonly #near: bigint;
  readonly #lab: string;
  readonly #local: SocketAddress;
  readonly #remote: SocketAddress;
  readonly #names: readonly string[];
  /** Of other sockets, who they are: the other end, or not. */
  readonly #others = new Map<bigint, boolean>();
  /** Events of sockets that have not said yet who they are. */
  #unknown: Event[] = [];

  /** The connection of this end, once its addresses are known; `undefined` also where the other end is not in the same lab. */
  static of({ socket, stack, local, remote }: Near): Pair | undefined {
    const [lab, name] = stack.split("/");
    return lab && name && local && remote ? new Pair(socket, lab, local, remote) : undefined;
  }

  private constructor(near: bigint, lab: string, local: SocketAddress, remote: SocketAddress) {
    this.#near = near;
    this.#lab = lab;
    this.#local = local;
    this.#remote = remote;
    const [one, two] = [addressText(local), addressText(remote)];
    this.#names = [`${one} > ${two}:`, `${two} > ${one}:`];
  }

  admit(events: readonly Event[]): Event[] {
    const admitted: Event[] = [];
    for (const event of events) {
      const { socket } = event;
      if (socket === this.#near || (socket === 0n && this.#isItsDrop(event))) {
        admitted.push(event);
        continue;
      }
      if (socket === 0n) continue;
      const says = this.#others.get(socket) ?? this.#whoSays(event);
      if (says === undefined) {
        if (this.#unknown.length >= UNKNOWN_AT_MOST) this.#unknown.shift();
        this.#unknown.push(event);
        continue;
      }
      if (!this.#others.has(socket)) {
        this.#others.set(socket, says);
        if (says) admitted.push(...this.#unknown.filter((before) => before.socket === socket));
        this.#unknown = this.#unknown.filter((before) => before.socket !== socket);
      }
      if (says) admitted.push(event);
    }
    return admitted;
  }

  /** Whether a socket is the other end. */
  isFar({ stack, local, remote }: Pick<Ends, "local" | "remote"> & { stack: string }): boolean {
    return stack.split("/")[0] === this.#lab && this.#areMirrored({ local, remote });
  }

  /** Whether a frame, as it is printed, is of this connection. */
  isNamedIn(text: string): boolean {
    return this.#names.some((names) => text.includes(names));
  }

  #areMirrored({ local, remote }: Ends): boolean {
    return same(local, this.#remote) && same(remote, this.#local);
  }

  /** Whether the socket of an event is the other end; nothing where the event does not tell. */
  #whoSays(event: Event): boolean | undefined {
    if (event.stack.split("/")[0] !== this.#lab) return false;
    const { kind } = event;
    if (kind.case === "named" || kind.case === "tcpStateChanged") {
      // A listener has no peer, and a socket that connects has none yet.
      return kind.value.remote === undefined ? undefined : this.#areMirrored(kind.value);
    }
    return undefined;
  }

  #isItsDrop({ kind, stack }: Event): boolean {
    if (kind.case !== "segmentDropped" || stack.split("/")[0] !== this.#lab) return false;
    const { source, destination } = kind.value.segment ?? {};
    return (
      this.#areMirrored({ local: source, remote: destination }) ||
      this.#areMirrored({ local: destination, remote: source })
    );
  }
}

interface Near extends Ends {
  socket: bigint;
  stack: string;
}

interface Ends {
  local?: SocketAddress | undefined;
  remote?: SocketAddress | undefined;
}

function same(one: SocketAddress | undefined, two: SocketAddress | undefined): boolean {
  return one !== undefined && two !== undefined && one.ip === two.ip && one.port === two.port;
}

/** Events of sockets that have not said who they are, kept at most: what comes before a name is a few. */
const UNKNOWN_AT_MOST = 256;
