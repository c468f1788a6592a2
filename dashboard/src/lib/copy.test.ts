import { EventKind } from "@v1/common_pb";
import { describe, expect, it } from "vitest";
import { asGrpcurl, asPython } from "./copy";
import { parseQuery } from "./query";

const watched = {
  filter: parseQuery(`label:it's socket:12 port:80`).filter,
  kinds: [EventKind.SEGMENT_SENT, EventKind.TIMER],
};

describe("a watch, to go on with elsewhere", () => {
  it("is one command of a shell, quotes and all", () => {
    expect(asGrpcurl(watched, "localhost:50051")).toBe(
      `grpcurl -plaintext -d '{"filter":{"sockets":["12"],"labels":["it'\\''s"],"ports":[80],` +
        `"kinds":["EVENT_KIND_SEGMENT_SENT","EVENT_KIND_TIMER"]}}' localhost:50051 sockwright.v1.Events/Watch`,
    );
    expect(asGrpcurl({ filter: {}, kinds: [] }, "h:1")).toBe(
      "grpcurl -plaintext -d '{}' h:1 sockwright.v1.Events/Watch",
    );
  });

  it("is a program in Python", () => {
    expect(asPython(watched, "localhost:50051")).toBe(`import grpc
from sockwright.v1 import common_pb2, events_pb2, events_pb2_grpc

events = events_pb2_grpc.EventsStub(grpc.insecure_channel("localhost:50051"))
wanted = common_pb2.Filter(
    sockets=[12],
    labels=["it's"],
    ports=[80],
    kinds=[
        common_pb2.EVENT_KIND_SEGMENT_SENT,
        common_pb2.EVENT_KIND_TIMER,
    ],
)
for response in events.Watch(events_pb2.WatchRequest(filter=wanted)):
    print(response)
`);
  });
});
