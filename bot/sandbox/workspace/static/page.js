"use strict";
const token = document.body.dataset.token;
const byId = (id) => document.getElementById(id);
const list = byId("messages"), home = byId("home"), modal = byId("modal");
let stream = null;

function place(id, html) {
  const holder = document.createElement("template");
  holder.innerHTML = html; // made by the server, which escapes everything
  const fresh = holder.content.firstElementChild;
  const old = list.querySelector(`[data-message="${id}"]`);
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  if (old) old.replaceWith(fresh); else list.append(fresh);
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function take(data) {
  if (data.html) place(data.id, data.html);
  if (data.gone) list.querySelector(`[data-message="${data.gone}"]`)?.remove();
  if (data.home) home.innerHTML = data.home;
  if ("modal" in data) {
    modal.innerHTML = data.modal;
    if (data.modal && !modal.open) modal.showModal();
    if (!data.modal && modal.open) modal.close();
  }
}

function connect() {
  if (stream) stream.close();
  const query = new URLSearchParams({ t: token, user: byId("user").value, channel: byId("channel").value });
  stream = new EventSource(`/page/events?${query}`);
  stream.onopen = () => { list.replaceChildren(); };
  stream.onmessage = (event) => take(JSON.parse(event.data));
}

async function send(act, body) {
  const trouble = byId("trouble");
  trouble.textContent = "";
  const full = { user: byId("user").value, channel: byId("channel").value, ...body };
  const answer = await fetch(`/page/${act}?t=${token}`, { method: "POST", body: JSON.stringify(full) });
  const result = await answer.json();
  const errors = Object.values(result.errors || {}).join(" ");
  if (result.error) trouble.textContent = errors || result.error;
  const inside = modal.querySelector(".errors");
  if (inside && errors) inside.textContent = errors;
}

function stateOf(root) {
  const state = {};
  for (const field of root.querySelectorAll("input[data-action], select[data-action]")) {
    const block = field.closest("[data-block]").dataset.block;
    const entry = { type: field.dataset.type };
    if (field.tagName === "SELECT") {
      entry.selected_option = field.value
        ? { value: field.value, text: { type: "plain_text", text: field.selectedOptions[0].textContent } } : null;
    } else entry.value = field.value || null;
    (state[block] ||= {})[field.dataset.action] = entry;
  }
  return state;
}

function act(element, value) {
  const message = element.closest("[data-message]"), view = element.closest("[data-view]");
  const root = message || view;
  const body = { action: element.dataset.action, value, state: stateOf(root) };
  if (message) body.ts = message.dataset.message; else body.view = view.dataset.view;
  send("click", body);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const view = button.closest("[data-view]");
  if (button.dataset.close) send("close", { view: view.dataset.view });
  else if (button.dataset.submit) send("submit", { view: view.dataset.view, state: stateOf(view) });
  else if (button.dataset.action) {
    if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
    if (button.dataset.url) window.open(button.dataset.url, "_blank", "noreferrer");
    act(button, null);
  }
});

document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.id === "user" || field.id === "channel") connect();
  else if (field.matches("[data-message] select[data-action]")) act(field, field.value);
});

modal.addEventListener("cancel", () => {
  const view = modal.querySelector("[data-view]");
  if (view) send("close", { view: view.dataset.view });
});

byId("open-home").addEventListener("click", () => { home.hidden = !home.hidden; if (!home.hidden) send("home", {}); });
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const line = byId("line");
  if (line.value.trim()) send("say", { text: line.value.trim() });
  line.value = "";
});
connect();
