// The server's services, over gRPC-Web on the address that the page came from.

import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { Events } from "@v1/events_pb";
import { Networks } from "@v1/networks_pb";
import { Sockets } from "@v1/sockets_pb";

/** Clients of the services that the page uses, at this address; the interceptors see each call, the first one first. */
export function clients(baseUrl: string, interceptors: Interceptor[] = []) {
  const transport = createGrpcWebTransport({ baseUrl, interceptors });
  return {
    events: createClient(Events, transport),
    networks: createClient(Networks, transport),
    sockets: createClient(Sockets, transport),
  };
}

export type Clients = ReturnType<typeof clients>;
