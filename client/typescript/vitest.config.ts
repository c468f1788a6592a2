import { defineConfig } from "vitest/config";

// What a test waits for it waits for by events; the time is for a machine that does other things too.
export default defineConfig({ test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 } });
