// The way to the server: who acts where, one POST for each action, and the stream of what happens.

export const byId = (id) => document.getElementById(id);
export const page = { token: document.body.dataset.token, bot: document.body.dataset.bot, user: "", channel: "", ready: false };

const words = JSON.parse(document.body.dataset.words);

// The page's own words, in the language of the bot.
export const say = (english) => words[english] || english;

export async function post(act, body) {
  const full = { user: page.user, channel: page.channel, ...body };
  try {
    const answer = await fetch(`/page/${act}?t=${page.token}`, { method: "POST", body: JSON.stringify(full) });
    return await answer.json();
  } catch {
    return { error: say("The sandbox does not answer. Is it still running?"), errors: {}, lost: true };
  }
}

let stream = null;

export function connect(take) {
  if (stream) stream.close();
  page.ready = false;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  const query = new URLSearchParams({ t: page.token, user: page.user, channel: page.channel, zone });
  stream = new EventSource(`/page/events?${query}`);
  stream.onmessage = (event) => take(JSON.parse(event.data));
  stream.onopen = () => { byId("state").textContent = ""; };
  stream.onerror = () => { byId("state").textContent = say("Not connected to the sandbox"); };
}

// HTML from the server, which escapes everything that is not its own.
export function fragment(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content.firstElementChild;
}

export function tell(text) {
  const log = byId("log"), line = document.createElement("p");
  line.textContent = text;
  log.append(line);
  while (log.children.length > 5) log.firstElementChild.remove();
}

export function trouble(form, text) {
  form.querySelector(".trouble").textContent = text || "";
}
