// The tests that drive the page in a browser, against a real server: `npm run test:browser`.
import { defineConfig } from "vitest/config";
import { stubs } from "./stubs.ts";

export default defineConfig({
  resolve: stubs,
  test: {
    // `npm run pictures` takes those of docs/ with the same means.
    include: process.env.PICTURES ? ["tests/pictures.ts"] : ["tests/**/*.test.ts"],
    fileParallelism: false,
    // Deadlines of what waits for an event: long enough for a machine that does something else as well.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
