// Labs as the page shows them: their stacks and links as a small map, and what a line does to frames as numbers with units.
//
// Owns no lab: everything is derived from what `ListLabs` and `ListStacks` tell, and becomes what `SetImpairments` takes.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import type { Impairments, ImpairmentsSchema, Lab, LabLink } from "@v1/networks_pb";
import { span } from "./format";

/** Something that a line does to frames, as a control shows it. */
export interface Knob {
  field: "loss" | "delay" | "jitter" | "reorder" | "duplicate" | "corrupt" | "mark" | "rateBps";
  name: string;
  unit: "%" | "ms" | "Mbit/s";
  /** The most that the control goes to; the field takes more by typing. */
  most: number;
  step: number;
  title: string;
}

export const KNOBS: readonly Knob[] = [
  { field: "loss", name: "Loss", unit: "%", most: 30, step: 0.5, title: "The probability that a frame is lost" },
  { field: "delay", name: "Delay", unit: "ms", most: 500, step: 1, title: "How long a frame is on its way" },
  {
    field: "jitter",
    name: "Jitter",
    unit: "ms",
    most: 200,
    step: 1,
    title: "The most that is added to the delay at random",
  },
  { field: "rateBps", name: "Rate", unit: "Mbit/s", most: 100, step: 0.5, title: "Bits a second; 0 is unlimited" },
  {
    field: "reorder",
    name: "Reorder",
    unit: "%",
    most: 30,
    step: 0.5,
    title: "The probability that a frame is overtaken",
  },
  {
    field: "duplicate",
    name: "Duplicate",
    unit: "%",
    most: 30,
    step: 0.5,
    title: "The probability that a frame arrives twice",
  },
  { field: "corrupt", name: "Corrupt", unit: "%", most: 30, step: 0.5, title: "The probability that a bit is flipped" },
  {
    field: "mark",
    name: "ECN marks",
    unit: "%",
    most: 30,
    step: 0.5,
    title: "The probability that a frame that may be is marked (RFC 3168)",
  },
];

/** What a line does to frames in the unit of a control. */
export function knobValue(impairments: Impairments | undefined, { field }: Knob): number {
  switch (field) {
    case "delay":
    case "jitter":
      return nanoseconds(impairments?.[field]) / 1e6;
    case "rateBps":
      return Number(impairments?.rateBps ?? 0n) / 1e6;
    default:
      return tidy((impairments?.[field] ?? 0) * 100);
  }
}

/** The same impairments with one of them changed; those without a control stay. */
export function withKnob(
  impairments: Impairments | undefined,
  { field }: Knob,
  value: number,
): MessageInitShape<typeof ImpairmentsSchema> {
  const { $typeName: _, ...others } = impairments ?? { $typeName: undefined };
  switch (field) {
    case "delay":
    case "jitter":
      return { ...others, [field]: duration(value * 1e6) };
    case "rateBps":
      return { ...others, rateBps: BigInt(Math.round(value * 1e6)) };
    default:
      return { ...others, [field]: tidy(value) / 100 };
  }
}

/** What a line does, in a few words: `10.0 ms, 2 % lost`; empty where it does nothing. */
export function impairmentsText(impairments: Impairments | undefined): string {
  if (impairments === undefined) return "";
  const { loss, delay, jitter, reorder, duplicate, corrupt, mark, rateBps, bursts } = impairments;
  const parts = [
    delay && nanoseconds(delay) > 0 ? span(nanoseconds(delay)) : "",
    jitter && nanoseconds(jitter) > 0 ? `± ${span(nanoseconds(jitter))}` : "",
    rateBps > 0n ? `${tidy(Number(rateBps) / 1e6)} Mbit/s` : "",
    percent(loss, "lost"),
    bursts ? "bursts of loss" : "",
    percent(reorder, "reordered"),
    percent(duplicate, "twice"),
    percent(corrupt, "corrupted"),
    percent(mark, "marked"),
  ];
  return parts.filter(Boolean).join(", ");
}

/** The speeds of a clock that are offered. */
export const SPEEDS: readonly number[] = [0.001, 0.01, 0.1, 0.5, 1, 10, 100, 1000];

/** A speed in words: `100 times as fast`, `10 times as slow`. */
export function speedText(speed: number): string {
  if (speed === 1) return "as fast as here";
  return speed > 1 ? `${tidy(speed)} times as fast` : `${tidy(1 / speed)} times as slow`;
}

/** A lab as a map: stacks on a circle, links as lines between two or as a point that several meet at. */
export interface LabMap {
  width: number;
  height: number;
  stacks: { name: string; short: string; x: number; y: number }[];
  links: { link: LabLink; x: number; y: number; lines: { x1: number; y1: number; x2: number; y2: number }[] }[];
}

export function mapOf(lab: Lab): LabMap {
  const { width, height } = { width: 360, height: lab.stacks.length <= 2 ? 90 : 240 };
  const [cx, cy] = [width / 2, height / 2];
  const flat = lab.stacks.length <= 2;
  const stacks = lab.stacks.map((name, index) => {
    // Two stand beside each other, more stand around.
    const angle = flat ? Math.PI * (1 - index) : (2 * Math.PI * index) / lab.stacks.length - Math.PI / 2;
    const x = cx + Math.cos(angle) * (width / 2 - 60);
    const y = cy + (flat ? 0 : Math.sin(angle) * (height / 2 - 24));
    return { name, short: name.slice(lab.name.length + 1), x, y };
  });
  // Several links between the same stacks lie beside each other.
  const between = new Map<string, number>();
  const links = lab.links.map((link) => {
    const members = stacks.filter(({ short }) => link.stacks.includes(short));
    const key = members.map(({ short }) => short).join(" ");
    const nth = between.get(key) ?? 0;
    between.set(key, nth + 1);
    const aside = nth === 0 ? 0 : (nth % 2 === 0 ? 1 : -1) * Math.ceil(nth / 2) * 28;
    const x = members.reduce((sum, member) => sum + member.x, 0) / Math.max(1, members.length);
    const y = members.reduce((sum, member) => sum + member.y, 0) / Math.max(1, members.length) + aside;
    return { link, x, y, lines: members.map((member) => ({ x1: member.x, y1: member.y, x2: x, y2: y })) };
  });
  return { width, height, stacks, links };
}

/** Nanoseconds of a duration of the contract. */
export function nanoseconds(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Number(duration.seconds) * 1e9 + duration.nanos;
}

/** A duration of the contract, as it is given to calls. */
export function duration(nanoseconds: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(nanoseconds / 1e9);
  return { seconds: BigInt(seconds), nanos: Math.round(nanoseconds - seconds * 1e9) };
}

function percent(probability: number, what: string): string {
  return probability > 0 ? `${tidy(probability * 100)} % ${what}` : "";
}

/** Without the digits that binary fractions leave behind. */
function tidy(value: number): number {
  return Number(value.toPrecision(6));
}
