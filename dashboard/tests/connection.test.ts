// One connection in a browser, against a real server.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Driver, launch, open, Server, seriousComplaints } from "./world";

const DEMO = resolve(import.meta.dirname, "../../server/tests/snapshots/demo.txt");

let browser: Browser;
let server: Server;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
afterEach(() => server.kill());

/** The segments of the terminal's picture of the demo: flags in tcpdump's notation, and numbers. */
function pictured(): string[] {
  const lines = readFileSync(DEMO, "utf8").split("\n");
  return lines.flatMap((line) => /[─<]\s?([SFP.]+ \d+:\d+\(\d+\))/.exec(line)?.[1] ?? []);
}

const FLAGS: Record<string, string> = { S: "SYN", "S.": "SYN, ACK", ".": "ACK", "P.": "PSH, ACK", "F.": "FIN, ACK" };

describe("beside the demo", () => {
  it("the page begins with the ladder of the demo: each segment in order, with its flags", async () => {
    server = await Server.start("--demo");
    const { page, complaints } = await open(browser, server.url, { reducedMotion: "reduce" });
    await page.locator(".ladder text.label").nth(13).waitFor();
    const flags = await page.locator(".ladder text.label .flags").allTextContents();
    const numbers = await page.locator(".ladder text.label .numbers").allTextContents();
    const expected = pictured().map((text) => text.split(" "));
    expect(expected.length).toBeGreaterThanOrEqual(9);
    expect(flags).toEqual(expected.map(([flags = ""]) => FLAGS[flags]));
    expect(numbers.map((text) => text.split(" ")[0])).toEqual(expected.map(([, range]) => range));
    // RFC 9293's figures 6 and 12: three segments open it, and a FIN each way, each acknowledged, closes it.
    expect(flags.slice(0, 3)).toEqual(["SYN", "SYN, ACK", "ACK"]);
    expect(flags.filter((names) => names.includes("FIN"))).toEqual(["FIN, ACK", "FIN, ACK"]);
    expect(flags.slice(-2)).toEqual(["FIN, ACK", "ACK"]);
    expect(numbers.some((text) => text.includes("(100)"))).toBe(true);

    // The handshake and the close, at both sides.
    expect(await page.locator(".ladder text.state.left").allTextContents().then(trimmed)).toEqual([
      "SYN-SENT",
      "ESTABLISHED",
      "FIN-WAIT-1",
      "FIN-WAIT-2",
      "TIME-WAIT",
      "CLOSED",
    ]);
    expect(await page.locator(".ladder text.state.right").allTextContents().then(trimmed)).toEqual([
      "SYN-RECEIVED",
      "ESTABLISHED",
      "CLOSE-WAIT",
      "LAST-ACK",
      "CLOSED",
    ]);
    expect(complaints).toEqual([]);
  });

  it("one cursor is in all of them, goes by keys, and stays in the address", async () => {
    server = await Server.start("--demo");
    const { page } = await open(browser, `${server.url}/#/connections/2`, { reducedMotion: "reduce" });
    await page.locator(".ladder text.label").nth(13).waitFor();
    await page.getByRole("slider", { name: /^Ladder/ }).focus();
    for (let times = 0; times < 3; times += 1) await page.keyboard.press("ArrowDown");
    await page.waitForURL(/at=20000000$/);
    expect(await page.locator(".node.here").textContent()).toContain("ESTABLISHED");
    for (const name of [/^Ladder/, /^Time-sequence/, /^Windows/, /^Round trips/]) {
      expect(await page.getByRole("slider", { name }).getAttribute("aria-valuetext")).toContain("20.0 ms");
    }

    // The address alone brings the moment back.
    const again = await open(browser, `${server.url}/#/connections/2?at=160000000`, { reducedMotion: "reduce" });
    await again.page.locator(".story li[aria-current]", { hasText: "CLOSE-WAIT" }).waitFor();
    expect(await again.page.locator(".node.here").textContent()).toContain("FIN-WAIT-1");
  });

  it("what was outstanding and what waited is of the moment that is pointed at", async () => {
    server = await Server.start("--demo");
    const { page } = await open(browser, `${server.url}/#/connections/2?at=155000000`, { reducedMotion: "reduce" });
    await page.locator(".ladder text.label").nth(13).waitFor();
    const now = page.locator("section.now");
    // The FIN is on its way.
    await now.getByRole("heading", { name: "Sent and not acknowledged at 0.155000 s" }).waitFor();
    await now.getByRole("listitem").getByText("0 to 1: in flight").waitFor();
    await page.getByRole("slider", { name: /^Ladder/ }).press("End");
    await now.getByText("Nothing is outstanding.").waitFor();
  });

  it("zooms by wheel, drag and keys, and back", async () => {
    server = await Server.start("--demo");
    const { page } = await open(browser, `${server.url}/#/connections/2`, { reducedMotion: "reduce" });
    const labels = page.locator(".ladder text.label");
    await labels.nth(13).waitFor();
    const ladder = page.getByRole("slider", { name: /^Ladder/ });
    const shown = () => page.locator(".ladder .rung").count();
    const box = await ladder.boundingBox();
    const [x, y, height] = [(box?.x ?? 0) + 200, box?.y ?? 0, box?.height ?? 0];

    // A wheel over a graph that nobody chose scrolls the page.
    await page.mouse.move(x, y + 100);
    await page.mouse.wheel(0, -400);
    expect(await shown()).toBe(14);
    await page.mouse.click(x, y + 100);
    await page.mouse.wheel(0, -600);
    await expect.poll(shown).toBeLessThan(14);
    await page.keyboard.press("0");
    await expect.poll(shown).toBe(14);

    // The handshake alone.
    await page.mouse.move(x, y + 2);
    await page.mouse.down();
    await page.mouse.move(x, y + height * 0.15, { steps: 4 });
    await page.mouse.up();
    await expect.poll(shown).toBeLessThan(6);
    await ladder.dblclick();
    await expect.poll(shown).toBe(14);
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    await expect.poll(shown).toBeLessThan(14);
  });

  it.each(["light", "dark"] as const)("is accessible, %s, wide and narrow", async (colorScheme) => {
    server = await Server.start("--demo");
    for (const width of [1280, 400]) {
      const options = { reducedMotion: "reduce", colorScheme, viewport: { width, height: 900 }, bypassCSP: true };
      const { page } = await open(browser, `${server.url}/#/connections/2?at=160000000`, options);
      await page.locator(".ladder text.label").first().waitFor();
      expect(await seriousComplaints(page)).toEqual([]);
      const over = await page.locator("main").evaluate((main) => main.scrollWidth - main.clientWidth);
      expect(over, `nothing is wider than ${width}`).toBeLessThanOrEqual(0);
    }
  });

  it("replays", async () => {
    server = await Server.start("--demo");
    const { page } = await open(browser, server.url);
    // The first segments are drawn while the last have not been sent.
    await page.locator(".ladder text.label").nth(2).waitFor();
    expect(await page.locator(".ladder text.label").count()).toBeLessThan(14);
    await page.locator(".ladder text.label").nth(13).waitFor({ timeout: 30_000 });
  });

  it("ends a replay where something is chosen, and not where a pointer passes", async () => {
    server = await Server.start("--demo");
    const { page } = await open(browser, server.url);
    const labels = page.locator(".ladder text.label");
    await labels.nth(2).waitFor();
    await page.getByRole("slider", { name: /^Ladder/ }).hover();
    await page.getByRole("button", { name: "Pause" }).waitFor();
    expect(await labels.count()).toBeLessThan(14);
    await page.getByRole("slider", { name: /^Ladder/ }).press("Home");
    // Left alone it goes on for ten seconds.
    await page.getByRole("button", { name: "Replay" }).waitFor({ timeout: 3_000 });
    expect(await labels.count()).toBe(14);
    await page.waitForURL(/at=0$/);
  });
});

