// The table of sockets as a view uses it: followed while the view is there, arranged anew at most a few times a second.
//
// Owns: the one watch of the table, the rounds of `GetInfo` for the rows that are looked at, and when the page is drawn again.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FilterSchema, Position } from "@v1/common_pb";
import { Delivery } from "@v1/events_pb";
import { filterText } from "./lib/query";
import { type Row, SocketTable } from "./lib/store";
import { watch } from "./lib/stream";
import { server, status } from "./server.svelte";

/** Rows are sampled this often while somebody looks at them, in milliseconds. */
const ROUND_MS = 1000;
/** Calls under way at once: a browser has six connections to a server, and the watch has one of them. */
const AT_ONCE = 3;
/** The page is drawn again at most this often, in milliseconds, and for at most a tenth of the time. */
const DRAW_MS = 100;

class Sockets {
  readonly table = new SocketTable();
  /** Grows when there is something new to draw. */
  drawn = $state(0);
  /** A snapshot is complete: what is in the table is all there is. */
  complete = $state(false);
  /** How long drawing took last, in milliseconds; the view says so. */
  cost = 0;
  #filter = "";
  #position: Position | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Follows the sockets that the filter admits. Ends with the function that it returns. */
  follow(filter: MessageInitShape<typeof FilterSchema>): () => void {
    const asked = filterText(filter);
    // Where one was before with the same question, one goes on.
    const resume = asked === this.#filter ? this.#position : undefined;
    this.#filter = asked;
    this.complete = resume !== undefined;
    const stop = watch(
      server.events,
      { filter, delivery: Delivery.CONFLATE, resume, page: document },
      {
        snapshot: (sockets, begins, ends, at) => {
          this.table.snapshot(sockets, begins, ends);
          if (ends) this.complete = true;
          status.at(at.epoch, at.seq);
          this.#changed();
        },
        events: (events, epoch) => {
          this.table.events(events, Date.now());
          status.at(epoch, events.at(-1)?.seq ?? 0n);
          this.#changed();
        },
        gap: (gap) => status.missed(gap),
        line: (line) => {
          status.line = line;
        },
      },
    );
    return () => {
      this.#position = stop();
      status.line = undefined;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Samples the rows that `wanted` names, round after round. Ends with the function that it returns. */
  sample(wanted: () => readonly Row[]): () => void {
    const ended = new AbortController();
    const round = async () => {
      while (!ended.signal.aborted) {
        const began = Date.now();
        if (!document.hidden && status.line?.is === "live") await this.#samples(wanted(), ended.signal);
        await new Promise((resolve) => setTimeout(resolve, Math.max(ROUND_MS / 4, ROUND_MS - (Date.now() - began))));
      }
    };
    void round();
    return () => ended.abort();
  }

  async #samples(rows: readonly Row[], signal: AbortSignal): Promise<void> {
    const waiting = rows.filter(({ goneAt }) => goneAt === undefined).values();
    const worker = async () => {
      for (const { socket } of waiting) {
        if (signal.aborted) return;
        try {
          this.table.sample(await server.sockets.getInfo({ socket }, { signal }));
          this.#changed();
        } catch {
          // It is gone meanwhile, or the line is: the watch tells.
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  #changed(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        const more = this.table.sweep(Date.now());
        this.drawn += 1;
        if (more) this.#changed();
      },
      Math.max(DRAW_MS, this.cost * 10),
    );
  }
}

export const sockets = new Sockets();
