/** The table of events: search, severity, order, and a row that leads to its chart. */
import { duration, moment, readablePair, zoneName } from "./format.js";

const PAGE = matchMedia("(max-width: 760px)").matches ? 10 : 100; // a phone scrolls the page, not the table

/** @typedef {{name: string, label: string, text: (event: object) => string, sort?: (event: object) => number|string, numeric?: boolean, falling?: boolean}} Column */

/** @type {Column[]} */
const COLUMNS = [
  { name: "severity", label: "Severity", text: (event) => String(event.severity), sort: (event) => -event.score, numeric: true, falling: true },
  { name: "series", label: "Series", text: (event) => event.series, sort: (event) => event.series },
  { name: "start", label: "Start", text: (event) => moment(event.startSeconds, event.step), sort: (event) => event.startSeconds },
  { name: "end", label: "End", text: (event) => (event.is_open ? "still open" : moment(event.endSeconds, event.step)), sort: (event) => event.endSeconds },
  { name: "duration", label: "Duration", text: (event) => duration(event.endSeconds - event.startSeconds), sort: (event) => event.startSeconds - event.endSeconds, numeric: true, falling: true },
  { name: "actual", label: "Actual", text: (event) => readablePair(event.actual, event.expected)[0], numeric: true },
  { name: "expected", label: "Expected", text: (event) => readablePair(event.actual, event.expected)[1], numeric: true },
  { name: "reason", label: "Reason", text: (event) => event.reason },
];

/** @param {string} tag @param {string} [className] @param {string} [text] */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

export class EventTable {
  /**
   * @param {HTMLElement} host
   * @param {object[]} events worst first
   * @param {(event: object) => void} onChoose
   */
  constructor(host, events, onChoose) {
    this.events = events;
    this.onChoose = onChoose;
    this.shown = events;
    this.marked = null;
    /** @type {Map<object, HTMLTableRowElement>} */
    this.rows = new Map();
    this.order = { column: COLUMNS[0], reversed: false };
    this.filter = { text: "", severity: 0 };
    this.count = PAGE;
    this.status = make("p", "table-status");
    this.status.setAttribute("role", "status");
    this.table = make("table", "events");
    this.body = make("tbody");
    this.table.append(this.#head(), this.body);
    this.more = make("button", "more");
    this.more.type = "button";
    this.more.addEventListener("click", () => this.#showMore());
    const frame = make("div", "table-frame");
    frame.append(this.table);
    host.append(this.status, frame, this.more);
    this.render();
  }

  #head() {
    const row = make("tr");
    for (const column of COLUMNS) {
      const cell = make("th", column.numeric ? `numeric is-${column.name}` : `is-${column.name}`);
      cell.scope = "col";
      if (column.sort) {
        const button = make("button", "sort", column.label);
        button.type = "button";
        button.addEventListener("click", () => this.#orderBy(column));
        cell.append(button);
      } else cell.textContent = column.label;
      column.cell = cell;
      row.append(cell);
    }
    const head = make("thead");
    head.append(row);
    return head;
  }

  #orderBy(column) {
    this.order = { column, reversed: this.order.column === column && !this.order.reversed };
    this.#apply();
  }

  /** Shows only events whose series or reason holds the text, from a severity on. */
  setFilter(text, severity) {
    this.filter = { text: text.trim().toLowerCase(), severity };
    this.#apply();
  }

  #apply() {
    const { text, severity } = this.filter;
    const words = text.split(/\s+/);
    const fits = (event) => {
      const where = `${event.series} ${event.reason}`.toLowerCase();
      return event.severity >= severity && words.every((word) => where.includes(word));
    };
    const { column, reversed } = this.order;
    const sign = reversed ? -1 : 1;
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    this.shown = this.events.filter(fits).sort((a, b) => sign * compare(column.sort(a), column.sort(b)));
    this.count = PAGE;
    this.render();
  }

  #showMore() {
    const from = this.count;
    this.count += PAGE;
    this.render();
    this.body.rows[from]?.querySelector("button")?.focus();
  }

  /** Draws the rows anew, as after a change of time zone. */
  render() {
    for (const column of COLUMNS) {
      if (column.name === "start") column.cell.querySelector("button").textContent = `Start (${zoneName()})`;
      if (column === this.order.column) column.cell.setAttribute("aria-sort", this.order.reversed !== Boolean(column.falling) ? "descending" : "ascending");
      else column.cell.removeAttribute("aria-sort");
    }
    this.rows = new Map(this.shown.slice(0, this.count).map((event) => [event, this.#row(event)]));
    this.body.replaceChildren(...this.rows.values());
    this.mark(this.marked);
    const left = this.shown.length - this.count;
    this.more.hidden = left <= 0;
    this.more.textContent = `Show ${Math.min(left, PAGE)} more of ${left.toLocaleString("en-US")}`;
    const all = this.events.length;
    this.status.textContent = all === 0 ? "Nothing was anomalous." : this.shown.length === all ? "" : `${this.shown.length.toLocaleString("en-US")} of ${all.toLocaleString("en-US")} events`;
    this.table.hidden = this.shown.length === 0;
  }

  /** Marks the row of the event that is shown on a chart. */
  mark(event) {
    this.rows.get(this.marked)?.removeAttribute("aria-current");
    this.marked = event;
    this.rows.get(event)?.setAttribute("aria-current", "true");
  }

  /** Brings the row of an event into sight, if the filter lets it through. @returns {boolean} whether it does */
  reveal(event) {
    const position = this.shown.indexOf(event);
    if (position < 0) return false;
    if (position >= this.count) {
      this.count = Math.ceil((position + 1) / PAGE) * PAGE;
      this.render();
    }
    const row = this.rows.get(event);
    row.scrollIntoView({ behavior: motion(), block: "center" });
    row.querySelector("button")?.focus({ preventScroll: true });
    return true;
  }

  #row(event) {
    const row = make("tr", event.chart === null ? "" : "has-chart");
    for (const column of COLUMNS) {
      const cell = make("td", column.numeric ? `numeric is-${column.name}` : `is-${column.name}`);
      cell.dataset.label = column.label;
      if (column.name === "severity") cell.append(badge(event.severity));
      else if (column.name === "series") cell.append(this.#link(event));
      else cell.textContent = column.text(event);
      row.append(cell);
    }
    row.addEventListener("click", () => event.chart !== null && getSelection().isCollapsed && this.onChoose(event));
    return row;
  }

  #link(event) {
    if (event.chart === null) {
      const plain = seriesName(make("span"), event);
      plain.title = "The chart of this series is not part of this report.";
      return plain;
    }
    const button = seriesName(make("button", "link"), event);
    button.type = "button";
    button.setAttribute("aria-label", `Show on chart: ${event.series}, ${moment(event.startSeconds, event.step)}`);
    button.addEventListener("click", (click) => {
      click.stopPropagation();
      this.onChoose(event);
    });
    return button;
  }
}

/** Puts the measure, and smaller its labels, into an element. */
function seriesName(element, event) {
  const labels = Object.entries(event.labels).map(([name, value]) => `${name}=${value}`);
  element.append(make("span", "", event.measure));
  if (labels.length) element.append(" ", make("span", "labels", labels.join(", ")));
  return element;
}

/** How the page scrolls: at once for readers who asked for less motion. */
export const motion = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

/** @param {number} severity 0-100 */
export function badge(severity) {
  const level = severity >= 90 ? "high" : severity >= 75 ? "middle" : "low";
  return make("span", `badge ${level}`, String(severity));
}
