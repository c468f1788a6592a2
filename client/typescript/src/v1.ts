// The contract itself: every message, enum and service of `sockwright.v1`.

export * from "./gen/sockwright/v1/common_pb.ts";
export * from "./gen/sockwright/v1/events_pb.ts";
export * from "./gen/sockwright/v1/networks_pb.ts";
export * from "./gen/sockwright/v1/sessions_pb.ts";
export * from "./gen/sockwright/v1/sockets_pb.ts";
export * from "./gen/sockwright/v1/traces_pb.ts";
export * from "./gen/sockwright/v1/traffic_pb.ts";
