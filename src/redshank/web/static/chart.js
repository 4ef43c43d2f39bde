/** The chart of one series: a pane for each channel with its expected range, and a strip of scores below. */
import uPlot from "./vendor/uPlot.esm.js";
import { LINE, labelWidth, paneSeries, scoreAxis, scoreHeight, THIN_LINE, timeAxis, valueAxis, valueRange } from "./axes.js";
import { colours, drawEdge, drawPeaks, drawSinglePoints, drawSpans, fillByLevel } from "./draw.js";
import { Pyramid, firstAt, thinChannel, thinScore } from "./thin.js";

/**
 * @typedef {object} Channel
 * @property {string} name
 * @property {Float64Array} value NaN = no value, also in the next three
 * @property {Float64Array} expected
 * @property {Float64Array} lower
 * @property {Float64Array} upper
 *
 * @typedef {object} ChartData
 * @property {Float64Array} times seconds since 1970, increasing
 * @property {Float64Array} score 1 = edge of alarm, NaN = not scored
 * @property {Channel[]} channels
 * @property {object[]} events with startSeconds, endSeconds, peakSeconds, actual, channel
 * @property {number} step seconds between points
 */

const PANE_HEIGHT = { one: 240, many: 132 };
const SCORE_HEIGHT = 96;
const RIGHT = 26; // room for half a label of time
const LEAST_POINTS = 4;

export class Chart {
  /**
   * @param {HTMLElement} host gets the chart; its width is followed
   * @param {ChartData} data
   * @param {{onHover?: (hover: object|null) => void, onView?: (start: number, end: number) => void}} [on]
   */
  constructor(host, data, on = {}) {
    this.host = host;
    this.data = data;
    this.on = on;
    this.chosen = null;
    /** @type {number|null} the frame in which it will be drawn anew */
    this.due = null;
    this.axisWidth = 56;
    this.channels = data.channels.map(({ name, value, expected, lower, upper }) => ({
      name, expected, value: new Pyramid(value), lower: new Pyramid(lower), upper: new Pyramid(upper),
    }));
    this.score = new Pyramid(data.score);
    const { high } = this.score.extremes(0, data.score.length);
    this.mostScore = Math.max(3, high < 0 ? 0 : data.score[high]);
    this.whole = wholeOf(data);
    this.view = [...this.whole];
    this.#build();
    this.resizes = new ResizeObserver(() => this.fit());
    this.resizes.observe(host);
  }

  #build() {
    this.palette = colours(this.host);
    this.host.replaceChildren();
    const sync = uPlot.sync(`chart-${Math.random()}`);
    const width = Math.max(200, this.host.clientWidth);
    this.shownWidth = width;
    const height = this.channels.length > 1 ? PANE_HEIGHT.many : PANE_HEIGHT.one;
    this.panes = this.channels.map((channel) => this.#pane(channel, sync, width, height));
    this.strip = this.#strip(sync, width);
    this.#draw();
  }

