import { describe, expect, it } from "vitest";
import { parseQuery, withFilter } from "./query";

describe("a search", () => {
  it("is the server's filter where it names one, and words elsewhere", () => {
    const { filter, words, wrong } = parseQuery('label:web label:"two words" port:80 stack:lab/a 10.0.0.1 FIN');
    expect(filter.labels).toEqual(["web", "two words"]);
    expect(filter.ports).toEqual([80]);
    expect(filter.stacks).toEqual(["lab/a"]);
    expect(words).toEqual(["10.0.0.1", "fin"]);
    expect(wrong).toEqual([]);
  });

  it("keeps addresses of IPv6 whole", () => {
    const { filter, words } = parseQuery("addr:2001:db8::1 fd00::2");
    expect(filter.addresses).toEqual(["2001:db8::1"]);
    expect(words).toEqual(["fd00::2"]);
  });

  it("does not ask the server what it would refuse", () => {
    const { filter, wrong } = parseQuery("port:70000 socket:x addr:host socket:12");
    expect(wrong).toEqual(["port:70000", "socket:x", "addr:host"]);
    expect(filter.sockets).toEqual([12n]);
  });

  it("looks for a filter that is not finished as a word", () => {
    expect(parseQuery("label:").words).toEqual(["label:"]);
    expect(parseQuery('label:"two').filter.labels).toEqual(["two"]);
  });

  it("takes one more filter once", () => {
    expect(withFilter("web", "label", "a b")).toBe('web label:"a b"');
    expect(withFilter("port:80", "port", "80")).toBe("port:80");
    expect(withFilter('web label:"a b"', "label", "a b")).toBe('web label:"a b"');
  });
});
