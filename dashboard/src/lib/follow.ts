// Follows one connection: fills its model with what the server remembers of it and then with what happens, and finds its other end
// where that is a socket of the same lab.
//
// Owns: which watches run. First one by the socket's identifier, from the beginning of what is remembered; once the addresses
// are known, and they are a lab's, one by these in its place, which has both ends; and one of the frames that the lab's links
// lose, which belong to no socket. Never more than two at once. Draws nothing.

import { create } from "@bufbuild/protobuf";
import { EventKind, type Position, PositionSchema } from "@v1/common_pb";
import { Delivery, type Event, type Gap, GapReason } from "@v1/events_pb";
import type { Clients } from "./client";
import type { ConnectionModel } from "./connection";
import { Pair } from "./pair";
import { type Line, type WatchOptions, watch } from "./stream";

/** Who follows. */
export interface Follower {
  /** The state of the line to the server. */
  line(line: Line): void;
  /** Where the stream is. */
  at(epoch: bigint, seq: bigint): void;
  /** Events that are not going to come. */
  missed(gap: Gap): void;
  /** The server runs as this now, and the connection was of another run: there is nothing to follow. */
  otherRun(epoch: bigint): void;
}

/**
 * Follows the connection of `model` until the function that it returns is called. `run`: of this run of the server; without it,
 * of whichever there is.
 */
export function follow(clients: Clients, model: ConnectionModel, follower: Follower, run?: bigint): () => void {
  const following = new Following(clients, model, follower, run);
  void following.begin();
  return () => following.end();
}

class Following {
  readonly #clients: Clients;
  readonly #model: ConnectionModel;
  readonly #follower: Follower;
  readonly #run: bigint | undefined;
  #stops: (() => void)[] = [];
  #ended = false;
  #pair: Pair | undefined;

  constructor(clients: Clients, model: ConnectionModel, follower: Follower, run: bigint | undefined) {
    this.#clients = clients;
    this.#model = model;
    this.#follower = follower;
    this.#run = run;
  }

  /** Asks for the run of the server, to have a position before all events. */
  async begin(): Promise<void> {
    const sockets = [this.#model.socket];
    while (!this.#ended) {
      try {
        const { sockets: found, at } = await this.#clients.sockets.list({ filter: { sockets } });
        if (this.#ended) return;
        if (at && this.#run !== undefined && at.epoch !== this.#run) {
          this.#follower.line({ is: "live" });
          this.#follower.otherRun(at.epoch);
          return;
        }
        if (at) this.#follower.at(at.epoch, at.seq);
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
    const { near } = this.#model;
    const pair = near && Pair.of(near);
    if (this.#pair || this.#ended || !near?.local || !near.remote || !pair) return;
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

/** Every kind of event. */
const ALL = Object.values(EventKind).filter(
  (kind) => typeof kind === "number" && kind !== EventKind.UNSPECIFIED,
) as EventKind[];
/** How long to wait for a server that does not answer. */
const AGAIN_MS = 1000;
