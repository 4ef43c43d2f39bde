/** A chart with its name, its buttons and what is under the cursor; built when it comes into sight. */
import { Chart } from "./chart.js";
import { unpack } from "./codec.js";
import { duration, moment, readable } from "./format.js";
import { listen } from "./gestures.js";
import { badge, make } from "./table.js";

const MOST_HOVERED = 6;

/** Adds times as numbers, and the step of the series, to the events. */
export function withTimes(events, charts) {
  return events.map((event) => ({
    ...event,
    startSeconds: Date.parse(event.start) / 1000,
    endSeconds: Date.parse(event.end) / 1000,
    peakSeconds: Date.parse(event.peak) / 1000,
    step: charts[event.chart]?.stepSeconds ?? 1,
  }));
}

/** @param {object} packed a chart of the report's data @param {(ref: number) => string} textOf */
async function unpackChart(packed, textOf) {
  const arrays = packed.channels.flatMap(({ value, expected, lower, upper }) => [value, expected, lower, upper]);
  const [milliseconds, score, ...rest] = await Promise.all([packed.time, packed.score, ...arrays].map((each) => unpack(each, textOf)));
  const channels = packed.channels.map((channel, i) => {
    const [value, expected, ...edges] = rest.slice(4 * i, 4 * i + 4);
    const [lower, upper] = edges.map((edge, k) => ([channel.lower, channel.upper][k].relative ? edge.map((distance, at) => expected[at] + distance) : edge));
    return { name: channel.name, value, expected, lower, upper };
  });
  return { times: milliseconds.map((time) => time / 1000), score, channels, step: packed.stepSeconds };
}

export class Card {
  /**
   * @param {object} packed
   * @param {object[]} events of this series, worst first
   * @param {(ref: number) => string} textOf
   * @param {{onEvent?: (event: object) => void, onBack?: (event: object) => void, onView?: (start: number, end: number) => void}} [on]
   *   an event was chosen; its row in the table is asked for; the chart was moved
   */
  constructor(packed, events, textOf, on = {}) {
    this.on = on;
    this.packed = packed;
    this.events = events;
    this.textOf = textOf;
    /** @type {Chart|null} */
    this.chart = null;
    this.building = null;
    this.root = make("article", "card");
    this.plot = make("div", "plot");
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "group");
    this.plot.setAttribute("aria-roledescription", "chart");
    this.plot.setAttribute("aria-label", this.#summary());
    this.plot.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight + - 0 N P");
    this.host = make("div", `panes ${packed.channels.length > 1 ? "many" : "one"}`);
    this.tip = make("div", "tip");
    this.tip.hidden = true;
    this.status = make("p", "hidden");
    this.status.setAttribute("role", "status");
    this.detail = make("p", "chosen");
    this.detail.hidden = true;
    this.plot.append(this.host, this.tip);
    this.root.append(this.#head(), this.detail, this.plot, this.status);
  }

  #summary() {
    const { name, points } = this.packed;
    const worst = this.events[0] ? `, ${this.events.length} events, the worst with severity ${this.events[0].severity} at ${moment(this.events[0].peakSeconds)}` : ", no events";
    return `${name}, ${points.toLocaleString("en-US")} points${worst}`;
  }

