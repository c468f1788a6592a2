import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { strFromU8, strToU8, unzipSync, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { missingText, NoTrace, readTrace } from "./trace";

const upload = new Uint8Array(readFileSync(resolve(import.meta.dirname, "recorded/upload.zip")));

/** The bundle with some of its entries changed; `undefined` takes one out. */
function with_(changes: Record<string, Uint8Array | undefined>): Uint8Array {
  const entries = Object.entries({ ...unzipSync(upload), ...changes });
  return zipSync(Object.fromEntries(entries.filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined)));
}

const manifest = (change: object) => strToU8(JSON.stringify({ format: "sockwright-trace", version: 1, ...change }));
const refusal = (file: Uint8Array): string => {
  try {
    readTrace("it.zip", file);
  } catch (error) {
    expect(error).toBeInstanceOf(NoTrace);
    return (error as Error).message;
  }
  throw new Error("it was read");
};

describe("a bundle", () => {
  it("is read whole", () => {
    const trace = readTrace("upload.zip", upload);
    expect(trace.faults).toEqual([]);
    expect(trace.manifest.title).toBe("An upload over a link that loses");
    expect(trace.events).toHaveLength(719);
    expect(trace.events[0]?.seq).toBe(1n);
    expect(trace.calls).toHaveLength(26);
    expect(trace.calls[1]?.method).toBe("/sockwright.v1.Networks/CreateLab");
    expect(trace.log[0]?.message).toBe("lab created");
    const packets = trace.packets?.() ?? new Uint8Array();
    // A section header of pcapng.
    expect([...packets.subarray(0, 4)]).toEqual([0x0a, 0x0d, 0x0d, 0x0a]);
  });

  it("that lacks something is read as far as it goes, and says so", () => {
    const events = unzipSync(upload)["events.binpb"]?.slice(0, 1000);
    const trace = readTrace(
      "cut.zip",
      with_({ "events.binpb": events, "log.jsonl": strToU8("{\n{}\n"), "calls.jsonl": undefined }),
    );
    expect(trace.events.length).toBeGreaterThan(5);
    expect(trace.log).toEqual([{}]);
    expect(trace.faults).toEqual([
      "calls.jsonl is not there.",
      expect.stringMatching(/^events.binpb can be read up to octet .+ of 1\u202f000: it is cut off\.$/),
      "log.jsonl has 1 lines that cannot be read.",
      expect.stringMatching(/^events.binpb has \d+ entries, and the manifest says 719\.$/),
      "calls.jsonl has 0 entries, and the manifest says 26.",
    ]);
  });

  it("with a damaged entry keeps the others", () => {
    const file = upload.slice();
    const at = strFromU8(file, true).indexOf("events.binpb") + 60;
    file.fill(0xff, at, at + 200);
    const trace = readTrace("damaged.zip", file);
    expect(trace.events).toEqual([]);
    expect(trace.calls).toHaveLength(26);
    expect(trace.faults[0]).toMatch(/^events.binpb is damaged: /);
  });

  it("that claims to be larger than it may is not unpacked", () => {
    const file = upload.slice();
    const text = strFromU8(file, true);
    const directory = text.lastIndexOf("events.binpb") - 46;
    new DataView(file.buffer).setUint32(directory + 24, 0x7fff_ffff, true);
    expect(readTrace("bomb.zip", file).faults[0]).toBe(
      "events.binpb has 2.15 GB: more than the 268 MB that this page reads.",
    );
  });
});

describe("a file that is none", () => {
  it.each([
    ["empty", new Uint8Array(), "it.zip is empty."],
    ["foreign", strToU8("%PDF-1.7"), "it.zip is not a trace bundle: it is no .zip file."],
    ["cut off", upload.slice(0, 9000), /^it.zip is cut off or damaged/],
    ["another .zip file", zipSync({ "a.txt": strToU8("a") }), /there is no trace.json in it/],
    ["another format", with_({ "trace.json": manifest({ format: "playwright" }) }), /not a trace bundle of Sockwright/],
    ["a later version", with_({ "trace.json": manifest({ version: 2 }) }), /is of version 2, .* take a newer one/],
    ["a broken manifest", with_({ "trace.json": strToU8("{") }), /its trace.json cannot be read/],
    ["a manifest that is no object", with_({ "trace.json": strToU8("null") }), /not a trace bundle of Sockwright/],
  ])("says so: %s", (_, file, words) => {
    expect(refusal(file)).toMatch(words);
  });
});

it("what is missing is told in words", () => {
  expect(missingText({ file: "events.binpb", why: "TOO_SLOW", count: "12", after: "5", through: "17" })).toBe(
    "12 of events.binpb is missing, between 5 and 17: more happened at once than was kept.",
  );
  expect(missingText({ file: "packets.pcapng", why: "LIMIT" })).toBe(
    "Part of packets.pcapng is missing: the file reached its limit, and has what came before.",
  );
});
