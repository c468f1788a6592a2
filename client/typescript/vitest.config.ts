import { defineConfig } from "vitest/config";

// What a test waits for it waits for by events; the time is for a machine that does other things too.
export default defineConfig({
  // The package by its own name, as its users have it.
  resolve: { alias: { "sockwright/node": new URL("src/node.ts", import.meta.url).pathname } },
  test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
});
