/** The report: reads the data in the page, fills the table, and draws charts as they come into sight. */
import { Card, withTimes } from "./card.js";
import { zone } from "./format.js";
import { EventTable, make } from "./table.js";

const byId = (id) => document.getElementById(id);
const counted = (count) => count.toLocaleString("en-US");

function sayWhatIsLeftOut({ charts, events, seriesTotal, eventsTotal }) {
  const left = seriesTotal - charts.length;
  if (left > 0) byId("charts").after(make("p", "left-out", `${counted(left)} more series are not drawn here: this page holds the ${counted(charts.length)} worst of ${counted(seriesTotal)}.`));
  if (eventsTotal > events.length) byId("events").append(make("p", "left-out", `The ${counted(events.length)} worst of ${counted(eventsTotal)} events are listed.`));
}

function buildWhenSeen(cards) {
  const byRoot = new Map(cards.map((card) => [card.root, card]));
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      byRoot.get(target).build();
    }
  }, { rootMargin: "500px" });
  for (const card of cards) seen.observe(card.root);
}

function listenToFilters(table) {
  const text = byId("filter-text");
  const severity = byId("filter-severity");
  const apply = () => {
    byId("severity-shown").textContent = severity.value;
    table.setFilter(text.value, Number(severity.value));
  };
  text.addEventListener("input", apply);
  severity.addEventListener("input", apply);
  text.form.addEventListener("submit", (event) => event.preventDefault());
}

function listenToZone(onChange) {
  const buttons = { utc: byId("zone-utc"), local: byId("zone-local") };
  buttons.local.title = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const set = (local) => {
    zone.local = local;
    buttons.utc.setAttribute("aria-pressed", String(!local));
    buttons.local.setAttribute("aria-pressed", String(local));
    onChange();
  };
  buttons.utc.addEventListener("click", () => set(false));
  buttons.local.addEventListener("click", () => set(true));
}

function listenToTheme(onChange) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const tell = () => {
    byId("theme").textContent = isDark() ? "Light" : "Dark";
    onChange();
  };
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });
  system.addEventListener("change", tell);
  tell();
}

function start() {
  const data = JSON.parse(byId("report-data").textContent);
  const events = withTimes(data.events, data.charts);
  const textOf = (ref) => byId(`array-${ref}`).textContent;
  const cards = data.charts.map((packed, i) => new Card(packed, events.filter((event) => event.chart === i), textOf));
  byId("charts").append(...cards.map((card) => card.root));
  const table = new EventTable(byId("events"), events, async (event) => {
    const card = cards[event.chart];
    await card.choose(event);
    card.root.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "center" });
    card.plot.focus({ preventScroll: true });
  });
  const restyle = () => cards.forEach((card) => card.restyle());
  sayWhatIsLeftOut(data);
  listenToFilters(table);
  listenToTheme(restyle);
  listenToZone(() => {
    table.render();
    restyle();
  });
  buildWhenSeen(cards);
  addEventListener("beforeprint", () => {
    document.querySelector(".facts").open = true;
    cards.forEach((card) => card.build());
  });
}

start();
