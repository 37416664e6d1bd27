// Tables at once, pictures when they come into view.
const charts = JSON.parse(document.getElementById("charts").textContent);
document.querySelectorAll("table.sortable").forEach(makeSortable);

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    if ("chart" in target.dataset) drawCurves(target, charts.curves[target.dataset.chart], charts.colours);
    else drawMatrix(target, charts.matrices[target.dataset.matrix]);
  }
}, { rootMargin: "300px" });
for (const figure of document.querySelectorAll(".matrix")) {
  const stages = charts.matrices[figure.dataset.matrix].stages.length;
  figure.style.minHeight = `${2.2 + 1.6 * (stages + 1)}rem`;
  seen.observe(figure);
}
document.querySelectorAll(".curves").forEach((box) => seen.observe(box));

// A table that goes on beyond its box says so.
function cue(box) { box.classList.toggle("cut", box.scrollWidth - box.clientWidth - box.scrollLeft > 4); }
const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => cue(target)));
for (const box of document.querySelectorAll(".scroll")) {
  box.addEventListener("scroll", () => cue(box), { passive: true });
  resized.observe(box);
}

// A link to something inside closed details opens them first.
function openAround(target) {
  for (let around = target; around; around = around.parentElement) if (around.tagName === "DETAILS") around.open = true;
  if (target) target.scrollIntoView();
}
const named = () => document.getElementById(decodeURIComponent(location.hash.slice(1)));
addEventListener("hashchange", () => openAround(named()));
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (link && link.hash === location.hash) openAround(named());
});
openAround(named());
performance.mark("usable");
