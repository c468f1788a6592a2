// A bounded log of what a watch told, with its gaps where they were.

import type { Event, Gap } from "@v1/events_pb";

/** A line of the log. */
export type Entry =
  | { is: "event"; id: number; event: Event; epoch: bigint }
  /** Events that did not come. */
  | { is: "gap"; id: number; gap: Gap };

export class Log {
  /** The oldest first. */
  entries: Entry[] = [];
  /** Older entries that were let go. */
  forgotten = 0;
  readonly #limit: number;
  #next = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  events(events: readonly Event[], epoch: bigint): void {
    for (const event of events) this.entries.push({ is: "event", id: this.#next++, event, epoch });
    // Some at once, so that it does not cost every time.
    if (this.entries.length > this.#limit * 1.25) {
      const gone = this.entries.length - this.#limit;
      this.entries = this.entries.slice(gone);
      this.forgotten += gone;
    }
  }

  gap(gap: Gap): void {
    this.entries.push({ is: "gap", id: this.#next++, gap });
  }

  clear(): void {
    this.entries = [];
    this.forgotten = 0;
  }
}

/** What a gap says: how many events did not come, and why. */
export function gapText(gap: Gap): string {
  const { after, through } = gap;
  const missed = after && through && after.epoch === through.epoch ? through.seq - after.seq : undefined;
  // Not all of them need have been for this watch.
  const count = missed === undefined ? "Events" : missed === 1n ? "Up to 1 event" : `Up to ${missed} events`;
  return `${count} did not come: ${WHY[gap.reason]}.`;
}

/** Why there is a gap, by its reason. */
export const WHY = [
  "the server did not say why",
  "this page was too slow",
  "the server no longer remembers them",
  "the server was restarted",
] as const satisfies Record<number, string>;
