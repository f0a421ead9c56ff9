"""Kiali's own configuration: the workshop's changes, by the keys that each version reads, and which
Istio it fits."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Sequence

import yaml

from bot.kinds import Object
from bot.knowledge.objects.workloads import get_image_tag, get_name
from bot.knowledge.observe.endpoints import GRAFANA, JAEGER, WebInterface
from bot.steps import Context
from bot.text import EMPTY, Listed, Text

KEY = "config.yaml"
CHECKSUM = "checksum/config"
"""The pod template's annotation that the sample fills with a fixed value. With the true sum of the
configuration in it, a change of the configuration rolls Kiali, which reads it only when it starts.
"""


def apply_workshop_settings(context: Context, objects: Sequence[Object]) -> list[Object]:
    """Return the sample's objects with the workshop's settings; other values stay as the
    release has them.
    """
    result = [copy.deepcopy(obj) for obj in objects]
    modern = is_modern(next(get_image_tag(obj) for obj in result if obj["kind"] == "Deployment"))
    for obj in result:
        if obj["kind"] == "ConfigMap" and KEY in obj.get("data", {}):
            text = edit_config(context, obj["data"][KEY], modern=modern)
            obj["data"][KEY] = text
            checksum = hashlib.sha256(text.encode()).hexdigest()
    for obj in result:
        if obj["kind"] == "Deployment":
            obj["spec"]["template"]["metadata"].setdefault("annotations", {})[CHECKSUM] = checksum
    return result


def is_modern(version: str) -> bool:
    """Tell whether a version is Kiali 2 or newer, which renamed `url` to `external_url`."""
    found = re.match(r"v?(\d+)", version)
    return found is None or int(found[1]) >= 2


def edit_config(context: Context, text: str, *, modern: bool) -> str:
    """Return the configuration with the workshop's four settings, changed in the parsed tree."""
    config = yaml.safe_load(text) or {}
    services = config.setdefault("external_services", {})
    url = "external_url" if modern else "url"
    services.setdefault("custom_dashboards", {})["enabled"] = True
    services.setdefault("istio", {})["root_namespace"] = context.workshop.mesh_namespace
    services.setdefault("tracing", {}).update(
        {"enabled": True, url: get_addon_url(context, JAEGER)}
    )
    services.setdefault("grafana", {}).update(
        {"enabled": True, url: get_addon_url(context, GRAFANA)}
    )
    return yaml.safe_dump(config, sort_keys=False)


def get_addon_url(context: Context, face: WebInterface) -> str:
    """Return the URL of an add-on for browsers: the one in the settings, else that of a
    port-forward.
    """
    settled = str(getattr(context.workshop, face.setting)).rstrip("/")
    return settled or f"http://localhost:{face.local}{face.path}"


def describe_settings(objects: Sequence[Object]) -> tuple[Text, ...]:
    """Describe the settings that the workshop changes, as they stand in the manifest."""
    config = next(obj for obj in objects if obj["kind"] == "ConfigMap" and get_name(obj) == "kiali")
    services = yaml.safe_load(config["data"][KEY])["external_services"]
    links = [
        Text(
            "{what} at {value}",
            what=what,
            value=services[what].get("external_url") or services[what].get("url"),
        )
        for what in LINKED
    ]
    return (Text("Kiali links to {links}", links=Listed(links)),)


LINKED = ("tracing", "grafana")

FITS = ((23, Text("Kiali 1.87 to 2.0")), (24, Text("Kiali 2")))
"""Which Kiali each minor version of Istio takes: kiali.io's table of compatible versions."""


def explain_version_mismatch(istio: str, kiali: str) -> Text:
    """Return why these versions of Istio and Kiali do not fit; "" when they do or one cannot
    be parsed.
    """
    mesh, found = re.match(r"1\.(\d+)", istio), re.match(r"v?(\d+)\.(\d+)", kiali)
    if mesh is None or found is None:
        return EMPTY
    version = (int(found[1]), int(found[2]))
    if int(mesh[1]) >= 24:
        fits = version[0] >= 2
    else:
        fits = (1, 87) <= version <= (2, 0)
    wants = FITS[1][1] if int(mesh[1]) >= 24 else FITS[0][1]
    return (
        EMPTY
        if fits
        else Text(
            "Istio {istio} takes {wants}, and this is Kiali {kiali}",
            istio=istio,
            wants=wants,
            kiali=kiali,
        )
    )
