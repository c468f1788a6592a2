// The table of connections in a browser, against a real server.

import { Clock } from "@v1/networks_pb";
import { ShutdownHow } from "@v1/sockets_pb";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { worldOfEach } from "./world";

const world = worldOfEach();

/** Waits until the row of a socket shows this state. */
async function state(page: Page, socket: bigint, name: string): Promise<void> {
  await page.locator(`#socket-${socket} .state`, { hasText: new RegExp(`^${name}$`) }).waitFor();
}

const gone = (page: Page, socket: bigint) => page.locator(`#socket-${socket}`).waitFor({ state: "detached" });

describe("the table of connections", () => {
  it("follows a connection through all its states", async () => {
    await world.driver.lab("lab", Clock.MANUAL);
    const listener = await world.driver.listener();
    const { page, complaints } = await world.open();
    await state(page, listener, "LISTEN");

    const { sockets } = world.driver.services;
    const client = await world.driver.client();
    await state(page, client, "CLOSED");
    await expect(
      sockets.connect({ socket: client, remote: { ip: "10.0.0.2", port: 80 }, dontWait: true }),
    ).rejects.toThrow(/in progress|EINPROGRESS/i);
    await state(page, client, "SYN-SENT");
    await world.driver.advance(1);
    const child = client + 1n;
    await state(page, child, "SYN-RECEIVED");
    await world.driver.advance(1);
    await state(page, client, "ESTABLISHED");
    await world.driver.advance(1);
    await state(page, child, "ESTABLISHED");
    expect((await sockets.accept({ socket: listener })).socket).toBe(child);

    await sockets.close({ socket: client });
    await state(page, client, "FIN-WAIT-1");
    await world.driver.advance(1);
    await state(page, child, "CLOSE-WAIT");
    await world.driver.advance(1);
    await state(page, client, "FIN-WAIT-2");
    await sockets.close({ socket: child });
    await state(page, child, "LAST-ACK");
    await world.driver.advance(1);
    await state(page, client, "TIME-WAIT");
    await world.driver.advance(1);
    await gone(page, child);
    await world.driver.advance(60_000);
    await gone(page, client);

    // Both at once.
    const [one, other] = [await world.driver.client(), child + 2n];
    await sockets.connect({ socket: one, remote: { ip: "10.0.0.2", port: 80 }, dontWait: true }).catch(() => {});
    await world.driver.advance(10);
    await sockets.accept({ socket: listener });
    await sockets.shutdown({ socket: one, how: ShutdownHow.WRITE });
    await sockets.shutdown({ socket: other, how: ShutdownHow.WRITE });
    await world.driver.advance(1);
    await state(page, one, "CLOSING");
    await state(page, other, "CLOSING");
    await world.driver.advance(1);
    await state(page, one, "TIME-WAIT");
    expect(complaints).toEqual([]);
  });

  it("counts states, and shows only those that are chosen", async () => {
    await world.driver.lab();
    const listener = await world.driver.listener();
    for (let pairs = 0; pairs < 3; pairs++) await world.driver.pair(listener);
    const { page, complaints } = await world.open();
    const bar = page.getByRole("group", { name: "Sockets by state" });
    await bar.getByRole("button", { name: "6 ESTABLISHED" }).click();
    const grid = page.getByRole("grid", { name: "Sockets" });
    await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("7");
    expect(await page.locator(`#socket-${listener}`).count()).toBe(0);
    expect(page.url()).toContain("state=ESTABLISHED");
    // The address alone leads there again.
    await page.reload();
    await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("7");
    // A socket that leaves the state leaves the table, and the bar goes on counting it.
    const [socket] = (await world.driver.services.sockets.list({ filter: { labels: ["client"] } })).sockets;
    if (socket === undefined) throw new Error("no socket");
    await world.driver.services.sockets.shutdown({ socket: socket.socket, how: ShutdownHow.WRITE });
    await bar.getByRole("button", { name: "4 ESTABLISHED" }).waitFor();
    await bar.getByRole("button", { name: "1 FIN-WAIT-2" }).waitFor();
    await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("5");
    expect(complaints).toEqual([]);
  });

  it("asks the server for what is searched by name", async () => {
    await world.driver.lab();
    const listener = await world.driver.listener();
    const { client } = await world.driver.pair(listener);
    const { page, complaints } = await world.open();
    const search = page.getByRole("searchbox", { name: "Search" });
    await search.fill("label:client");
    const grid = page.getByRole("grid", { name: "Sockets" });
    await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("2");
    await page.locator(`#socket-${client}`).waitFor();
    // What comes later is asked for too.
    await world.driver.client("lab", "client");
    await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("3");
    await search.fill("label:client CLOSED");
    await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("2");
    await search.fill("port:99999");
    await page.getByText("not a filter: port:99999").waitFor();
    expect(complaints).toEqual([]);
  });

  it("tells what moved, of the rows in sight", async () => {
    await world.driver.lab();
    const { client, server: child } = await world.driver.pair(await world.driver.listener());
    const { page, complaints } = await world.open();
    await world.driver.services.sockets.send({ socket: client, data: new Uint8Array(12_345) });
    await page.locator(`#socket-${client} .sent`, { hasText: "12.3 kB" }).waitFor();
    await page.locator(`#socket-${child} .received`, { hasText: "12.3 kB" }).waitFor();
    await page.locator(`#socket-${client} .rtt`, { hasText: "ms" }).waitFor();
    expect(complaints).toEqual([]);
  });

  it("is moved through and left with keys alone", async () => {
    await world.driver.lab();
    const { client } = await world.driver.pair(await world.driver.listener());
    const { page } = await world.open();
    await page.locator(`#socket-${client}`).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("10.0.0.1");
    const grid = page.getByRole("grid", { name: "Sockets" });
    await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("3");
    await grid.focus();
    await page.keyboard.press("ArrowDown");
    expect(await grid.getAttribute("aria-activedescendant")).toBe(`socket-${client}`);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${world.server.url}/#/connections/${client}`);
  });
});
