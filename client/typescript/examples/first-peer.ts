// A TCP connection between two stacks of a lab, from LISTEN to TIME-WAIT and beyond, without a sleep.
//
// The lab's clock is virtual: the 60 seconds of TIME-WAIT are over at once.
//
//     node examples/first-peer.ts [127.0.0.1:50051]        (Node 22.18 and up)

import process from "node:process";
import { connect } from "../src/node.ts"; // installed: "sockwright/node"

const WEB = { ip: "10.0.0.2", port: 80 };

/** Gives what it prints. */
export async function main(server: string): Promise<string[]> {
  const lines: string[] = [];
  const client = connect(server);
  const lab = await client.lab(["a", "b"], { seed: 1n });
  try {
    const listener = await lab.stack("b").listen(WEB);
    const peer = await lab.stack("a").connect(WEB);
    const accepted = await listener.accept();

    await peer.write("hello");
    await peer.closeWrite();
    lines.push(`received: ${await new Response(accepted.readable).text()}`);
    await accepted.close();
    for (const state of ["TIME-WAIT", "CLOSED"] as const) {
      const event = await peer.waitFor(state);
      lines.push(`${(Number(event?.timeNs ?? 0n) / 1e9).toFixed(6)} ${state}`);
    }
  } finally {
    await lab.delete();
  }
  return lines;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  for (const line of await main(process.argv[2] ?? "127.0.0.1:50051")) console.log(line);
}
