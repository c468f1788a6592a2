import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { PositionSchema } from "@v1/common_pb";
import { Delivery, Events, GapReason, type WatchRequest, WatchResponseSchema } from "@v1/events_pb";
import { describe, expect, it } from "vitest";
import { type Line, Place, type Watcher, watch } from "./stream";

type Part = MessageInitShape<typeof WatchResponseSchema>["part"];

const snapshot = (seq: bigint, last = true, epoch = 1n): Part => ({
  case: "snapshot",
  value: { sockets: [], last, at: { epoch, seq } },
});
const events = (epoch: bigint, ...seqs: bigint[]): Part => ({
  case: "events",
  value: { epoch, events: seqs.map((seq) => ({ seq })) },
});
const gap = (reason: GapReason, after: bigint, through: bigint): Part => ({
  case: "gap",
  value: { reason, after: { epoch: 1n, seq: after }, through: { epoch: 1n, seq: through } },
});

/** A watcher that writes down what it is told. */
function writing(): Watcher & { told: string[]; lines: Line[] } {
  const told: string[] = [];
  const lines: Line[] = [];
  return {
    told,
    lines,
    snapshot: (_sockets, begins, ends, at) =>
      void told.push(`snapshot${begins ? " begins" : ""}${ends ? " ends" : ""} ${at.epoch}:${at.seq}`),
    events: (events, epoch) => void told.push(`events ${epoch}: ${events.map(({ seq }) => seq).join(" ")}`),
    gap: ({ reason }) => void told.push(`gap ${GapReason[reason]}`),
    line: (line) => void lines.push(line),
  };
}

function taking(delivery: Delivery, ...parts: Part[]) {
  const watcher = writing();
  const place = new Place(watcher, { delivery });
  for (const part of parts) place.take(create(WatchResponseSchema, { part }));
  return { place, told: watcher.told };
}

describe("a place in the stream", () => {
  it("goes on behind the last event", () => {
    const { place, told } = taking(Delivery.CONFLATE, snapshot(4n), events(1n, 5n, 9n));
    expect(place.position).toMatchObject({ epoch: 1n, seq: 9n });
    expect(told).toEqual(["snapshot begins ends 1:4", "events 1: 5 9"]);
  });

  it("lets no event through twice", () => {
    const { told } = taking(Delivery.LOSSLESS, events(1n, 5n, 6n), events(1n, 5n, 6n, 7n), events(1n, 6n));
    expect(told).toEqual(["events 1: 5 6", "events 1: 7"]);
  });

  it("counts anew in another run of the server", () => {
    const { place, told } = taking(Delivery.LOSSLESS, events(1n, 50n), events(2n, 3n));
    expect(told).toEqual(["events 1: 50", "events 2: 3"]);
    expect(place.position).toMatchObject({ epoch: 2n, seq: 3n });
  });

  it("is nowhere with half a snapshot", () => {
    const { place, told } = taking(Delivery.CONFLATE, snapshot(4n, false));
    place.interrupted();
    expect(place.position).toBeUndefined();
    place.take(create(WatchResponseSchema, { part: snapshot(8n, false) }));
    place.take(create(WatchResponseSchema, { part: snapshot(8n) }));
    expect(told.slice(1)).toEqual(["snapshot begins 1:8", "snapshot ends 1:8"]);
    expect(place.position).toMatchObject({ seq: 8n });
  });

  it("is behind the hole where a LOSSLESS watch was too slow, and at a new snapshot after any other gap", () => {
    const slow = gap(GapReason.WATCHER_TOO_SLOW, 5n, 90n);
    expect(taking(Delivery.LOSSLESS, events(1n, 5n), slow).place.position).toMatchObject({ seq: 90n });
    expect(taking(Delivery.CONFLATE, events(1n, 5n), slow).place.position).toBeUndefined();
    const forgotten = gap(GapReason.FORGOTTEN, 5n, 90n);
    expect(taking(Delivery.LOSSLESS, events(1n, 5n), forgotten).place.position).toBeUndefined();
  });
});

