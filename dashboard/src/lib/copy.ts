// What is watched here, as a command and as a program that watch the same: to go on with elsewhere.

import { EventKind } from "@v1/common_pb";
import type { Query } from "./query";

/** Which events are watched. */
export interface Watched {
  filter: Query["filter"];
  /** Empty: the kinds that cost nothing. */
  kinds: readonly EventKind[];
}

/** The same watch with grpcurl, which knows the contract by the server's reflection. */
export function asGrpcurl(watched: Watched, host: string): string {
  const { filter, kinds } = watched;
  const fields: Record<string, unknown> = {};
  for (const [name, values] of Object.entries(filter)) {
    // Numbers of 64 bits are strings in JSON.
    if (Array.isArray(values) && values.length > 0) {
      fields[name] = values.map((value) => (typeof value === "bigint" ? value.toString() : value));
    }
  }
  if (kinds.length > 0) fields.kinds = kinds.map((kind) => `EVENT_KIND_${EventKind[kind]}`);
  const request = JSON.stringify(Object.keys(fields).length > 0 ? { filter: fields } : {});
  return `grpcurl -plaintext -d '${request.replaceAll("'", "'\\''")}' ${host} sockwright.v1.Events/Watch`;
}

/** The same watch as a program in Python, with the stubs of `client/python`. */
export function asPython(watched: Watched, host: string): string {
  const { filter, kinds } = watched;
  const fields: string[] = [];
  for (const [name, values] of Object.entries(filter)) {
    if (!Array.isArray(values) || values.length === 0) continue;
    fields.push(
      `${name}=[${values.map((value) => (typeof value === "string" ? pythonText(value) : `${value}`)).join(", ")}]`,
    );
  }
  if (kinds.length > 0) {
    const names = kinds.map((kind) => `        common_pb2.EVENT_KIND_${EventKind[kind]},`);
    fields.push(`kinds=[\n${names.join("\n")}\n    ]`);
  }
  return `import grpc
from sockwright.v1 import common_pb2, events_pb2, events_pb2_grpc

events = events_pb2_grpc.EventsStub(grpc.insecure_channel(${pythonText(host)}))
wanted = common_pb2.Filter(${fields.length > 0 ? `\n    ${fields.join(",\n    ")},\n` : ""})
for response in events.Watch(events_pb2.WatchRequest(filter=wanted)):
    print(response)
`;
}

/** A text as Python's source has it. JSON's escapes are Python's too. */
function pythonText(text: string): string {
  return JSON.stringify(text);
}
