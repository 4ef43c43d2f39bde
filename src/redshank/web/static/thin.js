/** Fewer points that look the same: per pixel the least and the greatest, found fast in a pyramid of extremes. */

const FACTOR = 16;
const MOST_EXPECTED = 16; // points a pixel up to which the expected value can be told from the value

/** Positions of the least and greatest value of every block of 16, 256, 4096, ... points; -1 = no value there. */
export class Pyramid {
  /** @param {Float64Array} values NaN = no value */
  constructor(values) {
    this.values = values;
    /** @type {{low: Int32Array, high: Int32Array}[]} */
    this.levels = [];
    for (let n = Math.floor(values.length / FACTOR); n > 0; n = Math.floor(n / FACTOR)) this.levels.push(this.#level(n));
  }

  #level(n) {
    const below = this.levels.at(-1);
    const low = new Int32Array(n);
    const high = new Int32Array(n);
    const found = { low: -1, high: -1 };
    for (let block = 0; block < n; block++) {
      found.low = found.high = -1;
      for (let i = block * FACTOR; i < (block + 1) * FACTOR; i++) {
        this.#see(below ? below.low[i] : i, below ? below.high[i] : i, found);
      }
      low[block] = found.low;
      high[block] = found.high;
    }
    return { low, high };
  }

  #see(low, high, found) {
    const values = this.values;
    if (low >= 0 && values[low] === values[low] && !(found.low >= 0 && values[low] >= values[found.low])) found.low = low;
    if (high >= 0 && values[high] === values[high] && !(found.high >= 0 && values[high] <= values[found.high])) found.high = high;
  }

  /**
   * @param {number} from first point
   * @param {number} to one past the last
   * @returns {{low: number, high: number}} positions, -1 when there is no value
   */
  extremes(from, to) {
    const found = { low: -1, high: -1 };
    let i = from;
    while (i < to) {
      let level = -1;
      let size = 1;
      while (level + 1 < this.levels.length && i % (size * FACTOR) === 0 && i + size * FACTOR <= to) {
        level += 1;
        size *= FACTOR;
      }
      const block = i / size;
      if (level < 0) this.#see(i, i, found);
      else this.#see(this.levels[level].low[block], this.levels[level].high[block], found);
      i += size;
    }
    return found;
  }
}

/** @returns {number} the first position with times[position] >= time */
export function firstAt(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Splits what is visible into bins of about a pixel, at the same times wherever one has panned to.
 * @param {Float64Array} times
 * @param {number} start
 * @param {number} end
 * @param {number} pixels
 * @returns {number[] | null} first position of each bin and the end; null when all points can be drawn
 */
export function binsOf(times, start, end, pixels) {
  const from = Math.max(0, firstAt(times, start) - 1);
  const to = Math.min(times.length, firstAt(times, end) + 1);
  if (to - from <= 3 * pixels) return null;
  const width = (end - start) / pixels;
  const edges = [from];
  for (let bin = Math.floor(start / width) + 1; bin * width < end; bin++) {
    const position = firstAt(times, bin * width);
    if (position > edges[edges.length - 1] && position < to) edges.push(position);
  }
  edges.push(to);
  return edges;
}

/** @returns {number[]} all positions in sight, with one neighbour on each side */
export function allPositions(times, start, end) {
  const from = Math.max(0, firstAt(times, start) - 1);
  const to = Math.min(times.length, firstAt(times, end) + 1);
  return Array.from({ length: to - from }, (_, i) => from + i);
}

const orNull = (value) => (value === value ? value : null);

/**
 * Columns of one pane for what is visible.
 * @param {{value: Pyramid, expected: Float64Array, lower: Pyramid, upper: Pyramid}} channel
 * @returns {{at: number[], columns: (number|null)[][]}} positions drawn; value, expected, lower, upper at each
 */
export function thinChannel(channel, times, start, end, pixels) {
  const edges = binsOf(times, start, end, pixels);
  if (!edges) {
    const at = allPositions(times, start, end);
    const arrays = [channel.value.values, channel.expected, channel.lower.values, channel.upper.values];
    return { at, columns: arrays.map((array) => at.map((i) => orNull(array[i]))) };
  }
  const at = [];
  const columns = [[], [], [], []];
  const isDense = edges[edges.length - 1] - edges[0] > MOST_EXPECTED * pixels;
  for (let bin = 0; bin + 1 < edges.length; bin++) {
    const { low, high } = channel.value.extremes(edges[bin], edges[bin + 1]);
    const { low: floor } = channel.lower.extremes(edges[bin], edges[bin + 1]);
    const { high: ceiling } = channel.upper.extremes(edges[bin], edges[bin + 1]);
    const shown = low < 0 ? [edges[bin]] : low === high ? [low] : [Math.min(low, high), Math.max(low, high)];
    for (const i of shown) {
      at.push(i);
      columns[0].push(orNull(channel.value.values[i]));
      columns[1].push(isDense ? null : orNull(channel.expected[i]));
      columns[2].push(floor < 0 ? null : channel.lower.values[floor]);
      columns[3].push(ceiling < 0 ? null : channel.upper.values[ceiling]);
    }
  }
  return { at, columns };
}

/** Scores in sight: the highest of each bin. @param {Pyramid} score */
export function thinScore(score, times, start, end, pixels) {
  const edges = binsOf(times, start, end, pixels);
  if (!edges) {
    const at = allPositions(times, start, end);
    return { at, columns: [at.map((i) => orNull(score.values[i]))] };
  }
  const at = [];
  const column = [];
  for (let bin = 0; bin + 1 < edges.length; bin++) {
    const { high } = score.extremes(edges[bin], edges[bin + 1]);
    at.push(high < 0 ? edges[bin] : high);
    column.push(high < 0 ? null : score.values[high]);
  }
  return { at, columns: [column] };
}
