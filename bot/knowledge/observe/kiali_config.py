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
from bot.knowledge.observe.endpoints import (
    GRAFANA,
    JAEGER,
    WebInterface,
    build_local_url,
    get_configured_url,
)
from bot.knowledge.observe.kiali_links import is_kiali_2
from bot.knowledge.observe.kiali_role import name_kinds
from bot.steps import Context
from bot.text import EMPTY, Listed, Text
from bot.yaml_text import read_yaml

CONFIG_KEY = "config.yaml"
CHECKSUM = "checksum/config"
"""The pod template's annotation that the sample fills with a fixed value. With the true sum of the
configuration in it, a change of the configuration rolls Kiali, which reads it only when it starts.
"""


def apply_workshop_settings(context: Context, objects: Sequence[Object]) -> list[Object]:
    """Return the sample's objects with the workshop's settings, and kinds named in Kiali's role.

    Other values stay as the release has them.
    """
    result = [copy.deepcopy(obj) for obj in objects]
    modern = is_kiali_2(next(get_image_tag(obj) for obj in result if obj["kind"] == "Deployment"))
    for obj in result:
        if obj["kind"] == "ConfigMap" and CONFIG_KEY in obj.get("data", {}):
            text = edit_config(context, obj["data"][CONFIG_KEY], modern=modern)
            obj["data"][CONFIG_KEY] = text
            checksum = hashlib.sha256(text.encode()).hexdigest()
    for obj in result:
        if obj["kind"] == "ClusterRole":
            obj["rules"] = name_kinds(obj["rules"])
        if obj["kind"] == "Deployment":
            obj["spec"]["template"]["metadata"].setdefault("annotations", {})[CHECKSUM] = checksum
    return result


def edit_config(context: Context, text: str, *, modern: bool) -> str:
    """Return the configuration with the workshop's four settings, changed in the parsed tree.

    `modern`: for Kiali 2 or newer, which renamed `url` to `external_url`.
    """
    config = read_yaml(text) or {}
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


def get_addon_url(context: Context, addon: WebInterface) -> str:
    """Return the URL of an add-on for browsers: that in the settings, else a port-forward's."""
    return get_configured_url(context, addon) or build_local_url(addon)


def describe_settings(objects: Sequence[Object]) -> tuple[Text, ...]:
    """Describe the settings that the workshop changes, as they stand in the manifest."""
    config = next(obj for obj in objects if obj["kind"] == "ConfigMap" and get_name(obj) == "kiali")
    services = read_yaml(config["data"][CONFIG_KEY])["external_services"]
    links = [
        Text("{addon} at {url}", addon=addon, url=settings.get("external_url") or settings["url"])
        for addon in ("tracing", "grafana")
        if (settings := services[addon])
    ]
    return (Text("Kiali links to {links}", links=Listed(links)),)


def explain_version_mismatch(istio: str, kiali: str) -> Text:
    """Return why these versions of Istio and Kiali do not fit, by kiali.io's table of versions.

    EMPTY when they fit or one cannot be parsed.
    """
    mesh, found = re.match(r"1\.(\d+)", istio), re.match(r"v?(\d+)\.(\d+)", kiali)
    if mesh is None or found is None:
        return EMPTY
    version = (int(found[1]), int(found[2]))
    if int(mesh[1]) >= 24:
        if version >= (2, 0):
            return EMPTY
        return Text(
            "Istio {istio} takes Kiali 2, and this is Kiali {kiali}", istio=istio, kiali=kiali
        )
    if (1, 87) <= version <= (2, 0):
        return EMPTY
    return Text(
        "Istio {istio} takes Kiali 1.87 to 2.0, and this is Kiali {kiali}", istio=istio, kiali=kiali
    )
