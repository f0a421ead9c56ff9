// Puts the page together: who acts and where, which part of it is shown, colours, and a key to go from part to part.
import { byId, connect, fragment, page, post, say, trouble } from "./wire.js";
import { clear, closeThread, gone, openThread, take as takeMessage } from "./messages.js";
import { composer, words } from "./composer.js";
import { showFragment } from "./side.js";
import { showModal } from "./modal.js";
import { swap } from "./forms.js";
import { awaitNothing, currentTab, showTabs } from "./tabs.js";

const home = byId("home"), messages = byId("messages"), box = byId("composer");
const places = [...document.querySelectorAll(".place")];
let atHome = false;

function take(data) {
  if (data.hello) { clear(); Object.assign(words, data.hello); }
  else if (data.message) takeMessage(data);
  else if (data.gone) gone(data.gone);
  else if (data.fragment) showFragment(data.fragment, data.html);
  else if ("modal" in data) showModal(data.modal);
  else if (data.home) showHome(data.home);
  else if (data.ready) { page.ready = true; awaitNothing(); }
}

function showHome(html) {
  const fresh = fragment(html), old = home.firstElementChild;
  if (old) swap(old, fresh); else home.append(fresh);
}

function go(place) {
  for (const each of places) {
    if (each === place) each.setAttribute("aria-current", "page"); else each.removeAttribute("aria-current");
  }
  const elsewhere = page.channel !== place.dataset.channel;
  page.channel = place.dataset.channel;
  atHome = place.hasAttribute("data-home");
  home.hidden = !atHome;
  messages.hidden = box.hidden = atHome;
  byId("title").textContent = page.channel === "app" ? `${page.bot} — ${place.textContent.trim()}` : `# ${place.textContent}`;
  byId("line").placeholder = page.channel === "app" ? `${say("Message to")} ${page.bot}` : `${say("Message to")} #${place.textContent}`;
  if (elsewhere) { closeThread(false); connect(take); }
  if (atHome) openHome(); else byId("line").focus();
}

async function openHome() {
  byId("title").focus();
  byId("state").textContent = (await post("home", {})).error;
}

function actAs(user) {
  page.user = user;
  sessionStorage.setItem("user", user);
  closeThread(false);
  trouble(box, "");
  home.replaceChildren();
  connect(take);
  if (atHome) openHome();
}

for (const place of places) place.addEventListener("click", () => go(place));
byId("users").addEventListener("change", (event) => actAs(event.target.value));

const theme = byId("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
function colours(wanted) {
  document.documentElement.dataset.theme = wanted ? "dark" : "light";
  theme.setAttribute("aria-pressed", String(wanted));
}
colours(dark.matches);
dark.addEventListener("change", () => colours(dark.matches));
theme.addEventListener("click", () => colours(document.documentElement.dataset.theme !== "dark"));

// F6 goes round the parts of the page, as in other programs.
document.addEventListener("keydown", (event) => {
  if (event.key !== "F6") return;
  event.preventDefault();
  const parts = [places.find((each) => each.hasAttribute("aria-current")), atHome ? home : messages, byId("line"), byId("reply-line"), currentTab()];
  const there = parts.filter((part) => part && part.offsetParent !== null);
  const at = there.findIndex((part) => part === document.activeElement || part.contains(document.activeElement));
  there[(at + (event.shiftKey ? -1 : 1) + there.length) % there.length].focus();
});

composer(box, () => "");
composer(byId("reply"), () => openThread);
// Loaded anew, a tab goes on as whoever it was.
const people = [...document.querySelectorAll("input[name=user]")];
const before = people.find((each) => each.value === sessionStorage.getItem("user"));
if (before) before.checked = true;
page.user = people.find((each) => each.checked).value;
showTabs();
go(places[0]);
