// What is written into the search field, as the server's own filter and as words that are looked for here.
//
//   `label:web port:80 10.0.0.1` asks the server for sockets with that label and port, and shows of those the ones in
//   which "10.0.0.1" stands somewhere.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FilterSchema } from "@v1/common_pb";

/** What is asked of the server, and what is looked for in what it tells. */
export interface Query {
  filter: MessageInitShape<typeof FilterSchema>;
  /** In lower case; each has to stand somewhere. */
  words: string[];
  /** Parts that look like a filter and cannot be one. */
  wrong: string[];
}

/** The names of filters, for a hint. */
export const FILTERS = ["label", "session", "stack", "socket", "addr", "port"] as const;

/** Reads a search. A value with spaces stands in double quotes: `label:"two words"`. */
export function parseQuery(text: string): Query {
  const filter = {
    sessions: [] as string[],
    sockets: [] as bigint[],
    labels: [] as string[],
    stacks: [] as string[],
    addresses: [] as string[],
    ports: [] as number[],
  };
  const words: string[] = [];
  const wrong: string[] = [];
  for (const part of partsOf(text)) {
    const [, name = "", quoted = ""] = /^(\w+):(.+)$/.exec(part) ?? [];
    const value = unquoted(quoted);
    switch (value === "" ? "" : name) {
      case "label":
        filter.labels.push(value);
        break;
      case "session":
        filter.sessions.push(value);
        break;
      case "stack":
        filter.stacks.push(value);
        break;
      case "socket":
        if (/^\d{1,19}$/.test(value)) filter.sockets.push(BigInt(value));
        else wrong.push(part);
        break;
      case "addr":
        if (/^[\d.]+$|^[\da-fA-F:.]*:[\da-fA-F:.]*$/.test(value)) filter.addresses.push(value);
        else wrong.push(part);
        break;
      case "port":
        if (/^\d{1,5}$/.test(value) && Number(value) < 65536) filter.ports.push(Number(value));
        else wrong.push(part);
        break;
      default:
        words.push(unquoted(part).toLowerCase());
    }
  }
  return { filter, words, wrong };
}

/** A filter as a text: the same for the same question. */
export function filterText(filter: MessageInitShape<typeof FilterSchema>): string {
  return JSON.stringify(filter, (_, value) => (typeof value === "bigint" ? value.toString() : value));
}

/** A search with one more filter, unless it is there: what a click on a label or a session makes. */
export function withFilter(text: string, name: (typeof FILTERS)[number], value: string): string {
  const part = `${name}:${/[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value}`;
  return partsOf(text).includes(part) ? text : `${text.trim()} ${part}`.trim();
}

/** The parts of a search, which spaces outside quotes divide. */
function partsOf(text: string): readonly string[] {
  return text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

function unquoted(text: string): string {
  return text.replaceAll('"', "");
}
