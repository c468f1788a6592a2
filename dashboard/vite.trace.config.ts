// The build of dist/trace.html: one file with everything in it, which opens from disk and connects to nothing.
import { createHash } from "node:crypto";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";
import { stubs } from "./stubs.ts";

/** Puts scripts and styles into the page, with a policy that admits these and nothing else. */
function oneFile(): Plugin {
  return {
    name: "one-file",
    enforce: "post",
    generateBundle(_options, bundle) {
      const inside: Record<"script" | "style", string[]> = { script: [], style: [] };
      for (const [name, file] of Object.entries(bundle)) {
        if (name.endsWith(".html")) continue;
        if (file.type === "chunk") inside.script.push(file.code.replaceAll("</script", "<\\/script"));
        else if (name.endsWith(".css")) inside.style.push(String(file.source));
        delete bundle[name];
      }
      const allowed = (texts: string[]) =>
        texts.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`).join(" ");
      const policy = `default-src 'none'; script-src ${allowed(inside.script)}; style-src ${allowed(inside.style)}; base-uri 'none'; form-action 'none'`;
      const page = bundle["trace.html"];
      if (page?.type !== "asset") throw new Error("there is no page");
      const bare = String(page.source)
        .replaceAll(/\s*<script type="module"[^>]*><\/script>/g, "")
        .replaceAll(/\s*<link rel="stylesheet"[^>]*>/g, "");
      page.source = bare
        .replace(
          "<meta charset",
          () => `<meta http-equiv="Content-Security-Policy" content="${policy}" />\n    <meta charset`,
        )
        .replace("</head>", () => `${inside.style.map((text) => `<style>${text}</style>`).join("")}\n  </head>`)
        .replace(
          "</body>",
          () => `${inside.script.map((text) => `<script type="module">${text}</script>`).join("")}\n  </body>`,
        );
    },
  };
}

export default defineConfig({
  plugins: [svelte(), oneFile()],
  resolve: stubs,
  base: "./",
  // The icon of the other page.
  publicDir: false,
  build: {
    target: "es2023",
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: "trace.html" },
  },
});
