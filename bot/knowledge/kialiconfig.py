"""Kiali's own configuration: the workshop's changes, by the keys that each version reads, and which Istio it fits."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Sequence

import yaml

from bot.kinds import Object
from bot.knowledge.reach import GRAFANA, JAEGER, Face
from bot.knowledge.workloads import image_tag, name
from bot.steps import Context

KEY = "config.yaml"
CHECKSUM = "checksum/config"
"""The pod template's annotation that the sample fills with a fixed value. With the true sum of the configuration in
it, a change of the configuration rolls Kiali, which reads it only when it starts."""


def changed(context: Context, objects: Sequence[Object]) -> list[Object]:
    """The sample with the workshop's changes; its other values stay as the release has them."""
    result = [copy.deepcopy(obj) for obj in objects]
    modern = is_modern(next(image_tag(obj) for obj in result if obj["kind"] == "Deployment"))
    for obj in result:
        if obj["kind"] == "ConfigMap" and KEY in obj.get("data", {}):
            text = edited(context, obj["data"][KEY], modern=modern)
            obj["data"][KEY] = text
            checksum = hashlib.sha256(text.encode()).hexdigest()
    for obj in result:
        if obj["kind"] == "Deployment":
            obj["spec"]["template"]["metadata"].setdefault("annotations", {})[CHECKSUM] = checksum
    return result


def is_modern(version: str) -> bool:
    """Kiali 2 and newer, which renamed `url` to `external_url`."""
    found = re.match(r"v?(\d+)", version)
    return found is None or int(found[1]) >= 2


def edited(context: Context, text: str, *, modern: bool) -> str:
    """The configuration with the four settings of the workshop, changed in the parsed tree."""
    config = yaml.safe_load(text) or {}
    services = config.setdefault("external_services", {})
    url = "external_url" if modern else "url"
    services.setdefault("custom_dashboards", {})["enabled"] = True
    services.setdefault("istio", {})["root_namespace"] = context.workshop.mesh_namespace
    services.setdefault("tracing", {}).update({"enabled": True, url: address(context, JAEGER)})
    services.setdefault("grafana", {}).update({"enabled": True, url: address(context, GRAFANA)})
    return yaml.safe_dump(config, sort_keys=False)


def address(context: Context, face: Face) -> str:
    """Where people's browsers find an add-on: as it is settled, else where a port-forward puts it."""
    settled = str(getattr(context.workshop, face.setting)).rstrip("/")
    return settled or f"http://localhost:{face.local}{face.path}"


def says(objects: Sequence[Object]) -> tuple[str, ...]:
    """The settings that the workshop changes, as they stand in the manifest."""
    config = next(obj for obj in objects if obj["kind"] == "ConfigMap" and name(obj) == "kiali")
    services = yaml.safe_load(config["data"][KEY])["external_services"]
    links = [f"{what} at {services[what].get('external_url') or services[what].get('url')}" for what in LINKED]
    return (f"Kiali links to {' and '.join(links)}",)


LINKED = ("tracing", "grafana")

FITS = ((23, "Kiali 1.87 to 2.0"), (24, "Kiali 2"))
"""Which Kiali each minor version of Istio takes: kiali.io's table of compatible versions."""


def misfit(istio: str, kiali: str) -> str:
    """Why these two versions do not belong together, or "" (also when one cannot be read)."""
    mesh, found = re.match(r"1\.(\d+)", istio), re.match(r"v?(\d+)\.(\d+)", kiali)
    if mesh is None or found is None:
        return ""
    version = (int(found[1]), int(found[2]))
    if int(mesh[1]) >= 24:
        fits = version[0] >= 2
    else:
        fits = (1, 87) <= version <= (2, 0)
    wants = FITS[1][1] if int(mesh[1]) >= 24 else FITS[0][1]
    return "" if fits else f"Istio {istio} takes {wants}, and this is Kiali {kiali}"
