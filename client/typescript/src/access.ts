// Who calls: the token that each call carries, and where it may go.

import type { Interceptor } from "@connectrpc/connect";

/**
 * Puts the token into the metadata of each call; no token, nothing. Throws where it would go in clear to another machine, unless
 * that is said to be well: a name but localhost leads wherever DNS says.
 */
export function bearing(token: string | undefined, server: URL, insecure: boolean): Interceptor[] {
  if (!token) return [];
  if (server.protocol !== "https:" && !insecure && !LOOPBACK.test(server.hostname))
    throw new TypeError(
      `${server.host}: the token would go there in clear: name the server with https://, or set SOCKWRIGHT_INSECURE=1 where the network is private`,
    );
  return [
    (next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    },
  ];
}

/** As URLs have hosts: in lower case, numbers in full. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
