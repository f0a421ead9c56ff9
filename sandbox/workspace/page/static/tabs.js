// The tabs beside the channel: one part is shown, on a wide screen the two that were chosen last. Which ones, a tab of the
// browser remembers.
import { byId } from "./wire.js";

const list = byId("tabs"), side = byId("side"), fold = byId("fold");
const tabs = [...list.querySelectorAll("[role=tab]")];
const panelOf = (tab) => byId(tab.getAttribute("aria-controls"));
const wide = matchMedia("(min-width: 90rem)"), narrow = matchMedia("(max-width: 62rem)");
// The last of them is the one that was chosen last.
let chosen = (sessionStorage.getItem("panels") || "tab-mesh tab-cluster").split(" ");

// The parts that the server is about to send have their room from the start: nothing moves under the mouse when they come.
function filled(panel) {
  const awaited = document.body.dataset.parts.split(" ").filter(Boolean);
  return panel.querySelector("[data-fragment]") || awaited.some((name) => panel.querySelector(`#fragment-${name}`));
}

export function awaitNothing() {
  document.body.dataset.parts = "";
  showTabs();
}

export function showTabs() {
  const there = tabs.filter((tab) => filled(panelOf(tab)));
  const room = wide.matches && !document.body.classList.contains("threaded") ? 2 : 1;
  const order = [...chosen, ...there.map((tab) => tab.id)].filter((id) => there.some((tab) => tab.id === id));
  const shown = new Set([...chosen.filter((id) => order.includes(id)).slice(-room)]);
  for (const id of order) if (shown.size < room) shown.add(id);
  const current = [...shown].at(chosen.length ? -1 : 0);
  for (const tab of tabs) {
    tab.hidden = !there.includes(tab);
    tab.setAttribute("aria-selected", String(shown.has(tab.id)));
    tab.tabIndex = tab.id === current ? 0 : -1;
    panelOf(tab).hidden = !shown.has(tab.id);
  }
  list.setAttribute("aria-multiselectable", String(room > 1));
  side.classList.toggle("double", shown.size > 1);
}

export function showTab(id) {
  chosen = [...chosen.filter((each) => each !== id), id].slice(-2);
  sessionStorage.setItem("panels", chosen.join(" "));
  showTabs();
}

export function currentTab() {
  return tabs.find((tab) => tab.tabIndex === 0 && !tab.hidden);
}

list.addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab]");
  if (tab) showTab(tab.id);
});
list.addEventListener("keydown", (event) => {
  const there = tabs.filter((tab) => !tab.hidden), at = there.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: there.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const tab = there[(to + there.length) % there.length];
  showTab(tab.id);
  tab.focus();
});

export function unfold(open) {
  document.body.classList.toggle("folded", !open);
  document.body.classList.toggle("unfolded", open);
  fold.setAttribute("aria-pressed", String(open));
}
unfold(!narrow.matches);
narrow.addEventListener("change", () => unfold(!narrow.matches));
wide.addEventListener("change", showTabs);
new MutationObserver(showTabs).observe(document.body, { attributes: true, attributeFilter: ["class"] });
fold.addEventListener("click", () => unfold(document.body.classList.contains("folded")));
