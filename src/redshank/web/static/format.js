/** Numbers, times and durations for people. */

export const pad = (number, width = 2) => String(number).padStart(width, "0");

const exponential = (value, digits) => Number(value.toPrecision(digits)).toExponential().replaceAll("-", "−").replace("e+", "e");

/** @param {number|null} value @param {number} [digits] significant @returns {string} "–" when not known */
export function readable(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e12 || size < 1e-4) return exponential(value, digits);
  const decimals = Math.min(12, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
  return value.toLocaleString("en-US", { maximumFractionDigits: decimals }).replace("-", "−");
}

const UNITS = [
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** The value at a peak and the one expected, with digits enough to tell them apart. */
export function readablePair(actual, expected) {
  const apart = Math.abs(actual - expected);
  const digits = apart > 0 ? Math.ceil(Math.log10(Math.max(Math.abs(actual), Math.abs(expected)) / apart)) + 2 : 4;
  return [actual, expected].map((value) => readable(value, Math.min(12, Math.max(4, digits || 4))));
}

/** Decimals that a multiple of a number needs. */
function decimalsOf(number) {
  let decimals = 0;
  while (decimals < 12 && Math.abs(number * 10 ** decimals - Math.round(number * 10 ** decimals)) > 1e-6 * number * 10 ** decimals) decimals += 1;
  return decimals;
}

/**
 * Labels of an axis, all with the same unit and decimals.
 * @param {number[]} splits
 * @param {number} increment distance between two
 */
export function axisLabels(splits, increment) {
  const most = Math.max(...splits.map(Math.abs));
  if (most >= 1e18 || (most > 0 && most < 1e-4)) return splits.map((split) => (split === 0 ? "0" : exponential(split, 2)));
  let [size, suffix] = (most >= 1e4 && UNITS.find(([unit]) => most >= unit)) || [1, ""];
  if (decimalsOf(increment / size) > 3) [size, suffix] = [1, ""];
  const decimals = decimalsOf(increment / size);
  return splits.map((split) => {
    const text = (split / size).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    return (split === 0 ? "0" : text + suffix).replace("-", "−");
  });
}

export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const QUARTER = 900; // clocks change at full quarters of an hour
const offsets = new Map();
let inForce = "UTC";
let clock = null;

/** The zone in which times are shown; one for the page. */
export const zoneName = () => inForce;

/** @param {string} name such as "UTC" or "Europe/Oslo" @throws {RangeError} where the browser does not know it */
export function setZone(name) {
  const parts = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" };
  clock = name === "UTC" ? null : new Intl.DateTimeFormat("en-US", { ...parts, timeZone: name, hourCycle: "h23" });
  inForce = name;
  offsets.clear();
}

/** Whether this browser knows a time zone. */
export function isZone(name) {
  try {
    return Boolean(new Intl.DateTimeFormat("en-US", { timeZone: name }));
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** @returns {number} seconds by which the clock on the wall is ahead of UTC */
function offsetAt(seconds) {
  if (clock === null) return 0;
  const quarter = Math.floor(seconds / QUARTER) * QUARTER;
  let offset = offsets.get(quarter);
  if (offset === undefined) {
    const { year, month, day, hour, minute, second } = Object.fromEntries(clock.formatToParts(quarter * 1000).map(({ type, value }) => [type, Number(value)]));
    offset = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - quarter;
    offsets.set(quarter, offset);
  }
  return offset;
}

/** What the clock on the wall shows at a time, as the seconds at which a clock in UTC shows the same. */
export const wallOf = (seconds) => seconds + offsetAt(seconds);

/** The time at which the clock on the wall shows it; one of the two where it does so twice. */
export function instantOf(wall) {
  const guess = wall - offsetAt(wall);
  return wall - offsetAt(guess);
}

/** @param {number} seconds since 1970 @param {number} [step] seconds between points, which says how fine to be */
export function moment(seconds, step = 1) {
  const wall = Math.round(wallOf(seconds) * 1e6);
  const date = new Date(Math.floor(wall / 1000));
  const day = `${date.getUTCFullYear()}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`;
  const time = `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
  if (step >= 60 && date.getUTCSeconds() === 0) return `${day} ${time}`;
  const micros = ((wall % 1e6) + 1e6) % 1e6;
  const fraction = step < 0.001 ? `.${pad(micros, 6)}` : step < 1 || micros >= 1000 ? `.${pad(Math.floor(micros / 1000), 3)}` : "";
  return `${day} ${time}:${pad(date.getUTCSeconds())}${fraction}`;
}

/** @param {number} seconds @returns {string} at most two units: "2 d 3 h", "45 min", "250 ms" */
export function duration(seconds) {
  if (seconds < 1) return `${readable(seconds * 1000, 3)} ms`;
  let rest = seconds < 60 ? seconds : Math.round(seconds);
  const parts = [];
  for (const [name, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count.toLocaleString("en-US")} ${name}`);
    rest -= count * size;
  }
  if (rest > 0) parts.push(`${readable(rest, 3)} s`);
  return parts.slice(0, 2).join(" ");
}
