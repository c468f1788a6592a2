// The story that the clients of all languages tell: see client/STORY.md.

import { readFileSync } from "node:fs";
import {
  type DescMethodUnary,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, connect } from "../src/node.ts";
import * as v1 from "../src/v1.ts";
import { type Server, serve } from "./server.ts";

interface Step {
  call?: string;
  request?: JsonObject;
  reply?: JsonObject;
  keep?: Record<string, string>;
  watch?: JsonObject;
  error?: { code: string; detail?: JsonObject };
}

interface Story {
  steps: Step[];
  events: JsonObject[];
}

const STORY: Story = JSON.parse(readFileSync(new URL("../../story.json", import.meta.url), "utf8"));

let server: Server;
beforeAll(async () => {
  server = await serve();
});
afterAll(() => server.stop());

test("the story", async () => {
  const client = connect(server.address);
  const end = new AbortController();
  const kept = new Map<string, JsonValue>();
  let watch: AsyncIterator<v1.WatchResponse> | undefined;
  for (const [number, step] of STORY.steps.entries()) {
    const where = `step ${number}, ${step.call}`;
    if (step.watch) {
      const asked = fromJson(v1.WatchRequestSchema, step.watch);
      watch = client.events.watch(asked, { signal: end.signal })[Symbol.asyncIterator]();
      const { part } = (await watch.next()).value as v1.WatchResponse;
      expect(part.case === "snapshot" && part.value.last, where).toBe(true);
      continue;
    }
    const outcome = await invoke(client, step.call ?? "", filled(step.request ?? {}, kept));
    if (step.error) {
      if (!(outcome instanceof ConnectError)) throw new Error(`${where}: it did not fail`);
      expect(Code[outcome.code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase(), where).toBe(step.error.code);
      const detail = outcome.findDetails(v1.SocketErrorSchema)[0];
      if (step.error.detail)
        expect(detail && toJson(v1.SocketErrorSchema, detail), where).toMatchObject(step.error.detail);
      continue;
    }
    if (outcome instanceof ConnectError) throw new Error(where, { cause: outcome });
    expect(outcome, where).toMatchObject(filled(step.reply ?? {}, kept) as JsonObject);
    for (const [name, field] of Object.entries(step.keep ?? {})) kept.set(name, outcome[field] as JsonValue);
  }
  const told: v1.Event[] = [];
  for (const event of STORY.events) {
    while (told.length === 0) {
      const { part } = (await watch?.next())?.value ?? { part: { case: undefined } };
      if (part.case === "events") told.push(...part.value.events);
    }
    expect(toJson(v1.EventSchema, told.shift() as v1.Event)).toMatchObject(filled(event, kept) as JsonObject);
  }
  end.abort();
});

const SERVICES = { Networks: v1.Networks, Sessions: v1.Sessions, Sockets: v1.Sockets };

async function invoke(client: Client, call: string, request: JsonValue): Promise<JsonObject | ConnectError> {
  const [service, name] = call.split(".") as [keyof typeof SERVICES, string];
  const method = SERVICES[service].methods.find((method) => method.name === name) as DescMethodUnary;
  type Calls = Record<string, (request: unknown) => Promise<MessageShape<typeof method.output>>>;
  const calls = client[service.toLowerCase() as keyof Client] as unknown as Calls;
  try {
    const reply = await calls[method.localName]?.(fromJson(method.input, request));
    return toJson(method.output, reply as MessageShape<typeof method.output>) as JsonObject;
  } catch (error) {
    return ConnectError.from(error);
  }
}

/** What was kept, in the place of "$name". */
function filled(value: JsonValue, kept: Map<string, JsonValue>): JsonValue {
  if (typeof value === "string") return value.startsWith("$") ? (kept.get(value.slice(1)) ?? value) : value;
  if (Array.isArray(value)) return value.map((each) => filled(each, kept));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each, kept)]));
}
