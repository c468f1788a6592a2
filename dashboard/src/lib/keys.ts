// The keys that move through a list, the same in every list.

/** Where a key leads from row `at` (-1: none) of `count`, with so many rows to a page; undefined for keys that do not move. */
export function stepped(key: string, at: number, count: number, page: number): number | undefined {
  const to = target(key, at, count, page);
  return to === undefined || count === 0 ? undefined : Math.max(0, Math.min(count - 1, to));
}

function target(key: string, at: number, count: number, page: number): number | undefined {
  switch (key) {
    case "ArrowDown":
      return at + 1;
    case "ArrowUp":
      return at - 1;
    case "PageDown":
      return at + page;
    case "PageUp":
      return at - page;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}