/** A server whose calls of `Watch` go, one after another, as these say. */
function serving(...calls: (() => Iterable<Part>)[]) {
  const asked: WatchRequest[] = [];
  /** The calls that are under way and have nothing more to tell. */
  const open = new Set<WatchRequest>();
  const transport = createRouterTransport(({ service }) => {
    service(Events, {
      async *watch(request, context) {
        asked.push(request);
        const call = calls[asked.length - 1];
        if (call === undefined) {
          // The last one stays.
          yield* [];
          open.add(request);
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          open.delete(request);
          return;
        }
        for (const part of call()) yield { part };
      },
    });
  });
  return { asked, open, client: createClient(Events, transport) };
}

describe("a watch", () => {
  it("resumes where it was when the line breaks, and says how the line is", async () => {
    const { asked, client } = serving(
      function* () {
        yield snapshot(4n);
        yield events(1n, 5n, 6n);
        throw new ConnectError("the line broke", Code.Unavailable);
      },
      function* () {
        yield events(1n, 6n, 7n);
      },
    );
    const watcher = writing();
    const stop = watch(client, { delivery: Delivery.CONFLATE, waits: [1] }, watcher);
    await expect.poll(() => asked.length).toBe(3);
    expect(asked.map(({ resume }) => resume?.seq)).toEqual([undefined, 6n, 7n]);
    expect(watcher.told).toEqual(["snapshot begins ends 1:4", "events 1: 5 6", "events 1: 7"]);
    const lost = watcher.lines.filter((line) => line.is === "lost").map(({ message }) => message);
    expect(lost).toEqual(["the line broke", "the server ended the stream"]);
    expect(stop()).toMatchObject({ epoch: 1n, seq: 7n });
  });

  it("waits longer after each failure, and soon again once the server has told something", async () => {
    const fails = () => {
      throw new ConnectError("no", Code.Unavailable);
    };
    const { asked, client } = serving(
      fails,
      fails,
      function* () {
        yield snapshot(1n);
      },
      fails,
    );
    const waited: number[] = [];
    const line = (line: Line) => void (line.is === "lost" && waited.push(line.again - Date.now()));
    const stop = watch(client, { delivery: Delivery.CONFLATE, waits: [0, 40, 80] }, { ...writing(), line });
    await expect.poll(() => asked.length).toBe(5);
    stop();
    const steps = waited.map((wait) => (wait > 20 ? "longer" : "soon"));
    expect(steps).toEqual(["soon", "longer", "soon", "longer"]);
  });

  it("rests while its page is hidden, and goes on where it was", async () => {
    const { asked, open, client } = serving(
      function* () {
        yield snapshot(4n);
        yield events(1n, 5n);
      },
      function* () {
        yield events(1n, 5n, 6n);
      },
    );
    const page = Object.assign(new EventTarget(), { hidden: true });
    const turn = (hidden: boolean) => {
      page.hidden = hidden;
      page.dispatchEvent(new Event("visibilitychange"));
    };
    const watcher = writing();
    const stop = watch(client, { delivery: Delivery.CONFLATE, page, waits: [1] }, watcher);
    expect(asked).toHaveLength(0);
    turn(false);
    await expect.poll(() => asked.length).toBe(3);
    expect(open.size).toBe(1);
    turn(true);
    await expect.poll(() => open.size).toBe(0);
    turn(false);
    turn(false);
    await expect.poll(() => asked.length).toBe(4);
    expect(asked.map(({ resume }) => resume?.seq)).toEqual([undefined, 5n, 6n, 6n]);
    expect(watcher.told).toEqual(["snapshot begins ends 1:4", "events 1: 5", "events 1: 6"]);
    stop();
    await expect.poll(() => open.size).toBe(0);
    turn(true);
    turn(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toHaveLength(4);
  });

  it("begins where it is told to", async () => {
    const { asked, client } = serving();
    const resume = create(PositionSchema, { epoch: 7n, seq: 3n });
    const stop = watch(client, { delivery: Delivery.LOSSLESS, resume }, writing());
    await expect.poll(() => asked.length).toBe(1);
    expect(asked[0]?.resume).toMatchObject({ epoch: 7n, seq: 3n });
    expect(stop()).toBe(resume);
  });
});
