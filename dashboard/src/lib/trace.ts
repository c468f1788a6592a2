// A trace bundle (docs/traces.md), read from the octets of its file.
//
// Owns: which entries are read and how large they may be, and what is said of a file that is broken, cut off, foreign or too
// large. What can be read of it is read; what cannot is named in `faults`. Sends nothing anywhere, and knows no page.

import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { sizeDelimitedPeek } from "@bufbuild/protobuf/wire";
import { type SocketSummary, SocketSummarySchema } from "@v1/common_pb";
import { type Event, EventSchema } from "@v1/events_pb";
import { strFromU8, unzipSync } from "fflate";
import { count, octets } from "./format";

/** What a bundle says of itself, as far as the page uses it. */
export interface Manifest {
  title?: string;
  trace?: string;
  server?: { version?: string; epoch?: string };
  start?: Moment;
  end?: Moment & { by?: string };
  files?: Record<string, { count?: string; bytes?: string } | undefined>;
  missing?: Missing[];
  environment?: Record<string, string | number>;
}

/** A moment, by the host's clock and in the stream of events. */
export interface Moment {
  time?: string;
  seq?: string;
}

/** Something that was asked for and is not there. */
export interface Missing {
  file?: string;
  why?: string;
  count?: string;
  after?: string;
  through?: string;
}

/** A call. */
export interface Call {
  method?: string;
  start?: Moment;
  end?: Moment;
  status?: { code?: string; message?: string; errno?: string };
  request?: Record<string, unknown>;
  response?: Record<string, unknown>;
  requests?: number | string;
  responses?: number | string;
  cut?: Record<string, number | string>;
  traceId?: string;
}

/** A line of the server's log. */
export interface LogLine {
  time?: string;
  level?: string;
  target?: string;
  message?: string;
  fields?: Record<string, unknown>;
}

/** A bundle. */
export interface Trace {
  /** What its file is called. */
  readonly name: string;
  readonly manifest: Manifest;
  /** The sockets that were there when it began. */
  readonly sockets: SocketSummary[];
  /** Ascending by `seq`. */
  readonly events: Event[];
  readonly calls: Call[];
  readonly log: LogLine[];
  /** What could not be read, or is not as the manifest has it; a sentence each. */
  readonly faults: string[];
  /** The packets, for other programs; `undefined` where there are none. */
  readonly packets: (() => Uint8Array<ArrayBuffer>) | undefined;
}

/** Why a file is not shown, in a sentence for people. */
export class NoTrace extends Error {}

/** The largest file that is opened, in octets. */
export const FILE_AT_MOST = 512 * 1024 * 1024;
/** The most that is read of an entry, in octets as they were before compression. */
const ENTRY_AT_MOST = 256 * 1024 * 1024;
const MANIFEST = "trace.json";
const PACKETS = "packets.pcapng";
const READ: ReadonlySet<string> = new Set([MANIFEST, "sockets.binpb", "events.binpb", "calls.jsonl", "log.jsonl"]);
/** The newest version that is understood. */
const VERSION = 1;

/** Reads a bundle. Throws `NoTrace` where there is nothing to show. */
export function readTrace(name: string, file: Uint8Array): Trace {
  if (file.length > FILE_AT_MOST) throw tooLarge(name, file.length);
  const faults: string[] = [];
  const sizes = sizesOf(name, file);
  const entries: Record<string, Uint8Array | undefined> = {};
  for (const entry of READ) entries[entry] = unpack(file, entry, sizes.get(entry), faults);
  const manifest = readManifest(name, entries[MANIFEST]);
  const trace = {
    name,
    manifest,
    sockets: messages(SocketSummarySchema, entries, "sockets.binpb", faults),
    events: messages(EventSchema, entries, "events.binpb", faults),
    calls: lines<Call>(entries, "calls.jsonl", faults),
    log: lines<LogLine>(entries, "log.jsonl", faults),
    faults,
    packets: (sizes.get(PACKETS) ?? 0) > 0 ? () => new Uint8Array(entryOf(file, PACKETS) ?? []) : undefined,
  };
  const found = { "sockets.binpb": trace.sockets, "events.binpb": trace.events, "calls.jsonl": trace.calls };
  for (const [entry, { length }] of Object.entries({ ...found, "log.jsonl": trace.log })) {
    const said = manifest.files?.[entry]?.count;
    if (said !== undefined && said !== `${length}`) {
      faults.push(`${entry} has ${count(length)} entries, and the manifest says ${said}.`);
    }
  }
  return trace;
}

