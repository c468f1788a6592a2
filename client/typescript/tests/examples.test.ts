// The programs in examples/.

import { expect, test } from "vitest";
import { main as firstPeer } from "../examples/first-peer.ts";
import { serve } from "./server.ts";

test("first-peer.ts", async () => {
  const server = await serve();
  try {
    const [received, timeWait, closed] = await firstPeer(server.address);
    expect(received).toBe("received: hello");
    expect(timeWait).toMatch(/^0\.\d{6} TIME-WAIT$/);
    expect(closed).toMatch(/^60\.\d{6} CLOSED$/);
  } finally {
    await server.stop();
  }
});
