// The README's lines, in their order; book/check.py holds the two together.

import { connect } from "sockwright/node"; // in a browser: "sockwright", connect("http://127.0.0.1:50051")
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Server, serve } from "./server.ts";

let server: Server;
beforeAll(async () => {
  server = await serve();
});
afterAll(() => server.stop());

test("the readme's peer is in TIME-WAIT", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { address } = server;
  const client = connect(address);
  await using lab = await client.lab(["a", "b"], { impairments: { loss: 0.01 } });
  const listener = await lab.stack("b").listen({ ip: "10.0.0.2", port: 80 });
  const peer = await lab.stack("a").connect({ ip: "10.0.0.2", port: 80 });
  const accepted = await listener.accept();

  await peer.write("hello");
  await peer.closeWrite();
  console.log(await new Response(accepted.readable).text());
  await accepted.close();
  await peer.waitFor("TIME-WAIT");
  expect(printed).toHaveBeenCalledWith("hello");
  printed.mockRestore();
});
