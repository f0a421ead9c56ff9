"""The Gateway API CRDs on this machine: Gateways and waypoints need them, and an Istio release does
not hold them."""

from __future__ import annotations

from pathlib import Path

import yaml

from bot.errors import UserError
from bot.kinds import Object
from bot.text import Text, verbatim
from bot.yaml_text import read_yaml_documents

ORDER = (
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)
"""The kinds that a Gateway API bundle consists of (standard channel, v1.5.1), in the order they are
applied."""

RELEASES = "https://github.com/kubernetes-sigs/gateway-api/releases"


def load_bundle(setting: Path | None, home: Path) -> list[Object]:
    """Return the objects of the bundle at the setting's file or directory, else at
    `gateway-api` in the release directory.

    Reads and parses files: for a thread. Raises UserError, saying where to get one, when
    there is none.
    """
    place = setting or home / "gateway-api"
    files = list_bundle_files(place)
    if not files:
        raise UserError(
            Text("There are no Gateway API CRDs at {place}.", place=str(place)),
            Text(
                "Put standard-install.yaml from {url} there, or name another place in {variable}.",
                url=RELEASES,
                variable="MESHBOT_ISTIO__GATEWAY_API",
            ),
        )
    try:
        found = [obj for file in files for obj in _read_objects(file)]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(
            Text("The Gateway API CRDs at {place} cannot be read.", place=str(place)),
            verbatim(str(error).splitlines()[0]),
        ) from error
    if not any(obj["kind"] == ORDER[0] for obj in found):
        raise UserError(
            Text("The files at {place} hold no CRDs.", place=str(place)),
            Text("Get standard-install.yaml from {url}.", url=RELEASES),
        )
    # A policy before its binding, and both after the CRDs that they guard.
    return sorted(found, key=lambda obj: ORDER.index(obj["kind"]))


def list_bundle_files(place: Path) -> list[Path]:
    """Return a bundle's files: the path itself, its `standard-install.yaml`, or the YAML
    files of its `standard/` or its own.
    """
    if place.is_file():
        return [place]
    if (bundle := place / "standard-install.yaml").is_file():
        return [bundle]
    folder = place / "standard" if (place / "standard").is_dir() else place
    return sorted(file for file in folder.glob("*.yaml") if file.name != "kustomization.yaml")


def _read_objects(file: Path) -> list[Object]:
    documents = read_yaml_documents(file.read_text("utf-8"))
    return [doc for doc in documents if isinstance(doc, dict) and doc.get("kind") in ORDER]
