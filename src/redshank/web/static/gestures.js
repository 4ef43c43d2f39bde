/** Ways to move in a chart by wheel, pointer, fingers and keys. */

const KEYS = {
  ArrowLeft: (chart) => chart.pan(-0.25),
  ArrowRight: (chart) => chart.pan(0.25),
  "+": (chart) => chart.zoom(0.5),
  "=": (chart) => chart.zoom(0.5),
  "-": (chart) => chart.zoom(2),
  0: (chart) => chart.reset(),
  Home: (chart) => chart.show(chart.whole[0], chart.whole[0] + chart.view[1] - chart.view[0]),
  End: (chart) => chart.show(chart.whole[1] - chart.view[1] + chart.view[0], chart.whole[1]),
};

/**
 * @param {HTMLElement} element takes the focus and the gestures
 * @param {import("./chart.js").Chart} chart
 * @param {{toNeighbour: (direction: 1|-1) => void, onPick: (event: object) => void}} on next or previous event asked for;
 *   an event clicked
 */
export function listen(element, chart, { toNeighbour, onPick }) {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== element) return;
    const key = event.key.toLowerCase();
    if (key === "n") toNeighbour(1);
    else if (key === "p") toNeighbour(-1);
    else if (KEYS[event.key]) KEYS[event.key](chart);
    else return;
    event.preventDefault();
  });
  element.addEventListener("wheel", (event) => onWheel(event, chart), { passive: false });
  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.shiftKey) followDrag(element, event, chart);
  });
  element.addEventListener("click", (click) => {
    const event = click.shiftKey || !click.target.closest(".u-over") ? null : chart.eventAt(timeAt(chart, click.clientX));
    if (event) onPick(event);
  });
  listenToFingers(element, chart);
}

const plotOf = (chart) => chart.panes[0].plot;

function timeAt(chart, clientX) {
  const box = plotOf(chart).over.getBoundingClientRect();
  const [start, end] = chart.view; // may not be drawn yet
  return start + ((clientX - box.left) / box.width) * (end - start);
}

function onWheel(event, chart) {
  if (event.ctrlKey || event.metaKey) {
    chart.zoom(1.0015 ** event.deltaY, timeAt(chart, event.clientX));
  } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    chart.pan((event.deltaX || event.deltaY) / 1000);
  } else {
    return; // the page scrolls
  }
  event.preventDefault();
}

function followDrag(element, first, chart) {
  const width = plotOf(chart).over.clientWidth;
  let lastX = first.clientX;
  const move = (event) => {
    chart.pan((lastX - event.clientX) / width);
    lastX = event.clientX;
  };
  const stop = () => {
    element.removeEventListener("pointermove", move);
    element.classList.remove("panning");
  };
  element.classList.add("panning");
  element.setPointerCapture(first.pointerId);
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", stop, { once: true });
  element.addEventListener("pointercancel", stop, { once: true });
  first.preventDefault();
}

/** One finger pans sideways (the page scrolls up and down), two zoom. */
function listenToFingers(element, chart) {
  let last = null;
  const read = (touches) => {
    const xs = [...touches].map((touch) => touch.clientX);
    return { count: xs.length, middle: xs.reduce((sum, x) => sum + x, 0) / xs.length, reach: Math.abs(xs[0] - (xs[1] ?? xs[0])) };
  };
  element.addEventListener("touchstart", (event) => (last = read(event.touches)), { passive: true });
  element.addEventListener("touchmove", (event) => {
    const now = read(event.touches);
    if (last && now.count === last.count) {
      if (now.count === 2 && now.reach > 10) chart.zoom(last.reach / now.reach, timeAt(chart, now.middle));
      else chart.pan((last.middle - now.middle) / plotOf(chart).over.clientWidth);
    }
    last = now;
  }, { passive: true });
}
