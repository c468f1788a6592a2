// Who calls: the token that each call carries, and what becomes known of a server that does not let its caller in.
//
// Owns the two interceptors. Knows no page: whoever calls is told of refusals, and keeps the token.

import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

/** Puts the token, where there is one now, into the metadata of each call: never into an address. */
export function bearing(token: () => string): Interceptor {
  return (next) => (request) => {
    const now = token();
    if (now !== "") request.header.set("authorization", `Bearer ${now}`);
    return next(request);
  };
}

/**
 * Tells of calls whose caller the server does not know (UNAUTHENTICATED), and of those that watch or list, which every view lives on,
 * and which this one may not make (PERMISSION_DENIED). Whatever else is denied belongs to whoever asked for it.
 */
export function refusals(told: (refused: ConnectError) => void): Interceptor {
  return (next) => async (request) => {
    const look = (reason: unknown): unknown => {
      const error = ConnectError.from(reason);
      const isLook = /^(Watch|List)/.test(request.method.name);
      if (error.code === Code.Unauthenticated || (error.code === Code.PermissionDenied && isLook)) told(error);
      return reason;
    };
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: each(response.message, look) } : response;
    } catch (reason) {
      throw look(reason);
    }
  };
}

/** The same messages; a stream is refused where it is read, too. */
async function* each<T>(messages: AsyncIterable<T>, look: (reason: unknown) => unknown): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (reason) {
    throw look(reason);
  }
}
