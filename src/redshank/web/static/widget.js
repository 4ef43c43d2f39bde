/** The charts of a result as a widget in a notebook. */
import { Card, legend, withTimes } from "./card.js";
import { isZone, setZone } from "./format.js";
import { make } from "./table.js";

/** @param {{model: {get: (name: string) => any}, el: HTMLElement}} view */
function render({ model, el }) {
  const { charts, events, seriesTotal, zone } = JSON.parse(model.get("head"));
  const arrays = model.get("arrays");
  setZone(isZone(zone) ? zone : "UTC");
  const timed = withTimes(events, charts);
  const root = el.attachShadow({ mode: "open" });
  const cards = charts.map((packed, i) => new Card(packed, timed.filter((event) => event.chart === i), (ref) => arrays[ref]));
  root.append(make("style", "", model.get("style")), legend(), ...cards.map((card) => card.root));
  if (seriesTotal > charts.length) root.append(make("p", "card-facts", `The ${charts.length} worst of ${seriesTotal.toLocaleString("en-US")} series.`));
  requestAnimationFrame(() => cards.forEach((card) => card.build()));
}

export default { render };
