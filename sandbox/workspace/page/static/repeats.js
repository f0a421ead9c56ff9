// Parts beside the channel that ask to be done again every few seconds, as long as somebody sees them and has not switched
// that off.
import { byId, post } from "./wire.js";

const side = byId("side"), off = new Set(), last = new Map();

const seen = (part) => !document.hidden && part.checkVisibility();

export function keepSwitch(part) {
  const box = part.querySelector("[data-repeats]");
  if (box) box.checked = !off.has(part.dataset.fragment);
}

side.addEventListener("change", (event) => {
  if (!event.target.matches("[data-repeats]")) return;
  const name = event.target.closest("[data-fragment]").dataset.fragment;
  if (event.target.checked) off.delete(name); else off.add(name);
});

setInterval(() => {
  for (const what of side.querySelectorAll("[data-repeat]")) {
    const part = what.closest("[data-fragment]"), name = part.dataset.fragment;
    const due = Date.now() - (last.get(name) || 0) >= Number(what.dataset.every) * 1000;
    if (!due || off.has(name) || !seen(part)) continue;
    last.set(name, Date.now());
    post("side", { command: what.dataset.repeat, repeated: true });
  }
}, 500);
