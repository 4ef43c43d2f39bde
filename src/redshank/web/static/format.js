/** Numbers, times and durations for people. */

const pad = (number, width = 2) => String(number).padStart(width, "0");

/** @param {number|null} value @param {number} [digits] significant @returns {string} "–" when not known */
export function readable(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e12 || size < 1e-4) return value.toExponential(digits - 1).replaceAll("-", "−").replace("e+", "e");
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
  if (most >= 1e18 || (most > 0 && most < 1e-4)) return splits.map((split) => (split === 0 ? "0" : split.toExponential(1)));
  let [size, suffix] = (most >= 1e4 && UNITS.find(([unit]) => most >= unit)) || [1, ""];
  if (decimalsOf(increment / size) > 3) [size, suffix] = [1, ""];
  const decimals = decimalsOf(increment / size);
  return splits.map((split) => {
    const text = (split / size).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    return (split === 0 ? "0" : text + suffix).replace("-", "−");
  });
}

/** Whether times are shown in the zone of the reader; one switch for the page. */
export const zone = { local: false };

/** @param {number} seconds since 1970 @returns {Date} one whose local parts are those to show */
export function shownDate(seconds) {
  const date = new Date(seconds * 1000);
  return zone.local ? date : new Date(date.getTime() + date.getTimezoneOffset() * 60000);
}

/** @param {number} seconds since 1970 @param {number} [step] seconds between points, which says how fine to be */
export function moment(seconds, step = 1) {
  const date = shownDate(Math.round(seconds * 1e6) / 1e6);
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  if (step >= 60 && date.getSeconds() === 0) return `${day} ${time}`;
  const fraction = step < 1 || date.getMilliseconds() ? `.${pad(date.getMilliseconds(), 3)}` : "";
  return `${day} ${time}:${pad(date.getSeconds())}${fraction}`;
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

/** Formats of the axis of time: [least distance of ticks, label, with a new year, -, day, ...] as uPlot has them. */
export const TIME_LABELS = [
  [31536000, "{YYYY}", null, null, null, null, null, null, 1],
  [2419200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [0.001, "{ss}.{fff}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, "\n{HH}:{mm}", null, 1],
];
