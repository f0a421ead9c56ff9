"""Objects from files for `istioctl analyze`: laid over the cluster's, as if they were applied, or
looked at alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, TextIO

import yaml

from sandbox.istio.ctl.findings import FILE
from sandbox.istio.ctl.kube import Object
from sandbox.istio.istioctl_errors import CtlError

EXTENSIONS = (".json", ".yaml", ".yml")
_CLUSTER_SCOPED = ("Namespace", "GatewayClass", "Node", "CustomResourceDefinition")
_INGRESS: Object = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "istio-ingressgateway",
        "namespace": "istio-system",
        "labels": {"app": "istio-ingressgateway", "istio": "ingressgateway"},
    },
    "spec": {"containers": [{"name": "istio-proxy"}]},
}
"""What files alone are taken to find: the gateway that an installation brings."""


class ObjectSource(Protocol):
    """Where objects come from: the cluster, or files over it."""

    def list_objects(
        self, api: str, kind: str, namespace: str = "", selector: str = ""
    ) -> list[Object]:
        """Return the objects of a kind in order of namespace and name."""
        ...


class OverlaidObjects:
    """The objects of files over those of a cluster; without one, over next to nothing."""

    def __init__(self, files: Sequence[Object], below: ObjectSource | None) -> None:
        self._below = below
        self._files = list(files) if below else [*files, _INGRESS]

    def list_objects(
        self, api: str, kind: str, namespace: str = "", selector: str = ""
    ) -> list[Object]:
        """Return the objects of a kind, whatever version of the group the files name."""
        found = {
            _get_place(obj): obj
            for obj in (
                self._below.list_objects(api, kind, namespace, selector) if self._below else ()
            )
        }
        group = api.rpartition("/")[0]
        for obj in self._files:
            same = obj["kind"] == kind and obj["apiVersion"].rpartition("/")[0] == group
            if same and namespace in ("", obj["metadata"].get("namespace", "")):
                found[_get_place(obj)] = obj
        return [obj for _, obj in sorted(found.items())]


def _get_place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def read_files(
    names: Sequence[str], namespace: str, stdin: TextIO, stderr: TextIO
) -> tuple[list[Object], list[str]]:
    """Return the objects of files, directories and `-`, and the names of the files.

    Objects without a namespace belong to the given one. Raises CtlError for what cannot be read.
    """
    objects: list[Object] = []
    read: list[str] = []
    for name in names:
        for path, text in _read_texts(name, stdin, stderr):
            read.append(path)
            objects += _parse_objects(path, text, namespace)
    return objects, read


def _read_texts(name: str, stdin: TextIO, stderr: TextIO) -> Iterator[tuple[str, str]]:
    if name == "-":
        yield name, stdin.read()
        return
    path = Path(name)
    try:
        if path.is_dir():
            for each in sorted(path.rglob("*")):
                if each.suffix in EXTENSIONS and each.is_file():
                    yield str(each), each.read_text(encoding="utf-8")
        elif not path.exists():
            raise CtlError(f"stat {name}: no such file or directory")
        elif path.suffix in EXTENSIONS:
            yield name, path.read_text(encoding="utf-8")
        else:
            known = " ".join(EXTENSIONS)
            print(f"Skipping file {name}, recognized file extensions are: [{known}]", file=stderr)
    except OSError as error:
        raise CtlError(f"open {name}: {(error.strerror or str(error)).lower()}") from error


def _parse_objects(path: str, text: str, namespace: str) -> Iterator[Object]:
    line = 1
    for document in text.split("\n---"):
        try:
            found = yaml.safe_load(document.removeprefix("---"))
        except yaml.YAMLError as error:
            reason = " ".join(str(error).split())
            raise CtlError(f"Error(s) adding files: {path}: {reason}") from error
        items = found.get("items", [found]) if isinstance(found, dict) else []
        for item in items:
            if not _is_object(item):
                raise CtlError(f"Error(s) adding files: {path}: a document is no object")
            yield _place_object(item, namespace, f"{path}:{line + _count_blank_lines(document)}")
        line += document.count("\n") + 1


def _count_blank_lines(document: str) -> int:
    """Return the number of lines before the first that says something."""
    text = document.removeprefix("---")
    return text[: len(text) - len(text.lstrip())].count("\n")


def _is_object(item: object) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
        return False
    return all(isinstance(item.get(name), str) for name in ("apiVersion", "kind")) and bool(
        item["metadata"].get("name")
    )


def _place_object(item: Object, namespace: str, where: str) -> Object:
    metadata = dict(item["metadata"])
    if item["kind"] not in _CLUSTER_SCOPED:
        metadata.setdefault("namespace", namespace)
    return {**item, "metadata": metadata, FILE: where}
