"""What a page must hold for people who do not see it, or not well: names of controls, contrast, and
its width."""

from __future__ import annotations

from typing import Any

from tests.browser.chromium import Tab

Json = dict[str, Any]
CONTROLS = {
    "button",
    "checkbox",
    "combobox",
    "link",
    "listbox",
    "menuitem",
    "option",
    "radio",
    "slider",
    "textbox",
}
CONTROLS |= {
    "searchbox",
    "spinbutton",
    "switch",
    "tab",
    "Date",
    "DateTime",
    "InputTime",
    "ComboBoxSelect",
    "dialog",
    "image",
}

CONTRAST = """(() => {
  const parse = (text) => {
    const color = /^color\\(srgb ([\\d.]+) ([\\d.]+) ([\\d.]+)(?: \\/ ([\\d.]+))?\\)$/.exec(text);
    if (color) return [color[1] * 255, color[2] * 255, color[3] * 255, color[4] === undefined ? 1 : +color[4]];
    const parts = text.match(/[\\d.]+/g).map(Number);
    return [parts[0], parts[1], parts[2], parts[3] === undefined ? 1 : parts[3]];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const ground = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.push(parse(getComputedStyle(each).backgroundColor));
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = (color) => {
    const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = color.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    const seen = element.checkVisibility({ opacityProperty: true }) && !element.closest("option");
    if (!seen || !/[\\p{L}\\p{N}]/u.test(text)) continue;
    const style = getComputedStyle(element), behind = ground(element), front = over(parse(style.color), behind);
    const pair = [light(front), light(behind)].sort((a, b) => b - a), ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) bad.push(`${text.slice(0, 40)}: ${ratio} (${style.color} on ${behind.map(Math.round)})`);
  }
  return [...new Set(bad)];
})()"""


async def nameless(tab: Tab) -> list[str]:
    """The controls, windows and pictures that have no name in the browser's own accessibility tree."""
    nodes: list[Json] = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
    found = []
    for node in nodes:
        role = (node.get("role") or {}).get("value", "")
        name = str((node.get("name") or {}).get("value", "")).strip()
        if not node.get("ignored") and role in CONTROLS and not name and role != "option":
            found.append(f"{role} {node.get('backendDOMNodeId')}")
    return found


async def landmarks(tab: Tab) -> set[str]:
    """The roles of the parts that a screen reader can jump to."""
    nodes: list[Json] = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
    roles = {(node.get("role") or {}).get("value", "") for node in nodes if not node.get("ignored")}
    return roles & {"banner", "complementary", "log", "main", "navigation"}


async def pale(tab: Tab) -> list[str]:
    """Visible texts whose contrast with what lies behind them is below 4.5 : 1 (WCAG 2.2, 1.4.3)."""
    found: list[str] = await tab.value(CONTRAST)
    return found


async def twins(tab: Tab) -> list[str]:
    """Ids that occur twice, so that a label or description points at the wrong thing."""
    found: list[str] = await tab.value(
        "[...document.querySelectorAll('[id]')].map((each) => each.id).filter((id, at, all) => "
        "all.indexOf(id) !== at)"
    )
    return found


async def overflow(tab: Tab) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = await tab.value("document.documentElement.scrollWidth - innerWidth")
    return width
