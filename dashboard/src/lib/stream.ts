// A watch that outlives the connection it runs over: it resumes where it was, by `seq`.
//
// Owns: what is asked of `Events.Watch`, when it is asked again, and which events were seen already. Knows no page: whoever
// watches is told of parts of the stream and of the state of the line, in order.
//
//   const stop = watch(events, { delivery: Delivery.CONFLATE }, {
//     snapshot(sockets, begins, ends) {}, events(batch) {}, gap(gap) {}, line(state) {},
//   });

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type Client, ConnectError } from "@connectrpc/connect";
import type { FilterSchema, Position, SocketSummary } from "@v1/common_pb";
import { PositionSchema } from "@v1/common_pb";
import type { Event, Events, Gap, WatchResponse } from "@v1/events_pb";
import { Delivery, GapReason } from "@v1/events_pb";

/** What is watched. */
export interface WatchOptions {
  /** Which sockets and events; without one, all sockets and the kinds that cost nothing. */
  filter?: MessageInitShape<typeof FilterSchema>;
  /** What becomes of a watcher that is too slow. */
  delivery: Delivery;
  /** Go on after this position, without a snapshot. */
  resume?: Position;
  /**
   * The watch rests while this page is hidden, and goes on where it was. Only for kinds that the server remembers: the others
   * are observed only while somebody watches.
   */
  page?: Page | undefined;
  /** How long to wait after the first, the second, ... failure in a row, in milliseconds; the last one is repeated. */
  waits?: readonly number[];
}

/** A page that may be out of sight: a `Document`. */
export interface Page extends EventTarget {
  readonly hidden: boolean;
}

/** The state of the line to the server. */
export type Line =
  | { is: "connecting" }
  /** The server has answered. */
  | { is: "live" }
  /** It failed, with this message, and is tried again at this time (as `Date.now()` has it). */
  | { is: "lost"; message: string; again: number };

/** Who watches. Calls come in the order of the stream. */
export interface Watcher {
  /**
   * Part of a snapshot. `begins`: what was known of sockets before is void; `ends`: it is complete, and events after it
   * follow. `at` is when it was true.
   */
  snapshot(sockets: SocketSummary[], begins: boolean, ends: boolean, at: Position): void;
  /** What happened next, each event once and in the order of `seq`. */
  events(events: Event[], epoch: bigint): void;
  /** Events that are not going to come. A snapshot follows, unless a LOSSLESS watch was too slow: that goes on behind them. */
  gap(gap: Gap): void;
  /** The line changed. */
  line(line: Line): void;
}

/** How long to wait before trying again, in milliseconds. */
const WAITS: readonly number[] = [250, 500, 1000, 2000, 4000];

/** Watches until the function that it returns is called; that gives the position to resume at, where there is one. */
export function watch(
  client: Client<typeof Events>,
  options: WatchOptions,
  watcher: Watcher,
): () => Position | undefined {
  const { page } = options;
  const place = new Place(watcher, options);
  let watching: AbortController | undefined;
  const rest = (): void => {
    watching?.abort();
    watching = undefined;
    place.interrupted();
  };
  const turn = (): void => {
    if (page?.hidden) rest();
    else if (watching === undefined) {
      watching = new AbortController();
      void follow(client, options, watcher, place, watching.signal);
    }
  };
  turn();
  page?.addEventListener("visibilitychange", turn);
  return () => {
    page?.removeEventListener("visibilitychange", turn);
    rest();
    return place.position;
  };
}

async function follow(
  client: Client<typeof Events>,
  options: WatchOptions,
  watcher: Watcher,
  place: Place,
  ended: AbortSignal,
): Promise<void> {
  const waits = options.waits ?? WAITS;
  let failures = 0;
  let answered = false;
  // A refusal comes in the head too, with its status.
  const onHeader = (head: Headers) => (head.has("grpc-status") ? undefined : live());
  while (!ended.aborted) {
    answered = false;
    watcher.line({ is: "connecting" });
    let message = "the server ended the stream";
    try {
      const { filter, delivery } = options;
      const resume = place.position;
      const responses = client.watch({ filter, delivery, resume }, { signal: ended, onHeader });
      for await (const response of responses) {
        live();
        failures = 0;
        if (ended.aborted) return;
        place.take(response);
      }
    } catch (error) {
      message = ConnectError.from(error).rawMessage;
    }
    if (ended.aborted) return;
    place.interrupted();
    const wait = waits[Math.min(failures, waits.length - 1)] ?? 1000;
    failures += 1;
    watcher.line({ is: "lost", message, again: Date.now() + wait });
    await pause(wait, ended);
  }

  function live(): void {
    if (answered || ended.aborted) return;
    answered = true;
    watcher.line({ is: "live" });
  }
}

/** Where a watch is in the stream, and who is told. */
export class Place {
  readonly #watcher: Watcher;
  readonly #lossless: boolean;
  #position: Position | undefined;
  /** A snapshot has begun and not ended: what comes next begins a new one if the line breaks. */
  #inSnapshot = false;

  constructor(watcher: Watcher, { delivery, resume }: Pick<WatchOptions, "delivery" | "resume">) {
    this.#watcher = watcher;
    this.#lossless = delivery !== Delivery.CONFLATE;
    this.#position = resume;
  }

  /** Where to resume: after this, or at a new snapshot. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** The line broke: half a snapshot is none. */
  interrupted(): void {
    if (this.#inSnapshot) this.#position = undefined;
    this.#inSnapshot = false;
  }

  take(response: WatchResponse): void {
    const part = response.part;
    switch (part.case) {
      case "snapshot": {
        const { sockets, last, at } = part.value;
        const begins = !this.#inSnapshot;
        this.#inSnapshot = !last;
        const position = at ?? create(PositionSchema);
        if (last) this.#position = position;
        this.#watcher.snapshot(sockets, begins, last, position);
        break;
      }
      case "events": {
        const { epoch, events } = part.value;
        const known = this.#position?.epoch === epoch ? this.#position.seq : 0n;
        const fresh =
          events[0] !== undefined && events[0].seq > known ? events : events.filter(({ seq }) => seq > known);
        const newest = fresh.at(-1);
        if (newest === undefined) break;
        this.#position = create(PositionSchema, { epoch, seq: newest.seq });
        this.#watcher.events(fresh, epoch);
        break;
      }
      case "gap": {
        const { reason, through } = part.value;
        // A LOSSLESS watch that was too slow ends here and goes on behind the hole. Any other gap is followed by a
        // snapshot, without which nothing that is known holds.
        const goesOn = this.#lossless && reason === GapReason.WATCHER_TOO_SLOW;
        this.#position = goesOn ? through : undefined;
        this.#watcher.gap(part.value);
        break;
      }
    }
  }
}

function pause(milliseconds: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      ended.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    ended.addEventListener("abort", done);
  });
}
