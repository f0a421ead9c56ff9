"""Lists as people see them: the `Table` form that `kubectl get` prints, with the columns of Kubernetes 1.36."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from bot.sandbox.cluster.columns import Column, builtin_columns, custom_columns
from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.operations import Target

Include = Literal["Metadata", "Object", "None"]


def columns_of(target: Target) -> list[Column]:
    """The columns of a type."""
    if target.kind.custom:
        return custom_columns(target.kind.info(target.version).columns)
    return builtin_columns(target.kind.kind)


def table(target: Target, objects: Iterable[Object], now: datetime, *, include: str, headers: bool = True) -> Object:
    """A Table of objects; the caller sets its metadata."""
    columns = columns_of(target)
    out: Object = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}}
    out["columnDefinitions"] = [column.definition() for column in columns] if headers else None
    out["rows"] = [_row(columns, obj, now, include) for obj in objects]
    return out


def _row(columns: list[Column], obj: Object, now: datetime, include: str) -> Object:
    row: Object = {"cells": [column.value(obj, now) for column in columns]}
    if include == "Object":
        row["object"] = obj
    elif include != "None":
        row["object"] = partial(obj)
    return row


def partial(obj: Object) -> Object:
    """Only what all objects have: their metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
