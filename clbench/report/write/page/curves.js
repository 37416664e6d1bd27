// Lines with bands of one standard deviation; arrow keys or the pointer read the numbers of a stage.
const MARKS = [
  (x, y) => shape("circle", { cx: x, cy: y, r: 3.6 }),
  (x, y) => shape("rect", { x: x - 3.2, y: y - 3.2, width: 6.4, height: 6.4 }),
  (x, y) => shape("path", { d: `M${x} ${y - 4.4}l4.2 7.4h-8.4z` }),
  (x, y) => shape("path", { d: `M${x} ${y - 4.6}l4.6 4.6l-4.6 4.6l-4.6 -4.6z` }),
  (x, y) => shape("path", { d: `M${x} ${y + 4.4}l4.2 -7.4h-8.4z` }),
  (x, y) => shape("path", { d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`, "stroke-width": 2.2 }),
  (x, y) => shape("path", { d: `M${x - 4.6} ${y}h9.2m-4.6 -4.6v9.2`, "stroke-width": 2.2 }),
];
const DASHES = ["", "7 3", "2 3", "9 3 2 3"];
const SHOWN = 8; // series, beside the ceiling, that a crowded picture starts with

function looks(series, colours) {
  let n = 0;
  for (const one of series) {
    one.colour = one.ceiling ? "#000000" : colours[n % colours.length];
    one.mark = one.ceiling ? null : MARKS[n % MARKS.length];
    one.dash = one.ceiling ? "5 4" : DASHES[Math.floor(n / colours.length) % DASHES.length];
    n += !one.ceiling;
  }
}

// The better of two numbers first, one that was not measured last.
function order(a, b, better) {
  const lacking = (a === null || a === undefined) - (b === null || b === undefined);
  return lacking || (better === "lower" ? a - b : b - a) || 0;
}

function startWith(series, better) {
  const last = (one) => one.mean[one.mean.length - 1];
  const best = (ceiling, most) => series.filter((one) => one.ceiling === ceiling).sort((a, b) => order(last(a), last(b), better)).slice(0, most);
  const few = series.length <= SHOWN + 2, first = [...best(false, SHOWN), ...best(true, 1)];
  for (const one of series) one.on = few || first.includes(one);
  return few ? "" : `Shown at first: the ${SHOWN} best at the end, of ${series.length}. Choose others below.`;
}

function swatch(one) {
  const svg = shape("svg", { class: "swatch", width: 26, height: 12, "aria-hidden": "true" });
  svg.append(shape("line", { x1: 0, y1: 6, x2: 26, y2: 6, stroke: one.colour, "stroke-width": 2, "stroke-dasharray": one.dash }));
  if (one.mark) svg.append(marked(one, 13, 6));
  return svg;
}

function marked(one, x, y) {
  const made = one.mark(x, y);
  made.setAttribute("fill", one.colour);
  made.setAttribute("stroke", one.colour);
  return made;
}

function scaleOf(shown) {
  let low = Infinity, high = -Infinity;
  for (const one of shown) one.mean.forEach((mean, n) => {
    if (mean === null) return;
    const std = one.std ? one.std[n] ?? 0 : 0;
    low = Math.min(low, mean - std);
    high = Math.max(high, mean + std);
  });
  if (low > high) [low, high] = [0, 100];
  const raw = Math.max(high - low, 50) / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw);
  return { low: Math.floor(low / step) * step, high: Math.max(Math.ceil(high / step), Math.floor(low / step) + 1) * step, step };
}

function plot(box, chart) {
  const shown = chart.series.filter((one) => one.on);
  const width = Math.max(box.clientWidth, 260), height = width < 560 ? 310 : 380;
  const room = { left: 62, right: 14, top: 12, bottom: 44 }, ticks = chart.ticks;
  const { low, high, step } = scaleOf(shown);
  const x = (n) => room.left + (ticks.length < 2 ? 0.5 : n / (ticks.length - 1)) * (width - room.left - room.right);
  const y = (v) => room.top + (high - v) / (high - low) * (height - room.top - room.bottom);
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: "slider",
    "aria-label": `${chart.y} over ${chart.x}, ${chart.title}; arrow keys read the stages`,
    "aria-valuemin": 0, "aria-valuemax": ticks.length - 1, "aria-valuenow": 0, "aria-valuetext": "no stage chosen" });
  const unit = 10 ** chart.digits, digits = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
  for (let v = low; v <= high + step / 2; v += step) {
    svg.append(shape("line", { x1: room.left, x2: width - room.right, y1: y(v), y2: y(v), stroke: "#e2e2e2" }));
    svg.append(shape("text", { x: room.left - 8, y: y(v) + 4, "text-anchor": "end" }, (v / unit).toFixed(digits)));
  }
  const every = Math.ceil(ticks.length / Math.max(2, Math.floor((width - 70) / 34)));
  ticks.forEach((tick, n) => {
    if (n % every === 0) svg.append(shape("text", { x: x(n), y: height - room.bottom + 18, "text-anchor": "middle" }, tick));
  });
  svg.append(shape("text", { x: (room.left + width - room.right) / 2, y: height - 6, "text-anchor": "middle" }, chart.x));
  svg.append(shape("text", { transform: `translate(12 ${(height - room.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, chart.y));
  for (const one of shown) svg.append(drawnLine(one, x, y));
  const cursor = shape("line", { y1: room.top, y2: height - room.bottom, stroke: "#1a1a1a", "stroke-dasharray": "2 2", visibility: "hidden" });
  svg.append(cursor);
  readable(svg, chart, shown, cursor, x);
  return svg;
}

// What learns all at once has no course: its last number, from end to end.
function levelOf(one) {
  const last = one.mean.length - 1, level = (values) => values.map(() => values[last]);
  return { ...one, mean: level(one.mean), std: one.std && level(one.std) };
}

function drawnLine(one, x, y) {
  if (one.ceiling) one = levelOf(one);
  const group = shape("g"), at = one.mean.map((mean, n) => [mean, n]).filter(([mean]) => mean !== null);
  if (one.std && at.length > 1) {
    const edge = (sign) => at.map(([mean, n]) => `${x(n)},${y(mean + sign * (one.std[n] ?? 0))}`);
    group.append(shape("polygon", { points: [...edge(1), ...edge(-1).reverse()].join(" "), fill: one.colour, opacity: 0.14 }));
  }
  const points = at.map(([mean, n]) => `${x(n)},${y(mean)}`).join(" ");
  group.append(shape("polyline", { points, fill: "none", stroke: one.colour, "stroke-width": 2, "stroke-dasharray": one.dash }));
  if (one.mark) for (const [mean, n] of at) group.append(marked(one, x(n), y(mean)));
  else if (at.length === 1) group.append(shape("path", { d: `M${x(at[0][1]) - 9} ${y(at[0][0])}h18`, stroke: one.colour, "stroke-width": 2 }));
  return group;
}

function readable(svg, chart, shown, cursor, x) {
  let stage = -1;
  const read = (n) => {
    stage = Math.min(Math.max(n, 0), chart.ticks.length - 1);
    const known = shown.filter((one) => one.mean[stage] !== undefined && one.mean[stage] !== null);
    known.sort((a, b) => order(a.mean[stage], b.mean[stage], chart.better));
    const more = known.length > 24 ? `\n… and ${known.length - 24} more` : "";
    const lines = known.slice(0, 24).map((one) => `${one.label}: ${spreadOut(one.mean[stage], one.std && one.std[stage], chart)}`);
    const words = [chart.stage + chart.ticks[stage] + (chart.unit ? ` (${chart.unit})` : ""), ...lines].join("\n") + more;
    for (const name of ["x1", "x2"]) cursor.setAttribute(name, x(stage));
    cursor.setAttribute("visibility", "visible");
    svg.setAttribute("aria-valuenow", stage);
    svg.setAttribute("aria-valuetext", words);
    showTip(words, cursor);
  };
  const leave = () => { cursor.setAttribute("visibility", "hidden"); hideTip(); };
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, Home: -Infinity, End: Infinity };
  svg.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    event.preventDefault();
    read(stage + steps[event.key]);
  });
  svg.addEventListener("pointermove", (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    const gaps = chart.ticks.map((_, n) => Math.abs(x(n) - at));
    read(gaps.indexOf(Math.min(...gaps)));
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
}

function drawCurves(box, chart, colours) {
  looks(chart.series, colours);
  const advice = startWith(chart.series, chart.better), picture = element("div"), legend = element("ul", { class: "legend", "aria-label": "lines shown" });
  const again = () => picture.replaceChildren(plot(picture, chart));
  const buttons = chart.series.map((one) => element("button", { type: "button" }, swatch(one), one.label));
  const choose = (on) => {
    chart.series.forEach((one, n) => {
      one.on = on(one);
      buttons[n].setAttribute("aria-pressed", one.on);
    });
    again();
  };
  const every = (words, on) => {
    const button = element("button", { type: "button" }, words);
    button.addEventListener("click", () => choose(() => on));
    return button;
  };
  chart.series.forEach((one, n) => {
    buttons[n].setAttribute("aria-pressed", one.on);
    buttons[n].addEventListener("click", () => choose((other) => (other === one ? !one.on : other.on)));
  });
  const extra = advice ? [every("all", true), every("none", false)] : [];
  legend.append(...[...extra, ...buttons].map((button) => element("li", {}, button)));
  if (chart.series.some((one) => one.std)) box.append(element("small", {}, "Bands: mean ± sample standard deviation over seeds. "));
  if (advice) box.append(element("small", {}, advice));
  box.append(picture, legend);
  let before = 0;
  new ResizeObserver(() => {
    if (picture.clientWidth !== before) again();
    before = picture.clientWidth;
  }).observe(picture);
}
