// A socket of a stack: its calls as methods, and its data as the streams of the web.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client as ServiceClient } from "@connectrpc/connect";
import { SockwrightError, settled } from "./errors.ts";
import type { Position } from "./gen/sockwright/v1/common_pb.ts";
import type { Event } from "./gen/sockwright/v1/events_pb.ts";
import type {
  AcceptResponse,
  GetInfoResponse,
  RecvFromResponse,
  RecvResponse,
  SocketOptions,
  SocketOptionsSchema,
  Sockets,
  WaitForRequestSchema,
} from "./gen/sockwright/v1/sockets_pb.ts";
import { ShutdownHow } from "./gen/sockwright/v1/sockets_pb.ts";
import { Pending } from "./pending.ts";
import {
  type Address,
  fromAddress,
  type Kind,
  kindNumbers,
  type State,
  stateName,
  stateNumbers,
  toAddress,
} from "./words.ts";

/** Of a call that waits. */
export interface Wait {
  /** Ends the wait, and nothing else. */
  readonly signal?: AbortSignal;
}

/** What can be waited for: exactly one of these. */
export type Condition =
  /** The connection is in one of these states, or was since the socket began. */
  | { readonly state: State | readonly State[] }
  /** An event of one of these kinds, since the socket began. */
  | { readonly event: Kind | readonly Kind[] }
  /** So many octets can be read, or the stream has ended. */
  | { readonly readable: number }
  /** Everything sent so far is acknowledged. */
  | { readonly acknowledged: true }
  /** The socket is closed and TCP is through with it. */
  | { readonly released: true };

/** The most octets that one call takes. */
const CHUNK = 1 << 20;

/** What all sockets have: a name in the contract, states, and an end. */
class Base {
  /** Its name in the contract, for every call that has no method here. */
  readonly id: bigint;
  protected readonly calls: ServiceClient<typeof Sockets>;
  readonly #born: Position | undefined;
  readonly #end = new AbortController();

  constructor(calls: ServiceClient<typeof Sockets>, id: bigint, born: Position | undefined) {
    this.calls = calls;
    this.id = id;
    this.#born = born;
  }

  /** Over once it was closed here. */
  protected get life(): AbortSignal {
    return this.#end.signal;
  }

  /** Everything about it: states, sequence numbers, windows, timers, counters. */
  info(): Promise<GetInfoResponse> {
    return settled(this.calls.getInfo({ socket: this.id }));
  }

  /** The TCP state; undefined of a datagram socket. Good also after `close`. */
  async state(): Promise<State | undefined> {
    const { summary } = await this.info();
    return summary && stateName(summary.tcpState);
  }

  /** Sets the options that are given, all of them or none. */
  async setOptions(options: MessageInitShape<typeof SocketOptionsSchema>): Promise<void> {
    await settled(this.calls.setOptions({ socket: this.id, options }));
  }

  /** Every option. */
  async options(): Promise<SocketOptions | undefined> {
    return (await settled(this.calls.getOptions({ socket: this.id }))).options;
  }

  /**
   * Waits until something is true, or was since the socket began: `waitFor("TIME-WAIT")`. Instead of a sleep. Good also after
   * `close`. Gives the event that made it true; undefined where it was true already.
   *
   * Throws `ENOTCONN`: it cannot come true any more.
   */
  async waitFor(what: State | Condition, { signal }: Wait = {}): Promise<Event | undefined> {
    const condition = typeof what === "string" ? { state: what } : what;
    const request = { socket: this.id, ...this.#asked(condition) };
    return (await settled(this.calls.waitFor(request, { signal }))).event;
  }

  #asked(condition: Condition): MessageInitShape<typeof WaitForRequestSchema> {
    const after = this.#born;
    if ("state" in condition) {
      const states = stateNumbers([condition.state].flat() as State[]);
      return { condition: { case: "tcpStates", value: { states } }, after };
    }
    if ("event" in condition) {
      const kinds = kindNumbers([condition.event].flat() as Kind[]);
      return { condition: { case: "eventKinds", value: { kinds } }, after };
    }
    if ("readable" in condition) return { condition: { case: "readable", value: condition.readable } };
    if ("acknowledged" in condition) return { condition: { case: "allAcknowledged", value: true } };
    return { condition: { case: "released", value: true }, after };
  }

  /** Lets go of the socket; data that was sent is delivered. Again is nothing. */
  async close(): Promise<void> {
    if (this.life.aborted) return;
    this.#end.abort(new Error("the socket is closed"));
    await settled(this.calls.close({ socket: this.id }));
  }

