// A trace bundle from disk, in the page that a server serves and in the one that is a file itself.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { Traces } from "@v1/traces_pb";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { complaintsOf, Driver, launch, open, Server, seriousComplaints } from "./world";

const ALONE = pathToFileURL(resolve(import.meta.dirname, "../dist/trace.html")).href;
const BUNDLE = resolve(import.meta.dirname, "../src/lib/recorded/upload.zip");

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** The page from disk, in a browser without a network; `asked` is what it asks for all the same. */
async function alone(options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  onTestFinished(() => context.close());
  await context.setOffline(true);
  const page = await context.newPage();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  const complaints = complaintsOf(page);
  await page.goto(ALONE);
  return { page, complaints, asked };
}

const choose = (page: Page, file: Parameters<ReturnType<Page["getByLabel"]>["setInputFiles"]>[0]) =>
  page.getByLabel("Open a trace").setInputFiles(file);

const part = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Parts of the trace" }).getByRole("link", { name, exact: true }).click();

describe("the page from disk", () => {
  it("shows a bundle in all views, and asks nobody for anything", async () => {
    const { page, complaints, asked } = await alone({ reducedMotion: "reduce" });
    await choose(page, BUNDLE);
    await page.getByRole("heading", { name: "An upload over a link that loses" }).waitFor();

    await part(page, "Connections");
    const client = page.locator(".row", { hasText: "client" });
    await client.locator(".sent", { hasText: "kB" }).waitFor();
    await client.getByRole("link").first().click();

    // The same drawings as of a connection that lives.
    await page.waitForURL(/#\/trace\/connections\/3$/);
    await page.locator(".ladder .rung").first().waitFor();
    await page.getByText("The 183 segments as a table").click();
    await page.getByRole("cell", { name: "lost, LOST" }).waitFor();
    expect(await page.locator(".ladder text.state.left").allTextContents()).toContain("FIN-WAIT-1 Shutdown");
    await page.locator(".story li", { hasText: "FIN-WAIT-1" }).click();
    await page.waitForURL(/\?at=\d+$/);
    await page.locator(".node.here", { hasText: "FIN-WAIT-1" }).waitFor();
    // The call that made it, at the same moment.
    await page.locator(".calls .row.current", { hasText: "Shutdown" }).waitFor();

    await part(page, "Calls");
    const calls = page.getByRole("grid", { name: "Calls" });
    await calls.locator(".current", { hasText: "Shutdown" }).waitFor();
    await calls.locator(".row", { hasText: "UNAVAILABLE" }).first().click();
    await page.getByLabel("The call").getByText("The peer refused").waitFor();
    await page.getByText("at event 6").waitFor();

    await part(page, "Events");
    const events = page.getByRole("grid", { name: "Events" });
    await events.locator(".current .seq", { hasText: /^6$/ }).waitFor();
    expect(await events.getAttribute("aria-rowcount")).toBe("719");
    await page.getByRole("button", { name: "Timers" }).click();
    await expect.poll(async () => Number(await events.getAttribute("aria-rowcount"))).toBeLessThan(300);
    await page.getByRole("searchbox").fill("label:client fired");
    await events.locator(".row", { hasText: "TIME-WAIT fired" }).waitFor();

    await part(page, "Log");
    await page.getByRole("grid", { name: "Log" }).getByText("lab created").waitFor();

    await part(page, "Overview");
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save for Wireshark" }).click();
    expect((await saved).suggestedFilename()).toBe("upload.pcapng");

    expect(asked.filter((url) => url !== ALONE && !url.startsWith("blob:"))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("says what is wrong with a file, and keeps what was open", async () => {
    const { page, complaints } = await alone();
    const file = (name: string, buffer: Buffer) => ({ name, mimeType: "application/zip", buffer });
    await choose(page, file("notes.txt", Buffer.from("nothing of the kind")));
    await page.getByRole("alert").getByText("notes.txt is not a trace bundle: it is no .zip file.").waitFor();
    await choose(page, BUNDLE);
    await page.getByRole("heading", { name: "An upload" }).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);

    const octets = readFileSync(BUNDLE);
    await choose(page, file("cut.zip", octets.subarray(0, octets.length / 2)));
    await page.getByRole("alert").getByText("cut.zip is cut off or damaged").first().waitFor();
    await part(page, "Calls");
    expect(await page.getByRole("grid", { name: "Calls" }).getAttribute("aria-rowcount")).toBe("26");
    expect(complaints).toEqual([]);
  });

  it.each(["light", "dark"] as const)("is accessible, %s, wide and narrow", async (colorScheme) => {
    for (const width of [1280, 400]) {
      const { page } = await alone({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
      const check = async (what: string) => {
        expect(await seriousComplaints(page), what).toEqual([]);
        const over = await page.locator("main").evaluate((main) => main.scrollWidth - main.clientWidth);
        expect(over, `${what}: nothing is wider than ${width}`).toBeLessThanOrEqual(0);
      };
      await check("nothing");
      await choose(page, BUNDLE);
      await page.getByRole("heading", { name: "An upload" }).waitFor();
      for (const name of ["Overview", "Connections", "Events", "Calls", "Log"]) {
        await part(page, name);
        await page.locator(".part > *").first().waitFor();
        await check(name);
      }
      await page.evaluate(() => location.assign("#/trace/connections/3?at=600000000"));
      await page.locator(".ladder text.label").first().waitFor();
      await check("Connection");
    }
  });
});

describe("a bundle that a server just made", () => {
  it("is read whole, without a server", async () => {
    const server = await Server.start();
    onTestFinished(() => server.kill());
    const driver = new Driver(server.url);
    await driver.lab();
    const traces = createClient(Traces, createGrpcWebTransport({ baseUrl: server.url }));
    const { trace } = await traces.start({ filter: { stacks: ["lab/a", "lab/b"] }, title: "Made just now" });
    const { client, server: child } = await driver.pair(await driver.listener());
    await driver.services.sockets.send({ socket: client, data: new Uint8Array(10_000) });
    await driver.services.sockets.recv({ socket: child, minBytes: 10_000, maxBytes: 10_000 });
    await driver.services.sockets.close({ socket: client });
    const octets: Uint8Array[] = [];
    for await (const { part } of traces.stop({ trace })) if (part.case === "zip") octets.push(part.value);
    await server.kill();

    const { page, complaints, asked } = await alone({ reducedMotion: "reduce" });
    await choose(page, { name: "now.zip", mimeType: "application/zip", buffer: Buffer.concat(octets) });
    await page.getByRole("heading", { name: "Made just now" }).waitFor();
    expect(await page.getByRole("heading", { name: "What is missing" }).count()).toBe(0);
    await part(page, "Connections");
    await page.locator(`#socket-${client} .sent`, { hasText: "10.0 kB" }).waitFor();
    await page.locator(`#socket-${child} .received`, { hasText: "10.0 kB" }).waitFor();
    await page.locator(`#socket-${client} a`).click();
    await page.locator(".ladder text.label", { hasText: "SYN, ACK" }).waitFor();
    await page.locator(".calls .row", { hasText: "Connect" }).waitFor();
    await page.locator(".calls .row", { hasText: "Close" }).click();
    await page.locator(".node.here", { hasText: "FIN-WAIT-1" }).waitFor();
    expect(asked).toEqual([ALONE]);
    expect(complaints).toEqual([]);
  });
});

describe("the page of a server", () => {
  it("opens a bundle that is dropped on it, and has the other page to be saved", async () => {
    const server = await Server.start();
    onTestFinished(() => server.kill());
    const { page, complaints } = await open(browser, `${server.url}/#/trace`);
    await page.getByText("drop its").waitFor();
    const data = await page.evaluateHandle((text) => {
      const octets = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([octets], "upload.zip"));
      return data;
    }, readFileSync(BUNDLE).toString("base64"));
    await page.dispatchEvent("body", "drop", { dataTransfer: data });
    await page.getByRole("heading", { name: "An upload" }).waitFor();

    const saved = page.waitForEvent("download");
    await page.getByRole("link", { name: "This page as a file" }).click();
    const path = await (await saved).path();
    expect(readFileSync(path).equals(readFileSync(resolve(import.meta.dirname, "../dist/trace.html")))).toBe(true);
    expect(complaints).toEqual([]);
  });
});
