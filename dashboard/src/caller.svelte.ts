// Who looks at the page, as the server is told: a token, kept for as long as the tab is, and nowhere else.

import { Code, type ConnectError } from "@connectrpc/connect";

const KEY = "sockwright-token";

class Caller {
  /** The token that each call carries; empty where there is none. */
  token = $state(read());
  /** Why the server does not let its caller in; undefined while it does. */
  refused = $state.raw<ConnectError>();
  /** Counts what views are made anew for: another token, another try. */
  tries = $state(0);

  /** Whether the server does not know who calls; otherwise it does, and grants too little. */
  get isUnknown(): boolean {
    return this.refused?.code === Code.Unauthenticated;
  }

  /** Goes on with this token, or with none. */
  use(token: string): void {
    this.token = token.trim();
    this.refused = undefined;
    this.tries += 1;
    try {
      if (this.token === "") sessionStorage.removeItem(KEY);
      else sessionStorage.setItem(KEY, this.token);
    } catch {
      // A browser that keeps nothing still has it until the page is left.
    }
  }
}

function read(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export const caller = new Caller();
