// A call that blocks inside the server and takes something from a queue there: octets, a datagram, a connection.
//
// A signal of this side ends the wait for it and not the call, so that what it takes is never lost: the next who asks gets it. One at
// a time waits.

/** The call of one queue that is out, where one is. */
export class Pending<T> {
  #call: Promise<T> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** The answer of the call that is out, or of `call` where none is; after everybody who asked before. */
  async take(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#turn;
    let end = (): void => {};
    this.#turn = new Promise<void>((resolve) => {
      end = resolve;
    });
    try {
      await unlessAborted(before, signal);
      this.#call ??= begun(call);
      const taken = await unlessAborted(this.#call, signal);
      this.#call = undefined;
      return taken;
    } catch (error) {
      if (!signal?.aborted) this.#call = undefined;
      throw error;
    } finally {
      // Who came later waits for who came before, even where this one gave up.
      void before.then(end);
    }
  }
}

/** A call whose failure waits for whoever asks next: until then nobody handles it. */
function begun<T>(call: () => Promise<T>): Promise<T> {
  const out = call();
  out.catch(() => {});
  return out;
}

async function unlessAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
