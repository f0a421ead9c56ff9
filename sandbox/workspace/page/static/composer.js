// Where people type: completions for commands and names, the lines typed before by arrow up, and sending.
import { byId, post, trouble } from "./wire.js";

export const words = { completions: [], names: [] };
const MOST = 12;

function matching(line, commands) {
  if (commands && line.startsWith("/")) {
    const wanted = line.toLowerCase();
    return words.completions.filter((each) => each.text.toLowerCase().startsWith(wanted) && each.text !== line)
      .slice(0, MOST).map((each) => ({ ...each, line: each.text }));
  }
  const name = /(^|\s)@([\w.-]*)$/.exec(line);
  if (!name) return [];
  const start = line.slice(0, line.length - name[2].length);
  return words.names.filter((each) => each.startsWith(name[2]) && each !== name[2]).slice(0, MOST)
    .map((each) => ({ text: `@${each}`, hint: "", line: `${start}${each} ` }));
}

export function composer(form, thread) {
  const line = form.querySelector("input"), list = form.querySelector(".completions");
  const typed = [];
  let at = 0, draft = "", found = [], chosen = -1;

  function show(entries) {
    found = entries;
    chosen = -1;
    list.replaceChildren(...entries.map((entry, number) => {
      const row = document.createElement("li"), text = document.createElement("b"), hint = document.createElement("span");
      row.id = `${list.id}-${number}`;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", "false");
      text.textContent = entry.text;
      hint.textContent = entry.hint;
      row.append(text, " ", hint);
      row.addEventListener("mousedown", (event) => { event.preventDefault(); accept(number); });
      return row;
    }));
    list.hidden = !entries.length;
    line.setAttribute("aria-expanded", String(Boolean(entries.length)));
    line.removeAttribute("aria-activedescendant");
  }

  function choose(number) {
    chosen = (number + found.length) % found.length;
    [...list.children].forEach((row, each) => row.setAttribute("aria-selected", String(each === chosen)));
    line.setAttribute("aria-activedescendant", `${list.id}-${chosen}`);
    list.children[chosen].scrollIntoView({ block: "nearest" });
  }

  function accept(number) {
    line.value = found[number].line;
    show([]);
    line.focus();
  }

  function recall(step) {
    if (at === typed.length) draft = line.value;
    at = Math.min(Math.max(at + step, 0), typed.length);
    line.value = at === typed.length ? draft : typed[at];
    line.setSelectionRange(line.value.length, line.value.length);
  }

  async function send() {
    const text = line.value.trim();
    show([]);
    if (!text) return;
    if (typed[typed.length - 1] !== text) typed.push(text);
    at = typed.length;
    line.value = draft = "";
    const holder = byId(thread() ? "replies" : "messages");
    holder.scrollTop = holder.scrollHeight;
    trouble(form, "");
    const result = await post("say", { text, thread: thread() });
    trouble(form, result.error);
    if (result.lost && !line.value) line.value = draft = text;
  }

  line.addEventListener("input", () => show(matching(line.value, !thread())));
  line.addEventListener("blur", () => show([]));
  line.addEventListener("keydown", (event) => {
    const up = event.key === "ArrowUp", down = event.key === "ArrowDown", open = found.length > 0;
    if (open && (up || down)) choose(chosen < 0 ? (up ? -1 : 0) : chosen + (up ? -1 : 1));
    else if (up || down) recall(up ? -1 : 1);
    else if (event.key === "Tab" && open && !event.shiftKey) accept(Math.max(chosen, 0));
    else if (event.key === "Enter" && open && chosen >= 0) accept(chosen);
    else if (event.key === "Escape" && open) show([]);
    else return;
    event.preventDefault();
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
}

// What is typed while nothing that takes text has the focus goes into the message box in sight, as in Slack: a click that
// went beside it loses no line. Space and Enter stay with what they press.
const TAKES_TEXT = "input, select, textarea, dialog, [role=tab]";

document.addEventListener("keydown", (event) => {
  const modified = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");
  if (modified || event.defaultPrevented || event.key.length !== 1 || event.key === " ") return;
  if (event.target.closest?.(TAKES_TEXT)) return;
  const line = byId(event.target.closest?.("#thread") ? "reply-line" : "line");
  if (line.offsetParent !== null) line.focus();
});
