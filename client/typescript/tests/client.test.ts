import http from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Client,
  type Connection,
  connect as connectWeb,
  type Lab,
  SockwrightError,
  type State,
} from "../src/index.ts";
import { connect, duplex } from "../src/node.ts";
import { GapReason } from "../src/v1.ts";
import { type Server, serve } from "./server.ts";

const WEB = { ip: "10.0.0.2", port: 80 };

let server: Server;
beforeAll(async () => {
  server = await serve();
});
afterAll(() => server.stop());

/** Runs a story in a lab of its own. */
async function inLab(client: Client, story: (lab: Lab) => Promise<void>, options = {}): Promise<void> {
  const lab = await client.lab(["a", "b"], { seed: 1n, ...options });
  try {
    await story(lab);
  } finally {
    await lab.delete();
  }
}

async function connected(lab: Lab): Promise<[Connection, Connection]> {
  const listener = await lab.stack("b").listen(WEB);
  const client = await lab.stack("a").connect(WEB);
  const accepted = await listener.accept();
  expect(accepted.remote).toEqual(client.local);
  expect(client.remote).toEqual(WEB);
  return [client, accepted];
}

/** What was thrown. */
async function thrown(call: Promise<unknown>): Promise<SockwrightError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(SockwrightError);
  return error as SockwrightError;
}

async function text(connection: Connection): Promise<string> {
  return new Response(connection.readable).text();
}

describe.each([
  ["HTTP/2", connect],
  ["gRPC-Web", (address: string) => connectWeb(`http://${address}`)],
])("over %s", (_, dial) => {
  test("the story of a connection", () =>
    inLab(dial(server.address), async (lab) => {
      const [client, accepted] = await connected(lab);
      await client.write("hello");
      expect(await client.closeWrite()).toBe("FIN-WAIT-1");
      expect(await text(accepted)).toBe("hello");
      expect(await accepted.state()).toBe("CLOSE-WAIT");
      expect((await thrown(client.write("more"))).code).toBe("EPIPE");
      await accepted.write("goodbye");
      await accepted.waitFor({ acknowledged: true });
      await accepted.close();
      await accepted.close();
      expect(await text(client)).toBe("goodbye");
      const [waited, closed] = [await client.waitFor("TIME-WAIT"), await client.waitFor({ state: ["CLOSED"] })];
      expect((closed?.timeNs ?? 0n) - (waited?.timeNs ?? 0n)).toBe(60_000_000_000n);
      await client.close();
      await client.waitFor({ released: true });
      expect((await thrown(client.waitFor("CLOSING"))).code).toBe("ENOTCONN");
    }));

  test("errors have the errno of Node", () =>
    inLab(dial(server.address), async (lab) => {
      const refused = await thrown(lab.stack("a").connect(WEB));
      expect([refused.code, refused.errno, refused.tcpState]).toEqual(["ECONNREFUSED", 111, "CLOSED"]);
      expect(refused.message).toMatch(/^ECONNREFUSED: /);
      expect((await thrown(lab.stack("a").connect({ ip: "192.0.2.1", port: 1 }))).code).toBe("ENETUNREACH");
      expect((await thrown(lab.stack("a").listen({ ip: "10.0.0.9", port: 1 }))).code).toBe("EADDRNOTAVAIL");
      const left = await dial(server.address).sockets.list({ filter: { stacks: [lab.stack("a").name] } });
      expect(left.sockets).toEqual([]);
      expect((await thrown(dial(server.address).stack("no/such").connect(WEB))).code).toBe("ENODEV");
      const [client, accepted] = await connected(lab);
      await accepted.abort();
      expect((await thrown(client.read())).code).toBe("ECONNRESET");
      await expect(client.waitFor("TIMEWAIT" as State)).rejects.toThrow('"TIMEWAIT" is none of CLOSED, LISTEN');
      expect(() => lab.stack("c")).toThrow('has no stack "c"');
    }));

  test("a signal ends a wait and loses nothing", () =>
    inLab(dial(server.address), async (lab) => {
      const [client, accepted] = await connected(lab);
      for (const piece of ["one", "two", "three"]) {
        const control = new AbortController();
        const reading = accepted.read(100, { signal: control.signal });
        const second = accepted.read(2);
        control.abort(new Error("enough"));
        await expect(reading).rejects.toThrow("enough");
        await client.write(piece);
        // The one that came second gets what the first had asked for, and the rest is there.
        expect(new TextDecoder().decode(await second)).toBe(piece.slice(0, 2));
        expect(new TextDecoder().decode(await accepted.read())).toBe(piece.slice(2));
      }
      const listener = await lab.stack("b").listen({ ip: "10.0.0.2", port: 81 });
      await expect(listener.accept({ signal: AbortSignal.timeout(1) })).rejects.toThrow("timeout");
      const late = await lab.stack("a").connect(listener.local);
      expect((await listener.accept()).remote).toEqual(late.local);
      const ended = expect(accepted.read()).rejects.toThrow("the socket is closed");
      await accepted.close();
      await ended;
    }));
});

