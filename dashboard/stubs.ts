// Where the contract's stubs are: those of the TypeScript client, of which there is one copy. They and the page have to share
// one @bufbuild/protobuf, which is the page's, whether the client's own is installed or not.
import { fileURLToPath } from "node:url";

export const stubs = {
  alias: { "@v1": fileURLToPath(new URL("../client/typescript/src/gen/sockwright/v1", import.meta.url)) },
  dedupe: ["@bufbuild/protobuf"],
};
