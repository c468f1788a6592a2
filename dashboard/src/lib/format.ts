// Numbers as people read them. Every function is pure and gives text of bounded width, so that columns of figures stand still.

/** Nanoseconds as a span of time with three significant digits: `40.0 ms`, `2.50 s`, `3 h 12 m`. */
export function span(nanoseconds: number): string {
  if (!Number.isFinite(nanoseconds)) return "";
  const sign = nanoseconds < 0 ? "-" : "";
  const ns = Math.abs(nanoseconds);
  if (ns < 1e3) return `${sign}${ns.toFixed(0)} ns`;
  if (ns < 999.5e3) return `${sign}${digits(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${sign}${digits(ns / 1e6)} ms`;
  const seconds = ns / 1e9;
  if (seconds < 59.95) return `${sign}${digits(seconds)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${sign}${minutes} m ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${sign}${hours} h ${minutes % 60} m`;
  return `${sign}${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Octets: `512`, `1.46 kB`, `12.3 MB`. Powers of a thousand, as rates have them. */
export function octets(count: number): string {
  if (!Number.isFinite(count)) return "";
  const units = ["", " kB", " MB", " GB", " TB", " PB"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${count}` : `${digits(value)}${units[unit]}`;
}

/** A whole number with thin spaces between its thousands. */
export function count(value: number | bigint): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A moment on a stack's clock in seconds, to the microsecond: `12.000345`. */
export function clock(nanoseconds: bigint): string {
  const micros = nanoseconds / 1000n;
  return `${micros / 1_000_000n}.${(micros % 1_000_000n).toString().padStart(6, "0")}`;
}

function digits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
