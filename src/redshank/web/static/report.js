/** The report: reads the data in the page, fills the table, and draws charts as they come into sight. */
import { Card, legend, withTimes } from "./card.js";
import { isZone, moment, setZone } from "./format.js";
import { EventTable, make, motion } from "./table.js";

const byId = (id) => document.getElementById(id);
const counted = (count) => count.toLocaleString("en-US");
const MOST_READY = 12;
const HASH = "#event-";
const inFrame = location.protocol === "about:"; // as in a notebook

function sayWhatIsLeftOut({ charts, events, seriesTotal, eventsTotal }) {
  const left = seriesTotal - charts.length;
  if (left > 0) byId("charts").after(make("p", "left-out", `${counted(left)} more series are not drawn here: this page holds the ${counted(charts.length)} worst of ${counted(seriesTotal)}.`));
  if (eventsTotal > events.length) byId("events").append(make("p", "left-out", `The ${counted(events.length)} worst of ${counted(eventsTotal)} events are listed.`));
}

/** Builds charts when they are nearly in sight, and moves those in sight together when the reader wants that. */
class Charts {
  constructor(cards) {
    this.cards = cards;
    this.inSight = new Set();
    this.together = false;
    this.view = null;
    const byRoot = new Map(cards.map((card) => [card.root, card]));
    const seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        const card = byRoot.get(target);
        if (isIntersecting) {
          this.inSight.add(card);
          card.build().then(() => this.#follow(card));
        } else this.inSight.delete(card);
      }
    }, { rootMargin: "500px" });
    for (const card of cards) seen.observe(card.root);
    // few charts are all drawn, so that the browser's own print command has them
    if (cards.length <= MOST_READY) setTimeout(() => cards.forEach((card) => card.build()), 1000);
  }

  moveTogether(together) {
    this.together = together;
    this.view = null;
  }

  moved(from, view) {
    if (!this.together) return;
    this.view = view;
    for (const card of this.inSight) if (card !== from) this.#follow(card);
  }

  #follow(card) {
    if (this.together && this.view) card.chart?.follow(...this.view);
  }

  restyle() {
    this.cards.forEach((card) => card.restyle());
  }

  fit() {
    this.cards.forEach((card) => card.chart?.fit());
  }
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
  text.form.hidden = table.events.length < 2;
  return () => {
    text.value = "";
    severity.value = "0";
    apply();
  };
}

/** The zone of the data, if it has one that this browser knows, UTC, and that of the reader. */
function listenToZone(zone, onChange) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = isZone(zone) ? zone : "UTC";
  const names = { [byId("zone-data").id]: known, [byId("zone-utc").id]: "UTC", [byId("zone-local").id]: own };
  const set = (chosen) => {
    setZone(names[chosen]);
    for (const id of Object.keys(names)) byId(id).setAttribute("aria-pressed", String(id === chosen));
    for (const time of document.querySelectorAll("time[data-seconds]")) time.textContent = moment(Number(time.dataset.seconds), 60).slice(0, Number(time.dataset.length));
  };
  for (const id of Object.keys(names)) {
    byId(id).addEventListener("click", () => {
      set(id);
      onChange();
    });
  }
  byId("zone-data").hidden = known === "UTC";
  byId("zone-local").title = own;
  set(known === "UTC" ? "zone-utc" : "zone-data");
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

/** On paper: light, as wide as a sheet, and with every chart, which the button waits for. */
function listenToPrint(charts) {
  const root = document.documentElement;
  let theme;
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    document.body.classList.add("printing");
    document.querySelector(".facts").open = true;
    charts.fit();
    charts.restyle();
  });
  addEventListener("afterprint", () => {
    if (theme === undefined) delete root.dataset.theme;
    else root.dataset.theme = theme;
    document.body.classList.remove("printing");
    charts.fit();
    charts.restyle();
  });
  byId("print").hidden = inFrame; // which may not open the dialog
  byId("print").addEventListener("click", async () => {
    await Promise.all(charts.cards.map((card) => card.build()));
    print();
  });
}

function start() {
  const data = JSON.parse(byId("report-data").textContent);
  const events = withTimes(data.events, data.charts);
  const textOf = (ref) => byId(`array-${ref}`).textContent;
  listenToZone(data.zone, () => {
    table.render();
    charts.restyle();
  });
  const cards = data.charts.map((packed, i) => new Card(packed, events.filter((event) => event.chart === i), textOf, {
    onEvent: (event) => {
      table.mark(event);
      if (!inFrame) history.replaceState(null, "", `${HASH}${event.id}`);
    },
    onBack: (event) => {
      if (table.reveal(event)) return;
      clearFilters();
      table.reveal(event);
    },
    onView: (...view) => charts.moved(cards[i], view),
  }));
  const toChart = async (event) => {
    const card = cards[event.chart];
    await card.choose(event);
    card.root.scrollIntoView({ behavior: motion(), block: "center" });
    card.plot.focus({ preventScroll: true });
  };
  byId("charts").append(...cards.map((card) => card.root));
  const table = new EventTable(byId("events"), events, toChart);
  const charts = new Charts(cards);
  const clearFilters = listenToFilters(table);
  byId("legend").append(legend());
  byId("together").addEventListener("change", (change) => charts.moveTogether(change.target.checked));
  byId("together").parentElement.hidden = cards.length < 2;
  sayWhatIsLeftOut(data);
  listenToTheme(() => charts.restyle());
  listenToPrint(charts);
  const asked = events.find((event) => location.hash === HASH + event.id && event.chart !== null);
  if (asked) toChart(asked);
}

start();
