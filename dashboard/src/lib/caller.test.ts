import { Code, ConnectError, createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { Events } from "@v1/events_pb";
import { Networks } from "@v1/networks_pb";
import { expect, it } from "vitest";
import { bearing, refusals } from "./caller";

/** A server that has seen these tokens, and denies everything with this code. */
function denying(code: Code, interceptors: Interceptor[]) {
  const seen: (string | null)[] = [];
  const transport = createRouterTransport(
    ({ service }) => {
      service(Networks, {
        listLabs(_, { requestHeader }) {
          seen.push(requestHeader.get("authorization"));
          throw new ConnectError("no", code);
        },
        deleteLab() {
          throw new ConnectError("no", code);
        },
      });
      service(Events, {
        // biome-ignore lint/correctness/useYield: it is refused before anything comes.
        async *watch() {
          throw new ConnectError("no", code);
        },
      });
    },
    { transport: { interceptors } },
  );
  return { seen, networks: createClient(Networks, transport), events: createClient(Events, transport) };
}

it("puts the token that there is now into each call", async () => {
  let token = "";
  const { seen, networks } = denying(Code.NotFound, [bearing(() => token)]);
  await networks.listLabs({}).catch(() => undefined);
  token = "sockwright_1";
  await networks.listLabs({}).catch(() => undefined);
  expect(seen).toEqual([null, "Bearer sockwright_1"]);
});

it.each([
  [Code.Unauthenticated, ["list", "watch", "delete"]],
  [Code.PermissionDenied, ["list", "watch"]],
  [Code.NotFound, []],
])("tells of refusals: code %i", async (code, expected) => {
  const told: string[] = [];
  let calling = "";
  const tell = (refused: ConnectError) => {
    expect(refused.code).toBe(code);
    told.push(calling);
  };
  const { networks, events } = denying(code, [refusals(tell)]);
  const calls = {
    list: () => networks.listLabs({}),
    watch: async () => {
      for await (const _ of events.watch({})) expect.unreachable();
    },
    delete: () => networks.deleteLab({}),
  };
  for (const [name, call] of Object.entries(calls)) {
    calling = name;
    await expect(call()).rejects.toThrow("no");
  }
  expect(told).toEqual(expected);
});