/** That a file is too large, before it is read. */
export function tooLarge(name: string, size: number): NoTrace {
  return new NoTrace(`${name} has ${octets(size)}: more than the ${octets(FILE_AT_MOST)} that this page reads.`);
}

/** What the manifest says of something that is missing. */
export function missingText({ file = "something", why, count: many, after, through }: Missing): string {
  const what = many === undefined ? `Part of ${file}` : `${many} of ${file}`;
  const hole = after && through ? `, between ${after} and ${through}` : "";
  return `${what} is missing${hole}: ${WHY[why ?? ""] ?? why ?? "nobody said why"}.`;
}

const WHY: Record<string, string> = {
  LIMIT: "the file reached its limit, and has what came before",
  DISK: "the server's disk took no more, and the file has what came before",
  TOO_SLOW: "more happened at once than was kept",
};

/** The entries of a .zip file and their sizes before compression, as its directory has them. */
function sizesOf(name: string, file: Uint8Array): Map<string, number> {
  if (file.length === 0) throw new NoTrace(`${name} is empty.`);
  if (file[0] !== 0x50 || file[1] !== 0x4b) throw new NoTrace(`${name} is not a trace bundle: it is no .zip file.`);
  const sizes = new Map<string, number>();
  try {
    const filter = (entry: { name: string; originalSize: number }): boolean => {
      sizes.set(entry.name, entry.originalSize);
      return false;
    };
    unzipSync(file, { filter });
  } catch {
    // The directory is at the end of the file.
    throw new NoTrace(`${name} is cut off or damaged: the directory of a .zip file is not at its end.`);
  }
  return sizes;
}

function entryOf(file: Uint8Array, entry: string): Uint8Array | undefined {
  return unzipSync(file, { filter: ({ name }) => name === entry })[entry];
}

function unpack(file: Uint8Array, entry: string, size: number | undefined, faults: string[]): Uint8Array | undefined {
  if (size === undefined) {
    if (entry !== MANIFEST) faults.push(`${entry} is not there.`);
    return undefined;
  }
  if (size > ENTRY_AT_MOST) {
    faults.push(`${entry} has ${octets(size)}: more than the ${octets(ENTRY_AT_MOST)} that this page reads.`);
    return undefined;
  }
  try {
    return entryOf(file, entry);
  } catch (error) {
    faults.push(`${entry} is damaged: ${error instanceof Error ? error.message : error}.`);
    return undefined;
  }
}

function readManifest(name: string, octets: Uint8Array | undefined): Manifest {
  if (octets === undefined) throw new NoTrace(`${name} is not a trace bundle: there is no ${MANIFEST} in it.`);
  let read: { format?: unknown; version?: unknown };
  try {
    read = JSON.parse(strFromU8(octets));
  } catch {
    throw new NoTrace(`${name} is damaged: its ${MANIFEST} cannot be read.`);
  }
  if (read?.format !== "sockwright-trace") throw new NoTrace(`${name} is not a trace bundle of Sockwright.`);
  if (read.version !== VERSION) {
    throw new NoTrace(
      `${name} is of version ${read.version}, and this page knows version ${VERSION}: take a newer one.`,
    );
  }
  return read as Manifest;
}

function messages<Desc extends DescMessage>(
  schema: Desc,
  entries: Record<string, Uint8Array | undefined>,
  entry: string,
  faults: string[],
): MessageShape<Desc>[] {
  const all: MessageShape<Desc>[] = [];
  const octets = entries[entry] ?? new Uint8Array();
  let at = 0;
  try {
    while (at < octets.length) {
      const { eof, offset, size } = sizeDelimitedPeek(octets.subarray(at));
      if (eof || offset === null || size === null || at + offset + size > octets.length)
        throw new Error("it is cut off");
      all.push(fromBinary(schema, octets.subarray(at + offset, at + offset + size)));
      at += offset + size;
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    faults.push(`${entry} can be read up to octet ${count(at)} of ${count(octets.length)}: ${why}.`);
  }
  return all;
}

function lines<Line>(entries: Record<string, Uint8Array | undefined>, entry: string, faults: string[]): Line[] {
  const all: Line[] = [];
  const texts = strFromU8(entries[entry] ?? new Uint8Array()).split("\n");
  let wrong = 0;
  for (const text of texts) {
    if (text === "") continue;
    try {
      const line: unknown = JSON.parse(text);
      if (typeof line !== "object" || line === null) throw new Error();
      all.push(line as Line);
    } catch {
      wrong += 1;
    }
  }
  if (wrong > 0) faults.push(`${entry} has ${count(wrong)} lines that cannot be read.`);
  return all;
}