  /** Ends it at once: a connection with a reset. */
  async abort(): Promise<void> {
    this.#end.abort(new Error("the socket is closed"));
    await settled(this.calls.abort({ socket: this.id }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A call that takes something. Closing the socket here ends it. */
  protected taking<T>(pending: Pending<T>, call: (signal: AbortSignal) => Promise<T>, wait: Wait): Promise<T> {
    this.life.throwIfAborted();
    const signal = wait.signal === undefined ? this.life : AbortSignal.any([wait.signal, this.life]);
    return pending.take(() => settled(call(this.life)), signal);
  }
}

/** A TCP connection. Its data are `read` and `write`, or the streams `readable` and `writable`. */
export class Connection extends Base {
  /** Its own address. */
  readonly local: Address;
  /** The peer's address. */
  readonly remote: Address;
  readonly #receiving = new Pending<RecvResponse>();
  #unread: Uint8Array = new Uint8Array();
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  constructor(
    calls: ServiceClient<typeof Sockets>,
    id: bigint,
    born: Position | undefined,
    local: Address,
    remote: Address,
  ) {
    super(calls, id, born);
    this.local = local;
    this.remote = remote;
  }

  /**
   * Takes up to so many octets from the receive buffer, and waits while there are none and more can come. Undefined is the end
   * of the stream. A signal ends the wait and loses nothing. Throws `ECONNRESET`, `ETIMEDOUT`.
   */
  async read(size: number = CHUNK, wait: Wait = {}): Promise<Uint8Array | undefined> {
    if (this.#unread.length === 0) {
      const maxBytes = Math.min(size, CHUNK);
      const answer = await this.taking(
        this.#receiving,
        (signal) => this.calls.recv({ socket: this.id, maxBytes }, { signal }),
        wait,
      );
      if (answer.endOfStream) return undefined;
      this.#unread = answer.data;
    }
    const taken = this.#unread.subarray(0, size);
    this.#unread = this.#unread.subarray(taken.length);
    return taken;
  }

  /**
   * Puts octets, or a text in UTF-8, into the send buffer, and waits while there is no room. Taken is not delivered: see
   * `waitFor({ acknowledged: true })`. Throws `EPIPE`, `ECONNRESET`, `ETIMEDOUT`.
   *
   * Where a signal ends it, some of the octets may have been taken.
   */
  async write(data: Uint8Array | string, { signal }: Wait = {}): Promise<void> {
    let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (rest.length > 0) {
      rest = rest.subarray(await this.#send(rest.subarray(0, CHUNK), signal));
    }
  }

  async #send(data: Uint8Array, signal?: AbortSignal): Promise<number> {
    this.life.throwIfAborted();
    signal?.throwIfAborted();
    try {
      // What does not wait is not ended by a signal, which would hide whether it was taken.
      return (await settled(this.calls.send({ socket: this.id, data, dontWait: true }))).accepted;
    } catch (error) {
      if (!(error instanceof SockwrightError) || error.code !== "EAGAIN") throw error;
    }
    const ended = signal === undefined ? this.life : AbortSignal.any([signal, this.life]);
    return (await settled(this.calls.send({ socket: this.id, data }, { signal: ended }))).accepted;
  }

  /** The half-close: a FIN after the data; reading goes on. Gives the TCP state. */
  async closeWrite(): Promise<State | undefined> {
    return this.#shutdown(ShutdownHow.WRITE);
  }

  /** Ends reading. It sends nothing. */
  async closeRead(): Promise<State | undefined> {
    return this.#shutdown(ShutdownHow.READ);
  }

  async #shutdown(how: ShutdownHow): Promise<State | undefined> {
    return stateName((await settled(this.calls.shutdown({ socket: this.id, how }))).tcpState);
  }

  /** What is received, as a stream. Cancelling it closes nothing. */
  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= new ReadableStream<Uint8Array>(
      {
        pull: async (stream) => {
          const data = await this.read();
          if (data === undefined) stream.close();
          else stream.enqueue(data);
        },
      },
      // Nothing is taken from the stack before somebody wants it: the window says so to the peer.
      { highWaterMark: 0 },
    );
    return this.#readable;
  }

  /** What is sent, as a stream: closing it is the half-close, aborting it a reset. */
  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= new WritableStream<Uint8Array>({
      write: (data) => this.write(data),
      close: async () => {
        await this.closeWrite();
      },
      abort: () => this.abort(),
    });
    return this.#writable;
  }
}

/** A socket that listens. `for await` takes its connections until it is closed. */
export class Listener extends Base implements AsyncIterable<Connection> {
  /** Where it listens. */
  readonly local: Address;
  readonly #accepting = new Pending<AcceptResponse>();

  constructor(calls: ServiceClient<typeof Sockets>, id: bigint, born: Position | undefined, local: Address) {
    super(calls, id, born);
    this.local = local;
  }

  /** Takes the oldest connection whose handshake is over, and waits while there is none. A signal loses none. */
  async accept(wait: Wait = {}): Promise<Connection> {
    const answer = await this.taking(
      this.#accepting,
      (signal) => this.calls.accept({ socket: this.id }, { signal }),
      wait,
    );
    const [local, remote] = [fromAddress(answer.local), fromAddress(answer.remote)];
    return new Connection(this.calls, answer.socket, answer.at, local, remote);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Connection> {
    while (!this.life.aborted) {
      try {
        yield await this.accept();
      } catch (error) {
        if (!this.life.aborted) throw error;
      }
    }
  }
}

/** A datagram, and where it came from. */
export interface Datagram {
  readonly data: Uint8Array;
  readonly from: Address;
}

/** A UDP socket. */
export class DatagramSocket extends Base {
  /** Its own address. */
  readonly local: Address;
  readonly #receiving = new Pending<RecvFromResponse>();

  constructor(calls: ServiceClient<typeof Sockets>, id: bigint, born: Position | undefined, local: Address) {
    super(calls, id, born);
    this.local = local;
  }

  /** Sends one datagram. Throws `EMSGSIZE`, `ENETUNREACH`. */
  async send(data: Uint8Array | string, to: Address): Promise<void> {
    const octets = typeof data === "string" ? new TextEncoder().encode(data) : data;
    await settled(this.calls.sendTo({ socket: this.id, data: octets, remote: toAddress(to) }));
  }

  /** Takes the oldest datagram, and waits while there is none. A signal loses none. */
  async receive(wait: Wait = {}): Promise<Datagram> {
    const answer = await this.taking(
      this.#receiving,
      (signal) => this.calls.recvFrom({ socket: this.id, maxBytes: 65535 }, { signal }),
      wait,
    );
    return { data: answer.data, from: fromAddress(answer.remote) };
  }
}
