// A server of the tests' own: what SOCKWRIGHTD names.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const READY = "listening on ";

export interface Server {
  readonly address: string;
  stop(): Promise<void>;
}

/** The server's program. */
export function program(): string {
  const binary = process.env.SOCKWRIGHTD;
  if (!binary) throw new Error("SOCKWRIGHTD has to name the server's program");
  return binary;
}

/** Starts a server, which may reach kernel peers on loopback; port 0 is any free one. */
export async function serve(listen = "127.0.0.1:0", ...flags: string[]): Promise<Server> {
  const child: ChildProcess = spawn(program(), ["--listen", listen, "--allow", "127.0.0.0/8", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  if (!child.stdout) throw new Error("it is a pipe");
  for await (const line of createInterface(child.stdout)) {
    if (!line.startsWith(READY)) continue;
    const stop = async () => {
      child.kill("SIGKILL");
      await ended;
    };
    return { address: line.slice(READY.length).trim(), stop };
  }
  throw new Error(`the server ended: ${await ended}`);
}
