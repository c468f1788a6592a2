// A line between the browser and a server that tests can cut: a TCP relay with an address of its own.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class CuttableLine {
  readonly #relay: Server;
  readonly #open = new Set<Socket>();
  #cut = false;

  private constructor(relay: Server) {
    this.#relay = relay;
  }

  /** A line to this server. */
  static async to(address: string): Promise<CuttableLine> {
    const [host = "", port = ""] = address.split(":");
    const relay = createServer();
    const line = new CuttableLine(relay);
    relay.on("connection", (near) => {
      if (line.#cut) {
        near.destroy();
        return;
      }
      const far = connect(Number(port), host);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        line.#open.add(one);
        one.pipe(other);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          line.#open.delete(one);
          other.destroy();
        });
      }
    });
    relay.listen(0, "127.0.0.1");
    await once(relay, "listening");
    return line;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#relay.address() as AddressInfo).port}`;
  }

  /** Breaks every connection, and lets no other through. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#open) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  /** Carries nothing more to whoever is on it, or goes on: as for somebody who does not read. */
  hold(held: boolean): void {
    for (const socket of this.#open) held ? socket.pause() : socket.resume();
  }

  close(): void {
    this.cut();
    this.#relay.close();
  }
}
