"""Lists as people see them: the `Table` form that `kubectl get` prints, with the columns of
Kubernetes 1.36."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from sandbox.cluster.contract import Object
from sandbox.cluster.operations import Target
from sandbox.cluster.printing.columns import Column, list_builtin_columns, list_custom_columns

Include = Literal["Metadata", "Object", "None"]


def list_columns(target: Target) -> list[Column]:
    """Return the columns of a type."""
    if target.kind.custom:
        return list_custom_columns(target.kind.get_version_info(target.version).columns)
    return list_builtin_columns(target.kind.kind)


def build_table(
    target: Target, objects: Iterable[Object], now: datetime, *, include: str, headers: bool = True
) -> Object:
    """Return a Table of objects; the caller sets its metadata."""
    columns = list_columns(target)
    out: Object = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}}
    out["columnDefinitions"] = (
        [column.build_definition() for column in columns] if headers else None
    )
    out["rows"] = [_build_row(columns, obj, now, include) for obj in objects]
    return out


def _build_row(columns: list[Column], obj: Object, now: datetime, include: str) -> Object:
    row: Object = {"cells": [column.value(obj, now) for column in columns]}
    if include == "Object":
        row["object"] = obj
    elif include != "None":
        row["object"] = build_partial_metadata(obj)
    return row


def build_partial_metadata(obj: Object) -> Object:
    """Return only what all objects have: their metadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }
