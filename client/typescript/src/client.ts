// A connection to a server, and what is made on it: labs, stacks, sessions.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Client as ServiceClient, type Transport } from "@connectrpc/connect";
import { settled } from "./errors.ts";
import { SocketKind } from "./gen/sockwright/v1/common_pb.ts";
import { Events } from "./gen/sockwright/v1/events_pb.ts";
import { type AttachRequestSchema, type Lab as LabMessage, Networks } from "./gen/sockwright/v1/networks_pb.ts";
import { Sessions } from "./gen/sockwright/v1/sessions_pb.ts";
import { type SocketOptionsSchema, Sockets } from "./gen/sockwright/v1/sockets_pb.ts";
import { Traces } from "./gen/sockwright/v1/traces_pb.ts";
import { Traffic } from "./gen/sockwright/v1/traffic_pb.ts";
import { Connection, DatagramSocket, Listener, type Wait } from "./socket.ts";
import { type Update, watch } from "./watch.ts";
import {
  type Address,
  type ClockName,
  clockNumber,
  duration,
  type Filter,
  fromAddress,
  type Impairments,
  type Policy,
  policyNumber,
  toAddress,
  toImpairments,
} from "./words.ts";

/** What a lab is made from. */
export interface LabOptions {
  /** The first part of its stacks' names; without one, the server finds one. */
  readonly name?: string;
  /** Virtual unless said otherwise: time jumps to the next timer whenever nothing is left to do. */
  readonly clock?: ClockName;
  /** Decides everything that is random. */
  readonly seed?: bigint;
  /** Of the link that joins the stacks. */
  readonly impairments?: Impairments;
  /** Owns the lab, so that it ends with its lease. */
  readonly session?: Session;
}

/** What a socket is made from. */
export interface SocketConfig {
  /** Names it in events, lists and filters. */
  readonly label?: string;
  /** Owns it, so that it ends with its lease. */
  readonly session?: Session;
  /** Set before anything else. */
  readonly options?: MessageInitShape<typeof SocketOptionsSchema>;
}

/** A connection to a server; `sockets`, `events` and so on are the contract itself. */
export class Client {
  readonly sockets: ServiceClient<typeof Sockets>;
  readonly events: ServiceClient<typeof Events>;
  readonly networks: ServiceClient<typeof Networks>;
  readonly sessions: ServiceClient<typeof Sessions>;
  readonly traces: ServiceClient<typeof Traces>;
  readonly traffic: ServiceClient<typeof Traffic>;

  /** Over a transport of connect-es. `connect` makes one. */
  constructor(transport: Transport) {
    this.sockets = createClient(Sockets, transport);
    this.events = createClient(Events, transport);
    this.networks = createClient(Networks, transport);
    this.sessions = createClient(Sessions, transport);
    this.traces = createClient(Traces, transport);
    this.traffic = createClient(Traffic, transport);
  }

  /** A stack by its name: `lab/a`, or one that was attached to a real link. */
  stack(name: string): Stack {
    return new Stack(this, name);
  }

  /** Makes a lab: stacks with the addresses 10.0.0.1 and up on one link, with a clock of their own. */
  async lab(stacks: readonly string[], options: LabOptions = {}): Promise<Lab> {
    const { impairments } = options;
    const { lab } = await settled(
      this.networks.createLab({
        name: options.name ?? "",
        stacks: stacks.map((name) => ({ name })),
        links: impairments ? [{ stacks: [...stacks], impairments: toImpairments(impairments) }] : [],
        clock: clockNumber(options.clock),
        seed: options.seed ?? 0n,
        session: options.session?.id ?? "",
      }),
    );
    return new Lab(this, lab as LabMessage);
  }

  /** Makes a stack on a real link. Throws `EPERM` where the server may not. */
  async attach(request: MessageInitShape<typeof AttachRequestSchema>): Promise<Stack> {
    const { stack } = await settled(this.networks.attach(request));
    return new Stack(this, stack?.name ?? "");
  }

  /** Opens a session and keeps it alive: what belongs to it ends by its policy when this program is gone. */
  async session(options: { lease?: number; onExpiry?: Policy; label?: string } = {}): Promise<Session> {
    const opened = await settled(
      this.sessions.open({
        ...(options.lease === undefined ? {} : { lease: duration(options.lease) }),
        onExpiry: policyNumber(options.onExpiry),
        label: options.label ?? "",
      }),
    );
    return new Session(
      this,
      opened.session,
      Number(opened.lease?.seconds ?? 0n) * 1000 + (opened.lease?.nanos ?? 0) / 1e6,
    );
  }

  /**
   * Watches events, in order, after a snapshot. Without `kinds` it tells states and errors, which cost nothing. It outlives its
   * server, and ends with the signal or when the loop over it is left.
   */
  async *watch(filter: Filter = {}, { signal }: Wait = {}): AsyncGenerator<Update> {
    const end = new AbortController();
    try {
      yield* watch(this.events, filter, signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]));
    } finally {
      end.abort();
    }
  }
}

