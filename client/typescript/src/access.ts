// Who calls: the token that each call carries.

import type { Interceptor } from "@connectrpc/connect";

/** Puts the token into the metadata of each call; no token, nothing. */
export function bearing(token: string | undefined): Interceptor[] {
  if (!token) return [];
  return [
    (next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    },
  ];
}
