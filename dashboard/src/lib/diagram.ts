// The state diagram of RFC 9293 (figure 5), from the engine's own table of transitions.
//
// Owns: where each state and each arrow is drawn, and which arrows a road lights. The states stand where they stand in the
// figure, CLOSED twice: where a connection begins, and where it ends. The figure leaves out the ways in which a connection fails;
// here they are drawn once they were taken.
//
//   diagram(road) -> { nodes: [{ name: "SYN-SENT", x: 480, y: 190, visits: 1, here: false }], edges: [...] }

import transitions from "../gen/transitions.json";
import type { Step } from "./road";
import { tcpStateName } from "./tcp";

/** A state as a box. `x` and `y` are its middle. */
export interface Node {
  readonly id: string;
  readonly name: string;
  readonly means: string;
  readonly x: number;
  readonly y: number;
  /** How often the road led here. */
  visits: number;
  /** The connection is here. */
  here: boolean;
}

/** An arrow. */
export interface Edge {
  readonly id: string;
  readonly from: Node;
  readonly to: Node;
  /** What the table says makes this transition. */
  readonly triggers: readonly string[];
  /** The steps of the road that took it. */
  readonly steps: readonly Step[];
  /** Its ends, on the borders of the boxes, and the point that it bends towards. */
  readonly path: Path;
}

/** A quadratic curve. */
export interface Path {
  readonly start: Point;
  readonly bend: Point;
  readonly end: Point;
  /** The middle of the curve. */
  readonly middle: Point;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The drawing. */
export interface Diagram {
  readonly nodes: readonly Node[];
  readonly edges: readonly Edge[];
}

/** The size of the drawing, and of a box. */
export const SIZE = { width: 600, height: 600 };
export const BOX = { width: 124, height: 40 };

/** The diagram with a road in it. */
export function diagram(road: readonly Step[]): Diagram {
  const nodes = new Map(places().map((node) => [node.id, node]));
  const taken = new Map<string, Step[]>();
  let at: Node | undefined;
  for (const step of road) {
    const from = at?.name === tcpStateName(step.from) ? at : nodes.get(tcpStateName(step.from));
    const to = nodes.get(target(step));
    if (!from || !to) continue;
    if (!at) from.visits += 1;
    to.visits += 1;
    const id = edgeId(from, to);
    taken.set(id, [...(taken.get(id) ?? []), step]);
    at = to;
  }
  if (at) at.here = true;
  const edges: Edge[] = [];
  for (const [pair, triggers] of pairs()) {
    const [from, to] = [nodes.get(pair.from), nodes.get(pair.to)];
    if (!from || !to) continue;
    const id = edgeId(from, to);
    const steps = taken.get(id) ?? [];
    if (!pair.drawn && steps.length === 0) continue;
    edges.push({ id, from, to, triggers, steps, path: route(from, to, pair.drawn) });
  }
  return { nodes: [...nodes.values()], edges };
}

/** What a state means. */
export function meaning(name: string): string {
  return transitions.states.find((state) => state.name === name)?.means ?? "";
}

/** The second CLOSED. */
const END = "CLOSED, at the end";

const PLACES: readonly (readonly [id: string, x: number, y: number])[] = [
  ["CLOSED", 300, 40],
  ["LISTEN", 300, 126],
  ["SYN-RECEIVED", 84, 212],
  ["SYN-SENT", 516, 212],
  ["ESTABLISHED", 300, 298],
  ["FIN-WAIT-1", 84, 384],
  ["CLOSE-WAIT", 516, 384],
  ["FIN-WAIT-2", 84, 470],
  ["CLOSING", 300, 470],
  ["LAST-ACK", 516, 470],
  ["TIME-WAIT", 300, 556],
  [END, 516, 556],
];

function places(): Node[] {
  return PLACES.map(([id, x, y]) => {
    const name = id === END ? "CLOSED" : id;
    return { id, name, means: meaning(name), x, y, visits: 0, here: false };
  });
}

/** The box that a step leads to: a connection that has not begun to open ends where it began. */
function target(step: Step): string {
  return endsAt(tcpStateName(step.from), tcpStateName(step.to));
}

function endsAt(from: string, to: string): string {
  return to === "CLOSED" && !BEFORE_OPENING.has(from) ? END : to;
}

const BEFORE_OPENING = new Set(["LISTEN", "SYN-SENT", "SYN-RECEIVED"]);

/** Of the normal life, and not in the figure: a handshake that begins anew, and data for a socket that was closed. */
const NOT_IN_THE_FIGURE = new Set(["rcv data after CLOSE"]);

interface Pair {
  readonly from: string;
  readonly to: string;
  drawn: boolean;
}

/** Each arrow once, with all that makes the transition. */
function pairs(): [Pair, string[]][] {
  const all = new Map<string, [Pair, string[]]>();
  for (const { from, on, to, fails } of transitions.transitions) {
    const pair = { from, to: endsAt(from, to), drawn: false };
    const key = `${pair.from} ${pair.to}`;
    const entry = all.get(key) ?? [pair, []];
    entry[1].push(on);
    const again = from === "SYN-RECEIVED" && on === "rcv SYN";
    if (!fails && !again && !NOT_IN_THE_FIGURE.has(on)) entry[0].drawn = true;
    all.set(key, entry);
  }
  return [...all.values()];
}

function edgeId(from: Node, to: Node): string {
  return `${from.id}>${to.id}`;
}

/** Arrows of the figure are straight, and beside each other where two states lead to each other; the others bend. */
function route(from: Node, to: Node, drawn: boolean): Path {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy);
  const across = { x: -dy / length, y: dx / length };
  const shift = drawn && MUTUAL.has(edgeId(from, to)) ? 9 : 0;
  const bow = drawn ? 0 : 60;
  const middle = {
    x: (from.x + to.x) / 2 + across.x * (shift + bow),
    y: (from.y + to.y) / 2 + across.y * (shift + bow),
  };
  const beside = (node: Node): Point => ({ x: node.x + across.x * shift, y: node.y + across.y * shift });
  const start = border(beside(from), middle, from);
  const end = border(beside(to), middle, to);
  const bend = middle;
  return { start, bend, end, middle: curveMiddle(start, bend, end) };
}

const MUTUAL = new Set(["CLOSED>LISTEN", "LISTEN>CLOSED", "CLOSED>SYN-SENT", "SYN-SENT>CLOSED"]);

/** Where the line from a point in a box leaves the box. */
function border(inside: Point, towards: Point, box: Point): Point {
  const [dx, dy] = [towards.x - inside.x, towards.y - inside.y];
  const reach = (delta: number, offset: number, half: number): number =>
    delta === 0 ? Number.POSITIVE_INFINITY : (Math.sign(delta) * half - offset) / delta;
  const part = Math.min(reach(dx, inside.x - box.x, BOX.width / 2), reach(dy, inside.y - box.y, BOX.height / 2));
  return { x: inside.x + dx * part, y: inside.y + dy * part };
}

function curveMiddle(start: Point, bend: Point, end: Point): Point {
  return { x: (start.x + 2 * bend.x + end.x) / 4, y: (start.y + 2 * bend.y + end.y) / 4 };
}