/** Stacks that are joined inside the server. It ends with its `await using`. */
export class Lab {
  readonly name: string;
  /** All of them, in the order in which they were given. */
  readonly stacks: readonly Stack[];
  /** The names of its links. */
  readonly links: readonly string[];
  readonly #client: Client;

  constructor(client: Client, lab: LabMessage) {
    this.#client = client;
    this.name = lab.name;
    this.stacks = lab.stacks.map((name) => client.stack(name));
    this.links = lab.links.map((link) => link.name);
  }

  /** The stack with this name in the lab. RangeError: there is none. */
  stack(name: string): Stack {
    const found = this.stacks.find((stack) => stack.name === `${this.name}/${name}`);
    if (found === undefined) throw new RangeError(`${this.name} has no stack "${name}"`);
    return found;
  }

  /** Moves a clock that is not real by a time in seconds. Gives the time in nanoseconds. */
  async advance(seconds: number): Promise<bigint> {
    const how = { case: "by", value: duration(seconds) } as const;
    return (await settled(this.#client.networks.advanceTime({ lab: this.name, how }))).timeNs;
  }

  /** Changes what a link, the first if none is named, does from now on. What is not named it stops doing. */
  async impair(impairments: Impairments, link: string = this.links[0] ?? ""): Promise<void> {
    await settled(
      this.#client.networks.setImpairments({ lab: this.name, link, impairments: toImpairments(impairments) }),
    );
  }

  /** Deletes the lab, its stacks and their sockets, without a segment. */
  async delete(): Promise<void> {
    await settled(this.#client.networks.deleteLab({ name: this.name }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete();
  }
}

/** A TCP/IP host inside the server. */
export class Stack {
  readonly name: string;
  readonly #client: Client;

  constructor(client: Client, name: string) {
    this.#client = client;
    this.name = name;
  }

  /**
   * Opens a connection, and waits through its three-way handshake. Throws `ECONNREFUSED`, `ETIMEDOUT`, `EHOSTUNREACH`. One that
   * fails, or that a signal ends, leaves nothing behind.
   */
  async connect(remote: Address, config: SocketConfig & Wait & { readonly local?: Address } = {}): Promise<Connection> {
    const { sockets } = this.#client;
    const made = await this.#create(SocketKind.STREAM, config);
    try {
      const socket = made.socket;
      if (config.local) await settled(sockets.bind({ socket, local: toAddress(config.local) }));
      const { signal } = config;
      const connected = await settled(sockets.connect({ socket, remote: toAddress(remote) }, { signal }));
      const [local, peer] = [fromAddress(connected.local), fromAddress(connected.remote)];
      return new Connection(sockets, socket, made.at, local, peer);
    } catch (error) {
      await sockets.abort({ socket: made.socket });
      throw error;
    }
  }

  /** Binds a socket and listens. From here on the stack completes handshakes, up to the backlog. */
  async listen(local: Address, config: SocketConfig & { readonly backlog?: number } = {}): Promise<Listener> {
    const { sockets } = this.#client;
    const made = await this.#create(SocketKind.STREAM, config);
    try {
      await settled(sockets.bind({ socket: made.socket, local: toAddress(local) }));
      const listening = await settled(sockets.listen({ socket: made.socket, backlog: config.backlog ?? 0 }));
      return new Listener(sockets, made.socket, made.at, fromAddress(listening.local));
    } catch (error) {
      await sockets.abort({ socket: made.socket });
      throw error;
    }
  }

  /** A UDP socket. Port 0 is any free one. */
  async datagrams(local: Address, config: SocketConfig = {}): Promise<DatagramSocket> {
    const { sockets } = this.#client;
    const made = await this.#create(SocketKind.DATAGRAM, config);
    try {
      const bound = await settled(sockets.bind({ socket: made.socket, local: toAddress(local) }));
      return new DatagramSocket(sockets, made.socket, made.at, fromAddress(bound.local));
    } catch (error) {
      await sockets.abort({ socket: made.socket });
      throw error;
    }
  }

  /** Removes an attached stack; its connections are reset. */
  async detach(): Promise<void> {
    await settled(this.#client.networks.detach({ name: this.name }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.detach();
  }

  #create(kind: SocketKind, config: SocketConfig) {
    const { label = "", session, options } = config;
    return settled(this.#client.sockets.create({ stack: this.name, kind, label, session: session?.id ?? "", options }));
  }
}

/** A lease. It ends with its `await using`. */
export class Session {
  /** Its name in the contract. */
  readonly id: string;
  readonly #client: Client;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(client: Client, id: string, lease: number) {
    this.#client = client;
    this.id = id;
    // Three times as often as it has to be: a call that fails is made good by the next.
    this.#timer = setInterval(() => {
      client.sessions.keepAlive({ session: id }, { timeoutMs: lease / 3 }).catch(() => {});
    }, lease / 3);
  }

  /** Ends the session now. What belongs to it ends by its policy. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await settled(this.#client.sessions.close({ session: this.id }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
