// What a pointer and a keyboard do to a graph: point at a place, zoom, move.
//
//   pointer     points; click: stays there; drag: zooms to what was dragged over; with Shift: moves; double click: all
//   wheel       zooms, once the graph has the focus; with Ctrl always
//   keys        arrows: point at what came before or after; with Shift: move; + and - zoom; 0: all; Escape: point at nothing

import { moved, type Range, zoomed } from "../lib/range";

/** A graph along one axis. */
export interface Graph {
  readonly axis: "x" | "y";
  /** Where the graph begins and ends in its element, in pixels along the axis. */
  extent(): Range;
  /** What is seen of it, and all that there is, in its units. */
  seen(): Range;
  bounds(): Range;
  /** Sees this; nothing: as it was at first. */
  see(range: Range | undefined): void;
  /** Something is pointed at, or nothing. `stays`: until something else is chosen. */
  point(at: number | undefined, stays: boolean): void;
  /** Points at the moment before (-1) or after (1), or at the first or the last. */
  step(to: -1 | 1 | "first" | "last"): void;
  /** Shows what is being dragged over. */
  band(range: Range | undefined): void;
}

/** Gives an element the behaviour of a graph; for `{@attach}`. */
export function graph(of: Graph): (element: HTMLElement) => () => void {
  return (element) => {
    const ended = new AbortController();
    const { signal } = ended;
    let drag: { from: number; seen: Range; moves: boolean; far: boolean } | undefined;

    const pixel = (event: MouseEvent): number => {
      const box = element.getBoundingClientRect();
      return of.axis === "x" ? event.clientX - box.left : event.clientY - box.top;
    };
    const unit = (pixel: number): number => {
      const [[low, high], [from, to]] = [of.extent(), of.seen()];
      const part = Math.min(1, Math.max(0, (pixel - low) / Math.max(1, high - low)));
      return from + part * (to - from);
    };
    const on = <K extends keyof HTMLElementEventMap>(
      name: K,
      act: (event: HTMLElementEventMap[K]) => void,
      passive = true,
    ): void => element.addEventListener(name, act, { signal, passive });

    on("pointermove", (event) => {
      const at = pixel(event);
      if (drag === undefined) {
        of.point(unit(at), false);
        return;
      }
      drag.far ||= Math.abs(at - drag.from) > 4;
      if (!drag.far) return;
      if (drag.moves) {
        const [low, high] = of.extent();
        of.see(moved(drag.seen, (drag.from - at) / Math.max(1, high - low), of.bounds()));
      } else {
        of.band(ordered(unit(drag.from), unit(at)));
      }
    });
    on("pointerleave", () => {
      if (drag === undefined) of.point(undefined, false);
    });
    on("pointerdown", (event) => {
      // A finger scrolls the page, and points by a tap.
      if (event.button !== 0 || event.pointerType === "touch") return;
      drag = { from: pixel(event), seen: of.seen(), moves: event.shiftKey, far: false };
      element.setPointerCapture(event.pointerId);
    });
    on("pointerup", (event) => {
      const at = pixel(event);
      const [from, to] = drag === undefined ? [0, 0] : ordered(unit(drag.from), unit(at));
      if (drag === undefined || !drag.far) of.point(unit(at), true);
      else if (!drag.moves && to > from) of.see([from, to]);
      of.band(undefined);
      drag = undefined;
    });
    on("pointercancel", () => {
      of.band(undefined);
      drag = undefined;
    });
    on("dblclick", () => of.see(undefined));
    on(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey && document.activeElement !== element) return;
        event.preventDefault();
        const by = event.shiftKey ? event.deltaX || event.deltaY : event.deltaY;
        if (event.shiftKey) of.see(moved(of.seen(), by / 500, of.bounds()));
        else of.see(zoomed(of.seen(), unit(pixel(event)), 1.0015 ** by, of.bounds()));
      },
      false,
    );
    on(
      "keydown",
      (event) => {
        const [from, to] = of.seen();
        const zoom = (factor: number) => of.see(zoomed([from, to], (from + to) / 2, factor, of.bounds()));
        const back = event.key === "ArrowUp" || event.key === "ArrowLeft";
        const on = event.key === "ArrowDown" || event.key === "ArrowRight";
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (back || on) {
          if (event.shiftKey) of.see(moved([from, to], back ? -0.25 : 0.25, of.bounds()));
          else of.step(back ? -1 : 1);
        } else if (event.key === "PageUp" || event.key === "PageDown") {
          of.see(moved([from, to], event.key === "PageUp" ? -0.9 : 0.9, of.bounds()));
        } else if (event.key === "Home" || event.key === "End") of.step(event.key === "Home" ? "first" : "last");
        else if (event.key === "+" || event.key === "=") zoom(0.5);
        else if (event.key === "-") zoom(2);
        else if (event.key === "0") of.see(undefined);
        else if (event.key === "Escape") of.point(undefined, true);
        else return;
        event.preventDefault();
      },
      false,
    );
    return () => ended.abort();
  };
}

function ordered(one: number, two: number): Range {
  return one < two ? [one, two] : [two, one];
}
