// Modals: the window in front, its buttons, what is wrong in it, and where the focus goes when it is gone.
import { byId, fragment, post } from "./wire.js";
import { stateOf, swap } from "./forms.js";

const dialog = byId("modal");
let opener = null;

export function showModal(html) {
  if (!html) return hide();
  const fresh = fragment(html), old = dialog.firstElementChild;
  if (dialog.open && old?.dataset.view === fresh.dataset.view) {
    const shown = swap(old, fresh);
    if (!document.activeElement.closest(".body")) shown.querySelector("[data-focus]")?.focus();
    return;
  }
  dialog.replaceChildren(fresh);
  if (!dialog.open) {
    opener = document.activeElement;
    dialog.showModal();
  }
  const first = dialog.querySelector("[data-focus], .body input, .body select, .body textarea, .body button") || dialog.querySelector(".foot button");
  first.focus();
}

function hide() {
  if (!dialog.open) return;
  dialog.close();
  dialog.replaceChildren();
  const target = opener?.isConnected && opener !== document.body ? opener : byId("line");
  target.focus();
}

function view() {
  return dialog.querySelector("[data-view]");
}

function complain(result) {
  for (const place of dialog.querySelectorAll(".wrong")) place.textContent = "";
  for (const field of dialog.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  const errors = Object.entries(result.errors || {});
  for (const [block, sentence] of errors.reverse()) {
    const holder = [...dialog.querySelectorAll("[data-block]")].find((each) => each.dataset.block === block);
    const field = holder?.querySelector("[data-type]");
    (holder?.querySelector(".wrong") || dialog.querySelector(".general")).textContent = sentence;
    field?.setAttribute("aria-invalid", "true");
    (field?.querySelector("input") || field)?.focus();
  }
  if (result.error) dialog.querySelector(".general").textContent = result.error;
}

async function submit() {
  const shown = view();
  const result = await post("submit", { view: shown.dataset.view, state: stateOf(shown) });
  if (view()?.dataset.view === shown.dataset.view) complain(result);
}

function close(everything) {
  if (view()) post("close", { view: view().dataset.view, everything });
}

dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.hasAttribute("data-submit")) submit();
  if (button?.dataset.close) close(button.dataset.close === "all");
});
dialog.addEventListener("keydown", (event) => {
  const line = event.target.matches("input[type=text], input[type=number], input[type=email], input[type=url]");
  if (event.key === "Enter" && line && dialog.querySelector("[data-submit]")) { event.preventDefault(); submit(); }
});
dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(true); });
document.addEventListener("submit", (event) => event.preventDefault());
