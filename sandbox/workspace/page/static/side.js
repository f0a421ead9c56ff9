// What stands beside the channel: pieces that the server keeps up to date, with a short glow where something changed,
// and the commands that can be given in them.
import { byId, fragment, post } from "./wire.js";
import { swap } from "./forms.js";

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
  if (!html) return old?.remove();
  const fresh = fragment(`<section data-fragment="${name}">${html}</section>`);
  if (!old) return holder === side ? holder.append(fresh) : holder.replaceChildren(fresh);
  glow(old, fresh);
  swap(old, fresh);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-command]");
  if (!button) return;
  const body = { ...button.dataset }, named = button.closest("[data-with]");
  for (const field of named?.querySelectorAll("[name]") || []) body[field.name] = field.value;
  button.setAttribute("aria-busy", "true");
  const result = await post("side", body);
  button.removeAttribute("aria-busy");
  const place = side.querySelector(".side-trouble");
  if (place) place.textContent = result.error || "";
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-goto]")) { unfold(true); byId(event.target.closest("[data-goto]").dataset.goto)?.focus(); }
});

const fold = byId("fold");
export function unfold(open) {
  document.body.classList.toggle("folded", !open);
  document.body.classList.toggle("unfolded", open);
  fold.setAttribute("aria-pressed", String(open));
}
const narrow = matchMedia("(max-width: 62rem)");
unfold(!narrow.matches);
narrow.addEventListener("change", () => unfold(!narrow.matches));
fold.addEventListener("click", () => unfold(document.body.classList.contains("folded")));
