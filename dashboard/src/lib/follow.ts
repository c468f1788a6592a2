// Follows one connection: fills its model with what the server remembers of it and then with what happens, and finds its other end
// where that is a socket of the same lab.
//
// Owns: which watches run. First one by the socket's identifier, from the beginning of what is remembered; once the addresses
// are known, and they are a lab's, one by these in its place, which has both ends; and one of the frames that the lab's links
// lose, which belong to no socket. Never more than two at once. Draws nothing.

import { create } from "@bufbuild/protobuf";
import { EventKind, type Position, PositionSchema, type SocketAddress } from "../gen/sockwright/v1/common_pb";
import { Delivery, type Event, type Gap, GapReason } from "../gen/sockwright/v1/events_pb";
import type { Clients } from "./client";
import type { ConnectionModel } from "./connection";
import { type Line, type WatchOptions, watch } from "./stream";
import { addressText } from "./tcp";

/** Who follows. */
export interface Follower {
  /** The state of the line to the server. */
  line(line: Line): void;
  /** Where the stream is. */
  at(epoch: bigint, seq: bigint): void;
  /** Events that are not going to come. */
  missed(gap: Gap): void;
}

/** Follows the connection of `model` until the function that it returns is called. */
export function follow(clients: Clients, model: ConnectionModel, follower: Follower): () => void {
  const following = new Following(clients, model, follower);
  void following.begin();
  return () => following.end();
}

class Following {
  readonly #clients: Clients;
  readonly #model: ConnectionModel;
  readonly #follower: Follower;
  #stops: (() => void)[] = [];
  #ended = false;
  #pair: Pair | undefined;

  constructor(clients: Clients, model: ConnectionModel, follower: Follower) {
    this.#clients = clients;
    this.#model = model;
    this.#follower = follower;
  }

  /** Asks for the run of the server, to have a position before all events. */
  async begin(): Promise<void> {
    const sockets = [this.#model.socket];
    while (!this.#ended) {
      try {
        const { sockets: found, at } = await this.#clients.sockets.list({ filter: { sockets } });
        if (this.#ended) return;
        for (const summary of found) this.#model.summarise(summary);
        const start = create(PositionSchema, { epoch: at?.epoch ?? 0n, seq: 0n });
        this.#watch({ filter: { sockets, kinds: ALL }, delivery: Delivery.LOSSLESS, resume: start }, (events) => {
          this.#model.push(events);
          this.#pairUp(start);
        });
        this.#pairUp(start);
        return;
      } catch (error) {
        if (this.#ended) return;
        const again = Date.now() + AGAIN_MS;
        this.#follower.line({ is: "lost", message: error instanceof Error ? error.message : String(error), again });
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  end(): void {
    this.#ended = true;
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  /** Watches both ends, as soon as it is known who they are. */
  #pairUp(start: Position): void {
    const near = this.#model.near;
    const lab = near?.stack.split("/")[0];
    if (this.#pair || this.#ended || !near?.local || !near.remote || !near.stack.includes("/") || !lab) return;
    const pair = new Pair(this.#model.socket, lab, near.local, near.remote);
    this.#pair = pair;
    for (const stop of this.#stops) stop();
    // Of the two ports the higher one is most likely the opener's, and this connection's alone.
    const opener = near.local.port > near.remote.port ? near.local : near.remote;
    const ends = { addresses: [opener.ip], ports: [opener.port] };
    let losses = false;
    this.#stops = [];
    this.#watch({ filter: { ...ends, kinds: ALL }, delivery: Delivery.LOSSLESS, resume: start }, (events) => {
      this.#model.push(pair.admit(events));
      const { far } = this.#model;
      if (far === undefined || losses || this.#ended) return;
      losses = true;
      const stacks = [...new Set([near.stack, far.stack])];
      const kinds = [EventKind.FRAME_LOST];
      const ofThePair = (event: Event) => event.kind.case === "frameLost" && pair.isNamedIn(event.kind.value.text);
      const taken = (lost: Event[]) => this.#model.push(lost.filter(ofThePair));
      this.#watch({ filter: { stacks, kinds }, delivery: Delivery.LOSSLESS, resume: start }, taken, false);
    });
  }

  /** `leads`: the state of its line is told. Of two, one does. */
  #watch(options: WatchOptions, take: (events: Event[]) => void, leads = true): void {
    let over = false;
    const stop = watch(this.#clients.events, options, {
      snapshot: (sockets) => {
        if (over) return;
        for (const summary of sockets) {
          if (summary.socket === this.#model.socket || this.#pair?.isFar(summary)) this.#model.summarise(summary);
        }
      },
      events: (events, epoch) => {
        if (over) return;
        take(events);
        this.#follower.at(epoch, events.at(-1)?.seq ?? 0n);
      },
      gap: (gap) => {
        if (over) return;
        const otherRun = gap.reason === GapReason.OTHER_EPOCH;
        this.#follower.missed(gap);
        // Whichever watch hears first of another run ends all of them, so it is the one that tells.
        if (leads || otherRun) this.#model.gap(gap);
        // There the same number is another socket. What is known of this one stays.
        if (otherRun) this.end();
      },
      line: (line) => {
        if (leads && !over) this.#follower.line(line);
      },
    });
    this.#stops.push(() => {
      over = true;
      stop();
    });
  }
}

/** Which events belong to a connection, of all that have one of its addresses and ports. */
class Pair {
  readonly #near: bigint;
  readonly #lab: string;
  readonly #local: SocketAddress;
  readonly #remote: SocketAddress;
  readonly #names: readonly string[];
  /** Of other sockets, who they are: the other end, or not. */
  readonly #others = new Map<bigint, boolean>();
  /** Events of sockets that have not said yet who they are. */
  #unknown: Event[] = [];

  constructor(near: bigint, lab: string, local: SocketAddress, remote: SocketAddress) {
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

interface Ends {
  local?: SocketAddress | undefined;
  remote?: SocketAddress | undefined;
}

function same(one: SocketAddress | undefined, two: SocketAddress | undefined): boolean {
  return one !== undefined && two !== undefined && one.ip === two.ip && one.port === two.port;
}

/** Events of sockets that have not said who they are, kept at most: what comes before a name is a few. */
const UNKNOWN_AT_MOST = 256;
/** Every kind of event. */
const ALL = Object.values(EventKind).filter(
  (kind) => typeof kind === "number" && kind !== EventKind.UNSPECIFIED,
) as EventKind[];
/** How long to wait for a server that does not answer. */
const AGAIN_MS = 1000;