  #head() {
    const head = make("header", "card-head");
    const title = make("h3", "", this.packed.measure);
    for (const [name, value] of this.packed.labels) title.append(" ", make("span", "label", `${name}=${value}`));
    const count = this.events.length;
    const facts = make("p", "card-facts", this.packed.notScored ? `not scored: ${this.packed.notScored}` : count === 0 ? "no events" : count === 1 ? "1 event" : `${count.toLocaleString("en-US")} events`);
    if (count > 0) facts.prepend(badge(this.events[0].severity), " ");
    if (this.packed.thinned) facts.append(`, drawn from the extremes of ${this.packed.points.toLocaleString("en-US")} points`);
    const { length } = this.packed.channels;
    if (length < this.packed.channelsTotal) facts.append(`, the ${length} of ${this.packed.channelsTotal} channels with the largest share`);
    const tools = make("div", "card-tools");
    const buttons = [
      ["‹", "Previous event", () => this.toNeighbour(-1)],
      ["›", "Next event", () => this.toNeighbour(1)],
      ["−", "Zoom out", () => this.chart?.zoom(2)],
      ["+", "Zoom in", () => this.chart?.zoom(0.5)],
      ["All", "Show everything", () => this.chart?.reset()],
    ];
    for (const [text, label, act] of count > 0 ? buttons : buttons.slice(2)) {
      const button = make("button", "", text);
      button.type = "button";
      button.title = label;
      button.setAttribute("aria-label", label);
      button.addEventListener("click", act);
      tools.append(button);
    }
    head.append(title, facts, tools);
    return head;
  }

  /** Builds the chart once. @returns {Promise<Chart>} */
  async build() {
    this.building ??= unpackChart(this.packed, this.textOf).then((data) => {
      const names = new Set(data.channels.map((channel) => channel.name));
      const events = this.events.map((event) => {
        const [channel = null] = Object.keys(event.share);
        return Object.assign(event, { channel: names.has(channel) ? channel : null });
      });
      this.chart = new Chart(this.host, { ...data, events }, { onHover: (hover) => this.#hover(hover), onView: (start, end) => this.#moved(start, end) });
      listen(this.plot, this.chart, { toNeighbour: (direction) => this.toNeighbour(direction), onPick: (event) => this.pick(event) });
      this.plot.addEventListener("pointerleave", () => this.#hover(null));
      this.root.classList.add("ready");
      return this.chart;
    });
    return this.building;
  }

  toNeighbour(direction) {
    const event = this.chart?.neighbour(direction);
    if (event) this.choose(event);
    else this.status.textContent = direction > 0 ? "No later event" : "No earlier event";
  }

  /** Zooms to an event and says in words what it is. */
  async choose(event) {
    const chart = await this.build();
    chart.choose(event);
    this.#describe(event);
  }

  /** Says what an event is, and leaves the view as it is. */
  pick(event) {
    this.chart.mark(event);
    this.#describe(event);
  }

  #describe(event) {
    const when = `${moment(event.startSeconds, event.step)}, ${duration(event.endSeconds - event.startSeconds)}`;
    this.detail.replaceChildren(badge(event.severity), ` ${when}. ${event.reason}`);
    if (this.on.onBack) {
      const back = make("button", "link", "Show in table");
      back.type = "button";
      back.addEventListener("click", () => this.on.onBack(event));
      this.detail.append(" ", back);
    }
    this.detail.hidden = false;
    this.on.onEvent?.(event);
    this.status.textContent = `Event with severity ${event.severity} at ${when}. ${event.reason}`;
  }

  #moved(start, end) {
    this.#hover(null);
    this.on.onView?.(start, end);
  }

  #hover(hover) {
    this.tip.hidden = hover === null;
    if (!hover) return;
    const { seconds, score, channels } = this.chart.at(hover.position);
    const lines = [make("strong", "", moment(seconds, this.packed.stepSeconds)), hoverTable(channels, score)];
    const event = this.events.find((each) => seconds >= each.startSeconds && seconds < each.endSeconds);
    this.plot.classList.toggle("on-event", Boolean(event));
    if (event) lines.push(make("p", "tip-event", event.reason || `Event, severity ${event.severity}`));
    this.tip.replaceChildren(...lines);
    const box = hover.plot.over.getBoundingClientRect();
    const frame = this.plot.getBoundingClientRect();
    const x = box.left - frame.left + hover.left;
    const left = x + 16 + this.tip.offsetWidth > frame.width ? Math.max(0, x - 16 - this.tip.offsetWidth) : x + 16;
    const top = Math.min(box.top - frame.top + 8, frame.height - this.tip.offsetHeight);
    this.tip.style.transform = `translate(${left}px, ${Math.max(0, top)}px)`;
  }

  restyle() {
    this.plot.setAttribute("aria-label", this.#summary());
    this.chart?.restyle();
  }
}

/** What the colours and lines of every chart mean. */
export function legend() {
  const list = make("ul", "legend");
  for (const [kind, text] of [["value", "Value"], ["expected", "Expected"], ["band", "Expected range"], ["event", "Event, dot at its peak"], ["score", "Score, red from 1 on: the alarm edge"]]) {
    const item = make("li", "", text);
    const swatch = make("span", `swatch is-${kind}`);
    swatch.setAttribute("aria-hidden", "true");
    item.prepend(swatch);
    list.append(item);
  }
  return list;
}

/** Value, expected, range and score as aligned rows; a channel a row when there are several. */
function hoverTable(channels, score) {
  const table = make("table");
  const add = (...texts) => {
    const row = make("tr");
    row.append(...texts.map((text, i) => make(i ? "td" : "th", "", text)));
    table.append(row);
  };
  if (channels.length === 1) {
    const [{ value, expected, lower, upper }] = channels;
    add("value", readable(value, 6));
    if (!Number.isNaN(expected)) add("expected", readable(expected));
    if (!Number.isNaN(lower + upper)) add("range", `${readable(lower)} to ${readable(upper)}`);
  } else {
    add("", "value", "expected");
    for (const { name, value, expected } of channels.slice(0, MOST_HOVERED)) add(name, readable(value, 5), readable(expected, 4));
    if (channels.length > MOST_HOVERED) add(`and ${channels.length - MOST_HOVERED} more`, "");
  }
  add("score", Number.isNaN(score) ? "not scored" : readable(score, 3));
  return table;
}
