// What the page gives to go on with elsewhere works there: the request of the command is the server's to understand, and the
// program runs.
//
// SOCKWRIGHT_PYTHON names a Python that has the client's dependencies; without it, and without the one that `.ci/run` makes, the
// program is not run, and the test says so. So is the command, where there is a `grpcurl`.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { fromJsonString } from "@bufbuild/protobuf";
import { WatchRequestSchema } from "@v1/events_pb";
import type { Page } from "playwright-core";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { worldOfEach } from "./world";

const ROOT = resolve(import.meta.dirname, "../..");
const PYTHON = process.env.SOCKWRIGHT_PYTHON ?? resolve(ROOT, "target/ci/venv/bin/python");
const GRPCURL = spawnSync("grpcurl", ["-version"]).error === undefined;

const world = worldOfEach();

/** The page with a filter that has something to quote, and what a button puts into the clipboard. */
async function copied(button: string): Promise<string> {
  const { page } = await world.open(
    `#/events?kinds=states,segments&q=${encodeURIComponent(`label:"it's a client" port:80`)}`,
  );
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByRole("button", { name: button }).click();
  await page.getByText("copied", { exact: true }).waitFor();
  return clipboardOf(page);
}

const clipboardOf = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

/** Runs something until a line of what it prints has these words; fails with what it printed where it ends before. */
async function printing(child: ChildProcess, words: string): Promise<void> {
  onTestFinished(() => void child.kill());
  let errors = "";
  child.stderr?.on("data", (text) => {
    errors += text;
  });
  if (child.stdout === null) throw new Error("nothing is printed");
  for await (const line of createInterface({ input: child.stdout })) if (line.includes(words)) return;
  throw new Error(`it ended: ${errors}`);
}

beforeEach(async () => {
  await world.driver.lab();
  const listener = await world.driver.listener();
  const client = await world.driver.client("lab", "it's a client");
  await world.driver.services.sockets.connect({ socket: client, remote: { ip: "10.0.0.2", port: 80 } });
  await world.driver.services.sockets.accept({ socket: listener });
});

describe("copy as grpcurl", () => {
  it("is a command whose request the server understands", async () => {
    const command = await copied("Copy as grpcurl");
    // As a shell takes it apart.
    const shell = spawnSync("sh", ["-c", `grpcurl() { printf '%s\\n' "$@"; }; ${command}`], { encoding: "utf8" });
    expect(shell.status).toBe(0);
    const [plain, d, json = "", address, method] = shell.stdout.trim().split("\n");
    expect([plain, d, address, method]).toEqual([
      "-plaintext",
      "-d",
      world.server.address,
      "sockwright.v1.Events/Watch",
    ]);
    const request = fromJsonString(WatchRequestSchema, json);
    expect(request.filter).toMatchObject({ labels: ["it's a client"], ports: [80] });
    for await (const { part } of world.driver.services.events.watch(request)) {
      if (part.case !== "snapshot") continue;
      expect(part.value.sockets.map(({ label }) => label)).toEqual(["it's a client"]);
      break;
    }
  });

  it.skipIf(!GRPCURL)("runs", async () => {
    const command = await copied("Copy as grpcurl");
    await printing(spawn("sh", ["-c", `exec ${command}`]), "it's a client");
  });
});

describe("copy as Python", () => {
  it.skipIf(!existsSync(PYTHON))("is a program that runs, and tells the same", async () => {
    const program = await copied("Copy as Python");
    const env = { ...process.env, PYTHONPATH: resolve(ROOT, "client/python"), PYTHONUNBUFFERED: "1" };
    await printing(spawn(PYTHON, ["-c", program], { env }), `label: "it\\'s a client"`);
  });
});
