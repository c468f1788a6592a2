// The page's build. What it writes to dist/ is committed and embedded in the server, so it has to be the same wherever it is
// made: no dates, no absolute paths, no source maps.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { stubs } from "./stubs.ts";

export default defineConfig({
  plugins: [svelte()],
  resolve: stubs,
  base: "./",
  build: {
    target: "es2023",
    modulePreload: { polyfill: false },
    // Images and the like stay files: the page's policy admits nothing but the server's own.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // Names that stay: a changed file is a changed file in git too, and the server tells browsers by its tag.
    rolldownOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  server: {
    // `npm run dev` beside a server: SOCKWRIGHT=http://127.0.0.1:50051 npm run dev
    proxy: { "/sockwright.v1": process.env.SOCKWRIGHT ?? "http://127.0.0.1:50051" },
  },
  test: { include: ["src/**/*.test.ts"] },
});
