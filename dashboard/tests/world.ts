// A real server, a browser that looks at it, and clients that drive it.
//
// SOCKWRIGHTD names the server's binary (the debug build of this checkout, where it is not set), CHROMIUM the browser's.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Interceptor } from "@connectrpc/connect";
import { Clock } from "@v1/networks_pb";
import type { AxeResults } from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { clients } from "../src/lib/client";

export const BINARY = process.env.SOCKWRIGHTD ?? resolve(import.meta.dirname, "../../target/debug/sockwrightd");
const AXE = resolve(import.meta.dirname, "../node_modules/axe-core/axe.min.js");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** A server process. */
export class Server {
  readonly address: string;
  #process: ChildProcess | undefined;

  private constructor(address: string) {
    this.address = address;
  }

  static async start(...options: string[]): Promise<Server> {
    const server = new Server(`127.0.0.1:${await freePort()}`);
    await server.run(...options);
    return server;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  /** Runs it, or runs it again at the same address. */
  async run(...options: string[]): Promise<void> {
    const child = spawn(BINARY, ["--listen", this.address, ...options], { stdio: ["ignore", "pipe", "inherit"] });
    this.#process = child;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith("listening on")) return;
    }
    throw new Error("the server ended before it listened");
  }

  /** Ends it as a machine that loses its power does. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** Holds it, or lets it go on: as a machine that sleeps. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(signal);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu"],
    // Scroll bars take room, and are there to be seen.
    ignoreDefaultArgs: ["--hide-scrollbars"],
  });
}

/** What is wrong on a page: errors, and what its policy refused. It grows as the page goes on. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A line that broke is the network's to tell; everything else is the page's.
    if (message.type() === "error" && !message.text().includes("net::ERR_")) complaints.push(message.text());
  });
  return complaints;
}

/** A page that fails the test where something is wrong on it: an error, or something that its policy refused. */
export async function open(browser: Browser, url: string, options = {}): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  await page.goto(url);
  return { page, complaints };
}

/** A page and a server of its own for each test of a file, in one browser; known while a test runs. */
export interface World {
  readonly server: Server;
  readonly driver: Driver;
  /** The page at this place of the server: `#/labs`. */
  open(place?: string): ReturnType<typeof open>;
}

/** Sets up a world for the tests of a file. */
export function worldOfEach(): World {
  let browser: Browser;
  let server: Server;
  let driver: Driver;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    server = await Server.start();
    driver = new Driver(server.url);
  });
  afterEach(() => server.kill());
  return {
    get server() {
      return server;
    },
    get driver() {
      return driver;
    },
    open: (place = "") => open(browser, `${server.url}/${place}`),
  };
}

/** What axe-core finds serious or critical. The page has to be opened with `bypassCSP`: its policy knows no script of tests. */
export async function seriousComplaints(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: AXE });
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}

/** The services of a server, and what tests make with them. */
export class Driver {
  readonly services: ReturnType<typeof clients>;

  constructor(url: string, interceptors: Interceptor[] = []) {
    this.services = clients(url, interceptors);
  }

  /** A lab `lab` of stacks `a` and `b`, 1 ms apart. */
  async lab(name = "lab", clock = Clock.VIRTUAL): Promise<void> {
    await this.services.networks.createLab({
      name,
      clock,
      stacks: [{ name: "a" }, { name: "b" }],
      links: [{ stacks: ["a", "b"], impairments: { delay: { nanos: 1_000_000 } } }],
    });
  }

  /** A listener on port 80 of `b`. */
  async listener(lab = "lab"): Promise<bigint> {
    const { socket } = await this.services.sockets.create({ stack: `${lab}/b`, label: "server" });
    await this.services.sockets.bind({ socket, local: { ip: "10.0.0.2", port: 80 } });
    await this.services.sockets.listen({ socket, backlog: 4096 });
    return socket;
  }

  async client(lab = "lab", label = "client"): Promise<bigint> {
    const { socket } = await this.services.sockets.create({ stack: `${lab}/a`, label });
    return socket;
  }

  /** A connection to the listener, both ends of it. */
  async pair(listener: bigint, lab = "lab"): Promise<{ client: bigint; server: bigint }> {
    const client = await this.client(lab);
    await this.services.sockets.connect({ socket: client, remote: { ip: "10.0.0.2", port: 80 } });
    const { socket } = await this.services.sockets.accept({ socket: listener });
    return { client, server: socket };
  }

  /** Moves the clock of a lab with a manual clock. */
  async advance(milliseconds: number, lab = "lab"): Promise<void> {
    const seconds = Math.floor(milliseconds / 1000);
    const by = { seconds: BigInt(seconds), nanos: (milliseconds - seconds * 1000) * 1_000_000 };
    await this.services.networks.advanceTime({ lab, how: { case: "by", value: by } });
  }
}