  /** What every plot of the chart has. */
  #shared(sync, width, height) {
    return {
      width,
      height,
      padding: [6, RIGHT, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: sync.key, setSeries: false, scales: ["x", null] },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        points: { show: false },
        y: false,
        bind: {
          dblclick: () => () => this.reset(),
          mousedown: (_plot, _target, handle) => (event) => (event.shiftKey ? null : handle(event)),
        },
      },
    };
  }

  #hooks(more) {
    return {
      drawClear: [(plot) => drawSpans(plot, this.data.events, this.chosen, this.palette)],
      setSelect: [(plot) => this.#zoomToSelection(plot)],
      setCursor: [(plot) => this.#hover(plot)],
      ...more,
    };
  }

  #pane(channel, sync, width, height) {
    const label = document.createElement("p");
    label.className = "pane-name";
    label.textContent = channel.name;
    const place = document.createElement("div");
    place.className = "pane";
    if (this.channels.length > 1) place.append(label);
    this.host.append(place);
    const pane = { channel, at: [], columns: [[], [], [], []], range: [0, 1] };
    pane.plot = new uPlot(
      {
        ...this.#shared(sync, width, height),
        scales: { x: { time: false, range: () => this.view }, y: { range: () => pane.range } },
        axes: [timeAxis(this.palette, false), valueAxis(this.palette, () => this.axisWidth)],
        series: paneSeries(this.palette),
        bands: [{ series: [2, 1], fill: this.palette.band }],
        hooks: this.#hooks({
          draw: [
            (plot) => drawSinglePoints(plot, 4, this.palette.value),
            (plot) => drawPeaks(plot, this.data.events, channel.name, this.chosen, this.palette),
          ],
        }),
      },
      [[], [], [], [], []],
      place,
    );
    return pane;
  }

  #strip(sync, width) {
    const place = document.createElement("div");
    place.className = "pane strip";
    this.host.append(place);
    const { value, event, score } = this.palette;
    const edge = scoreHeight(1);
    const strip = { at: [], columns: [[]] };
    strip.plot = new uPlot(
      {
        ...this.#shared(sync, width, SCORE_HEIGHT),
        scales: { x: { time: false, range: () => this.view }, y: { range: () => [0, scoreHeight(this.mostScore) * 1.08] } },
        axes: [timeAxis(this.palette, true), scoreAxis(this.palette, () => this.axisWidth, () => this.mostScore)],
        series: [
          {},
          {
            points: { show: false },
            width: 1,
            stroke: (plot) => fillByLevel(plot, edge, value, event),
            fill: (plot) => fillByLevel(plot, edge, score, event),
          },
        ],
        hooks: this.#hooks({ draw: [(plot) => drawEdge(plot, edge, this.palette)] }),
      },
      [[], []],
      place,
    );
    return strip;
  }

  /** Thins what is in view to the pixels there are and hands it to the plots. */
  #draw() {
    this.due = null;
    const { times } = this.data;
    const [start, end] = this.view;
    const pixels = Math.max(50, Math.round(this.shownWidth - this.axisWidth - RIGHT));
    for (const pane of this.panes) {
      Object.assign(pane, thinChannel(pane.channel, times, start, end, pixels));
      pane.range = valueRange(pane.columns);
    }
    Object.assign(this.strip, thinScore(this.score, times, start, end, pixels));
    this.axisWidth = Math.max(...this.panes.map((pane) => labelWidth(pane.range)));
    for (const { plot, at, columns } of this.panes) {
      const [value, expected, lower, upper] = columns;
      plot.series[4].width = at.length < this.#pointsInSight() ? THIN_LINE : LINE;
      this.#give(plot, [at.map((i) => times[i]), lower, upper, expected, value]);
    }
    const heights = this.strip.columns[0].map((score) => (score === null ? null : scoreHeight(score)));
    this.#give(this.strip.plot, [this.strip.at.map((i) => times[i]), heights]);
  }

  #pointsInSight() {
    return firstAt(this.data.times, this.view[1]) - firstAt(this.data.times, this.view[0]);
  }

  #give(plot, columns) {
    plot.batch(() => {
      plot.setData(columns, false);
      plot.setScale("x", { min: this.view[0], max: this.view[1] });
    });
  }

  /** Takes the width of its place. */
  fit() {
    const width = Math.max(200, this.host.clientWidth);
    if (width === this.shownWidth) return;
    this.shownWidth = width;
    for (const { plot } of [...this.panes, this.strip]) plot.setSize({ width, height: plot.height });
    this.#draw();
  }

  #zoomToSelection(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const view = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    for (const { plot: each } of [...this.panes, this.strip]) each.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.show(...view);
  }

  /** Tells what is under the cursor, from the data itself, not from what is drawn. */
  #hover(plot) {
    const { idx, left, top } = plot.cursor;
    if (!plot.cursor.event || idx === null || idx === undefined || left < 0) {
      if (plot.cursor.event) this.on.onHover?.(null);
      return;
    }
    const pane = [...this.panes, this.strip].find((each) => each.plot === plot);
    const position = pane.at[idx];
    if (position !== undefined) this.on.onHover?.({ position, left, top, plot });
  }

  /** Shows start to end (seconds), inside the whole and never less than a few points. */
  show(start, end) {
    this.#move(start, end);
    this.on.onView?.(...this.view);
  }

  /** Shows the same stretch as another chart did, as far as it has points there. */
  follow(start, end) {
    if (end <= this.whole[0] || start >= this.whole[1]) return;
    if (start === this.view[0] && end === this.view[1]) return;
    this.#move(start, end);
  }

  #move(start, end) {
    const [first, last] = this.whole;
    const width = Math.min(last - first, Math.max(end - start, this.data.step * LEAST_POINTS, 1e-6));
    const middle = (start + end) / 2;
    const from = Math.min(Math.max(middle - width / 2, first), last - width);
    if (from === this.view[0] && from + width === this.view[1]) return;
    this.view = [from, from + width];
    this.due ??= requestAnimationFrame(() => this.#draw()); // however often it is moved between two frames
  }

  reset() {
    this.show(...this.whole);
  }

  /** Zooms by a factor around a time, 0.5 = half as wide. */
  zoom(factor, around = (this.view[0] + this.view[1]) / 2) {
    const [start, end] = this.view;
    this.show(around - (around - start) * factor, around + (end - around) * factor);
  }

  /** Moves by a share of what is in view. */
  pan(share) {
    const [start, end] = this.view;
    const distance = (end - start) * share;
    this.show(start + distance, end + distance);
  }

  /** Marks an event and shows it with what was around it. */
  choose(event) {
    this.chosen = event;
    const length = Math.max(event.endSeconds - event.startSeconds, this.data.step * 12);
    this.show(event.startSeconds - 2 * length, event.endSeconds + 2 * length);
  }

  /** Marks an event where it is. */
  mark(event) {
    this.chosen = event;
    for (const { plot } of [...this.panes, this.strip]) plot.redraw(false);
  }

  /** The shortest event at a time, or so near that a finger means it. */
  eventAt(seconds) {
    const near = ((this.view[1] - this.view[0]) / this.shownWidth) * 4;
    const here = this.data.events.filter((event) => seconds >= event.startSeconds - near && seconds < event.endSeconds + near);
    return here.reduce((best, event) => (best && lengthOf(best) <= lengthOf(event) ? best : event), null);
  }

  /** The event after (1) or before (-1) the one chosen, or the middle of the view; none at the ends. */
  neighbour(direction) {
    const events = [...this.data.events].sort((a, b) => a.startSeconds - b.startSeconds);
    if (this.chosen) return events[events.indexOf(this.chosen) + direction];
    const middle = this.view[0] === this.whole[0] && this.view[1] === this.whole[1] ? -Infinity : (this.view[0] + this.view[1]) / 2;
    return direction > 0 ? events.find((event) => event.startSeconds > middle) : events.findLast((event) => event.startSeconds < middle);
  }

  /** The numbers of every channel at a position. */
  at(position) {
    const { times, score, channels } = this.data;
    return {
      seconds: times[position],
      score: score[position],
      channels: channels.map(({ name, value, expected, lower, upper }) => ({
        name, value: value[position], expected: expected[position], lower: lower[position], upper: upper[position],
      })),
    };
  }

  /** Position of the point at or after a time. */
  positionOf(seconds) {
    return Math.min(firstAt(this.data.times, seconds), this.data.times.length - 1);
  }

  /** Draws anew with the colours and the time zone in force. */
  restyle() {
    for (const { plot } of [...this.panes, this.strip]) plot.destroy();
    this.#build();
  }
}

const lengthOf = (event) => event.endSeconds - event.startSeconds;

/** From the first to the last point, with half a step at each side. */
function wholeOf({ times, step }) {
  if (times.length === 0) return [0, 1];
  const margin = (step || 1) / 2;
  return [times[0] - margin, times[times.length - 1] + margin];
}
