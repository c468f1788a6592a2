// What the page does when the line to its server breaks.

import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { EventKind } from "@v1/common_pb";
import { Delivery } from "@v1/events_pb";
import { Traffic } from "@v1/traffic_pb";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { STATES } from "../src/lib/kinds";
import { CuttableLine } from "./line";
import { Driver, launch, open, Server } from "./world";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

async function start(): Promise<{ server: Server; driver: Driver }> {
  const server = await Server.start();
  onTestFinished(() => server.kill());
  return { server, driver: new Driver(server.url) };
}

const TALL = { viewport: { width: 1280, height: 3000 } };

/** The numbers of the events that the page shows, and `gap` where it shows one. */
function shown(page: Page): Promise<string[]> {
  return page
    .locator('[role="grid"][aria-label="Events"] .row')
    .evaluateAll((rows) =>
      rows
        .toSorted((a, b) => Number(a.getAttribute("aria-rowindex")) - Number(b.getAttribute("aria-rowindex")))
        .map((row) => row.querySelector(".seq")?.textContent ?? "gap"),
    );
}

/** The numbers of all events that tell states and errors, as the server has them. */
async function told(driver: Driver): Promise<string[]> {
  const first = driver.services.events.watch({ filter: { kinds: [EventKind.OPENED] } });
  for await (const { part } of first) {
    if (part.case !== "snapshot") continue;
    const { epoch, seq: last } = part.value.at ?? { epoch: 0n, seq: 0n };
    const seqs: string[] = [];
    const all = driver.services.events.watch({
      filter: { kinds: [...STATES.kinds] },
      delivery: Delivery.LOSSLESS,
      resume: { epoch, seq: 0n },
    });
    for await (const { part } of all) {
      if (part.case !== "events") continue;
      seqs.push(...part.value.events.map(({ seq }) => seq.toString()));
      if ((part.value.events.at(-1)?.seq ?? 0n) >= last) return seqs;
    }
  }
  throw new Error("the server ended the stream");
}

describe("a line that breaks", () => {
  it("is resumed without a double and without a hole", async () => {
    const { server, driver } = await start();
    const line = await CuttableLine.to(server.address);
    onTestFinished(() => line.close());
    const { page, complaints } = await open(browser, `${line.url}/#/events`, TALL);
    await page.getByText("live", { exact: true }).waitFor();
    await driver.lab();
    const listener = await driver.listener();
    await driver.pair(listener);
    await expect.poll(() => shown(page)).toEqual(await told(driver));

    for (let cuts = 0; cuts < 3; cuts++) {
      line.cut();
      await page.getByRole("status").getByText("lost").waitFor();
      await driver.pair(listener);
      line.mend();
      await page.getByText("live", { exact: true }).waitFor();
      await driver.pair(listener);
      await expect.poll(() => shown(page)).toEqual(await told(driver));
    }
    expect(complaints).toEqual([]);
  });

  it("loses nothing over a pause either", async () => {
    const { server, driver } = await start();
    const { page } = await open(browser, `${server.url}/#/events`, TALL);
    await page.getByText("live", { exact: true }).waitFor();
    await driver.lab();
    const listener = await driver.listener();
    await expect.poll(() => shown(page)).toEqual(await told(driver));
    const before = await shown(page);
    await page.getByRole("button", { name: "Pause" }).click();
    await driver.pair(listener);
    await page.getByText("Paused, for this page alone.").waitFor();
    expect(await shown(page)).toEqual(before);
    await page.getByRole("button", { name: "Go on" }).click();
    await expect.poll(() => shown(page)).toEqual(await told(driver));
  });
});

