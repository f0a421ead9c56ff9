// Reads the page anew every few seconds, and puts what changed in its place, where nobody is reading on or choosing there.
const EVERY = 5000;
const live = document.getElementById("live");
let shown = live.innerHTML;

async function look() {
  if (document.hidden || live.contains(document.activeElement)) return;
  const answer = await fetch(location.href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  if (!fresh || fresh.innerHTML === shown) return;
  const places = [...live.querySelectorAll(".scroll")].map((each) => [each.scrollLeft, each.scrollTop]);
  shown = fresh.innerHTML;
  live.replaceChildren(...fresh.childNodes);
  [...live.querySelectorAll(".scroll")].forEach((each, at) => { if (places[at]) [each.scrollLeft, each.scrollTop] = places[at]; });
}

setInterval(() => look().catch(() => {}), EVERY);
