"""Chart values as plain maps: merging, the `--set` language, and YAML output.

YAML is written the way Istio's installer writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import yaml

from sandbox.istio.istioctl_errors import SettingsError
from sandbox.yaml_text import UNBROKEN


def merge_values(under: Mapping[str, Any], over: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return `over` merged into `under`.

    Maps merge key by key, lists of named items (gateways) name by name; anything else is
    replaced.
    """
    made = dict(deepcopy(dict(under)))
    for key, value in (over or {}).items():
        made[key] = _merge_value(made.get(key), value)
    return made


def _merge_value(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return merge_values(old, new)
    if _has_named_items(old) and _has_named_items(new):
        return _merge_by_name(old, new)
    return deepcopy(new)


def _has_named_items(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and "enabled" in item for item in value)
    )


def _merge_by_name(old: list[Any], new: list[Any]) -> list[Any]:
    items = {item.get("name"): item for item in old}
    for item in new:
        items[item.get("name")] = merge_values(items.get(item.get("name"), {}), item)
    return list(items.values())


def parse_scalar(text: str) -> Any:
    """Parse a `--set` value: booleans, numbers and null as such, anything else as text."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?(0|[1-9]\d*)", text):
        return int(text)
    if re.fullmatch(r"-?\d+\.\d+", text):
        number = float(text)
        return int(number) if number.is_integer() else number
    return None if text == "null" else text


def parse_path(path: str) -> list[str | int]:
    """Split a `--set` path such as `a.b[0].c` into keys and indexes.

    A backslash before a dot makes it part of the key.
    """
    made: list[str | int] = []
    for part in re.split(r"(?<!\\)\.", path):
        key, *rest = part.replace("\\.", ".").split("[")
        if key:
            made.append(key)
        made.extend(int(index.rstrip("]")) for index in rest if index.rstrip("]").isdigit())
    return made


def set_path(tree: dict[str, Any], setting: str) -> None:
    """Write one `path=value` into the tree, creating maps and lists on the way.

    Raises SettingsError.
    """
    path, _, text = setting.partition("=")
    keys = parse_path(path)
    if not keys:
        raise SettingsError(f"incorrect --set expression: {setting}")
    here: Any = tree
    for key, following in zip(keys, keys[1:], strict=False):
        here = _enter_key(here, key, [] if isinstance(following, int) else {}, setting)
    _enter_key(here, keys[-1], parse_scalar(text), setting, last=True)


def _enter_key(here: Any, key: str | int, value: Any, setting: str, *, last: bool = False) -> Any:
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


class _GoYamlDumper(yaml.CSafeDumper):  # PyYAML is extended by subclassing only
    """Writes YAML as Go does.

    Texts that could be read as another type get double quotes; there are no anchors.
    """

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value that occurs twice in full each time."""
        return True


_RESOLVER = yaml.resolver.Resolver()


def _represent_text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    resolved = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # untyped stub
    plain = resolved == "tag:yaml.org,2002:str"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


def _represent_number(dumper: yaml.CSafeDumper, number: float) -> yaml.ScalarNode:
    kind = "int" if number.is_integer() else "float"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", f"{number:g}")


_GoYamlDumper.add_representer(str, _represent_text)
_GoYamlDumper.add_representer(float, _represent_number)


def to_yaml(value: Any) -> str:
    """Return the value as YAML with sorted keys and no line break at the end."""
    text: str = yaml.dump(
        value,
        Dumper=_GoYamlDumper,
        sort_keys=True,
        default_flow_style=False,
        allow_unicode=True,
        width=UNBROKEN,
    )
    return text.rstrip("\n")