describe("a connection that lives", () => {
  it("grows as it goes on: segments, both ends, and what is lost", async () => {
    server = await Server.start();
    const driver = new Driver(server.url);
    const { networks, sockets } = driver.services;
    await networks.createLab({
      name: "lab",
      stacks: [{ name: "a" }, { name: "b" }],
      links: [{ stacks: ["a", "b"], impairments: { delay: { nanos: 5_000_000 }, loss: 0.1 } }],
    });
    const listener = await driver.listener();
    const socket = await driver.client();
    const { page, complaints } = await open(browser, `${server.url}/#/connections/${socket}`);
    await page.getByText("CLOSED", { exact: true }).first().waitFor();
    await sockets.connect({ socket, remote: { ip: "10.0.0.2", port: 80 } });
    const { socket: child } = await sockets.accept({ socket: listener });
    await page.getByText(`socket ${child}`).waitFor();
    await page.locator(".ladder text.label", { hasText: "SYN, ACK" }).waitFor();
    await sockets.send({ socket, data: new Uint8Array(100_000) });
    await sockets.recv({ socket: child, minBytes: 100_000, maxBytes: 100_000 });
    await page.locator(".rung.lost").first().waitFor();
    await page.locator(".legend .resent").first().waitFor();
    expect(complaints).toEqual([]);
  });
});

describe("a server that was restarted", () => {
  it("does not pass off its socket as the one that an address of the run before names", async () => {
    server = await Server.start("--demo");
    const { page, complaints } = await open(browser, `${server.url}/#/connections/2?at=160000000`, {
      reducedMotion: "reduce",
    });
    await page.waitForURL(/\/2\?run=[\da-f]{16}&at=160000000$/);
    const link = page.url();
    // Of the same run it is the same.
    await page.goto("about:blank");
    await page.goto(link);
    await page.locator(".node.here", { hasText: "FIN-WAIT-1" }).waitFor();

    await server.kill();
    await server.run("--demo");
    await page.goto("about:blank");
    await page.goto(link);
    await page
      .getByRole("alert")
      .getByText(`the run ${/run=([\da-f]+)/.exec(link)?.[1]}`)
      .waitFor();
    expect(await page.locator(".ladder").count()).toBe(0);
    await page.getByRole("link", { name: "Socket 2 of this run" }).click();
    await page.locator(".ladder text.label").nth(13).waitFor();
    expect(page.url()).not.toBe(link);
    expect(complaints).toEqual([]);
  });

  it("leaves what was seen of the connection, and says that it was of the run before", async () => {
    server = await Server.start("--demo");
    const { page, complaints } = await open(browser, `${server.url}/#/connections/2`, { reducedMotion: "reduce" });
    await page.locator(".ladder text.label").nth(13).waitFor();
    await server.kill();
    await server.run();
    await page.getByText("The server was restarted").waitFor({ timeout: 15_000 });
    expect(await page.locator(".ladder text.label").count()).toBe(14);
    expect(complaints).toEqual([]);
  });
});

const trimmed = (texts: string[]) =>
  texts.map((text) => text.replace(/rcv.*|[A-Z][a-z]+.*|TIME-WAIT timer$/, "").trim());
