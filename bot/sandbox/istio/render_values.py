"""Chart values as plain maps: merging, the `--set` language, and YAML written the way Istio's installer writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import yaml

from bot.sandbox.istio.errors import SettingsError


def merged(under: Mapping[str, Any], over: Mapping[str, Any] | None) -> dict[str, Any]:
    """`over` laid on `under`: maps key by key, lists of named items (gateways) name by name, anything else replaced."""
    made = dict(deepcopy(dict(under)))
    for key, value in (over or {}).items():
        made[key] = _laid(made.get(key), value)
    return made


def _laid(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return merged(old, new)
    if _named(old) and _named(new):
        return _by_name(old, new)
    return deepcopy(new)


def _named(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and "enabled" in item for item in value)
    )


def _by_name(old: list[Any], new: list[Any]) -> list[Any]:
    items = {item.get("name"): item for item in old}
    for item in new:
        items[item.get("name")] = merged(items.get(item.get("name"), {}), item)
    return list(items.values())


def scalar(text: str) -> Any:
    """A `--set` value: booleans, numbers, null and JSON as such, anything else as text."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?(0|[1-9]\d*)", text):
        return int(text)
    if re.fullmatch(r"-?\d+\.\d+", text):
        number = float(text)
        return int(number) if number.is_integer() else number
    return None if text == "null" else text


def steps(path: str) -> list[str | int]:
    r"""A `--set` path in steps: `a.b[0].c`; `\.` is a dot inside a key."""
    made: list[str | int] = []
    for part in re.split(r"(?<!\\)\.", path):
        key, *rest = part.replace("\\.", ".").split("[")
        if key:
            made.append(key)
        made.extend(int(index.rstrip("]")) for index in rest if index.rstrip("]").isdigit())
    return made


def put(tree: dict[str, Any], setting: str) -> None:
    """Writes one `path=value` into the tree, making maps and lists on the way. Raises SettingsError."""
    path, _, text = setting.partition("=")
    keys = steps(path)
    if not keys:
        raise SettingsError(f"incorrect --set expression: {setting}")
    here: Any = tree
    for key, following in zip(keys, keys[1:], strict=False):
        here = _step(here, key, [] if isinstance(following, int) else {}, setting)
    _step(here, keys[-1], scalar(text), setting, last=True)


def _step(here: Any, key: str | int, value: Any, setting: str, *, last: bool = False) -> Any:
    if isinstance(here, list) and isinstance(key, int) and key <= len(here):
        if key == len(here):
            here.append(value)
        elif last:
            here[key] = value
        return here[key]
    if isinstance(here, dict) and isinstance(key, str):
        if last or here.get(key) is None:
            here[key] = value
        return here[key]
    raise SettingsError(f"cannot set {setting}: {key} does not fit there")


class _Dumper(yaml.SafeDumper):  # PyYAML is extended by subclassing only
    """Go's YAML: double quotes where a text could be read as something else, no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Repeats a value that occurs twice."""
        return True


_RESOLVER = yaml.resolver.Resolver()


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    resolved = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # untyped stub
    plain = resolved == "tag:yaml.org,2002:str"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


def _number(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    kind = "int" if number.is_integer() else "float"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", f"{number:g}")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def to_yaml(value: Any) -> str:
    """YAML with sorted keys and no line break at the end."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=True, default_flow_style=False, allow_unicode=True, width=1000
    )
    return text.rstrip("\n")
