"""Differences in words: what people know first, the rest counted, and nothing hidden that matters.

Configuration that an object keeps as text (YAML or JSON within a ConfigMap) is told by its
settings, as anything else is by its fields.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import yaml

from bot.knowledge.objects.diff import Difference, key_items
from bot.knowledge.objects.ownership import Path
from bot.text import Listed, Text, counted, verbatim

FEW = 4
"""Changes of one object that are told although nobody needs to know them."""
LINE_LENGTH = 360
"""Characters of changes in one line, within the 500 that a line of a message has."""
LONGEST_VALUE = 60
PLAIN_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
LONGEST_YAML = 60_000
"""Characters that are read as YAML: a tenth of a second, during which nothing else goes on."""

KNOWN = frozenset(
    # MeshConfig (Istio 1.23 to 1.30): what is allowed, encrypted, logged and traced.
    "accessLogFile accessLogFormat caCertificates defaultProviders discoverySelectors "
    "enableAutoMtls enableTracing extensionProviders holdApplicationUntilProxyStarts "
    "inboundTrafficPolicy localityLbSetting meshMTLS outboundTrafficPolicy pathNormalization "
    "proxyMetadata rootNamespace sampling tracing trustDomain trustDomainAliases "
    # Kubernetes: what runs, how often, and who reaches it.
    "args automountServiceAccountToken command env externalTrafficPolicy hostNetwork image "
    "loadBalancerIP nodeSelector ports replicas resources roleRef rules securityContext selector "
    "subjects tolerations type volumes "
    # Kiali (1.87 to 2.26): who may, and where it looks.
    "auth external_url in_cluster_url internal_url prometheus strategy url view_only_mode "
    # Labels that put pods into the mesh.
    "istio-injection istio.io/rev istio.io/dataplane-mode istio.io/use-waypoint "
    "sidecar.istio.io/inject".split()
)
"""Names of settings and fields that people look for first, wherever they stand."""
NOTED = (
    "app.kubernetes.io/",
    "checksum/",
    "helm.sh/",
    "install.operator.istio.io/",
    "kubectl.kubernetes.io/",
    "merged-values",
    "operator.istio.io/",
    "original-values",
    "templates",
)
"""Beginnings of keys by which tools note something, or under which texts for machines stand."""


class Change(NamedTuple):
    """One field or setting that differs.

    `inside` counts the steps of the path that lead to a text; what follows is in it.
    """

    path: Path
    before: object
    after: object
    inside: int = 0


def describe_differences(before: object, after: object) -> list[Text]:
    """Return where two trees differ, in words, what people know first."""
    return describe_changes(find_changes(before, after))


def describe_difference(found: Difference) -> list[Text]:
    """Return one difference in words: several where it is within a text, or a list of things that
    have names.
    """
    return describe_changes(find_changes(found.before, found.after, found.path))


def describe_changes(changes: Iterable[Change]) -> list[Text]:
    """Return changes in words, each once, what people know first."""
    return list(dict.fromkeys(map(describe_change, rank_changes(changes))))


def summarize_differences(before: object, after: object) -> tuple[Text, ...]:
    """Return where two trees differ, as lists for lines of a message: all that people know, a few
    of the others, and how many more there are.
    """
    changes = find_changes(before, after)
    words = describe_changes(changes)
    told = words[: max(count_known(changes), FEW)]
    if more := len(words) - len(told):
        told.append(counted("and {n} more", "and {n} more", n=more))
    return tuple(Text("{changes}", changes=Listed(group, "semicolon")) for group in fill(told))


def count_known(changes: Iterable[Change]) -> int:
    """Return how many of the words about these changes are about what people know."""
    return len({describe_change(each) for each in changes if get_rank(each.path) == 0})


def fill(told: Sequence[Text]) -> list[list[Text]]:
    """Return texts in as few groups as lines of a message take."""
    groups: list[list[Text]] = []
    room = 0
    for each in told:
        length = len(str(each)) + 2
        if not groups or length > room:
            groups.append([])
            room = LINE_LENGTH
        groups[-1].append(each)
        room -= length
    return groups


def rank_changes(changes: Iterable[Change]) -> list[Change]:
    """Return changes, first what people know, last what tools note for themselves."""
    return sorted(changes, key=lambda each: get_rank(each.path))


def get_rank(path: Path) -> int:
    """Return how early a change is told: 0 for what people know, 2 for what tools note and texts
    for machines, 1 for the rest.
    """
    words = [str(step) for step in path]
    if any(word.startswith(NOTED) for word in words):
        return 2
    return 0 if KNOWN.intersection(words) else 1


def find_changes(before: object, after: object, path: Path = (), inside: int = 0) -> list[Change]:
    """Return where two trees differ, down to single settings and to items of lists."""
    if before == after:
        return []
    if isinstance(before, dict | None) and isinstance(after, dict | None):
        # Within a text, a whole part that comes or goes is told by its settings.
        if inside or None not in (before, after):
            return find_field_changes(before or {}, after or {}, path, inside)
    if isinstance(before, list) and isinstance(after, list):
        return find_list_changes(before, after, path, inside)
    if isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        return find_text_changes(before, after, path)
    return [Change(path, before, after, inside)]


def find_field_changes(
    before: dict[Any, Any], after: dict[Any, Any], path: Path, inside: int
) -> list[Change]:
    """Return where two mappings differ; an empty one in place of none is a change too."""
    keys = [*before, *(key for key in after if key not in before)]
    found = [
        change
        for key in keys
        for change in find_changes(before.get(key), after.get(key), (*path, str(key)), inside)
    ]
    return found or [Change(path, before or None, after or None, inside)]


def find_text_changes(before: str, after: str, path: Path) -> list[Change]:
    """Return where two texts of several lines differ: by their settings, where both are YAML or
    JSON, else by their lines.
    """
    old, new = parse_document(before), parse_document(after)
    if isinstance(old, dict) and isinstance(new, dict) and old != new:
        return find_field_changes(old, new, path, len(path))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    # The first two lines are the names of files.
    texts = [(line[0], line[1:].strip().rstrip(",")) for line in [*lines][2:] if line[0] in "+-"]
    return [
        Change(path, None if sign == "+" else text, text if sign == "+" else None, len(path))
        for sign, text in texts
        if text
    ]


def parse_document(text: str) -> object:
    """Return what a text holds as JSON or YAML; None when it is neither, or too long to be read at
    once.

    Single values of YAML stay as they are written: `on` is no truth value here.
    """
    if text.lstrip().startswith("{"):
        with suppress(ValueError):
            return json.loads(text)
    if len(text) > LONGEST_YAML:
        return None
    try:
        return yaml.load(text, PLAIN_LOADER)  # noqa: S506 - it makes nothing but texts
    except yaml.YAMLError:
        return None


def find_list_changes(before: list[Any], after: list[Any], path: Path, inside: int) -> list[Change]:
    """Return where two lists differ: items that have names by these, values as what comes and goes,
    others by their places; of different lengths they are one change.
    """
    old, new = dict(key_items(before)), dict(key_items(after))
    if all(isinstance(key, str) for key in [*old, *new]):
        return [
            change
            for key in [*old, *(key for key in new if key not in old)]
            for change in find_item_changes(old.get(key), new.get(key), (*path, key), inside)
        ]
    if not any(isinstance(item, dict | list) for item in [*before, *after]):
        gone = [Change(path, item, None, inside) for item in before if item not in after]
        come = [Change(path, None, item, inside) for item in after if item not in before]
        if gone or come:
            return [*gone, *come]
    elif len(before) == len(after):
        return [
            change
            for place, (b, a) in enumerate(zip(before, after, strict=True))
            for change in find_changes(b, a, (*path, place), inside)
        ]
    return [Change(path, before, after, inside)]


def find_item_changes(before: Any, after: Any, path: Path, inside: int) -> list[Change]:
    """Return where two items of one name differ; one that only one list has differs as a whole."""
    if None not in (before, after):
        return find_changes(before, after, path, inside)
    return [Change(path, strip_name(before), strip_name(after), inside)]


def name_steps(root: object, path: Path) -> Path:
    """Return the way to a field with the names of items that have one in place of their numbers."""
    named = list[str | int]()
    here: Any = root
    for step in path:
        if isinstance(here, list) and isinstance(step, int):
            known = key_items(here)
            named.append(known[step][0] if step < len(known) else step)
            here = here[step] if step < len(here) else None
        else:
            named.append(step)
            here = here.get(step) if isinstance(here, dict) else None
    return tuple(named)


def strip_name(item: Any) -> Any:
    """Return an item of a list without its name, which the path says; its value alone where it has
    nothing else, such as a variable of a container.
    """
    if not isinstance(item, dict) or len(item) < 2:
        return item
    rest = {key: value for key, value in item.items() if key != "name"}
    return rest["value"] if rest.keys() == {"value"} else rest


def describe_change(found: Change) -> Text:
    """Return one change in words: `path: old → new`, or within a text what comes and goes."""
    path, before, after = format_path(found), found.before, found.after
    if isinstance(before, list) and isinstance(after, list):
        return counted(
            "{path}: {before} → {n} entry",
            "{path}: {before} → {n} entries",
            path=path,
            before=len(before),
            n=len(after),
        )
    if found.inside and None in (before, after):
        sign, value = ("+", after) if before is None else ("−", before)
        words = f"{path}: {format_value(value)}" if path else str(value)
        return verbatim(f"{sign} {words}")
    return Text(
        "{path}: {before} → {after}",
        path=path,
        before=shorten_value(before),
        after=shorten_value(after),
    )


def format_path(found: Change) -> str:
    """Return the way to a field as people write it, such as `http[0].route`, or to a setting within
    a text.
    """
    steps = found.path[found.inside :]
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    text = "".join(parts).replace(".[", "[").removeprefix(".")
    return text if found.inside else text.removeprefix("spec.template.spec.").removeprefix("spec.")


def shorten_value(value: object) -> Text:
    """Return a value as text, of a limited length."""
    return Text("nothing") if value is None else verbatim(format_value(value))


def format_value(value: object) -> str:
    """Return a value as YAML writes it on one line, at most LONGEST_VALUE characters."""
    if isinstance(value, list):
        # Of things that have names, the names tell more than the beginning of the first.
        keys = [key for key, _ in key_items(value)]
        if all(isinstance(key, str) for key in keys):
            value = [str(key)[1:-1] for key in keys]
    text = value if isinstance(value, str) else format_yaml(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def format_yaml(value: object) -> str:
    """Return a number, truth value, list or mapping as YAML writes it on one line."""
    written = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    )
    return str(written).removesuffix("\n...\n").strip()
