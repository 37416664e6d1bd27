// A matrix is a table whose cells are coloured: one stop of the tab key, then arrow keys from cell to cell.
const CIVIDIS = [[0, 34, 78], [26, 56, 111], [67, 78, 108], [97, 101, 111], [125, 124, 120], [155, 148, 118], [188, 174, 108], [222, 201, 88], [254, 232, 56]];
const NUMBERED = 20; // tasks beyond which cells show their colour alone

// From the worst end of the scale, which is dark, to the best.
function shade(whole, matrix) {
  const share = (whole - matrix.worst) / (matrix.best - matrix.worst);
  const at = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1), n = Math.min(Math.floor(at), CIVIDIS.length - 2);
  return CIVIDIS[n].map((value, channel) => Math.round(value + (at - n) * (CIVIDIS[n + 1][channel] - value)));
}

// Black or white, whichever contrasts more: at least 4.5 to 1 on any colour.
function ink(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

// Short enough for a cell: whole percents, or three digits.
function shortened(whole, matrix) {
  const value = whole / 10 ** matrix.digits;
  return String(matrix.rounded ? Math.round(value) : Math.abs(value) < 100 ? Number(value.toPrecision(3)) : Math.round(value));
}

function matrixCell(matrix, stage, task) {
  const mean = matrix.mean[stage][task], std = matrix.std && matrix.std[stage][task];
  const learned = matrix.stages[stage] === "0" ? "untrained" : `after ${matrix.stages[stage]} task${matrix.stages[stage] === "1" ? "" : "s"}`;
  const cell = element("td", { tabindex: -1 }, mean === null ? "" : shortened(mean, matrix));
  cell.tip = `${matrix.label}\n${learned}, on task ${task + 1} (${matrix.tasks[task]}): ${spreadOut(mean, std, matrix)}${mean === null || !matrix.unit ? "" : " " + matrix.unit}`;
  if (mean !== null) {
    const rgb = shade(mean, matrix);
    cell.style.backgroundColor = `rgb(${rgb.join()})`;
    cell.style.color = ink(rgb);
  }
  return cell;
}

function move(table, cell, event) {
  const row = cell.parentElement, steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -Infinity], End: [0, Infinity] };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const [down, right] = steps[event.key], rows = table.tBodies[0].rows, last = row.cells.length - 1;
  const to = rows[Math.min(Math.max(row.sectionRowIndex + down, 0), rows.length - 1)];
  const next = to.cells[Math.min(Math.max(cell.cellIndex + right, 1), last)];
  cell.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function drawMatrix(figure, matrix) {
  const heads = matrix.tasks.map((name, n) => element("th", { scope: "col", title: name }, String(n + 1)));
  const body = element("tbody");
  matrix.stages.forEach((name, stage) => {
    const cells = matrix.tasks.map((_, task) => matrixCell(matrix, stage, task));
    body.append(element("tr", {}, element("th", { scope: "row" }, name), ...cells));
  });
  const unit = matrix.unit ? `, in ${matrix.unit}` : "";
  const label = `Matrix of ${matrix.name} of ${matrix.label}, mean of ${matrix.seeds} seed${matrix.seeds === 1 ? "" : "s"}${unit}; rows: tasks learned, columns: task; arrow keys move`;
  const table = element("table", { role: "grid", "aria-label": label, "aria-readonly": "true" },
    element("thead", {}, element("tr", {}, element("td"), ...heads)), body);
  body.rows[0].cells[1].tabIndex = 0;
  const cellOf = (event) => event.target.closest("tbody td");
  const show = (event) => { const cell = cellOf(event); if (cell) showTip(cell.tip, cell); };
  table.addEventListener("keydown", (event) => { const cell = cellOf(event); if (cell) move(table, cell, event); });
  table.addEventListener("focusin", show);
  table.addEventListener("pointerover", show);
  table.addEventListener("focusout", hideTip);
  table.addEventListener("pointerleave", hideTip);
  if (matrix.tasks.length > NUMBERED) figure.classList.add("dense");
  figure.append(element("figcaption", {}, matrix.label), element("div", { class: "scroll" }, table));
  figure.style.minHeight = "";
}
