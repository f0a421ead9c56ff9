// What is pressed, picked and filled in: reading the controls, asking before a press counts, and keeping what was
// entered while the message or window around it is replaced.
import { byId, page, post, trouble } from "./wire.js";

const FIELDS = "[data-type]:not(button)";

function raw(field) {
  if (field.classList.contains("choices")) {
    const chosen = [...field.querySelectorAll("input:checked")].map((box) => box.value);
    return field.dataset.type === "checkboxes" ? chosen : chosen[0] ?? null;
  }
  if (field.multiple) return [...field.selectedOptions].map((option) => option.value);
  if (field.type === "datetime-local" && field.value) return String(Math.round(new Date(field.value).getTime() / 1000));
  return field.value || null;
}

function fill(field, value) {
  if (field.classList.contains("choices")) {
    for (const box of field.querySelectorAll("input")) box.checked = [value].flat().includes(box.value);
  } else if (field.multiple) {
    for (const option of field.options) option.selected = value.includes(option.value);
  } else field.value = value ?? "";
}

export function stateOf(root) {
  const state = {};
  for (const field of root.querySelectorAll(FIELDS)) {
    const block = field.closest("[data-block]");
    if (block) (state[block.dataset.block] ||= {})[field.dataset.action] = raw(field);
  }
  return state;
}

// Which of the controls with one action_id it is, in whatever stands there after an edit.
function keyOf(control) {
  const { action, value, thread, name, shortcut } = control.dataset;
  return JSON.stringify([control.tagName, action, value, thread, name, shortcut, action || name ? "" : control.className, control.name || ""]);
}

export function swap(old, fresh) {
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const key = active && keyOf(active);
  const opened = [...old.querySelectorAll("details[open]")].map(keyOf);
  const touched = [...old.querySelectorAll(`${FIELDS}[data-touched]`)].map((field) => [keyOf(field), field.type === "datetime-local" ? field.value : raw(field)]);
  old.replaceWith(fresh);
  for (const field of fresh.querySelectorAll(FIELDS)) {
    const kept = touched.find(([each]) => each === keyOf(field));
    if (kept) { fill(field, kept[1]); field.dataset.touched = "1"; }
  }
  for (const each of fresh.querySelectorAll("details")) if (opened.includes(keyOf(each))) each.open = true;
  if (active) (([...fresh.querySelectorAll("button, input, select, textarea, summary, a")].find((each) => keyOf(each) === key)) || focusable(fresh)).focus();
  return fresh;
}

function focusable(element) {
  if (!element.hasAttribute("tabindex")) element.tabIndex = -1;
  return element;
}

export function ask(template) {
  const dialog = byId("confirm"), before = document.activeElement;
  dialog.replaceChildren(template.content.cloneNode(true));
  dialog.querySelector("h2").id = "confirm-title";
  return new Promise((resolve) => {
    const finish = (answer) => {
      dialog.onclick = dialog.oncancel = null;
      dialog.close();
      before?.focus();
      resolve(answer);
    };
    dialog.onclick = (event) => {
      const button = event.target.closest("button");
      if (button) finish(Boolean(button.value));
    };
    dialog.oncancel = (event) => { event.preventDefault(); finish(false); };
    dialog.showModal();
    dialog.querySelector("button").focus();
  });
}

function question(control) {
  const beside = (control.closest(".overflow") || control).nextElementSibling;
  return beside?.matches("template.confirm") ? beside : null;
}

// What was picked does not count after all.
function restore(control) {
  if (control.tagName === "SELECT") for (const option of control.options) option.selected = option.defaultSelected;
  if (control.tagName === "FORM") control.reset();
  delete control.dataset.touched;
}

export async function press(control) {
  const root = control.closest("[data-message], [data-view]");
  const asked = question(control);
  if (asked && !(await ask(asked))) return restore(control);
  if (control.dataset.url) window.open(control.dataset.url, "_blank", "noreferrer");
  control.closest("details.overflow")?.removeAttribute("open");
  const body = { action: control.dataset.action, value: control.dataset.value ?? null, state: stateOf(root) };
  if (root.dataset.view) body.view = root.dataset.view; else body.ts = root.dataset.message;
  control.setAttribute("aria-busy", "true");
  const result = await post("click", body);
  control.removeAttribute("aria-busy");
  const general = root.querySelector(".wrong.general");
  if (general) general.textContent = result.error || ""; else trouble(byId("composer"), result.error);
}

document.addEventListener("change", (event) => {
  const field = event.target.closest(FIELDS);
  if (!field) return;
  field.dataset.touched = "1";
  if (field.hasAttribute("data-live") && page.ready) press(field);
});

document.addEventListener("input", (event) => {
  const field = event.target.closest(FIELDS);
  if (field) field.dataset.touched = "1";
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button) press(button);
  for (const menu of document.querySelectorAll("details.overflow[open]")) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.("details.overflow[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); event.preventDefault(); }
});
