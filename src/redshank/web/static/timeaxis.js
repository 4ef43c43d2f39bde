/** The axis of time: where its ticks stand and what they say, in the zone in force, through nights when clocks change. */
import { instantOf, MONTHS, pad, wallOf } from "./format.js";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const MONTH = 30 * DAY; // as a distance between ticks; the ticks stand on the first of a month
const YEAR = 365 * DAY;

const fractions = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1].flatMap((unit) => [1, 2, 5].map((count) => count * unit));
/** Distances between ticks, seconds. */
export const TIME_STEPS = [
  ...fractions,
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 4, 6, 8, 12].map((count) => count * HOUR),
  ...[1, 2, 4, 7, 14].map((count) => count * DAY),
  ...[1, 2, 3, 6].map((count) => count * MONTH),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((count) => count * YEAR),
];

/** Times of the clock on the wall (as if it were UTC) from start to end. */
function wallTicks(start, end, step) {
  const ticks = [];
  if (step < MONTH) {
    const monday = step % (7 * DAY) === 0 ? 4 * DAY : 0; // 1970-01-05 was a Monday
    for (let i = Math.ceil((start - monday) / step); monday + i * step <= end; i++) ticks.push(monday + i * step);
    return ticks;
  }
  const months = step < YEAR ? Math.round(step / MONTH) : 12 * Math.round(step / YEAR);
  const first = new Date(start * 1000);
  const count = first.getUTCFullYear() * 12 + first.getUTCMonth();
  for (let i = Math.floor(count / months) * months; ; i += months) {
    const tick = Date.UTC(Math.floor(i / 12), i % 12) / 1000;
    if (tick > end) return ticks;
    if (tick >= start) ticks.push(tick);
  }
}

/** @param {number} start seconds since 1970 @param {number} end @param {number} step one of TIME_STEPS @returns {number[]} */
export function timeTicks(start, end, step) {
  return wallTicks(wallOf(start), wallOf(end), step)
    .map(instantOf)
    .filter((tick, i, all) => tick >= start && tick <= end && !(tick <= all[i - 1]));
}

/** One label a tick; a second line says the day, month or year where it begins. */
export function timeLabels(ticks, step) {
  let before = null;
  return ticks.map((tick) => {
    const wall = new Date(Math.round(wallOf(tick) * 1e6) / 1000);
    const day = `${wall.getUTCDate()} ${MONTHS[wall.getUTCMonth()]}`;
    const parts = { year: String(wall.getUTCFullYear()), day, minute: `${pad(wall.getUTCHours())}:${pad(wall.getUTCMinutes())}` };
    const context = contextOf(parts, before, step);
    before = parts;
    return upperLine(parts, wall, wallOf(tick), step) + (context ? `\n${context}` : "");
  });
}

function upperLine({ year, day, minute }, wall, seconds, step) {
  if (step >= YEAR) return year;
  if (step >= MONTH) return MONTHS[wall.getUTCMonth()];
  if (step >= DAY) return day;
  if (step >= MINUTE) return minute;
  if (step >= 1) return `${minute}:${pad(wall.getUTCSeconds())}`;
  const decimals = Math.min(5, Math.ceil(-Math.log10(step) - 1e-9));
  const rest = ((seconds % MINUTE) + MINUTE) % MINUTE;
  return `${rest.toFixed(decimals).padStart(decimals + 3, "0")} s`;
}

function contextOf(parts, before, step) {
  if (step >= YEAR) return "";
  const year = before?.year === parts.year ? "" : parts.year;
  if (step >= DAY) return year;
  const day = before?.day === parts.day ? "" : `${parts.day} ${year}`.trim();
  if (step >= 1) return day;
  return before?.minute === parts.minute ? "" : `${parts.minute} ${day}`.trim();
}
