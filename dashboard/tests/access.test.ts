// axe-core looks at every view, light and dark, wide and narrow: nothing serious may be wrong.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Driver, launch, open, Server, seriousComplaints } from "./world";

const VIEWS = ["connections", "connections/2", "labs", "events?kinds=states,segments", "trace"];

let browser: Browser;
let server: Server;

beforeAll(async () => {
  browser = await launch();
  server = await Server.start();
  const driver = new Driver(server.url);
  await driver.lab();
  const listener = await driver.listener();
  const { client } = await driver.pair(listener);
  await driver.pair(listener);
  await driver.services.sockets.close({ socket: client });
});
afterAll(async () => {
  await browser.close();
  await server.kill();
});

describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
  describe.each([1280, 400])("%i wide", (width) => {
    it.each(VIEWS)("%s", async (view) => {
      const { page } = await open(browser, `${server.url}/#/${view}`, {
        colorScheme,
        viewport: { width, height: 800 },
        // Only so can a test put something into the page that its policy does not know.
        bypassCSP: true,
      });
      await page.getByText(view === "trace" ? "not watching" : "live", { exact: true }).waitFor();
      await page.locator("[role=row], fieldset, figure, svg").first().waitFor();
      expect(await seriousComplaints(page)).toEqual([]);
      // Nothing is wider than the page: nobody has to scroll aside to read.
      const wider = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(wider).toBe(0);
      // Nor is a column's head cut off by the box that it is in.
      const cut = await page.locator("[role=columnheader]").evaluateAll((heads) =>
        heads.filter((head) => {
          const [own, row] = [head.getBoundingClientRect(), head.parentElement];
          if (row === null || own.width === 0) return false;
          const box = row.getBoundingClientRect();
          return (
            own.right > box.left + row.clientLeft + row.clientWidth ||
            own.bottom > box.top + row.clientTop + row.clientHeight
          );
        }),
      );
      expect(cut.length).toBe(0);
      await page.context().close();
    });
  });
});
