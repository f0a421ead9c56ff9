// What stands beside the channel: pieces that the server keeps up to date, with a short glow where something changed,
// and the commands that can be given in them.
import { byId, fragment, post, say } from "./wire.js";
import { swap } from "./forms.js";
import { keepSwitch } from "./repeats.js";
import { showTab, showTabs, unfold } from "./tabs.js";

const side = byId("side");

function glow(old, fresh) {
  const before = new Map([...old.querySelectorAll("[data-key]")].map((each) => [each.dataset.key, each.textContent]));
  for (const each of fresh.querySelectorAll("[data-key]")) {
    if (before.get(each.dataset.key) !== each.textContent) each.classList.add("changed");
  }
}

export function showFragment(name, html) {
  const holder = byId(`fragment-${name}`) || side;
  const old = holder.querySelector(`:scope > [data-fragment="${name}"]`);
  if (!html) { old?.remove(); return showTabs(); }
  const fresh = fragment(`<section data-fragment="${name}">${html}</section>`);
  keepSwitch(fresh);
  if (!old) {
    if (holder === side) holder.append(fresh); else holder.replaceChildren(fresh);
    return showTabs();
  }
  glow(old, fresh);
  swap(old, fresh);
  if (fresh.querySelector(".search")?.value) search(fresh);
}

// Shows the causes whose words hold all that was typed; an empty field shows the subjects, closed.
function search(part) {
  const field = part.querySelector(".search"), words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const subject of part.querySelectorAll(".subject")) {
    let inside = 0;
    for (const cause of subject.querySelectorAll(".cause")) {
      const text = `${subject.dataset.name} ${cause.textContent}`.toLowerCase();
      cause.hidden = !words.every((word) => text.includes(word));
      inside += !cause.hidden;
    }
    subject.hidden = !inside;
    subject.open = words.length > 0 && inside > 0;
    found += inside;
  }
  part.querySelector(".unfound").textContent = found ? "" : say("No cause has these words.");
}

side.addEventListener("input", (event) => {
  if (event.target.matches(".search")) search(event.target.closest("[data-fragment]"));
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-command]");
  if (!button) return;
  const body = { ...button.dataset }, named = button.closest("[data-with]");
  const part = button.closest("[data-fragment]").dataset.fragment;
  for (const field of named?.querySelectorAll("[name]") || []) body[field.name] = field.value;
  button.setAttribute("aria-busy", "true");
  const result = await post("side", body);
  button.removeAttribute("aria-busy");
  // What was pressed may have been shown anew meanwhile: its part of the sidebar is found by name.
  const place = side.querySelector(`[data-fragment="${part}"] .side-trouble`);
  if (!place) return;
  place.textContent = result.error || "";
  if (result.error) place.scrollIntoView({ block: "nearest" });
});
document.addEventListener("click", (event) => {
  const way = event.target.closest("[data-goto]");
  if (!way) return;
  unfold(true);
  showTab(`tab-${way.dataset.goto}`);
  byId(`panel-${way.dataset.goto}`).focus();
});
