// Numbers sort as numbers, whatever has none comes last, ties keep the report's order.
function numberIn(cell) {
  const words = cell.textContent.trim().replace(/^\u2212/, "-");
  return "v" in cell.dataset ? Number(cell.dataset.v) : /^[-+]?\d/.test(words) ? parseFloat(words) : NaN;
}

function sortTable(head) {
  const table = head.closest("table"), body = table.tBodies[0], place = head.cellIndex;
  const first = head.dataset.first, other = first === "ascending" ? "descending" : "ascending";
  const way = head.getAttribute("aria-sort") === first ? other : first;
  for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", each === head ? way : "none");
  const sign = way === "ascending" ? 1 : -1;
  const lines = [...body.rows].map((row) => ({
    row, n: Number(row.dataset.n), number: numberIn(row.cells[place]), words: row.cells[place].textContent.trim(),
  }));
  const numeric = place > 0 && lines.some((line) => !Number.isNaN(line.number));
  lines.sort((a, b) => {
    if (!numeric) return sign * a.words.localeCompare(b.words, "en", { numeric: true }) || a.n - b.n;
    const lacking = Number.isNaN(a.number) - Number.isNaN(b.number);
    return lacking || (Number.isNaN(a.number) ? 0 : sign * (a.number - b.number)) || a.n - b.n;
  });
  body.append(...lines.map((line) => line.row));
}

function makeSortable(table) {
  [...table.tBodies[0].rows].forEach((row, n) => { row.dataset.n = n; });
  for (const button of table.querySelectorAll("thead button"))
    button.addEventListener("click", () => sortTable(button.parentElement));
}
