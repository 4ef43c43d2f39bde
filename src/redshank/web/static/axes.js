/** Axes and scales: how uPlot is set up for a pane of values and for the strip of scores. */
import { axisLabels } from "./format.js";
import { TIME_STEPS, timeLabels, timeTicks } from "./timeaxis.js";

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';

/** Height of a score on its strip: even steps for each doubling, so that 1 and 100 are both seen. */
export const scoreHeight = (score) => Math.log2(1 + score);
const LEAST_SPREAD = 1e-12;
const SCORE_TICKS = [1, 3, 10, 30, 100, 1e3, 1e4, 1e6, 1e9];

/** @param {Record<string, string>} palette @param {boolean} labelled */
export function timeAxis(palette, labelled) {
  return {
    stroke: palette["axis-text"],
    font: FONT,
    grid: { stroke: palette.grid, width: 1 },
    ticks: { show: labelled, stroke: palette.grid, width: 1, size: 4 },
    incrs: TIME_STEPS,
    splits: (_plot, _axis, start, end, step) => timeTicks(start, end, step),
    values: (_plot, splits, _axis, _space, step) => (labelled ? timeLabels(splits, step) : splits.map(() => "")),
    size: labelled ? 40 : 0,
    space: 76,
  };
}

/** @param {Record<string, string>} palette @param {() => number} width */
export function valueAxis(palette, width) {
  return {
    stroke: palette["axis-text"],
    font: FONT,
    grid: { stroke: palette.grid, width: 1 },
    ticks: { show: false },
    gap: 8,
    space: 34,
    size: width,
    values: (_, splits, _axis, _space, increment) => axisLabels(splits, increment),
  };
}

/** @param {Record<string, string>} palette @param {() => number} width @param {() => number} most highest score */
export function scoreAxis(palette, width, most) {
  return {
    ...valueAxis(palette, width),
    splits: () => {
      const ticks = SCORE_TICKS.filter((tick) => tick <= most());
      return (ticks.at(-1) > 1 ? [1, ticks.at(-1)] : [1]).map(scoreHeight);
    },
    values: (_, splits) => splits.map((split) => axisLabels([Math.round(2 ** split - 1)], 1)[0]),
  };
}

/**
 * Range of the axis of values: all values, and the expected range as far as it does not dwarf them.
 * @param {(number|null)[][]} columns value, expected, lower, upper
 * @returns {[number, number]}
 */
export function valueRange([value, expected, lower, upper]) {
  const [low, high] = leastAndMost([value]);
  if (low > high) return [0, 1];
  const [rangeLow, rangeHigh] = leastAndMost([expected, lower, upper]);
  const reach = (high / 2 - low / 2) * 2 || Math.abs(high) * 0.1 || 1;
  const bottom = Math.max(Math.min(low, rangeLow), low - reach);
  const top = Math.min(Math.max(high, rangeHigh), high + reach);
  const size = Math.max(Math.abs(bottom), Math.abs(top));
  // less than the arithmetic of an axis can part is shown as one level
  const margin = top / 2 - bottom / 2 > size * LEAST_SPREAD ? (top / 2 - bottom / 2) * 0.12 : size * 0.1 || 1;
  return [bottom - margin, top + margin].map((edge) => Math.max(-1.7e308, Math.min(1.7e308, edge)));
}

function leastAndMost(columns) {
  let low = Infinity;
  let high = -Infinity;
  for (const column of columns) {
    for (const value of column) {
      if (value === null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [low, high];
}

/** Width in pixels that the labels of an axis from low to high need. */
export function labelWidth([low, high]) {
  const increment = 10 ** Math.floor(Math.log10(Math.max((high / 2 - low / 2) * 0.4, 1e-300)));
  const splits = [low, high].map((edge) => Math.round(edge / increment) * increment);
  const longest = Math.max(...axisLabels(splits, increment * 0.5).map((label) => label.length));
  return Math.max(48, Math.min(140, Math.ceil(longest * 7.2) + 14));
}

export const LINE = 1.4;
export const THIN_LINE = 1; // of many points a pixel; a canvas draws it twice as fast
/** The pens of a pane: expected range, expected value, value. */
export function paneSeries(palette) {
  const hidden = { points: { show: false } };
  return [
    {},
    { ...hidden, stroke: "transparent", width: 0 },
    { ...hidden, stroke: "transparent", width: 0 },
    { ...hidden, stroke: palette.expected, width: 1.2, dash: [5, 4] },
    { ...hidden, stroke: palette.value, width: LINE },
  ];
}

