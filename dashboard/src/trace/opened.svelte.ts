// The trace that is open in this page, and the moment of it that is looked at.

import { FILE_AT_MOST, NoTrace, readTrace, type Trace, tooLarge } from "../lib/trace";
import { placesOf, tableOf } from "../lib/traced";

class Opened {
  trace = $state.raw<Trace>();
  /** Why the last file was not opened; what was open before stays. */
  problem = $state("");
  /** The file that is being read. */
  reading = $state("");
  /** The moment: the `seq` of the last event until then. */
  cursor = $state.raw<bigint>();

  readonly table = $derived(this.trace && tableOf(this.trace));
  /** Where the lines of the log are among the events. */
  readonly logPlaces = $derived(this.trace ? placesOf(this.trace.log, this.trace) : []);

  /** Opens a file. Whether it could be. */
  async open(file: File): Promise<boolean> {
    this.problem = "";
    this.reading = file.name;
    try {
      if (file.size > FILE_AT_MOST) throw tooLarge(file.name, file.size);
      const octets = new Uint8Array(await file.arrayBuffer());
      // The page says what it does before it does it: reading many events takes seconds.
      await new Promise((resolve) => setTimeout(resolve, 30));
      this.trace = readTrace(file.name, octets);
      this.cursor = undefined;
      return true;
    } catch (error) {
      this.problem = error instanceof NoTrace ? error.message : `${file.name} could not be read: ${error}`;
      return false;
    } finally {
      this.reading = "";
    }
  }
}

export const opened = new Opened();
