// Labs in a browser, against a real server.

import { Clock } from "@v1/networks_pb";
import { expect, it } from "vitest";
import { worldOfEach } from "./world";

const world = worldOfEach();

const lab = async () => (await world.driver.services.networks.listLabs({})).labs[0];

it("a line is changed by its controls, and the lab has what they say", async () => {
  await world.driver.lab();
  const { page, complaints } = await world.open("#/labs");
  const delay = page.getByRole("spinbutton", { name: "Delay, typed, in ms" });
  await expect.poll(() => delay.inputValue()).toBe("1");
  await delay.fill("40");
  await delay.press("Enter");
  await expect.poll(async () => (await lab())?.links[0]?.impairments?.delay?.nanos).toBe(40_000_000);
  const loss = page.getByRole("slider", { name: "Loss in %" });
  await loss.focus();
  await loss.press("ArrowRight");
  await expect.poll(async () => (await lab())?.links[0]?.impairments?.loss).toBe(0.005);
  // The one beside it stayed, and the map tells both.
  await page.getByText("40.0 ms, 0.5 % lost").waitFor();
  await page.getByRole("button", { name: "A perfect line" }).click();
  await expect.poll(async () => (await lab())?.links[0]?.impairments).toBeUndefined();
  expect(complaints).toEqual([]);
});

it("a clock that stands is moved by a step, by a time and to a time", async () => {
  await world.driver.lab("lab", Clock.MANUAL);
  const client = await world.driver.client();
  await world.driver.listener();
  await world.driver.services.sockets
    .connect({ socket: client, remote: { ip: "10.0.0.2", port: 80 }, dontWait: true })
    .catch(() => {});
  const { page, complaints } = await world.open("#/labs");
  await page.getByText("manual clock at 0.000000 s").waitFor();
  // The SYN arrives.
  await page.getByRole("button", { name: "Step" }).click();
  await page.getByText("manual clock at 0.001000 s").waitFor();
  await page.getByRole("spinbutton", { name: "by ms" }).fill("2.5");
  await page.getByRole("button", { name: "Advance" }).click();
  await page.getByText("manual clock at 0.003500 s").waitFor();
  await page.getByRole("spinbutton", { name: "until s" }).fill("2");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("manual clock at 2.000000 s").waitFor();
  // What cannot be is refused, in the server's words.
  await page.getByRole("spinbutton", { name: "until s" }).fill("1");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("alert").getByText("the lab's clock is at 2000000000 already").waitFor();
  expect(complaints.filter((line) => !line.includes("status of 4"))).toEqual([]);
});

it("a clock is let run at a speed, hurried, stopped and let jump", async () => {
  await world.driver.lab("lab", Clock.MANUAL);
  const { page, complaints } = await world.open("#/labs");
  const ways = page.getByRole("group", { name: "How time passes" });
  const pressed = (name: string) => ways.getByRole("button", { name, pressed: true }).waitFor();
  await pressed("Stands");
  const speed = page.getByRole("combobox", { name: "Speed" });
  await speed.selectOption("100 times as fast");
  await ways.getByRole("button", { name: "Runs" }).click();
  await pressed("Runs");
  expect(await lab()).toMatchObject({ clock: Clock.REAL, speed: 100 });
  // Minutes go by in seconds.
  await page.getByText(/^real clock, 100 times as fast, at \d{3,}\./).waitFor();
  expect(await page.getByRole("button", { name: "Step" }).isDisabled()).toBe(true);
  await speed.selectOption("10 times as slow");
  await expect.poll(async () => (await lab())?.speed).toBe(0.1);
  await ways.getByRole("button", { name: "Stands" }).click();
  await pressed("Stands");
  const stood = (await lab())?.timeNs ?? 0n;
  expect(stood).toBeGreaterThan(60_000_000_000n);
  await page.getByRole("button", { name: "Advance" }).click();
  await expect.poll(async () => (await lab())?.timeNs).toBe(stood + 10_000_000n);
  await ways.getByRole("button", { name: "Jumps" }).click();
  await pressed("Jumps");
  expect((await lab())?.clock).toBe(Clock.VIRTUAL);
  expect(complaints).toEqual([]);
});
