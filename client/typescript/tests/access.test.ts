// Who calls: tokens, certificates, Unix sockets; of a real server that asks.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type Client, connect as connectWeb, SockwrightError } from "../src/index.ts";
import { connect } from "../src/node.ts";
import { program, type Server, serve } from "./server.ts";

const directory = mkdtempSync(join(tmpdir(), "sockwright-"));
const file = (name: string) => join(directory, name);
const ca = file("ca.pem");
let token: string;
let server: Server;
let address: string;
beforeAll(async () => {
  execFileSync(join(import.meta.dirname, "../../certificates"), [directory]);
  const made = execFileSync(program(), ["token", "ci"], { encoding: "utf8" });
  token = made.slice(0, made.indexOf("\n"));
  writeFileSync(file("tokens"), made.slice(token.length + 1));
  const tls = ["--tls-cert", file("server.pem"), "--tls-key", file("server.key"), "--tls-client-ca", ca];
  server = await serve("127.0.0.1:0", ...tls, "--tokens", file("tokens"));
  address = `https://${server.address}`;
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  for (const name of ["SERVER", "TOKEN", "TOKEN_FILE", "CA", "CERT", "KEY", "INSECURE"])
    vi.stubEnv(`SOCKWRIGHT_${name}`, undefined);
});
afterEach(() => vi.unstubAllEnvs());

/** Calls of each kind: one answer, and many. */
async function works(client: Client): Promise<void> {
  const lab = await client.lab(["a"]);
  for await (const update of client.watch({ stacks: [lab.stack("a").name] })) {
    expect(update.kind).toBe("snapshot");
    break;
  }
  await lab.delete();
}

async function denied(client: Client): Promise<void> {
  const error = await client.lab(["a"]).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(SockwrightError);
  const { code, status, message } = error as SockwrightError;
  expect([code, status]).toEqual(["EACCES", Code.Unauthenticated]);
  expect(message).toContain("token");
}

test("a token lets in", () => works(connect(address, { token, ca })));

test("a certificate lets in", () => works(connect(address, { ca, cert: file("client.pem"), key: file("client.key") })));

test("the environment says what nobody else does", async () => {
  vi.stubEnv("SOCKWRIGHT_SERVER", address);
  vi.stubEnv("SOCKWRIGHT_CA", ca);
  vi.stubEnv("SOCKWRIGHT_TOKEN", token);
  await works(connect());
  vi.stubEnv("SOCKWRIGHT_TOKEN", undefined);
  await denied(connect());
  writeFileSync(file("token"), `${token}\n`);
  vi.stubEnv("SOCKWRIGHT_TOKEN_FILE", file("token"));
  await works(connect());
  vi.stubEnv("SOCKWRIGHT_TOKEN_FILE", undefined);
  vi.stubEnv("SOCKWRIGHT_CERT", file("client.pem"));
  vi.stubEnv("SOCKWRIGHT_KEY", file("client.key"));
  await works(connect());
  vi.stubEnv("SOCKWRIGHT_CA", file("nowhere.pem"));
  expect(() => connect()).toThrow("ENOENT");
});

test("who is not known is told how to be", async () => {
  await denied(connect(address, { ca }));
  await denied(connect(address, { ca, token: "sockwright_of_nobody" }));
});

test("a server that nobody vouches for is not called", async () => {
  await expect(connect(address, { token }).lab(["a"])).rejects.toThrow(/certificate/);
});

test("a browser has a token too", async () => {
  const plain = await serve("127.0.0.1:0", "--tokens", file("tokens"));
  await works(connectWeb(`http://${plain.address}`, { token }));
  await denied(connectWeb(`http://${plain.address}`));
  await plain.stop();
});

test("a Unix socket is an address", async () => {
  const door = await serve(`unix:${file("door")}`);
  expect(door.address).toBe(`unix:${file("door")}`);
  await works(connect(door.address));
  await door.stop();
  expect(() => connect("ftp://127.0.0.1:1")).toThrow("neither http");
});

const { sent, refused }: { sent: string[]; refused: string[] } = JSON.parse(
  readFileSync(new URL("../../story.json", import.meta.url), "utf8"),
).tokens;

test.each(refused)("a token goes to no other machine in clear: %s", (address) => {
  const secret = { token: "sockwright_secret" };
  expect(() => connect(address, secret)).toThrow(/^(?!.*secret).*SOCKWRIGHT_INSECURE=1/);
  connect(address);
  connect(address, { ...secret, insecure: true });
  const url = address.includes("://") ? address : `http://${address}`;
  expect(() => connectWeb(url, secret)).toThrow(/^(?!.*secret).*in clear/);
  connectWeb(url, { ...secret, insecure: true });
  vi.stubEnv("SOCKWRIGHT_INSECURE", "1");
  connect(address, secret);
  expect(() => connect(address, { ...secret, insecure: false })).toThrow("in clear");
});

test.each(sent)("a token goes where nobody listens in: %s", (address) => {
  connect(address, { token: "sockwright_secret" });
});
