// The Linux kernel at the other end, on loopback; skipped where the server may not open raw sockets.

import { once } from "node:events";
import net from "node:net";
import type { Duplex } from "node:stream";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { SockwrightError, type Stack } from "../src/index.ts";
import { connect, duplex } from "../src/node.ts";

import { type Server, serve } from "./server.ts";

let server: Server;
let peer: Stack | undefined;
let forbidden = "";
beforeAll(async () => {
  server = await serve();
  try {
    peer = await connect(server.address).attach({ link: { case: "rawIp", value: { addresses: ["127.0.0.1"] } } });
  } catch (error) {
    if (!(error instanceof SockwrightError && error.status === Code.PermissionDenied)) throw error;
    forbidden = error.message;
  }
});
afterAll(async () => {
  await peer?.detach();
  await server.stop();
});

function ours(context: TestContext): Stack {
  return peer ?? context.skip(forbidden);
}

/** Sends all it has and a FIN, while it hears all that comes. */
async function speak(stream: Duplex, octets: Uint8Array): Promise<Buffer> {
  stream.end(octets);
  const heard: Buffer[] = [];
  for await (const data of stream) heard.push(data);
  return Buffer.concat(heard);
}

async function exchange(one: Duplex, other: Duplex): Promise<void> {
  const [there, back] = [Buffer.alloc(200_000, "there"), Buffer.alloc(100_000, "back")];
  const [returned, arrived] = await Promise.all([speak(one, there), speak(other, back)]);
  expect(arrived.equals(there) && returned.equals(back)).toBe(true);
}

test("who opens is ours", async (context) => {
  const stack = ours(context);
  const kernel = net.createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(kernel, "listening");
  const accepted = once(kernel, "connection");
  const { port } = kernel.address() as net.AddressInfo;
  const connection = await stack.connect({ ip: "127.0.0.1", port });
  const [socket] = await accepted;
  expect({ ip: socket.remoteAddress, port: socket.remotePort }).toEqual(connection.local);
  await exchange(duplex(connection), socket);
  kernel.close();
});

test("who listens is ours", async (context) => {
  const listener = await ours(context).listen({ ip: "127.0.0.1", port: 0 });
  const kernel = net.connect({ host: "127.0.0.1", port: listener.local.port, allowHalfOpen: true });
  await exchange(duplex(await listener.accept()), kernel);
  await listener.close();
});

test("nothing but loopback is allowed", async (context) => {
  const refused = ours(context).connect({ ip: "192.0.2.1", port: 9 });
  await expect(refused).rejects.toMatchObject({ code: "EPERM", status: Code.PermissionDenied });
});
