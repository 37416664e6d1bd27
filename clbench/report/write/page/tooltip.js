"use strict";
// One tooltip for the whole page; a screen reader hears it as a status.
const tip = document.getElementById("tip");

let owner = null;

function showTip(words, element) {
  tip.textContent = words;
  tip.hidden = false;
  owner = element;
  placeTip();
}

function placeTip() {
  const box = owner.getBoundingClientRect(), own = tip.getBoundingClientRect(), page = document.documentElement;
  if (box.bottom < 0 || box.top > page.clientHeight) return hideTip();
  const left = Math.min(box.left + box.width / 2 - own.width / 2, page.clientWidth - own.width - 4);
  const above = box.top - own.height - 8;
  const top = above > 4 ? above : Math.min(box.bottom + 8, page.clientHeight - own.height - 4);
  tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
}

function hideTip() {
  tip.hidden = true;
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
document.addEventListener("scroll", () => { if (!tip.hidden) placeTip(); }, { passive: true, capture: true });

// Numbers arrive as whole ones of their chart's last digit.
function number(whole, chart) {
  return whole === null ? "not measured" : (whole / 10 ** chart.digits).toFixed(chart.digits);
}

function spreadOut(mean, std, chart) {
  return number(mean, chart) + (std === null || std === undefined || mean === null ? "" : " ± " + number(std, chart));
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes = {}, words = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (words) made.textContent = words;
  return made;
}