describe("a page that is too slow", () => {
  it("is told what it missed, shows it where it was, and goes on behind it", async () => {
    const { server, driver } = await start();
    await driver.lab();
    const line = await CuttableLine.to(server.address);
    onTestFinished(() => line.close());
    const { page, complaints } = await open(browser, `${line.url}/#/events?kinds=segments`, TALL);
    await page.getByText("live", { exact: true }).waitFor();
    const listener = await driver.listener();
    await driver.pair(listener);
    await page.locator(".row", { hasText: "segment_received" }).nth(2).waitFor();
    line.hold(true);
    // More than waits for a watcher, and than the buffers of the line take in.
    const traffic = createClient(Traffic, createGrpcWebTransport({ baseUrl: server.url }));
    const role = { case: "source", value: {} } as const;
    const side = { case: "connecting", value: {} } as const;
    const limits = { octets: 300_000_000n };
    const told = traffic.run({ stack: "lab/a", side, role, peer: { stack: "lab/b" }, limits });
    for await (const _ of told);
    line.hold(false);

    await page.locator(".row.gap", { hasText: "this page was too slow" }).first().waitFor();
    await page.getByRole("contentinfo").getByText("this page was too slow").waitFor();
    // Behind it comes what happens then.
    const { client } = await driver.pair(listener);
    await page
      .locator(".row", { hasText: "segment_sent" })
      .filter({ hasText: `${client}` })
      .first()
      .waitFor();
    const seqs = (await shown(page)).filter((seq) => seq !== "gap").map(Number);
    expect(seqs).toEqual([...new Set(seqs)].sort((one, two) => one - two));
    expect(complaints.filter((complaint) => !complaint.includes("RESOURCE_EXHAUSTED"))).toEqual([]);
  });
});

describe("a page that is hidden", () => {
  /** Says to the page that it is out of sight, or in sight again: a browser without a screen never does. */
  const hide = (page: Page, hidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);

  it("watches nothing, and has all of it when it is seen again", async () => {
    const { server, driver } = await start();
    const { page, complaints } = await open(browser, `${server.url}/#/events`, TALL);
    await page.getByText("live", { exact: true }).waitFor();
    await driver.lab();
    const listener = await driver.listener();
    await expect.poll(() => shown(page)).toEqual(await told(driver));
    const before = await shown(page);
    const ended = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/Watch"));
    await hide(page, true);
    await ended;
    await driver.pair(listener);
    const after = await told(driver);
    expect(after.length).toBeGreaterThan(before.length);
    expect(await shown(page)).toEqual(before);
    await hide(page, false);
    await expect.poll(() => shown(page)).toEqual(after);
    expect(complaints).toEqual([]);
  });

  it("goes on with what is observed only while somebody watches", async () => {
    const { server, driver } = await start();
    await driver.lab();
    const listener = await driver.listener();
    const { page } = await open(browser, `${server.url}/#/events?kinds=segments`, TALL);
    await page.getByText("live", { exact: true }).waitFor();
    await hide(page, true);
    await driver.pair(listener);
    await expect.poll(() => page.locator(".row", { hasText: "segment_sent" }).count()).toBeGreaterThanOrEqual(3);
  });
});

describe("a server that is killed", () => {
  it("comes back as another run: the table is the new one's, and the gap is told", async () => {
    const { server, driver } = await start();
    await driver.lab();
    const before = await driver.pair(await driver.listener());
    await driver.pair(await driver.services.sockets.list({}).then(({ sockets }) => sockets[0]?.socket ?? 0n));
    const { page, complaints } = await open(browser, server.url);
    await page.locator(`#socket-${before.client} .state`, { hasText: "ESTABLISHED" }).waitFor();
    const grid = page.getByRole("grid", { name: "Sockets" });
    expect(await grid.getAttribute("aria-rowcount")).toBe("6");

    await server.kill();
    await page.getByRole("status").getByText("lost").waitFor();
    // What was known stays to be seen.
    expect(await grid.getAttribute("aria-rowcount")).toBe("6");
    await server.run();
    await page.getByText("a gap: the server was restarted").waitFor();
    await page.getByText("There are no sockets yet.").waitFor();
    await driver.lab();
    await driver.pair(await driver.listener());
    await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("4");
    expect(complaints).toEqual([]);
  });

  it("leaves a gap between its events and the next run's, each of them once", async () => {
    const { server, driver } = await start();
    const { page } = await open(browser, `${server.url}/#/events`, TALL);
    await page.getByText("live", { exact: true }).waitFor();
    await driver.lab();
    await driver.listener();
    const first = await told(driver);
    await expect.poll(() => shown(page)).toEqual(first);
    await server.kill();
    await page.getByRole("status").getByText("lost").waitFor();
    await server.run();
    await page.getByText("live", { exact: true }).waitFor();
    await expect.poll(() => shown(page)).toEqual([...first, "gap"]);
    await driver.lab();
    await driver.listener();
    await expect.poll(() => shown(page)).toEqual([...first, "gap", ...(await told(driver))]);
  });
});
