// Tells a model of a connection what a file has of it: what `follow` does with a server.

import type { SocketSummary } from "@v1/common_pb";
import type { Event } from "@v1/events_pb";
import type { ConnectionModel } from "./connection";
import { Pair } from "./pair";

/** Tells `model` what is of its connection in `sockets`, as they were first, and in all `events`, ascending by `seq`. */
export function retell(model: ConnectionModel, sockets: readonly SocketSummary[], events: readonly Event[]): void {
  const own = sockets.find(({ socket }) => socket === model.socket);
  if (own) model.summarise(own);
  const ofOwn = events.filter(({ socket }) => socket === model.socket);
  model.push(ofOwn);
  const { near } = model;
  const pair = near && Pair.of(near);
  if (!pair) return;
  const far = sockets.find((summary) => pair.isFar(summary));
  if (far) model.summarise(far);
  const known = new Set(ofOwn);
  const others = pair.admit(events).filter((event) => !known.has(event));
  const faults = events.filter(({ kind }) => kind.case === "frameLost" && pair.isNamedIn(kind.value.text));
  model.push([...others, ...faults]);
}