test("a mebibyte through loss is itself", () =>
  inLab(
    connect(server.address),
    async (lab) => {
      const [client, accepted] = await connected(lab);
      const sent = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 2654435761) >>> 9);
      const [, heard] = await Promise.all([
        new Blob([sent]).stream().pipeTo(client.writable),
        new Response(accepted.readable).arrayBuffer(),
      ]);
      expect(Buffer.compare(Buffer.from(heard), Buffer.from(sent))).toBe(0);
      expect((await client.info()).tcp?.retransmissions).toBeGreaterThan(0n);
    },
    { impairments: { loss: 0.01, delay: 0.001 }, seed: 5n },
  ));

test("Node's own HTTP runs over it, both sides", () =>
  inLab(connect(server.address), async (lab) => {
    const site = http.createServer((request, response) => {
      let size = 0;
      request.on("data", (data: Buffer) => {
        size += data.length;
      });
      request.on("end", () => response.end(`${request.method} ${request.url}: ${size}`));
    });
    const listener = await lab.stack("b").listen(WEB);
    const serving = (async () => {
      for await (const connection of listener) site.emit("connection", duplex(connection));
    })();
    for (const size of [0, 5, 200_000]) {
      const socket = duplex(await lab.stack("a").connect(WEB));
      const answer = await new Promise<string>((resolve, reject) => {
        const request = http.request({
          method: "POST",
          path: "/things",
          host: "web.lab",
          createConnection: () => socket,
        });
        request.on("error", reject);
        request.on("response", (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (data: string) => {
            body += data;
          });
          response.on("end", () => resolve(body));
        });
        request.end(Buffer.alloc(size));
      });
      expect(answer).toBe(`POST /things: ${size}`);
    }
    await listener.close();
    await serving;
  }));

test("datagrams keep their bounds", () =>
  inLab(connect(server.address), async (lab) => {
    const answering = await lab.stack("b").datagrams({ ip: "10.0.0.2", port: 53 });
    const asking = await lab.stack("a").datagrams({ ip: "10.0.0.1", port: 0 });
    for (const question of ["who", "", "where"]) {
      await asking.send(question, answering.local);
      const { data, from } = await answering.receive();
      expect(new TextDecoder().decode(data)).toBe(question);
      expect(from).toEqual(asking.local);
    }
    expect((await thrown(asking.send(new Uint8Array(70_000), answering.local))).code).toBe("EMSGSIZE");
  }));

test("a session ends its sockets by its policy", () =>
  inLab(connect(server.address), async (lab) => {
    const listener = await lab.stack("b").listen(WEB);
    const session = await connect(server.address).session({ lease: 1, onExpiry: "reset", label: "test" });
    const client = await lab.stack("a").connect(WEB, { session });
    const accepted = await listener.accept();
    // Three leases later it is there: it was kept alive. Only time tells that.
    await expect(accepted.read(1, { signal: AbortSignal.timeout(3000) })).rejects.toThrow("timeout");
    await session.close();
    await client.waitFor({ released: true });
    expect((await thrown(accepted.read())).code).toBe("ECONNRESET");
  }));

test("a clock stands until it is told", () =>
  inLab(
    connect(server.address),
    async (lab) => {
      const listener = await lab.stack("b").listen(WEB);
      const connecting = lab.stack("a").connect(WEB);
      for await (const update of connect(server.address).watch({ stacks: [lab.stack("a").name] })) {
        const there = update.kind === "snapshot" && update.sockets.some((socket) => socket.remote);
        const begun = update.kind === "event" && update.event.kind.case === "tcpStateChanged";
        if (there || begun) break;
      }
      expect(await lab.advance(0.5)).toBe(500_000_000n);
      expect(await lab.advance(0.5)).toBe(1_000_000_000n);
      expect(await (await connecting).state()).toBe("ESTABLISHED");
      await listener.close();
    },
    { clock: "manual", impairments: { delay: 0.5 } },
  ));

test("a watch outlives its server", async () => {
  const first = await serve();
  const client = connect(first.address);
  let second: Server | undefined;
  let gap: GapReason | undefined;
  for await (const update of client.watch()) {
    if (update.kind === "snapshot" && second === undefined) {
      await first.stop();
      second = await serve(first.address);
    } else if (update.kind === "gap") {
      gap = update.gap.reason;
    } else {
      break;
    }
  }
  expect(gap).toBe(GapReason.OTHER_EPOCH);
  await second?.stop();
});

test("nobody there is said", async () => {
  expect((await thrown(connect("127.0.0.1:1").lab(["a"]))).code).toBe("UNAVAILABLE");
});

test("a filter that makes no sense says so", async () => {
  const updates = connect(server.address).watch({ addresses: ["nowhere"] });
  expect((await thrown(updates.next())).message).toMatch(/addresses/);
});
