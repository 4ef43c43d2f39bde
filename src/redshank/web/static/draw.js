/** What is painted on a chart beside its lines: spans of events, their peaks, single points, the edge of alarm. */

/** @param {HTMLElement} element @returns {Record<string, string>} colours of the theme in force */
export function colours(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const names = ["value", "expected", "band", "event", "span", "span-strong", "grid", "axis-text", "score", "surface"];
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

/** Pixels of the canvas from start to end of an event, at least a few wide so that it is seen. */
function spanOf(plot, event) {
  const least = 3 * devicePixelRatio;
  const left = plot.valToPos(event.startSeconds, "x", true);
  const right = plot.valToPos(event.endSeconds, "x", true);
  return right - left >= least ? [left, right] : [(left + right - least) / 2, (left + right + least) / 2];
}

const inSight = (plot, event) => event.endSeconds >= plot.scales.x.min && event.startSeconds <= plot.scales.x.max;

/** Shades the events in sight, once where several lie; the chosen one stronger. */
export function drawSpans(plot, events, chosen, palette) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const fill = (shaded, colour) => {
    ctx.beginPath();
    for (const event of shaded) {
      const [left, right] = spanOf(plot, event);
      ctx.rect(left, bbox.top, right - left, bbox.height);
    }
    ctx.fillStyle = colour;
    ctx.fill();
  };
  const shown = events.filter((event) => inSight(plot, event));
  fill(shown.filter((event) => event !== chosen), palette.span);
  fill(shown.filter((event) => event === chosen), palette["span-strong"]);
  ctx.restore();
}

/** Marks the peak of each event in sight on the pane of the channel that carries it. */
export function drawPeaks(plot, events, channel, chosen, palette) {
  const { ctx, bbox } = plot;
  const radius = 3.5 * devicePixelRatio;
  ctx.save();
  for (const event of events) {
    if (event.actual === null || !inSight(plot, event) || (event.channel !== null && event.channel !== channel)) continue;
    const x = plot.valToPos(event.peakSeconds, "x", true);
    const y = plot.valToPos(event.actual, "y", true);
    if (x < bbox.left || x > bbox.left + bbox.width || y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue;
    ctx.beginPath();
    ctx.arc(x, y, event === chosen ? radius * 1.4 : radius, 0, 2 * Math.PI);
    ctx.fillStyle = palette.event;
    ctx.strokeStyle = palette.surface;
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

/** Draws values between two gaps, which a line cannot show. */
export function drawSinglePoints(plot, column, colour) {
  const [times] = plot.data;
  const values = plot.data[column];
  const { ctx } = plot;
  ctx.save();
  ctx.fillStyle = colour;
  for (let i = 0; i < values.length; i++) {
    if (values[i] === null || (values[i - 1] ?? null) !== null || (values[i + 1] ?? null) !== null) continue;
    ctx.beginPath();
    ctx.arc(plot.valToPos(times[i], "x", true), plot.valToPos(values[i], "y", true), 1.6 * devicePixelRatio, 0, 7);
    ctx.fill();
  }
  ctx.restore();
}

/** Draws the line where an alarm begins. */
export function drawEdge(plot, level, palette) {
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(level, "y", true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = palette.event;
  ctx.globalAlpha = 0.7;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

/** A fill that changes its colour at the edge of alarm. */
export function fillByLevel(plot, level, below, above) {
  const { bbox, ctx } = plot;
  const y = plot.valToPos(level, "y", true);
  const stop = Math.min(1, Math.max(0, (y - bbox.top) / bbox.height));
  const gradient = ctx.createLinearGradient(0, bbox.top, 0, bbox.top + bbox.height);
  for (const [at, colour] of [[0, above], [stop, above], [stop, below], [1, below]]) gradient.addColorStop(at, colour);
  return gradient;
}
