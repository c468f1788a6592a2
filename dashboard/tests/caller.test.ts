// What the page does where a server asks who calls: it asks for a token, keeps it in the tab, and shows it nowhere.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Clock } from "@v1/networks_pb";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import { bearing } from "../src/lib/caller";
import { BINARY, Driver, launch, open, Server, seriousComplaints } from "./world";

const directory = mkdtempSync(join(tmpdir(), "sockwright-"));
const file = (name: string) => join(directory, name);
let browser: Browser;
let server: Server;
let ci: string;
let looks: string;

/** A token, which the file `tokens` makes known. */
function token(name: string): string {
  const made = execFileSync(BINARY, ["token", name], { encoding: "utf8" });
  const end = made.indexOf("\n");
  writeFileSync(file("tokens"), made.slice(end + 1), { flag: "a" });
  return made.slice(0, end);
}

beforeAll(async () => {
  ci = token("ci");
  looks = token("looks");
  writeFileSync(
    file("policy.toml"),
    '[identities]\n"token:ci" = ["tester"]\n"token:looks" = ["viewer"]\n[roles.tester]\nlabs = true\n[roles.viewer]\nsee = "all"\n',
  );
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  server = await Server.start("--tokens", file("tokens"), "--policy", file("policy.toml"), "--host", "peers.example");
  onTestFinished(() => server.kill());
});

it("asks for a token, takes one that the server knows, and keeps it until the tab is closed", async () => {
  const { page } = await open(browser, `${server.url}/#/labs`, { bypassCSP: true });
  const requested: string[] = [];
  page.on("request", (request) => requested.push(request.url()));
  await page.getByRole("heading", { name: "This server asks who calls" }).waitFor();
  expect(await page.getByRole("alert").textContent()).toContain("Bearer");
  expect(await page.locator("footer").textContent()).toContain("not watching");
  expect(await seriousComplaints(page)).toEqual([]);

  await page.getByLabel("Token").fill("sockwright_of_nobody");
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByRole("heading", { name: "This server asks who calls" }).waitFor();

  await page.getByLabel("Token").fill(` ${ci}\n`);
  await page.keyboard.press("Enter");
  await page.getByText("There are no labs.").waitFor();
  await page.getByText("live", { exact: true }).waitFor();

  await page.reload();
  await page.getByText("There are no labs.").waitFor();
  await page.goto(`${server.url}/#/connections`);
  await page.getByText("live", { exact: true }).waitFor();
  const kept = await page.evaluate(() => [
    JSON.stringify(sessionStorage),
    JSON.stringify(localStorage),
    document.cookie,
  ]);
  expect(kept.map((all) => all.includes(ci))).toEqual([true, false, false]);
  expect(requested.filter((url) => url.includes("sockwright_"))).toEqual([]);
  expect(page.url()).not.toContain(ci);
  expect(await page.content()).not.toContain(ci);
  const other = await page.context().newPage();
  await other.goto(server.url);
  await other.getByRole("heading", { name: "This server asks who calls" }).waitFor();

  await page.getByRole("button", { name: "Forget it" }).click();
  await page.getByRole("heading", { name: "This server asks who calls" }).waitFor();
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});

it("says what who is known may not do, and goes on", async () => {
  await new Driver(server.url, [bearing(() => ci)]).lab("lab", Clock.MANUAL);
  const { page } = await open(browser, `${server.url}/#/labs`);
  await page.getByLabel("Token").fill(looks);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByRole("button", { name: "Step" }).click();
  await page.getByRole("alert").getByText("it belongs to somebody else").waitFor();
  await page.getByText("live", { exact: true }).waitFor();
});

it("says that who is known may not look, as a proxy before a server has it", async () => {
  const { page } = await open(browser, server.url);
  await page.route("**/sockwright.v1.Events/Watch", (route) => route.fulfill({ status: 403 }));
  await page.getByLabel("Token").fill(looks);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByRole("heading", { name: "This server does not let you look" }).waitFor();
  // A trace is a file: nobody has to be let in to read it.
  await page.getByRole("link", { name: "Trace" }).click();
  await page.getByRole("heading", { name: "This server does not let you look" }).waitFor({ state: "hidden" });
});

it("sends no token in clear to another machine, unless the network is said to be private", async () => {
  const far = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP peers.example 127.0.0.1"],
  });
  onTestFinished(() => far.close());
  const { page } = await open(far, server.url.replace("127.0.0.1", "peers.example"));
  await page.getByLabel("Token").fill(ci);
  const use = page.getByRole("button", { name: "Use it" });
  expect(await use.isDisabled()).toBe(true);
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  await page.getByLabel("The network is private").check();
  await use.click();
  await page.getByText("live", { exact: true }).waitFor();
});
