// The messages of the channel and of the thread that is open: each has its place, edits happen in it, what is new is told
// to screen readers once, not with every tick of a clock, and shortcuts are chosen in its menu.
import { byId, fragment, page, post, tell, trouble } from "./wire.js";
import { swap } from "./forms.js";

const list = byId("messages"), replies = byId("replies"), thread = byId("thread");
const known = new Map();
let opener = null;
export let openThread = "";

// Who reads the end stays at the end, also when the part gets lower or narrower, and when a picture has come. Only who
// scrolls up leaves it: what grows below is no reason.
const atEnd = new Map();
for (const holder of [list, replies]) {
  let before = 0;
  atEnd.set(holder, true);
  holder.addEventListener("scroll", () => {
    const near = holder.scrollHeight - holder.scrollTop - holder.clientHeight < 120;
    if (near || holder.scrollTop < before) atEnd.set(holder, near);
    before = holder.scrollTop;
  });
  const stay = () => { if (atEnd.get(holder)) holder.scrollTop = holder.scrollHeight; };
  new ResizeObserver(stay).observe(holder);
  holder.addEventListener("load", stay, true);
}

export function clear() {
  known.clear();
  list.replaceChildren();
  replies.replaceChildren();
}

function inside(holder, ts) {
  return [...holder.children].find((each) => each.dataset.message === ts);
}

function place(holder, data) {
  const fresh = fragment(data.html), old = inside(holder, data.message);
  if (old) swap(old, fresh); else holder.append(fresh);
  if (atEnd.get(holder) || data.mine || !page.ready) holder.scrollTop = holder.scrollHeight;
}

function announce(data) {
  const shape = data.said.replace(/\d+/g, "0");
  const before = known.get(data.message)?.said.replace(/\d+/g, "0");
  if (page.ready && shape !== before && !data.mine) tell(data.said);
}

export function take(data) {
  announce(data);
  known.set(data.message, data);
  if (data.top) place(list, data);
  if (openThread && (data.message === openThread || data.thread === openThread)) place(replies, data);
}

export function gone(ts) {
  known.delete(ts);
  for (const holder of [list, replies]) inside(holder, ts)?.remove();
}

export function showThread(ts, from) {
  opener = from;
  openThread = ts;
  thread.hidden = false;
  document.body.classList.add("threaded");
  replies.replaceChildren();
  for (const data of known.values()) if (data.message === ts || data.thread === ts) place(replies, data);
  byId("reply-line").focus();
}

export function closeThread(back = true) {
  if (thread.hidden) return;
  const counter = [...list.querySelectorAll(".replies")].find((each) => each.dataset.thread === openThread);
  openThread = "";
  thread.hidden = true;
  document.body.classList.remove("threaded");
  if (back) (opener?.isConnected ? opener : counter || byId("line")).focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-thread]");
  if (button) showThread(button.dataset.thread, button);
});
document.addEventListener("click", async (event) => {
  const entry = event.target.closest("[data-shortcut]");
  if (!entry) return;
  const menu = entry.closest("details"), ts = entry.closest("[data-message]").dataset.message;
  menu.open = false;
  menu.querySelector("summary").focus();
  trouble(byId("composer"), (await post("shortcut", { ts, name: entry.dataset.shortcut })).error);
});
byId("close-thread").addEventListener("click", () => closeThread());
thread.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.defaultPrevented) closeThread(); });
