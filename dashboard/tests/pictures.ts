// Takes the pictures of docs/: `npm run pictures`. Not a test: nothing is compared, somebody looks at them.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, it } from "vitest";
import { Driver, launch, open, Server } from "./world";

const PICTURES = resolve(import.meta.dirname, "../../docs/pictures");

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** A page as pictures show it: of this height, still. */
async function look(url: string, height: number, options: BrowserContextOptions = {}): Promise<Page> {
  const viewport = { width: 1280, height };
  const { page } = await open(browser, url, { colorScheme: "light", reducedMotion: "reduce", viewport, ...options });
  return page;
}

const take = (of: { screenshot: Page["screenshot"] }, name: string) =>
  of.screenshot({ path: `${PICTURES}/${name}.png` });

it("the demo", async () => {
  const server = await Server.start("--demo");
  try {
    const page = await look(`${server.url}/#/connections/2?at=160000000`, 1000);
    await page.locator(".ladder text.state.right", { hasText: "LAST-ACK" }).waitFor();
    await page.locator(".node.here").waitFor();
    await take(page, "connection");
    await take(page.locator("section.states"), "states");
  } finally {
    await server.kill();
  }
});

it("a trace from disk", async () => {
  const page = await look(pathToFileURL(resolve(import.meta.dirname, "../dist/trace.html")).href, 900);
  await page.getByLabel("Open a trace").setInputFiles(resolve(import.meta.dirname, "../src/lib/recorded/upload.zip"));
  await page.getByRole("heading", { name: "An upload" }).waitFor();
  await page.evaluate(() => location.assign("#/trace/connections/3?at=450000000"));
  await page.locator(".node.here").waitFor();
  await page.locator(".calls").scrollIntoViewIfNeeded();
  await take(page, "trace");
});

it("a lab with traffic", async () => {
  const server = await Server.start();
  try {
    const driver = new Driver(server.url);
    const { networks, sockets } = driver.services;
    await networks.createLab({
      name: "lab",
      seed: 4n,
      stacks: [{ name: "a" }, { name: "b" }],
      links: [{ stacks: ["a", "b"], impairments: { delay: { nanos: 20_000_000 }, loss: 0.03, rateBps: 10_000_000n } }],
    });
    const listener = await driver.listener();
    const graphed = await driver.client("lab", "upload");
    const graphs = await look(`${server.url}/#/connections/${graphed}`, 2400);
    await graphs.getByText("live", { exact: true }).waitFor();
    const paths: { from: bigint; to: bigint }[] = [];
    for (let nth = 0; nth < 9; nth++) {
      const upload = nth % 3 === 0;
      const client = nth === 0 ? graphed : await driver.client("lab", upload ? "upload" : "download");
      await sockets.connect({ socket: client, remote: { ip: "10.0.0.2", port: 80 } });
      const { socket: server } = await sockets.accept({ socket: listener });
      const [from, to] = upload ? [client, server] : [server, client];
      const bytes = 300_000 >> (nth % 4);
      await sockets.send({ socket: from, data: new Uint8Array(bytes) });
      await sockets.recv({ socket: to, minBytes: bytes, maxBytes: bytes });
      paths.push({ from, to });
      if (nth === 2 || nth === 5) await sockets.close({ socket: client });
      if (nth === 5) await sockets.close({ socket: server });
    }

    await graphs.locator(".legend .resent").first().waitFor();
    await graphs.getByRole("slider", { name: /^Time-sequence/ }).click({ position: { x: 320, y: 150 } });
    await take(graphs.locator("section.graphs"), "graphs");

    const table = await look(`${server.url}/#/connections`, 480);
    await table.locator(".row .rtt", { hasText: "ms" }).nth(7).waitFor();
    // Lines of rates need rounds in which something moves.
    for (let round = 0; round < 6; round++) {
      for (const [nth, { from, to }] of paths.entries()) {
        const bytes = 4000 + 3000 * ((nth * 5 + round * 3) % 7);
        if (nth === 2 || nth === 5 || (nth + round) % 3 === 0) continue;
        await sockets.send({ socket: from, data: new Uint8Array(bytes) });
        await sockets.recv({ socket: to, minBytes: bytes, maxBytes: bytes });
      }
      await table.waitForTimeout(1000);
    }
    await take(table, "connections");

    const labs = await look(`${server.url}/#/labs`, 560);
    await labs.locator("fieldset").first().waitFor();
    await take(labs, "labs");

    const events = await look(`${server.url}/#/events?kinds=states,segments`, 480, { colorScheme: "dark" });
    await events.getByText("live", { exact: true }).waitFor();
    await driver.pair(listener);
    await events.locator(".row", { hasText: "accept_ready" }).first().click();
    await take(events, "events");
  } finally {
    await server.kill();
  }
});
