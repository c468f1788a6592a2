// Connections that were recorded from a server, for tests: `demo` is that of `sockwrightd --demo`, `loss` sends 60,000 octets over
// 10 Mbit/s, 20 ms away, on a link that loses every fifth frame.

import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type Event, EventSchema } from "@v1/events_pb";
import type { Ends } from "../flights";
import demoJson from "./demo.json";
import lossJson from "./loss.json";

const read = (events: unknown): Event[] => (events as JsonValue[]).map((event) => fromJson(EventSchema, event));

const ends = (lab: [string, string], sockets: [bigint, bigint], port: number): Ends => {
  const address = (ip: string, port: number) => ({ $typeName: "sockwright.v1.SocketAddress" as const, ip, port });
  return {
    left: { stack: lab[0], socket: sockets[0], address: address("10.0.0.1", port) },
    right: { stack: lab[1], socket: sockets[1], address: address("10.0.0.2", 80) },
  };
};

export const demo = { events: read(demoJson), ends: ends(["demo/client", "demo/server"], [2n, 3n], 65514) };
export const loss = { events: read(lossJson), ends: ends(["lossy/a", "lossy/b"], [5n, 6n], 65514) };
